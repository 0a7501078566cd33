"""Sends what is due to people because of their row: invitations, and questions about an address.

Sent as every mail of ours is (`sessions_app.posting`). They are rows of their own and no notifications: those
are about a session or an offer, and whoever gets one of these may have neither.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeAlias

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext_noop as _

from accounts import services as accounts
from accounts.models import User
from accounts.selectors import program
from sessions_app.messages import wording, write_letter
from sessions_app.posting import Post
from sessions_app.wording import INVITED_MENTEE, INVITED_MENTOR, VARIABLES, OurWords, Words
from sync.invitations import claim_url
from sync.models import RecordLink
from sync.people_models import AddressChange, DueMail, Invitation

State = DueMail.State
Letter: TypeAlias = Invitation | AddressChange

_HELLO = _("Hello {{ recipient_name }},")
_NEW_ADDRESS = OurWords(
    _("Is this your new address?"),
    _HELLO,
    _("A program manager of {{ program_name }} noted another e-mail address for you."),
    _("New address: {{ new_address }}"),
    _("You still sign in with the old one, until you say that the new one is yours."),
    _("Use the new address: {{ address_url }}"),
    _("If it is not yours, leave this or decline it there: nothing changes."),
)


def send_due(*, clock: Callable[[], datetime], limit: int = 500) -> int:
    """Send what is due, one claim at a time; how many were sent."""
    due = Invitation.objects.select_related("user"), AddressChange.objects.select_related("user")
    return sum(_post(rows.all).send_due(clock=clock, limit=limit) for rows in due)


def _post(rows: Callable[[], QuerySet[Any]]) -> Post[Any]:
    return Post(rows, _instead, lambda row, now: compose(row), lambda row: row.user)


def _instead(row: Letter, now: datetime) -> dict[str, object]:
    unwanted = _why_unwanted(row)
    return {"state": State.DROPPED, "last_error": unwanted} if unwanted else {}


def _why_unwanted(row: Letter) -> str:
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


def compose(row: Letter) -> EmailMultiAlternatives:
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


def _words(row: Letter) -> Words:
    if isinstance(row, AddressChange):
        return _NEW_ADDRESS
    return wording(INVITED_MENTOR if row.subject == "mentor" else INVITED_MENTEE)


def _variables(row: Invitation | AddressChange, user: User) -> Mapping[str, str]:
    about = dict.fromkeys(VARIABLES, "") | {
        "recipient_name": user.get_short_name(),
        "program_name": program().name,
    }
    if isinstance(row, AddressChange):
        page = settings.SITE_URL + reverse("sync:address")
        return {**about, "new_address": row.email, "address_url": page}
    return {**about, "address": user.email, "claim_url": claim_url(row)}
