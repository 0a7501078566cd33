"""Sends what is due. At least once, with one effect: the same Message-ID for every attempt."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from django.core.mail import get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction

from sessions_app import services
from sessions_app.bounces import is_of_the_address, refusal_for_good
from sessions_app.messages import compose
from sessions_app.models import Feedback, Hold, Notification, Session
from sessions_app.notifications import REMINDERS
from sessions_app.preferences import bounce_of, wants

logger = logging.getLogger(__name__)

# Longer than the mail server may take to answer, so that a slow sender is not overtaken by another.
CLAIM = timedelta(seconds=60)
GIVE_UP_AFTER = 20  # attempts: about a day
LONGEST_WAIT = timedelta(hours=2)
Kind, State = Notification.Kind, Notification.State
_AHEAD = dict(REMINDERS)
# Of a session that was moved past our services: it is reminded of anew when its time comes.
_TOO_EARLY = timedelta(minutes=5)


def send_due(*, clock: Callable[[], datetime], limit: int = 500) -> int:
    """Send the messages that are due, one claim at a time. Returns how many were sent."""
    sent = 0
    connection = get_connection()
    try:
        for _ in range(limit):
            notification = _claim(clock())
            if notification is None:
                break
            sent += _send(notification, connection, clock)
    finally:
        connection.close()
    return sent


def _claim(now: datetime) -> Notification | None:
    """Take the next due row. The claim moves it a minute ahead and commits before anything is sent:
    a worker that dies gives it back by itself, and no other takes it meanwhile."""
    with transaction.atomic():
        row = (
            Notification.objects.select_for_update(skip_locked=True, of=("self",))
            .select_related("session__meeting", "session__mentor__user", "session__mentee__user")
            .select_related(
                "hold__mentor__user", "hold__mentee__user", "hold__window", "hold__entry"
            )
            .select_related("recipient__message_preferences")
            .filter(state=State.DUE, next_attempt_at__lte=now)
            .order_by("next_attempt_at", "id")
            .first()
        )
        if row is not None:
            row.attempts += 1
            row.next_attempt_at = now + CLAIM
            row.save(update_fields=["attempts", "next_attempt_at"])
        return row


def _send(row: Notification, connection: BaseEmailBackend, clock: Callable[[], datetime]) -> bool:
    now = clock()
    if unwanted := _why_unwanted(row, now):
        _settle(row, state=State.DROPPED, last_error=unwanted)
        return False
    if waits := _waits_until(row, now):
        _settle(row, next_attempt_at=waits, attempts=0)
        return False
    if bounced := bounce_of(row.recipient):
        _settle(row, state=State.FAILED, last_error=f"Mail to this address stopped: {bounced}")
        return False
    try:
        mail = compose(row, now=now)
        mail.connection = connection
        mail.send()
    except Exception as error:
        # Whatever went wrong, the other messages go out, and this one is tried again or shown in
        # the admin with its reason.
        connection.close()
        _postpone(row, error, clock())
        return False
    _settle(row, state=State.SENT, sent_at=clock(), last_error="")
    return True


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


def _postpone(row: Notification, error: Exception, now: datetime) -> None:
    refusal = refusal_for_good(error)
    if refusal or row.attempts >= GIVE_UP_AFTER:
        # A refused address is its owner's business and no fault of ours.
        log = logger.info if refusal else logger.error
        log("Message %s cannot be delivered: %s", row.pk, refusal or error)
        _settle(row, state=State.FAILED, last_error=refusal or str(error))
        if is_of_the_address(error):
            services.note_bounce(email=row.recipient.email, reason=refusal, now=now)
        return
    logger.warning("Message %s waits for another attempt: %s", row.pk, error)
    wait = min(timedelta(seconds=10 * 2**row.attempts), LONGEST_WAIT)
    _settle(row, next_attempt_at=now + wait, last_error=str(error))


def _settle(row: Notification, **changes: object) -> None:
    """Compare and set: if the claim ran out and another worker has the row, the outcome is theirs."""
    Notification.objects.filter(pk=row.pk, attempts=row.attempts, state=State.DUE).update(**changes)
