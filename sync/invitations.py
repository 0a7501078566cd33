"""Bringing the people whom a program manager entered in Airtable here: one invitation, once.

The account is there as soon as the row is (`accounts.services.admit`), without a password; its
owner claims it with a code sent to the address. The mail waits a moment, because Airtable saves an
address while it is being typed. Rows that were there before we were connected are not written to
unasked: a program manager sends those invitations from the admin.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core import signing
from django.db.models import F
from django.urls import reverse

from accounts import services as accounts
from accounts.models import User
from accounts.refusals import NotFound
from sync.beginnings import connected_at
from sync.models import RecordLink
from sync.nudges import send_letters_soon
from sync.people_models import Invitation

State = Invitation.State
# Somebody who is typing an address is done with it after this long.
SETTLES = timedelta(seconds=20)
# Who asked for a sign-in code needs no invitation, if it was them who asked.
THEY_ARE_HERE = timedelta(minutes=10)
# Airtable's clock and ours may differ by this much.
SKEW = timedelta(minutes=1)
LINK_LIVES = timedelta(days=30)
_SALT = "sync.invitation"


def invite(
    *,
    user: User,
    subject: str,
    appeared_at: datetime,
    now: datetime,
    row_made_at: datetime | None = None,
    by_themselves: bool = False,
) -> None:
    """Note, in the transaction that admitted them, that somebody is to be invited; once.

    Args:
        appeared_at: when Airtable says that the row came to be, or got what it lacked.
        row_made_at: when the row was made, where that is known.
        by_themselves: they were looked up because somebody gave their address at sign-in.
    """
    if not user.is_active or not accounts.is_unclaimed(user=user):
        return
    held = row_made_at is not None and _was_there_before(row_made_at)
    wait = THEY_ARE_HERE if by_themselves else SETTLES
    _row, created = Invitation.objects.get_or_create(
        user=user,
        defaults={
            "subject": subject,
            "state": State.HELD if held else State.DUE,
            "by_themselves": by_themselves,
            "appeared_at": min(appeared_at, now),
            "admitted_at": now,
            "next_attempt_at": now + wait,
        },
    )
    if created and not held:
        send_letters_soon(wait)


def _was_there_before(row_made_at: datetime) -> bool:
    """Whether the row is older than our connection with the base."""
    first = connected_at(settings.AIRTABLE_BASE_ID or "")
    return first is not None and row_made_at < first - SKEW


def send_again(*, ids: Iterable[Any], now: datetime) -> int:
    """Send invitations that were held, or send them once more; how many. Claimed ones are left."""
    rows = Invitation.objects.filter(pk__in=list(ids), claimed_at=None)
    done = rows.update(
        state=State.DUE,
        version=F("version") + 1,
        attempts=0,
        last_error="",
        next_attempt_at=now,
    )
    if done:
        send_letters_soon(timedelta(0))
    return done


def address_corrected(*, user: User, now: datetime) -> None:
    """The invitation went to a wrong address, or was about to: it goes to the right one."""
    Invitation.objects.filter(user=user, claimed_at=None).exclude(state=State.HELD).update(
        state=State.DUE,
        version=F("version") + 1,
        attempts=0,
        last_error="",
        next_attempt_at=now + SETTLES,
    )
    send_letters_soon(SETTLES)


def note_claimed(*, user: User, now: datetime) -> None:
    """They are here: they signed in, which only the owner of the address can do."""
    Invitation.objects.filter(user=user, claimed_at=None).update(state=State.DONE, claimed_at=now)


def welcome_due(*, user: User, now: datetime) -> bool:
    """Whether this is somebody's first visit after an invitation. Answers yes once."""
    return bool(
        Invitation.objects.filter(
            user=user, claimed_at__isnull=False, welcomed_at=None
        ).update(welcomed_at=now)
    )  # fmt: skip


# -- The link --------------------------------------------------------------------------------------
def claim_url(invitation: Invitation) -> str:
    """Where the mail's button leads. It shows who is invited; getting in takes the code."""
    token = signing.dumps([invitation.pk, invitation.version], salt=_SALT)
    return settings.SITE_URL + reverse("sync:claim", args=[token])


def invitation_of(*, token: str) -> Invitation:
    """The invitation behind a link that is genuine and of the latest mail.

    Raises:
        NotFound: it is neither, or too old.
    """
    try:
        pk, version = signing.loads(token, salt=_SALT, max_age=LINK_LIVES)
    except (signing.BadSignature, ValueError, TypeError) as error:
        raise NotFound from error
    found = Invitation.objects.select_related("user").filter(pk=pk, version=version).first()
    if found is None or not found.user.is_active:
        raise NotFound
    return found


def user_of(link: RecordLink) -> User | None:
    """The person whose mentor or mentee row a record stands for."""
    return User.objects.filter(**{f"{link.subject}__id": link.object_id}).first()
