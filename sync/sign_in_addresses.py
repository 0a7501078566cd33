"""A new e-mail address in somebody's row in Airtable.

It is how they sign in, so a cell alone never moves it: whoever may edit the base could otherwise
take over any account. While nobody has claimed the account the address is simply corrected. After
that its owner is asked at the address they have, says yes while signed in, and proves the new one
by a code sent there. Until then the cell shows the address in force.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from allauth.account.models import EmailAddress
from django.db import transaction
from django.utils.translation import gettext as _

from accounts import services as accounts
from accounts.models import User
from accounts.refusals import NotAllowed
from sync import invitations
from sync.mappings.base import Instead
from sync.nudges import send_letters_soon
from sync.people_models import AddressChange

State = AddressChange.State
_OPEN = (State.DUE, State.SENT, State.FAILED)


def take(*, user: User, email: str, now: datetime) -> None:
    """Use the address at once where nobody owns the account yet.

    Raises:
        Instead: its owner is asked. NotAllowed, Invalid: the address cannot be used.
    """
    if accounts.is_unclaimed(user=user):
        accounts.correct_address(user_id=user.pk, email=email)
        invitations.address_corrected(user=user, now=now)
        return
    if EmailAddress.objects.filter(email=email).exclude(user=user).exists():
        raise NotAllowed(_("Another person has this address."))
    raise Instead(
        f"{user.get_short_name()} was asked whether {email} is theirs. This cell changes once they "
        "say so.",
        lambda: ask(user=user, email=email, now=now),
    )


def ask(*, user: User, email: str, now: datetime) -> None:
    """Ask the owner, once for each address. It may still be being typed, so the mail waits a moment."""
    with transaction.atomic():
        row, created = AddressChange.objects.select_for_update().get_or_create(
            user=user,
            defaults={"email": email, "asked_at": now, "next_attempt_at": now + _settles()},
        )
        if not created:
            if row.email == email and row.state in (State.DUE, State.SENT):
                return
            row.email, row.asked_at, row.answered_at = email, now, None
            row.state, row.version, row.attempts = State.DUE, row.version + 1, 0
            row.next_attempt_at, row.last_error = now + _settles(), ""
            row.save()
    send_letters_soon(_settles())


def _settles() -> timedelta:
    return invitations.SETTLES


def open_change(user: User) -> AddressChange | None:
    """What this person is asked, if anything."""
    return AddressChange.objects.filter(user=user, state__in=_OPEN).first()


def decline(*, user: User, now: datetime) -> None:
    """They keep the address they have."""
    AddressChange.objects.filter(user=user, state__in=_OPEN).update(
        state=State.DROPPED, answered_at=now, last_error="Declined."
    )


def note_confirmed(*, address: EmailAddress, now: datetime) -> None:
    """They typed the code that was sent to the new address: from now on it is the one."""
    with transaction.atomic():
        row = (
            AddressChange.objects.select_for_update()
            .filter(user_id=address.user_id, email=address.email, state__in=_OPEN)
            .first()
        )
        if row is None:
            return
        address.set_as_primary()
        row.state, row.answered_at = State.DONE, now
        row.save(update_fields=["state", "answered_at"])
