"""Deciding about sessions that a change of hours displaces: keep, move or cancel, each by name.

Every command that changes a mentor's hours runs inside `changing_hours`: it compares which sessions
the hours carry before and after, and saves nothing until there is a decision for each one displaced.
Nothing is ever cancelled by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils.translation import gettext as _

from accounts import services as accounts
from accounts.models import User
from accounts.refusals import Invalid
from mentors.models import Mentor
from sessions_app.models import Notification, Session, SessionEvent
from sessions_app.notifications import ask_about_displaced as ask
from sessions_app.refusals import IllegalMove, SessionsOrphaned
from sessions_app.selectors import attention, displaced
from sessions_app.selectors.displaced import Cause, Displaced
from sessions_app.services import waitlist
from sessions_app.services.capacity import follow_hours, seats_of_hours
from sessions_app.services.lifecycle import cancel_session
from sessions_app.services.locks import lock_mentee, lock_mentor
from sessions_app.services.made_hours import materialise_hours
from sessions_app.services.rescheduling import reschedule_session
from sessions_app.services.rules import Clock, slots_as_data
from sessions_app.slots import Slot


class Action(StrEnum):
    KEEP = "keep"
    MOVE = "move"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of one session. `starts_at` is for a move, `reason` for the other side to read."""

    session_id: UUID
    action: Action
    starts_at: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Changing:
    """A mentor whose hours are being changed, behind their lock, and when."""

    mentor: Mentor
    now: datetime


@contextmanager
def changing_hours(
    *,
    mentor_id: UUID,
    by: User | None,
    clock: Clock,
    decisions: Sequence[Decision] = (),
    force: bool = False,
) -> Iterator[Changing]:
    """Run a change of hours in one transaction, behind the mentor's lock, and settle what it displaces.

    Sessions that were displaced before are not asked about again: they are in the inbox, or somebody
    let them stand. One that was let stand for another reason, and is displaced now, is asked about.

    Args:
        force: keep every displaced session for which there is no decision.

    Raises:
        SessionsOrphaned: a displaced session has no decision; nothing is saved.
        SeatsBooked: more seats are booked than the hours would have.
        Refusal: a decision cannot be carried out, as when the chosen time is taken.
    """
    with transaction.atomic():
        mentor = lock_mentor(mentor_id)
        now = clock()
        before = {row.session.pk for row in displaced.uncovered(mentor=mentor, now=now)}
        seats = seats_of_hours(mentor=mentor, now=now)
        yield Changing(mentor, now)
        after = displaced.uncovered(mentor=mentor, now=now)
        rows = [row for row in after if row.session.pk not in before]
        _settle(rows, decisions, mentor=mentor, now=now, by=by, clock=clock, force=force)
        follow_hours(seats, mentor=mentor, now=now)
        waitlist.offer_open_seats(mentor=mentor, now=now)


def deactivate_mentor(
    *, mentor_id: UUID, by: User | None, clock: Clock, decisions: Sequence[Decision] = ()
) -> Mentor:
    """Take a mentor out of booking, with a decision for every session to come.

    Moves are made first, while the mentor can still be booked.

    Raises SessionsOrphaned while a session to come has no decision.
    """
    with transaction.atomic():
        mentor = lock_mentor(mentor_id)
        now = clock()
        rows = [
            Displaced(session, Cause.MENTOR_INACTIVE) for session in displaced.to_come(mentor, now)
        ]
        _settle(rows, decisions, mentor=mentor, now=now, by=by, clock=clock)
        # One that was moved stands: it was decided about, and would be in the inbox at once.
        Session.objects.filter(pk__in=[row.session.pk for row in rows], kept_at=None).filter(
            status__in=Session.LIVE
        ).update(kept_at=now)
        if mentor.is_active:
            mentor.is_active = False
            mentor.save(update_fields=["is_active", "updated_at"])
        return mentor


def change_time_zone(
    *,
    mentor_id: UUID,
    time_zone: str,
    by: User | None,
    clock: Clock,
    decisions: Sequence[Decision] = (),
) -> Mentor:
    """Put a mentor on another clock. Weekly hours follow it, booked sessions stay at their moment.

    Raises SessionsOrphaned for sessions that the hours on the new clock do not carry; Invalid for a
    zone that there is not.
    """
    with changing_hours(mentor_id=mentor_id, by=by, clock=clock, decisions=decisions) as change:
        mentor = change.mentor
        mentor.user = accounts.update_person(
            user_id=mentor.user_id, changes={"time_zone": time_zone}, now=change.now
        )
        materialise_hours(mentor=mentor, now=change.now)
    return mentor


