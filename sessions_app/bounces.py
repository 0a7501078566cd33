"""Addresses that refuse mail for good: as a mail server says it, and as a mail provider reports it.

The only module that knows anymail. What may pass (a full mailbox, a server that is busy, a policy
that disliked one message) is no bounce: that message fails or waits, and the next one is tried.
"""

from __future__ import annotations

import re
import smtplib
from typing import Any
from uuid import UUID

from anymail.exceptions import AnymailRecipientsRefused
from anymail.signals import EventType, RejectReason, tracking
from django.utils import timezone

from sessions_app import services

# RFC 3463: 5.1.x is about the address, 5.2.1 a mailbox that was closed.
_OF_THE_ADDRESS = re.compile(r"^\s*5\.(?:1\.\d+|2\.1)\b")
_ENHANCED = re.compile(r"^\s*[245]\.\d+\.\d+\b")
# Without such a code: no such mailbox, user not local, mailbox name not allowed.
_NO_SUCH_MAILBOX = (550, 551, 553)
_FOR_GOOD = (None, RejectReason.INVALID, RejectReason.BOUNCED)


def refusal_for_good(error: Exception) -> str:
    """What the mail server said where it will never take this mail; else nothing."""
    if isinstance(error, AnymailRecipientsRefused):
        return str(error)
    if isinstance(error, smtplib.SMTPRecipientsRefused) and error.recipients:
        answers = list(error.recipients.values())
        if all(code >= 500 for code, _text in answers):
            return f"{answers[0][0]} {_words(answers[0][1])}"
    return ""


def is_of_the_address(error: Exception) -> bool:
    """Whether the address itself is at fault, and not this one mail."""
    if isinstance(error, AnymailRecipientsRefused):
        return True
    if not isinstance(error, smtplib.SMTPRecipientsRefused):
        return False
    return all(_is_dead(code, _words(text)) for code, text in error.recipients.values())


def _is_dead(code: int, text: str) -> bool:
    if _ENHANCED.match(text):
        return code >= 500 and bool(_OF_THE_ADDRESS.match(text))
    return code in _NO_SUCH_MAILBOX


def _words(text: bytes | str) -> str:
    return text.decode(errors="replace") if isinstance(text, bytes) else str(text)


def on_tracking(sender: Any, event: Any, esp_name: str = "", **_: Any) -> None:
    """News from the mail provider's webhook about one mail."""
    reason = _reason(event, esp_name)
    if reason and event.recipient:
        services.note_bounce(
            email=event.recipient,
            reason=reason,
            now=timezone.now(),
            notification_id=_notification_of(event),
        )


def _reason(event: Any, esp_name: str) -> str:
    said = event.mta_response or event.description or ""
    if event.event_type == EventType.COMPLAINED:
        return f"{esp_name}: our mail was marked as spam there. {said}"
    if event.event_type in (EventType.BOUNCED, EventType.REJECTED):
        is_for_good = event.reject_reason in _FOR_GOOD or event.reject_reason == RejectReason.SPAM
        return f"{esp_name}: the address refuses mail. {said}" if is_for_good else ""
    return ""


def _notification_of(event: Any) -> UUID | None:
    try:
        return UUID(str((event.metadata or {}).get("notification", "")))
    except ValueError:
        return None


def connect() -> None:
    tracking.connect(on_tracking, dispatch_uid="sessions_app.bounces")
