"""Which messages a person wants, and whether mail reaches them."""

from __future__ import annotations

from collections.abc import Mapping

from accounts.models import User
from sessions_app.models import MessagePreferences, Notification

Kind = Notification.Kind
# The kinds that can be turned off, with the column of the choice. What changes a calendar, and a
# report of absence, always goes.
OPTIONAL: Mapping[str, str] = {
    Kind.REMINDER_DAY: "reminder_day",
    Kind.REMINDER_HOUR: "reminder_hour",
    Kind.FEEDBACK: "feedback",
    Kind.FEEDBACK_NUDGE: "feedback",
    Kind.WAITLIST_OFFER: "waitlist",
}


def preferences_of(user: User) -> MessagePreferences:
    """A person's choices; who never chose gets everything."""
    try:
        return user.message_preferences
    except MessagePreferences.DoesNotExist:
        return MessagePreferences(user=user)


def wants(user: User, kind: str) -> bool:
    choice = OPTIONAL.get(kind)
    return choice is None or bool(getattr(preferences_of(user), choice))


def bounce_of(user: User, choices: MessagePreferences | None = None) -> str:
    """Why mail to this person's present address does not arrive; nothing where it does."""
    choices = choices or preferences_of(user)
    if not choices.bounced_email or choices.bounced_email.lower() != user.email.lower():
        return ""
    return choices.bounce_reason or "refused"
