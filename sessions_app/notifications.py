"""Rows that say a message is due, and the nudge that makes it sooner.

Written in the transaction of their cause, so nothing is said of what was rolled back. The only module
beside tasks.py that knows the queue: a row is found by the sweep anyway, so a nudge that fails costs
seconds and no message.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from celery import current_app
from django.db import transaction

from accounts.cache import is_away
from sessions_app.models import Hold, Notification, Session

logger = logging.getLogger(__name__)
Kind = Notification.Kind
REMINDERS = ((Kind.REMINDER_DAY, timedelta(days=1)), (Kind.REMINDER_HOUR, timedelta(hours=1)))
# After these the reminders are written anew: the session is certain, and its time may be another one.
WITH_REMINDERS = (Kind.BOOKED, Kind.MOVED)
NUDGE_AFTER = timedelta(hours=24)
# The version of a message that a session has once, at whatever version the session is.
ASKED_ONCE = 1


def tell_both(session: Session, kind: str, *, now: datetime) -> None:
    """Write the message to both people; for a booking or a move also the reminders to come.

    Repeats add nothing. A move first drops what has not gone out yet, for it speaks of the old time.
    A moved request has no reminders before it is accepted.

    Args:
        session: with `mentor` and `mentee` loaded, at the version that the message is about.
    """
    if kind == Kind.MOVED:
        drop_unsent(session)
    rows = [_about(session, user_id, kind, now=now) for user_id in _people(session)]
    if kind in WITH_REMINDERS and session.status == Session.Status.BOOKED:
        rows += _reminders(session, now=now)
    _write(rows)


def tell_one(
    session: Session, user_id: UUID, kind: str, *, now: datetime, at: datetime | None = None
) -> None:
    """Write a message to one person. Repeats add nothing.

    Args:
        at: when it goes out; now, where nothing is said.
    """
    _write([_about(session, user_id, kind, now=now, at=at)])


def ask_about_displaced(sessions: Iterable[Session], *, now: datetime) -> int:
    """Ask each mentor what shall become of these sessions: one message, about their first. How many.

    The others stand on the page that it leads to; a row says of each that it was asked about.

    Args:
        sessions: with `mentor` loaded, by mentor, soonest first.
    """
    rows: list[Notification] = []
    asked: set[UUID] = set()
    for session in sessions:
        row = _about(session, session.mentor.user_id, Kind.DISPLACED, now=now)
        if session.mentor_id in asked:
            row.state, row.last_error = Notification.State.DROPPED, "Asked about with another one."
        asked.add(session.mentor_id)
        rows.append(row)
    _write(rows)
    return len(asked)


def tell_of_hold(hold: Hold, *, now: datetime) -> None:
    """Write to the mentee that a time is kept for them. Call it in the transaction of the hold.

    Args:
        hold: with `mentee` loaded.
    """
    _write(
        [
            Notification(
                hold=hold,
                recipient_id=hold.mentee.user_id,
                kind=Kind.WAITLIST_OFFER,
                version=ASKED_ONCE,
                next_attempt_at=now,
                created_at=now,
            )
        ]
    )


def ask_for_feedback(sessions: Iterable[Session], *, now: datetime) -> None:
    """Ask both people of sessions that took place, now and once more a day later. One query for all.

    The second goes out only where nothing was given meanwhile. Repeats add nothing, whatever happened
    in between: nobody is asked twice because an absence was reported and disputed.

    Args:
        sessions: with `mentor` and `mentee` loaded.
    """
    _write(
        [
            _about(session, user_id, kind, now=now, at=at, version=ASKED_ONCE)
            for session in sessions
            for user_id in _people(session)
            for kind, at in ((Kind.FEEDBACK, now), (Kind.FEEDBACK_NUDGE, now + NUDGE_AFTER))
        ]
    )


def drop_unsent(
    session: Session, *, recipient_id: UUID | None = None, kinds: Iterable[str] = ()
) -> None:
    """Messages that are no longer true are not sent: a reminder of a session that was cancelled.

    Args:
        recipient_id: only those to one person.
        kinds: only these.
    """
    due = Notification.objects.filter(session=session, state=Notification.State.DUE)
    if recipient_id is not None:
        due = due.filter(recipient_id=recipient_id)
    if kinds:
        due = due.filter(kind__in=kinds)
    due.update(state=Notification.State.DROPPED)


def nudge() -> None:
    """Ask a worker to look now instead of at the next sweep."""
    if is_away():
        return
    try:
        current_app.send_task("sessions_app.tasks.send_due_messages", queue="mail", retry=False)
    except Exception:  # whatever the broker's client raises: the sweep will find the row
        logger.warning("The queue cannot be reached; messages go out with the next sweep.")


def _people(session: Session) -> tuple[UUID, UUID]:
    return session.mentee.user_id, session.mentor.user_id


def _about(
    session: Session,
    user_id: UUID,
    kind: str,
    *,
    now: datetime,
    at: datetime | None = None,
    version: int | None = None,
) -> Notification:
    return Notification(
        session=session,
        recipient_id=user_id,
        kind=kind,
        version=version or session.version,
        next_attempt_at=at or now,
        created_at=now,
    )


def _reminders(session: Session, *, now: datetime) -> list[Notification]:
    return [
        _about(session, user_id, kind, now=now, at=session.starts_at - ahead)
        for user_id in _people(session)
        for kind, ahead in REMINDERS
        # Booked later than the reminder would go: the confirmation has just said it.
        if session.starts_at - ahead > now
    ]


def _write(rows: list[Notification]) -> None:
    if not rows:
        return
    Notification.objects.bulk_create(rows, ignore_conflicts=True)
    transaction.on_commit(nudge, robust=True)
