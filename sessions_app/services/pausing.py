"""A mentor's pause: nothing new is booked, what is booked takes place."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from accounts.models import User
from mentors.models import Mentor
from sessions_app.selectors import displaced
from sessions_app.services.displaced import Action, Decision, deactivate_mentor
from sessions_app.services.locks import lock_mentor
from sessions_app.services.rules import Clock


def pause_mentor(*, mentor_id: UUID, by: User | None, clock: Clock) -> Mentor:
    """Take no new bookings. Hours stay, and every session to come is kept as it was agreed.

    May be repeated. Unlike `deactivate_mentor` it asks nothing: whoever pauses goes on holiday, not away.
    """
    with transaction.atomic():
        mentor = lock_mentor(mentor_id)
        keep = [Decision(session.pk, Action.KEEP) for session in displaced.to_come(mentor, clock())]
        return deactivate_mentor(mentor_id=mentor.pk, by=by, clock=clock, decisions=keep)


def resume_mentor(*, mentor_id: UUID, clock: Clock) -> Mentor:
    """Take bookings again, in the hours as they are. May be repeated.

    What was let stand for the pause alone is an ordinary session again: the hours carry it, and what
    displaces it later is asked about.
    """
    with transaction.atomic():
        mentor = lock_mentor(mentor_id)
        if not mentor.is_active:
            mentor.is_active = True
            mentor.save(update_fields=["is_active", "updated_at"])
            now = clock()
            still = [row.session.pk for row in displaced.uncovered(mentor=mentor, now=now)]
            displaced.to_come(mentor, now).exclude(pk__in=still).update(kept_at=None)
        return mentor
