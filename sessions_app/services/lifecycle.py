from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import selectors as program_selectors
from accounts.models import User
from mentors.models import Mentor
from sessions_app import notifications, selectors
from sessions_app.models import Meeting, Notification, Session, SessionEvent
from sessions_app.refusals import CutoffPassed, IllegalMove, TooEarly
from sessions_app.services.booking import Clock

JOIN_OPENS = timedelta(minutes=15)
BATCH = 500


def cancel_session(*, session_id: UUID, by: User | None, reason: str, clock: Clock) -> Session:
    """Cancel, which frees the seat. Cancelling what is cancelled changes nothing and is no error.

    Args:
        by: one of its people, a program manager, or None for the program itself (an edit in Airtable).

    Raises:
        NotFound: not theirs.
        IllegalMove: it is over.
        CutoffPassed: too late for a mentee; the mentor and program managers may at any time.
    """
    with transaction.atomic():
        session = _lock(session_id, by)
        if session.status == Session.Status.CANCELLED:
            return session
        now = clock()
        if not session.is_live or (session.ends_at <= now):
            raise IllegalMove(_("This session is over, so it cannot be cancelled."))
        _refuse_after_cutoff(session, by, now)
        was = session.status
        session.status = Session.Status.CANCELLED
        session.version += 1
        session.save(update_fields=["status", "version", "updated_at"])
        _free_meeting(session)
        SessionEvent.objects.create(
            session=session, at=now, by=by, from_status=was, to_status=session.status, reason=reason
        )
        notifications.drop_unsent(session)
        notifications.tell_both(session, Notification.Kind.CANCELLED, now=now)
        return session


def _lock(session_id: UUID, by: User | None) -> Session:
    """The session behind its locks, in the order that booking takes them: mentor, then session."""
    if by is not None:
        mentor_id = selectors.session_for(user=by, session_id=session_id).mentor_id
    else:
        mentor_id = Session.objects.values_list("mentor_id", flat=True).get(pk=session_id)
    Mentor.objects.select_for_update(no_key=True).get(pk=mentor_id)
    return (
        Session.objects.select_for_update(no_key=True, of=("self",))
        .select_related("meeting", "mentor__user", "mentee__user")
        .get(pk=session_id)
    )


def _refuse_after_cutoff(session: Session, by: User | None, now: datetime) -> None:
    if by is None or by.is_program_manager or by.pk == session.mentor.user_id:
        return
    minutes = program_selectors.program().cancel_cutoff_minutes
    if now > session.starts_at - timedelta(minutes=minutes):
        raise CutoffPassed(
            _("It is too late to cancel here. Write to %(name)s or your program manager.")
            % {"name": session.mentor.user}
        )


def _free_meeting(session: Session) -> None:
    """A meeting with no live seat left no longer holds the mentor's hour."""
    if not Session.objects.filter(meeting=session.meeting_id, status__in=Session.LIVE).exists():
        Meeting.objects.filter(pk=session.meeting_id).update(live=False)


def join_session(*, session_id: UUID, by: User, clock: Clock) -> str:
    """Note that this person joins, and return the meeting's address.

    Raises:
        TooEarly: the room opens 15 minutes before.
        IllegalMove: it is over, cancelled, or not accepted yet.
    """
    with transaction.atomic():
        session = selectors.session_for(user=by, session_id=session_id)
        now = clock()
        if session.status != Session.Status.BOOKED or now >= session.ends_at:
            raise IllegalMove(
                _("There is nothing to join: this session is over or was not booked.")
            )
        if now < session.starts_at - JOIN_OPENS:
            raise TooEarly(_("The link opens 15 minutes before the session starts."))
        side = side_of(session, by)
        if side:  # a program manager may look in without being counted
            Session.objects.filter(pk=session.pk, **{f"{side}_joined_at": None}).update(
                **{f"{side}_joined_at": now}
            )
        return session.meeting.meeting_url


def side_of(session: Session, user: User) -> str | None:
    """ "mentor", "mentee", or None for somebody who is neither."""
    if session.mentor.user_id == user.pk:
        return "mentor"
    return "mentee" if session.mentee.user_id == user.pk else None


def write_notes(*, session_id: UUID, by: User, notes: str) -> Session:
    """Keep this person's own notes on a session, which nobody else sees."""
    session = selectors.session_for(user=by, session_id=session_id)
    side = side_of(session, by)
    if side is None:
        raise IllegalMove(_("Notes belong to the two people of a session."))
    setattr(session, f"{side}_notes", notes)
    session.save(update_fields=[f"{side}_notes", "updated_at"])
    return session


def finish_ended_sessions(*, now: datetime) -> int:
    """Complete the booked sessions whose end has passed. Returns how many."""
    return _move_many(
        Session.Status.BOOKED, Session.Status.COMPLETED, ends_before=now, now=now, reason=""
    )


def lapse_pending_sessions(*, now: datetime) -> int:
    """Cancel requests that nobody answered in time, or whose hour has come. Returns how many."""
    hours = program_selectors.program().pending_lapses_after_hours
    due = Session.objects.filter(status=Session.Status.PENDING).filter(
        created_at__lte=now - timedelta(hours=hours)
    ) | Session.objects.filter(status=Session.Status.PENDING, starts_at__lte=now)
    ids = list(due.values_list("pk", flat=True)[:BATCH])
    for pk in ids:
        cancel_session(
            session_id=pk, by=None, reason="Nobody answered in time.", clock=timezone.now
        )
    return len(ids)


def _move_many(old: str, new: str, *, ends_before: datetime, now: datetime, reason: str) -> int:
    with transaction.atomic():
        rows = list(
            Session.objects.select_for_update(skip_locked=True, no_key=True)
            .filter(status=old, ends_at__lte=ends_before)
            .order_by("pk")[:BATCH]
        )
        ids = [row.pk for row in rows]
        Session.objects.filter(pk__in=ids).update(status=new, updated_at=now)
        Meeting.objects.filter(sessions__in=ids).update(live=False)
        SessionEvent.objects.bulk_create(
            SessionEvent(session_id=pk, at=now, from_status=old, to_status=new, reason=reason)
            for pk in ids
        )
        return len(ids)
