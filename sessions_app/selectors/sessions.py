"""Sessions, and who may see them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from accounts.models import User
from accounts.refusals import NotFound
from mentors.models import Mentor
from sessions_app.models import AvailabilityWindow, MentorRating, Session


def sessions_of(user: User) -> QuerySet[Session]:
    """The sessions that person is part of, on either side, with the people loaded."""
    return _with_people().filter(Q(mentor__user=user) | Q(mentee__user=user))


def sessions_for(user: User) -> QuerySet[Session]:
    """The sessions that person may see: their own, or all for a program manager."""
    return _with_people() if user.is_program_manager else sessions_of(user)


def session_for(*, user: User, session_id: UUID) -> Session:
    """The one door to a session. Raises NotFound for a stranger as for a session that is not there."""
    session = sessions_for(user).filter(pk=session_id).first()
    if session is None:
        raise NotFound
    return session


def others_in(session: Session, *, viewer: User, shows_names: bool) -> tuple[int, list[User]]:
    """Who else has a seat in that meeting: how many, and those whom this person may know.

    The mentor and program managers know everybody; a mentee the others only where the program shows
    them (`shows_names`).
    """
    rows = [
        other.mentee.user
        for other in Session.objects.filter(meeting=session.meeting_id)
        .exclude(pk=session.pk)
        .exclude(status=Session.Status.CANCELLED)
        .select_related("mentee__user")
        .order_by("seat", "id")
    ]
    knows = shows_names or viewer.is_program_manager or viewer.pk == session.mentor.user_id
    return len(rows), rows if knows else []


def upcoming(user: User, *, now: datetime) -> QuerySet[Session]:
    return (
        sessions_of(user)
        .filter(ends_at__gt=now, status__in=Session.LIVE)
        .order_by("starts_at", "id")
    )


def past(user: User, *, now: datetime) -> QuerySet[Session]:
    return (
        sessions_of(user)
        .exclude(ends_at__gt=now, status__in=Session.LIVE)
        .order_by("-starts_at", "id")
    )


def _with_people() -> QuerySet[Session]:
    return Session.objects.select_related("meeting", "mentor__user", "mentee__user")


def windows_of(mentor: Mentor, *, first: datetime, last: datetime) -> QuerySet[AvailabilityWindow]:
    return mentor.windows.filter(is_active=True, starts_at__lt=last, ends_at__gt=first).order_by(
        "starts_at"
    )


def ratings(mentor_ids: Sequence[UUID]) -> dict[UUID, tuple[float, int]]:
    """Mean overall rating by mentees, and of how many, for each mentor that has any."""
    rows = MentorRating.objects.filter(mentor__in=mentor_ids)
    return {row.mentor_id: (row.stars, row.ratings) for row in rows}
