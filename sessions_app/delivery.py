"""Sends what is due. At least once, with one effect: the same Message-ID for every attempt."""

from __future__ import annotations

import logging
import smtplib
from collections.abc import Callable
from datetime import datetime, timedelta

from django.core.mail import get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction

from sessions_app.messages import compose
from sessions_app.models import Notification, Session

logger = logging.getLogger(__name__)

# Longer than the mail server may take to answer, so that a slow sender is not overtaken by another.
CLAIM = timedelta(seconds=60)
GIVE_UP_AFTER = 20  # attempts: about a day
LONGEST_WAIT = timedelta(hours=2)
_REMINDERS = (Notification.Kind.REMINDER_DAY, Notification.Kind.REMINDER_HOUR)


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
            .select_related("recipient")
            .filter(state=Notification.State.DUE, next_attempt_at__lte=now)
            .order_by("next_attempt_at", "id")
            .first()
        )
        if row is not None:
            row.attempts += 1
            row.next_attempt_at = now + CLAIM
            row.save(update_fields=["attempts", "next_attempt_at"])
        return row


def _send(row: Notification, connection: BaseEmailBackend, clock: Callable[[], datetime]) -> bool:
    if not _still_wanted(row, clock()):
        _settle(row, state=Notification.State.DROPPED)
        return False
    try:
        mail = compose(row, now=clock())
        mail.connection = connection
        mail.send()
    except Exception as error:
        # Whatever went wrong, the other messages go out, and this one is tried again or shown in
        # the admin with its reason.
        connection.close()
        _postpone(row, error, clock())
        return False
    _settle(row, state=Notification.State.SENT, sent_at=clock(), last_error="")
    return True


def _still_wanted(row: Notification, now: datetime) -> bool:
    if not row.recipient.is_active:
        return False
    session = row.session
    if session is None:
        return True
    live = session.status in Session.LIVE
    if row.kind in _REMINDERS:
        return live and row.version <= session.version and now < session.starts_at
    if row.kind in (Notification.Kind.BOOKED, Notification.Kind.REQUESTED):
        return session.status != Session.Status.CANCELLED
    return True


def _postpone(row: Notification, error: Exception, now: datetime) -> None:
    refused = isinstance(error, smtplib.SMTPRecipientsRefused) and all(
        code >= 500 for code, _text in error.recipients.values()
    )
    if refused or row.attempts >= GIVE_UP_AFTER:
        logger.error("Message %s cannot be delivered: %s", row.pk, error)
        _settle(row, state=Notification.State.FAILED, last_error=str(error))
        return
    logger.warning("Message %s waits for another attempt: %s", row.pk, error)
    wait = min(timedelta(seconds=10 * 2**row.attempts), LONGEST_WAIT)
    _settle(row, next_attempt_at=now + wait, last_error=str(error))


def _settle(row: Notification, **changes: object) -> None:
    """Compare and set: if the claim ran out and another worker has the row, the outcome is theirs."""
    Notification.objects.filter(
        pk=row.pk, attempts=row.attempts, state=Notification.State.DUE
    ).update(**changes)
