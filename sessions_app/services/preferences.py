from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.db import transaction

from accounts.models import User
from sessions_app import notifications
from sessions_app.models import MessagePreferences, Notification
from sessions_app.preferences import OPTIONAL, preferences_of

logger = logging.getLogger(__name__)
CHOICES = tuple(dict.fromkeys(OPTIONAL.values()))
_LONGEST_REASON = 255


def choose_messages(*, user: User, choices: Mapping[str, bool]) -> MessagePreferences:
    """Keep which messages this person wants. What is already written is asked about when it is due.

    Args:
        choices: `CHOICES` to whether; those that are not named stay.
    """
    wanted = {name: choices[name] for name in CHOICES if name in choices}
    row, _created = MessagePreferences.objects.update_or_create(user=user, defaults=wanted)
    return row


def stop_messages(*, user: User, kind: str) -> None:
    """No more messages of that kind. For a kind that always goes nothing changes."""
    if kind in OPTIONAL:
        choose_messages(user=user, choices={OPTIONAL[kind]: False})


def note_bounce(
    *, email: str, reason: str, now: datetime, notification_id: UUID | None = None
) -> bool:
    """An address was refused for good: mail to it stops, and its person sees why.

    Args:
        notification_id: the message that was refused, where that is known.

    Returns:
        Whether it is somebody's address today.
    """
    user = User.objects.filter(email__iexact=email.strip()).first()
    if user is None:
        return False
    bounce = {
        "bounced_email": user.email,
        "bounced_at": now,
        "bounce_reason": " ".join(reason.split())[:_LONGEST_REASON],
    }
    MessagePreferences.objects.update_or_create(user=user, defaults=bounce)
    if notification_id is not None:
        Notification.objects.filter(pk=notification_id, recipient=user).update(
            state=Notification.State.FAILED, last_error=reason
        )
    logger.info("Mail to person %s stops: their address was refused.", user.pk)
    return True


def mail_again(*, user: User, now: datetime) -> int:
    """Take an address for good again, and send what failed meanwhile and is still to come.

    Returns how many messages are due once more.
    """
    with transaction.atomic():
        choices = preferences_of(user)
        if not choices.bounced_email:
            return 0
        since = choices.bounced_at
        MessagePreferences.objects.filter(user=user).update(
            bounced_email="", bounced_at=None, bounce_reason=""
        )
        failed = Notification.objects.filter(recipient=user, state=Notification.State.FAILED)
        ahead = failed.filter(session__starts_at__gt=now) | failed.filter(hold__expires_at__gt=now)
        again = Notification.objects.filter(pk__in=ahead.values("pk"))
        if since is not None:
            again = again.filter(next_attempt_at__gte=since - notifications.NUDGE_AFTER)
        done = again.update(
            state=Notification.State.DUE, next_attempt_at=now, attempts=0, last_error=""
        )
        transaction.on_commit(notifications.nudge, robust=True)
        return done
