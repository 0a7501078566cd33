from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts import selectors as program_selectors
from accounts.models import User
from accounts.refusals import NotAllowed
from accounts.retry import retrying
from sessions_app import notifications, selectors
from sessions_app.models import Meeting, Notification, Session, SessionEvent
from sessions_app.refusals import CutoffPassed, IllegalMove
from sessions_app.services import waitlist
from sessions_app.services.booking import refusal_of
from sessions_app.services.lifecycle import lock_session, refuse_other_version
from sessions_app.services.rules import Clock, Refused, times_around
from sessions_app.services.seats import (
    free_seat,
    kept_at,
    leave_meeting,
    meeting_of,
    opened_at,
    settle_waiting,
    times_of,
)
from sessions_app.slots import Slot, Why


@dataclass(frozen=True, slots=True)
class _Wish:
    session_id: UUID
    starts_at: datetime
    by: User
    version: int | None
    override: bool


def reschedule_session(
    *,
    session_id: UUID,
    starts_at: datetime,
    by: User,
    clock: Clock,
    version: int | None = None,
    override: bool = False,
) -> Session:
    """Move a session to another start of the same mentor, or refuse and leave it where it is.

    The same row keeps its id, its calendar event and its history: it has the new time or the old one,
    and never none. Moving it to where it is changes nothing.

    Args:
        version: only if the session is still at this version, as the person saw it.
        override: a program manager sets rules aside, as in `book_session`.

    Raises:
        NotFound: not theirs.
        VersionChanged: it has changed since.
        IllegalMove: it is over, cancelled, or has begun.
        CutoffPassed: too late for a mentee; the mentor and program managers may until it begins.
        UnableToBook: a rule refuses the new start; with `alternatives` where that helps.
    """
    session = selectors.session_for(user=by, session_id=session_id)
    if override and not by.is_program_manager:
        raise NotAllowed(_("Only program managers may set rules aside."))
    wish = _Wish(session_id, starts_at, by, version, override)
    try:
        return retrying(lambda: _reschedule(wish, clock))
    except IntegrityError as error:
        refused = refusal_of(
            error, session.mentor, session.mentee, starts_at, now=clock(), without=session.pk
        )
    except Refused as error:
        refused = error
    raise refused.with_alternatives(starts_at, now=clock())


def _reschedule(wish: _Wish, clock: Clock) -> Session:
    with transaction.atomic():
        session = lock_session(wish.session_id, wish.by)
        now = clock()
        refuse_other_version(session, wish.version)
        _refuse_unless_movable(session, wish.by, now)
        if wish.starts_at == session.starts_at:
            return session
        mentor = session.mentor
        times = times_around(mentor, session.mentee, wish.starts_at, now=now, without=session.pk)
        slot, overrode = times.open_slot(wish.starts_at, now=now, override=wish.override)
        _move_to(session, slot, wish.by, now, overrode)
        hold = times.calendar.hold
        # Who is moved by somebody else waits on for what they wait for, unless this is it.
        if wish.by.pk == session.mentee.user_id or (hold and hold[:2] == (slot.starts, slot.ends)):
            settle_waiting(times.calendar, slot, mentor=mentor, now=now)
        notifications.drop_unsent(session)
        notifications.tell_both(session, Notification.Kind.MOVED, now=now)
        waitlist.offer_open_seats(mentor=mentor, now=now)
        return session


def _refuse_unless_movable(session: Session, by: User, now: datetime) -> None:
    if not session.is_live or session.ends_at <= now:
        raise IllegalMove(_("This session is over or cancelled, so it cannot be moved."))
    if by.is_program_manager:
        return
    if session.starts_at <= now:
        raise IllegalMove(_("This session has begun, so it cannot be moved."))
    if by.pk != session.mentor.user_id:
        minutes = program_selectors.program().reschedule_cutoff_minutes
        if now > session.starts_at - timedelta(minutes=minutes):
            raise CutoffPassed(
                _("It is too late to move this here. Write to %(name)s or your program manager.")
                % {"name": session.mentor.user}
            )


def _move_to(session: Session, slot: Slot, by: User, now: datetime, overrode: list[Why]) -> None:
    was = session.starts_at
    meeting = _meeting_at(session, slot, now)
    if session.answer_by is not None:
        session.answer_by = min(session.answer_by, meeting.starts_at)
    session.meeting = meeting
    session.starts_at, session.ends_at = meeting.starts_at, meeting.ends_at
    session.capacity = meeting.capacity
    session.version += 1
    # Who looked into the room early did so for another hour.
    session.mentor_joined_at, session.mentee_joined_at = opened_at(meeting, slot), None
    session.kept_at = kept_at(overrode, now)
    session.updated_at = now
    session.save(
        update_fields=[
            "meeting", "starts_at", "ends_at", "capacity", "seat", "version", "answer_by",
            "mentor_joined_at", "mentee_joined_at", "kept_at", "updated_at",
        ]
    )  # fmt: skip
    SessionEvent.objects.create(
        session=session,
        at=now,
        by=by,
        from_status=session.status,
        to_status=session.status,
        moved_from=was,
        moved_to=session.starts_at,
        overrode=list(overrode),
    )


def _meeting_at(session: Session, slot: Slot, now: datetime) -> Meeting:
    """The meeting there. A session that is alone takes its meeting along, room and all."""
    old = session.meeting
    joins = slot.meeting is not None and slot.meeting.id is not None
    alone = not Session.objects.filter(meeting=old).exclude(pk=session.pk).exists()
    if alone and not joins:
        for name, value in times_of(session.mentor, slot).items():
            setattr(old, name, value)
        old.save()  # the session's own copies follow by the foreign key
        return old
    # The old hour is given back first, or a start that overlaps it would seem taken.
    leave_meeting(session)
    meeting = meeting_of(session.mentor, slot, now=now)
    session.seat = free_seat(meeting, slot)
    return meeting
