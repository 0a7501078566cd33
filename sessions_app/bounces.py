"""Addresses that refuse mail for good: as a mail server says it, and as a mail provider reports it.

The only module that knows anymail. What may pass (a full mailbox, a server that is busy, a policy
that disliked one message) is no bounce: that message fails or waits, and the next one is tried.
"""

from __future__ import annotations

import re
import smtplib
from collections.abc import Mapping
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
# Several providers' soft bounces are bounces to anymail too; each says it in a field of its own.
_MAY_PASS = re.compile(r"soft|transient|temporar|mailbox.?full|\b4\.\d+\.\d+\b", re.IGNORECASE)
_OF_SOMETHING_ELSE = re.compile(r"\b5\.(?!1\.\d|2\.1\b)\d+\.\d+\b")


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
    if event.event_type == EventType.REJECTED and event.reject_reason == RejectReason.SPAM:
        return f"{esp_name}: our mail was marked as spam there before. {said}"
    if event.event_type in (EventType.BOUNCED, EventType.REJECTED) and _is_for_good(event):
        return f"{esp_name}: the address refuses mail. {said}"
    return ""


def _is_for_good(event: Any) -> bool:
    if event.reject_reason not in _FOR_GOOD:
        return False
    raw = event.esp_event if isinstance(event.esp_event, Mapping) else {}
    words = [raw.get(name) for name in ("Type", "event", "type", "severity")]
    said = " ".join(str(word) for word in (*words, event.description, event.mta_response) if word)
    return not (_MAY_PASS.search(said) or _OF_SOMETHING_ELSE.search(said))


def _notification_of(event: Any) -> UUID | None:
    try:
        return UUID(str((event.metadata or {}).get("notification", "")))
    except ValueError:
        return None


def connect() -> None:
    tracking.connect(on_tracking, dispatch_uid="sessions_app.bounces")