def decide_displaced(
    *, mentor_id: UUID, decisions: Sequence[Decision], by: User | None, clock: Clock
) -> None:
    """Carry out decisions about sessions in the mentor's inbox.

    Raises:
        IllegalMove: one of them is not displaced (any more).
        Refusal: one cannot be carried out.
    """
    with transaction.atomic():
        mentor = lock_mentor(mentor_id)
        now = clock()
        known = {
            row.session.pk: row for row in displaced.displaced_sessions(mentor=mentor, now=now)
        }
        if any(decision.session_id not in known for decision in decisions):
            raise IllegalMove(_("This session needs no decision any more. Look at the list again."))
        rows = [known[decision.session_id] for decision in decisions]
        _settle(rows, decisions, mentor=mentor, now=now, by=by, clock=clock)
        waitlist.offer_open_seats(mentor=mentor, now=now)


def ask_about_displaced(*, now: datetime) -> int:
    """Write to the mentors of sessions that their hours no longer carry, once about each; how many were
    written to.

    Whoever changes hours is asked at once. This is for what changes without anybody here: a calendar,
    the rules of a zone, an edit in Airtable or in the database.
    """
    asked = Notification.objects.filter(
        session=OuterRef("pk"), version=OuterRef("version"), kind=Notification.Kind.DISPLACED
    )
    rows = attention.displaced(now=now).filter(~Exists(asked)).select_related("mentor")
    return ask(rows.order_by("mentor_id", "starts_at", "id"), now=now)


def _settle(
    rows: Sequence[Displaced],
    decisions: Sequence[Decision],
    *,
    mentor: Mentor,
    now: datetime,
    by: User | None,
    clock: Clock,
    force: bool = False,
) -> None:
    """Carry out the decision about each displaced session, or refuse with all of them listed.

    Cancellations first, because they make room for the moves.
    """
    chosen = {decision.session_id: decision for decision in decisions}
    if not force and any(row.session.pk not in chosen for row in rows):
        raise orphaned(rows, mentor=mentor, now=now)
    settled = [
        (chosen.get(row.session.pk) or Decision(row.session.pk, Action.KEEP), row) for row in rows
    ]
    # In one order, as everywhere: two mentors may decide about the same people at one moment.
    for mentee_id in sorted({row.session.mentee_id for row in rows}):
        lock_mentee(mentee_id)
    order = (Action.CANCEL, Action.MOVE, Action.KEEP)
    for decision, row in sorted(settled, key=lambda pair: order.index(pair[0].action)):
        _carry_out(decision, row, now=now, by=by, clock=clock)


def _carry_out(
    decision: Decision, row: Displaced, *, now: datetime, by: User | None, clock: Clock
) -> None:
    session = row.session
    if decision.action == Action.CANCEL:
        cancel_session(session_id=session.pk, by=by, reason=decision.reason, clock=clock)
    elif decision.action == Action.MOVE:
        assert by is not None  # the program itself decides nothing
        if decision.starts_at is None:
            raise Invalid(
                _("Choose the time to move %(name)s to.") % {"name": session.mentee.user},
                fields={"starts_at": [_("Choose one of the open times.")]},
            )
        reschedule_session(session_id=session.pk, starts_at=decision.starts_at, by=by, clock=clock)
        # Why it was moved, in the step that the move has just added to the history.
        step = session.events.filter(moved_to=decision.starts_at).order_by("-pk").values("pk")[:1]
        SessionEvent.objects.filter(pk__in=step).update(reason=decision.reason)
    else:
        _keep(row, now=now, by=by, reason=decision.reason)


def _keep(row: Displaced, *, now: datetime, by: User | None, reason: str) -> None:
    """Let a session stand where it is, and note that somebody did."""
    session = row.session
    Session.objects.filter(pk=session.pk).update(kept_at=now, updated_at=now)
    SessionEvent.objects.create(
        session=session,
        at=now,
        by=by,
        from_status=session.status,
        to_status=session.status,
        reason=reason or f"Kept: {row.cause.value}",
    )


def orphaned(rows: Sequence[Displaced], *, mentor: Mentor, now: datetime) -> SessionsOrphaned:
    """The refusal that asks for decisions, with other times for each session."""
    return SessionsOrphaned(
        _("Booked sessions would lie outside the hours. Keep, move or cancel each of them."),
        conflicts=conflicts_as_data(
            rows, others=displaced.alternatives(rows, mentor=mentor, now=now)
        ),
    )


def conflicts_as_data(
    rows: Sequence[Displaced], *, others: Mapping[UUID, Sequence[Slot]] | None = None
) -> list[dict[str, Any]]:
    """As the API and the pages show them; `others` are open times near each of them."""
    return [
        {
            "session": row.session.pk,
            "starts_at": row.session.starts_at,
            "ends_at": row.session.ends_at,
            "mentee": {"id": row.session.mentee_id, "name": row.session.mentee.user.name},
            "cause": row.cause.value,
            "detail": displaced.sentence(row),
            "alternatives": slots_as_data((others or {}).get(row.session.pk, ())),
        }
        for row in rows
    ]
