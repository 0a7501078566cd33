"""Rows that say a message is due, and the nudge that makes it sooner.

The only module beside tasks.py that knows the queue: a row is found by the sweep anyway, so a nudge
that fails costs seconds and no message.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from celery import current_app
from django.db import transaction

from accounts.cache import is_away
from sessions_app.models import Notification, Session

logger = logging.getLogger(__name__)
REMINDERS = (
    (Notification.Kind.REMINDER_DAY, timedelta(days=1)),
    (Notification.Kind.REMINDER_HOUR, timedelta(hours=1)),
)


def tell_both(session: Session, kind: str, *, now: datetime) -> None:
    """Write the message to both people, and for a booking the reminders to come. Repeats add nothing."""
    rows = [
        Notification(
            session=session,
            recipient_id=recipient,
            kind=kind,
            version=session.version,
            next_attempt_at=now,
            created_at=now,
        )
        for recipient in (session.mentee.user_id, session.mentor.user_id)
    ]
    if kind == Notification.Kind.BOOKED:
        rows += [
            Notification(
                session=session,
                recipient_id=row.recipient_id,
                kind=reminder,
                version=session.version,
                next_attempt_at=session.starts_at - ahead,
                created_at=now,
            )
            for row in list(rows)
            for reminder, ahead in REMINDERS
            # Booked later than the reminder would go: the confirmation has just said it.
            if session.starts_at - ahead > now
        ]
    Notification.objects.bulk_create(rows, ignore_conflicts=True)
    transaction.on_commit(nudge, robust=True)


def tell_one(session: Session, user_id: UUID, kind: str, *, now: datetime) -> None:
    """Write the message to one person. Repeats add nothing."""
    row = Notification(
        session=session,
        recipient_id=user_id,
        kind=kind,
        version=session.version,
        next_attempt_at=now,
        created_at=now,
    )
    Notification.objects.bulk_create([row], ignore_conflicts=True)
    transaction.on_commit(nudge, robust=True)


def ask_for_feedback(sessions: Sequence[Session], *, now: datetime) -> None:
    """Ask both sides how it went."""
    for session in sessions:
        tell_both(session, Notification.Kind.FEEDBACK, now=now)


def drop_unsent(session: Session) -> None:
    """Messages that are no longer true are not sent: a reminder of a session that was cancelled."""
    Notification.objects.filter(session=session, state=Notification.State.DUE).update(
        state=Notification.State.DROPPED
    )


def nudge() -> None:
    """Ask a worker to look now instead of at the next sweep."""
    if is_away():
        return
    try:
        current_app.send_task("sessions_app.tasks.send_due_messages", queue="mail", retry=False)
    except Exception:  # whatever the broker's client raises: the sweep will find the row
        logger.warning("The queue cannot be reached; messages go out with the next sweep.")
