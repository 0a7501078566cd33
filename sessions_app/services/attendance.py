"""After the hour: who was there, who was not, and who says so."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F
from django.utils.translation import gettext as _

from accounts import selectors as program_selectors
from accounts.models import User
from accounts.refusals import NotAllowed
from sessions_app import notifications, selectors
from sessions_app.meeting_links import is_built_in
from sessions_app.models import Meeting, Notification, Session, SessionEvent
from sessions_app.refusals import IllegalMove, TooEarly
from sessions_app.services.lifecycle import BATCH, lock_session, side_of
from sessions_app.services.moves import move
from sessions_app.services.rules import Clock
from sessions_app.services.seats import leave_meeting

# How long somebody may be late before the other one can say that they did not come.
GRACE = timedelta(minutes=10)
OTHER = {"mentor": "mentee", "mentee": "mentor"}
_Presence = Session.Attendance
# One finisher at a time; a second one would find nothing, or the same rows in another order.
_FINISHER = 7_406_311


def complete_session(*, session_id: UUID, by: User, clock: Clock) -> Session:
    """The mentor or a program manager ends a session that has begun. By itself it ends at its end.

    Raises NotFound, NotAllowed, IllegalMove, or TooEarly before it begins.
    """
    with transaction.atomic():
        session = lock_session(session_id, by)
        if by.pk != session.mentor.user_id and not by.is_program_manager:
            raise NotAllowed(_("Only the mentor can end a session early."))
        now = clock()
        if session.status == Session.Status.BOOKED and now < session.starts_at:
            raise TooEarly(_("This session has not begun. To call it off, cancel it."))
        if session.status != Session.Status.BOOKED:
            raise IllegalMove(_("This session is not under way, so it cannot be ended."))
        move(session, Session.Status.COMPLETED, by=by, now=now, **_seen(session))
        leave_meeting(session)
        notifications.ask_for_feedback([session], now=now)
        return session


def complete_or_dispute(*, session_id: UUID, by: User, clock: Clock) -> Session:
    """Make it completed: end one that is under way, or dispute that somebody was absent."""
    if selectors.session_for(user=by, session_id=session_id).status == Session.Status.NO_SHOW:
        return dispute_absence(session_id=session_id, by=by, clock=clock)
    return complete_session(session_id=session_id, by=by, clock=clock)


def finish_ended_sessions(*, now: datetime) -> int:
    """End the booked sessions whose end has passed. Returns how many.

    Where the room was ours and one of the two opened it, the other one did not come: nobody else has
    the address. Where neither did, nothing is known, and a session is taken to have happened.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_FINISHER])
            if not cursor.fetchone()[0]:
                return 0
        rows = list(
            Session.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
            .select_related("meeting", "mentor__user", "mentee__user")
            .filter(status=Session.Status.BOOKED, ends_at__lte=now)
            .order_by("mentor_id", "pk")[:BATCH]
        )
        by_outcome: dict[tuple[str, str, str], list[Session]] = defaultdict(list)
        for row in rows:
            by_outcome[_outcome(row)].append(row)
        for (status, mentor, mentee), sessions in by_outcome.items():
            Session.objects.filter(pk__in=[row.pk for row in sessions]).update(
                status=status,
                mentor_attendance=mentor,
                mentee_attendance=mentee,
                version=F("version") + 1,
                updated_at=now,
            )
            _write_history(sessions, status, now)
        Meeting.objects.filter(pk__in={row.meeting_id for row in rows}).update(live=False)
        return len(rows)


def _write_history(sessions: list[Session], status: str, now: datetime) -> None:
    SessionEvent.objects.bulk_create(
        SessionEvent(session=row, at=now, from_status=row.status, to_status=status)
        for row in sessions
    )
    for row in sessions:
        row.status, row.version = status, row.version + 1
    if status == Session.Status.COMPLETED:
        notifications.ask_for_feedback(sessions, now=now)
        return
    for row in sessions:
        absent = "mentee" if row.mentor_joined_at else "mentor"
        notifications.tell_one(
            row, getattr(row, absent).user_id, Notification.Kind.NO_SHOW, now=now
        )


