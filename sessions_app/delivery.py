"""Which messages about sessions and offers are due, and which are not to be sent any more."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from django.core.mail import EmailMultiAlternatives
from django.db.models import QuerySet

from sessions_app.messages import compose
from sessions_app.models import Feedback, Hold, Notification, Session
from sessions_app.notifications import REMINDERS
from sessions_app.posting import Post
from sessions_app.preferences import bounce_of, wants
from sessions_app.selectors import attention

Kind, State = Notification.Kind, Notification.State
_AHEAD = dict(REMINDERS)
# Of a session that was moved past our services: it is reminded of anew when its time comes.
_TOO_EARLY = timedelta(minutes=5)


def send_due(*, clock: Callable[[], datetime], limit: int = 500) -> int:
    """Send the messages that are due, one claim at a time. Returns how many were sent."""
    return _POST.send_due(clock=clock, limit=limit)


def _rows() -> QuerySet[Notification]:
    return Notification.objects.select_related(
        "session__meeting", "session__mentor__user", "session__mentee__user",
        "hold__mentor__user", "hold__mentee__user", "hold__window", "hold__entry",
        "recipient__message_preferences",
    )  # fmt: skip


def _instead(row: Notification, now: datetime) -> dict[str, object]:
    if unwanted := _why_unwanted(row, now):
        return {"state": State.DROPPED, "last_error": unwanted}
    if waits := _waits_until(row, now):
        return {"next_attempt_at": waits, "attempts": 0}
    if bounced := bounce_of(row.recipient):
        return {"state": State.FAILED, "last_error": f"Mail to this address stopped: {bounced}"}
    return {}


def _why_unwanted(row: Notification, now: datetime) -> str:
    """Why this message is not to be sent any more; nothing where it is."""
    if not row.recipient.is_active:
        return "The person is not active."
    if not wants(row.recipient, row.kind):
        return "They do not want messages of this kind."
    if row.hold is not None:
        live = row.hold.state == Hold.State.LIVE and now < row.hold.expires_at
        return "" if live else "The offer is over."
    assert row.session is not None  # the database says: a session or a hold
    return "" if _is_true(row, row.session, now) else "It is not true any more."


def _is_true(row: Notification, session: Session, now: datetime) -> bool:
    ahead = session.is_live and now < session.starts_at
    if row.kind in _AHEAD:
        return ahead and row.version <= session.version and _reminds_in_time(row, session, now)
    if row.kind == Kind.DISPLACED:
        return attention.displaced(now=now).filter(pk=session.pk).exists()
    if row.kind in (Kind.FEEDBACK, Kind.FEEDBACK_NUDGE):
        return session.status == Session.Status.COMPLETED and not _has_answered(row, session)
    return {
        Kind.BOOKED: session.status == Session.Status.BOOKED,
        Kind.REQUESTED: session.status == Session.Status.PENDING,
        Kind.MOVED: session.is_live,
        Kind.NO_SHOW: session.status == Session.Status.NO_SHOW,
    }.get(Kind(row.kind), True)


def _reminds_in_time(row: Notification, session: Session, now: datetime) -> bool:
    """A day's reminder that is late by most of the day is not sent beside that of the hour."""
    return row.kind != Kind.REMINDER_DAY or session.starts_at - now > _AHEAD[Kind.REMINDER_HOUR]


def _has_answered(row: Notification, session: Session) -> bool:
    is_mentor = row.recipient_id == session.mentor.user_id
    side = Feedback.Side.MENTOR if is_mentor else Feedback.Side.MENTEE
    return Feedback.objects.filter(session=session, side=side).exists()


def _waits_until(row: Notification, now: datetime) -> datetime | None:
    """When a reminder goes out whose session has moved away under it, by whatever path."""
    ahead = _AHEAD.get(Kind(row.kind))
    if ahead is None or row.session is None:
        return None
    due = row.session.starts_at - ahead
    return due if due - now > _TOO_EARLY else None


def _compose(row: Notification, now: datetime) -> EmailMultiAlternatives:
    return compose(row, now=now)


_POST: Final = Post[Notification](_rows, _instead, _compose, lambda row: row.recipient)
