"""Sends what is due to people because of their row: invitations, and questions about an address.

As the messages of sessions are sent: claimed in a short transaction, sent with none open, settled
only by whoever holds the claim. At least once, with the same Message-ID for every attempt.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.urls import reverse
from django.utils import translation

from accounts import services as accounts
from accounts.models import User
from accounts.selectors import program
from sessions_app import services as sessions
from sessions_app.bounces import is_of_the_address, refusal_for_good
from sessions_app.messages import write_letter
from sessions_app.wording import Wording
from sync.invitations import claim_url
from sync.models import RecordLink
from sync.people_models import AddressChange, DueMail, Invitation

logger = logging.getLogger(__name__)

CLAIM = timedelta(seconds=60)
GIVE_UP_AFTER = 20  # attempts: about a day
LONGEST_WAIT = timedelta(hours=2)
State = DueMail.State

_AS_MENTOR = Wording(
    "You are invited to {{ program_name }}",
    "Hello {{ recipient_name }},\n\n{{ program_name }} has entered you as a mentor, so that founders "
    "can book an hour with you.\n\nStart here: {{ claim_url }}\n\nWe e-mail you a code, and you are in; "
    "no password is needed. Then say when you have time: that is all we need from you.\n\n"
    "Your address: {{ address }}\n\nIf you do not know what this is about, leave it: nothing happens "
    "without you.",
)
_AS_MENTEE = Wording(
    "You are invited to {{ program_name }}",
    "Hello {{ recipient_name }},\n\n{{ program_name }} has entered you, so that you can find a mentor "
    "and book an hour.\n\nStart here: {{ claim_url }}\n\nWe e-mail you a code, and you are in; no "
    "password is needed.\n\nYour address: {{ address }}\n\nIf you do not know what this is about, leave "
    "it: nothing happens without you.",
)
_NEW_ADDRESS = Wording(
    "Is this your new address?",
    "Hello {{ recipient_name }},\n\nA program manager of {{ program_name }} noted another e-mail address "
    "for you.\n\nNew address: {{ new_address }}\n\nYou still sign in with the old one, until you say "
    "that the new one is yours.\n\nUse the new address: {{ address_url }}\n\nIf it is not yours, leave "
    "this or decline it there: nothing changes.",
)


def send_due(*, clock: Callable[[], datetime], limit: int = 500) -> int:
    """Send what is due, one claim at a time; how many were sent."""
    sent = 0
    connection = get_connection()
    try:
        for model in (Invitation, AddressChange):
            for _ in range(limit):
                row = _claim(model, clock())
                if row is None:
                    break
                sent += _send(row, connection, clock)
    finally:
        connection.close()
    return sent


def _claim(
    model: type[Invitation] | type[AddressChange], now: datetime
) -> Invitation | AddressChange | None:
    with transaction.atomic():
        row: Invitation | AddressChange | None = (
            model._default_manager.select_for_update(skip_locked=True, of=("self",))
            .filter(state=State.DUE, next_attempt_at__lte=now)
            .order_by("next_attempt_at", "id")
            .first()
        )
        if row is not None:
            row.attempts += 1
            row.next_attempt_at = now + CLAIM
            row.save(update_fields=["attempts", "next_attempt_at"])
        return row


def _send(
    row: Invitation | AddressChange, connection: BaseEmailBackend, clock: Callable[[], datetime]
) -> bool:
    if unwanted := _why_unwanted(row):
        _settle(row, state=State.DROPPED, last_error=unwanted)
        return False
    try:
        mail = compose(row)
        mail.connection = connection
        mail.send()
    except Exception as error:
        # Whatever went wrong, the others go out, and this one is tried again or shown with its reason.
        connection.close()
        _postpone(row, error, clock())
        return False
    _settle(row, state=State.SENT, sent_at=clock(), last_error="")
    return True


def _why_unwanted(row: Invitation | AddressChange) -> str:
    if not row.user.is_active:
        return "The person is not active."
    if isinstance(row, AddressChange):
        return "They have this address already." if row.user.email == row.email else ""
    if not accounts.is_unclaimed(user=row.user):
        return "They are here already."
    return "Their row was deleted in Airtable." if _row_is_gone(row) else ""


def _row_is_gone(row: Invitation) -> bool:
    person = getattr(row.user, row.subject, None)
    if person is None:
        return False
    links = RecordLink.objects.filter(subject=row.subject, object_id=person.pk)
    return links.filter(state=RecordLink.State.TOMBSTONE).exists()


def compose(row: Invitation | AddressChange) -> EmailMultiAlternatives:
    """The mail, in the recipient's language."""
    user = row.user
    with translation.override(user.language):
        letter = write_letter(_words(row), _variables(row, user))
        mail = EmailMultiAlternatives(
            subject=letter.subject,
            body=letter.text,
            to=[user.email],
            headers={"Message-ID": row.message_id, "Auto-Submitted": "auto-generated"},
        )
        mail.attach_alternative(letter.html, "text/html")
    return mail


def _words(row: Invitation | AddressChange) -> Wording:
    if isinstance(row, AddressChange):
        return _NEW_ADDRESS
    return _AS_MENTOR if row.subject == "mentor" else _AS_MENTEE


def _variables(row: Invitation | AddressChange, user: User) -> Mapping[str, str]:
    about = {"recipient_name": user.get_short_name(), "program_name": program().name}
    if isinstance(row, AddressChange):
        page = settings.SITE_URL + reverse("sync:address")
        return {**about, "new_address": row.email, "address_url": page}
    return {**about, "address": user.email, "claim_url": claim_url(row)}


def _postpone(row: Invitation | AddressChange, error: Exception, now: datetime) -> None:
    refusal = refusal_for_good(error)
    if refusal or row.attempts >= GIVE_UP_AFTER:
        _settle(row, state=State.FAILED, last_error=refusal or str(error))
        if is_of_the_address(error):
            sessions.note_bounce(email=row.user.email, reason=refusal, now=now)
        return
    logger.warning("%s waits for another attempt: %s", row.message_id, error)
    wait = min(timedelta(seconds=10 * 2 ** min(row.attempts, 10)), LONGEST_WAIT)
    _settle(row, next_attempt_at=now + wait, last_error=str(error))


def _settle(row: Invitation | AddressChange, **changes: object) -> None:
    """Only while the claim is ours and nobody asked for another mail meanwhile."""
    type(row)._default_manager.filter(
        pk=row.pk, attempts=row.attempts, version=row.version, state=State.DUE
    ).update(**changes)