def _outcome(session: Session) -> tuple[str, str, str]:
    """The state a session ends in, and what is known of the mentor and of the mentee."""
    seen = _seen(session)
    mentor, mentee = seen["mentor_attendance"], seen["mentee_attendance"]
    knows = is_built_in(session.meeting.meeting_url) and not session.meeting.location
    if knows and {mentor, mentee} == {_Presence.ATTENDED, _Presence.UNKNOWN}:
        mentor, mentee = (
            _Presence.ABSENT if side == _Presence.UNKNOWN else side for side in (mentor, mentee)
        )
        return Session.Status.NO_SHOW, mentor, mentee
    return Session.Status.COMPLETED, mentor, mentee


def _seen(session: Session) -> dict[str, str]:
    """What the join record says. That somebody did not press the button is no proof of anything."""
    return {
        f"{side}_attendance": _Presence.ATTENDED
        if getattr(session, f"{side}_joined_at")
        else _Presence.UNKNOWN
        for side in OTHER
    }


def report_absence(*, session_id: UUID, by: User, side: str, clock: Clock) -> Session:
    """One side says that the other did not come. The one who is named is told, and may dispute it.

    Args:
        side: who was absent, "mentor" or "mentee".

    Raises:
        NotFound: not theirs.
        NotAllowed: people report the other side; their own absence is no report.
        TooEarly: a person may be a few minutes late.
        IllegalMove: the record says otherwise, it was disputed before, or the time for it is over.
    """
    with transaction.atomic():
        session = lock_session(session_id, by)
        now = clock()
        own = side_of(session, by)
        if own == side or (own is None and not by.is_program_manager):
            raise NotAllowed(_("You can report that the other person did not come."))
        if session.status == Session.Status.BOOKED and now < session.starts_at + GRACE:
            raise TooEarly(_("Wait ten minutes after the start before you report an absence."))
        if session.status not in (Session.Status.BOOKED, Session.Status.COMPLETED):
            raise IllegalMove(_("There is no absence to report: this session did not take place."))
        if not by.is_program_manager:
            _refuse_report(session, side, now)
        changes = {f"{side}_attendance": _Presence.ABSENT}
        if own:
            changes[f"{own}_attendance"] = _Presence.ATTENDED
        was_live = session.is_live
        move(session, Session.Status.NO_SHOW, by=by, now=now, **changes)
        if was_live:
            leave_meeting(session)
        notifications.drop_unsent(session)
        absentee = getattr(session, side).user_id
        notifications.tell_one(session, absentee, Notification.Kind.NO_SHOW, now=now)
        return session


def _refuse_report(session: Session, side: str, now: datetime) -> None:
    _refuse_after_window(session, now)
    if getattr(session, f"{side}_joined_at"):
        raise IllegalMove(
            _("The record shows that they opened the room. Write to your program manager.")
        )
    if session.events.filter(from_status=Session.Status.NO_SHOW).exists():
        raise IllegalMove(
            _("An absence was disputed before. Your program manager decides what is right.")
        )


def dispute_absence(*, session_id: UUID, by: User, clock: Clock) -> Session:
    """Who was reported absent says that they were there; then nothing is known of them.

    A program manager settles it for either side.

    Raises NotFound, NotAllowed, or IllegalMove where there is nothing to dispute or it is too late.
    """
    with transaction.atomic():
        session = lock_session(session_id, by)
        now = clock()
        if session.status != Session.Status.NO_SHOW:
            raise IllegalMove(_("No absence is noted for this session."))
        own = side_of(session, by)
        absent = [side for side in OTHER if _is_absent(session, side)]
        if not by.is_program_manager:
            if own not in absent:
                raise NotAllowed(_("Only the person who is said to be absent can dispute it."))
            _refuse_after_window(session, now)
        presence = _Presence.ATTENDED if by.is_program_manager else _Presence.UNKNOWN
        changes = {f"{side}_attendance": presence for side in ([own] if own in absent else absent)}
        move(session, Session.Status.COMPLETED, by=by, now=now, **changes)
        notifications.ask_for_feedback([session], now=now)
        return session


def _is_absent(session: Session, side: str) -> bool:
    return bool(getattr(session, f"{side}_attendance") == _Presence.ABSENT)


def _refuse_after_window(session: Session, now: datetime) -> None:
    hours = program_selectors.program().dispute_hours
    if now > session.ends_at + timedelta(hours=hours):
        raise IllegalMove(
            _("This can be said up to %(hours)s hours afterwards. Write to your program manager.")
            % {"hours": hours}
        )
