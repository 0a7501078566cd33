"""What changes who may do what: tokens, status, roles, and a person's own settings."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, QuerySet
from django.utils import timezone
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from accounts import signals
from accounts.checking import check_values
from accounts.models import TIME_ZONES, ApiToken, IdempotencyRecord, User, normal_email
from accounts.refusals import InvalidCredentials, NotAllowed, NotFound, SecondFactorRequired
from accounts.roles import PROGRAM_MANAGERS

TOKEN_LIFE = timedelta(days=90)
KEYS_KEPT_FOR = timedelta(hours=24)

# What a person, a program manager or Airtable may change about a person. Address, role and status
# have commands of their own.
PERSON_ATTRIBUTES = frozenset({"name", "time_zone", "language", "photo_source"})


# -- Tokens ------------------------------------------------------------------------------------
def issue_token(*, user: User, now: datetime) -> tuple[str, ApiToken]:
    """A new bearer token for that person, shown once: only its hash is kept."""
    token = f"oh_{secrets.token_urlsafe(32)}"
    row = ApiToken.objects.create(
        user=user,
        digest=_digest(token),
        session_hash=user.get_session_auth_hash(),
        created_at=now,
        expires_at=now + TOKEN_LIFE,
    )
    return token, row


def token_of(token: str) -> ApiToken | None:
    """The row of a live token, or None: unknown, expired, person not active, password changed since."""
    row = ApiToken.objects.select_related("user").filter(digest=_digest(token)).first()
    if row is None or row.expires_at <= timezone.now() or not row.user.is_active:
        return None
    if not secrets.compare_digest(row.session_hash, row.user.get_session_auth_hash()):
        return None
    return row


def exchange_password(
    *, email: str, password: str, code: str, now: datetime
) -> tuple[str, ApiToken]:
    """A token for a person who knows their password, and their second factor where they have one.

    Raises InvalidCredentials, in the same words and about the same time for an unknown address, a
    wrong password or code, and a person who may not sign in; SecondFactorRequired only for somebody
    who knew the password.
    """
    address = (
        EmailAddress.objects.select_related("user")
        .filter(email=normal_email(email), verified=True)
        .first()
    )
    if address is None:
        User().set_password(password)  # as long as checking one
        raise InvalidCredentials
    user: User = address.user
    if not user.check_password(password) or not user.is_active:
        raise InvalidCredentials
    if is_mfa_enabled(user):
        if not code:
            raise SecondFactorRequired(_("Add the code of your authenticator app as “code”."))
        if not _is_second_factor(user, code):
            raise InvalidCredentials
    elif user.is_staff and not settings.DEBUG:
        raise SecondFactorRequired(
            _("Program managers need a second factor: add an authenticator app on the web first.")
        )
    return issue_token(user=user, now=now)


def _is_second_factor(user: User, code: str) -> bool:
    kinds = [Authenticator.Type.TOTP, Authenticator.Type.RECOVERY_CODES]
    authenticators = Authenticator.objects.filter(user=user, type__in=kinds)
    return any(authenticator.wrap().validate_code(code) for authenticator in authenticators)


def end_token(*, token: ApiToken) -> None:
    token.delete()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


def forget_old_keys(*, now: datetime) -> None:
    """Delete idempotency keys older than a day, and tokens that expired."""
    IdempotencyRecord.objects.filter(created_at__lte=now - KEYS_KEPT_FOR).delete()
    ApiToken.objects.filter(expires_at__lte=now).delete()


# -- Status and role ---------------------------------------------------------------------------
def suspend(*, user: User, by: User | None, now: datetime) -> User:
    """Keep a person out. They are signed out everywhere at once, and for good."""
    return _set_status(user=user, status=User.Status.SUSPENDED, by=by)


def deactivate(*, user: User, by: User | None, now: datetime) -> User:
    """A person who has left: like a suspension, without the reproach."""
    return _set_status(user=user, status=User.Status.INACTIVE, by=by)


def reactivate(*, user: User, by: User | None, now: datetime) -> User:
    """Let a person in again. They sign in anew: nothing of before comes back to life."""
    return _set_status(user=user, status=User.Status.ACTIVE, by=by)


def _set_status(*, user: User, status: User.Status, by: User | None) -> User:
    if by is not None:
        _refuse_unless_may_manage(by, user)
    with transaction.atomic():
        locked = User.objects.select_for_update(no_key=True).get(pk=user.pk)
        if locked.status != status:
            locked.status = status
            locked.save(update_fields=["status"])
            sign_out_everywhere(user=locked)
    user.refresh_from_db(fields=["status", "is_active", "sign_in_epoch"])
    return user


def _refuse_unless_may_manage(by: User, user: User) -> None:
    if by.pk == user.pk:
        raise NotAllowed(_("You cannot change your own status."))
    if not by.is_program_manager:
        raise NotAllowed(_("Only program managers may do this."))
    if user.role == User.Role.ADMIN and by.role != User.Role.ADMIN:
        raise NotAllowed(_("Only an administrator may change an administrator."))


def sign_out_everywhere(*, user: User) -> None:
    """End every web session, session token and bearer token of a person."""
    User.objects.filter(pk=user.pk).update(sign_in_epoch=F("sign_in_epoch") + 1)
    ApiToken.objects.filter(user=user).delete()


@transaction.atomic
def set_role(*, user: User, role: str) -> User:
    """Give a person a role, and the group that carries its permissions."""
    user.role = User.Role(role)
    user.save(update_fields=["role"])
    group, _created = Group.objects.get_or_create(name=PROGRAM_MANAGERS)
    if user.role == User.Role.PM:
        user.groups.add(group)
    else:
        user.groups.remove(group)
    return user


# -- A person's own settings -------------------------------------------------------------------
def update_person(*, user_id: Any, changes: Mapping[str, Any], now: datetime) -> User:
    """Change name, time zone, language or photo address; only what differs is written."""
    with transaction.atomic():
        user = _locked(user_id)
        if user is None:
            raise NotFound
        before = user.time_zone
        changed = check_values(user, changes, PERSON_ATTRIBUTES, _EXTRA_CHECKS)
        if changed:
            user.save(update_fields=changed)
        if "time_zone" in changed:
            signals.time_zone_changed.send(sender=User, user=user, before=before, now=now)
    return user


def _check_zone(value: Any) -> str | None:
    return (
        None
        if value in TIME_ZONES
        else _("This is not the name of a time zone, like Europe/Madrid.")
    )


def _check_language(value: Any) -> str | None:
    return None if value in dict(settings.LANGUAGES) else _("This language is not offered.")


def _check_name(value: Any) -> str | None:
    return None if value else _("Give a name.")


_EXTRA_CHECKS = {"name": _check_name, "time_zone": _check_zone, "language": _check_language}


# -- People we are told about ------------------------------------------------------------------
def admit(*, email: str, name: str, role: str, now: datetime) -> User:
    """The person of that address, made if need be, for somebody who vouches for the address.

    An account is only linked where its address is verified. Anybody could have typed the address of
    an unverified one, so that one loses its password, sessions, tokens and other ways in first; the
    owner of the address claims it by e-mailed code. Raises NotAllowed for program managers, Invalid for
    what is no address.
    """
    email = normal_email(email)
    with transaction.atomic():
        user = _owner_of(email) or _newcomer(email, name, role, now)
        if user.is_program_manager or user.is_superuser:
            raise NotAllowed(_("This address belongs to a program manager, who is managed here."))
        if not EmailAddress.objects.filter(user=user, email=email, verified=True).exists():
            empty_of_secrets(user=user, email=email)
        if name and user.name != name:
            user = update_person(user_id=user.pk, changes={"name": name}, now=now)
        if role == User.Role.MENTOR and user.role == User.Role.MENTEE:
            set_role(user=user, role=role)
    return user


def _owner_of(email: str) -> User | None:
    verified = EmailAddress.objects.filter(email=email, verified=True).first()
    if verified is not None:
        return _locked(verified.user_id)
    user = User.objects.filter(email__iexact=email).first()
    return _locked(user.pk) if user else None


def _newcomer(email: str, name: str, role: str, now: datetime) -> User:
    check_values(User(), {"email": email}, frozenset({"email"}), {})
    try:
        with transaction.atomic():
            return User.objects.create_user(email, None, name=name, role=role, created_at=now)
    except IntegrityError:
        # Somebody else made that person in this moment: by now they can be found.
        user = _owner_of(email)
        if user is None:
            raise
        return user


def _locked(user_id: Any) -> User | None:
    signals.locking.send(sender=User, user_id=user_id)
    # Not their key: rows that point at the person may come meanwhile.
    return User.objects.select_for_update(no_key=True).filter(pk=user_id).first()


def empty_of_secrets(*, user: User, email: str) -> None:
    """Take every way in from an account whose address somebody else may have typed."""
    user.set_unusable_password()
    user.save(update_fields=["password"])
    sign_out_everywhere(user=user)
    Authenticator.objects.filter(user=user).delete()
    SocialAccount.objects.filter(user=user).delete()
    EmailAddress.objects.filter(user=user).delete()
    EmailAddress.objects.create(user=user, email=email, primary=True, verified=False)


def is_unclaimed(*, user: User) -> bool:
    """Whether nobody has shown yet that this account's address is theirs."""
    return user.last_login is None and unclaimed().filter(pk=user.pk).exists()


def unclaimed() -> QuerySet[User]:
    """Everybody of whom that is so."""
    verified = EmailAddress.objects.filter(user=OuterRef("pk"), verified=True)
    return User.objects.filter(~Exists(verified), last_login=None)


def correct_address(*, user_id: Any, email: str) -> User:
    """Another address for somebody who has never been here: there is no owner to ask yet.

    Whatever might open the account is taken from it, so the old address opens nothing any more.
    Raises NotFound, Invalid, or NotAllowed: the account has an owner, or the address another one.
    """
    email = normal_email(email)
    with transaction.atomic():
        user = _locked(user_id)
        if user is None:
            raise NotFound
        check_values(user, {"email": email}, frozenset({"email"}), {})
        if not is_unclaimed(user=user):
            raise NotAllowed(_("A sign-in address is changed by its owner."))
        taken = User.objects.filter(email__iexact=email).exclude(pk=user.pk).exists()
        if taken or EmailAddress.objects.filter(email=email).exclude(user=user).exists():
            raise NotAllowed(_("Another person has this address."))
        user.email = email
        user.save(update_fields=["email"])
        empty_of_secrets(user=user, email=email)
    return user


@contextmanager
def as_long_for_everybody() -> Iterator[None]:
    """Take as long for an address that is known as looking up one that is not, so nobody can tell."""
    started = time.monotonic()
    try:
        yield
    finally:
        time.sleep(max(0.0, settings.PERSON_LOOKUP_SECONDS - (time.monotonic() - started)))


def look_up_person(*, email: str, now: datetime) -> bool:
    """Whether a room above us (PERSON_LOOKUP) knows, and has just admitted, an unknown address."""
    if not settings.PERSON_LOOKUP:
        return False
    return bool(import_string(settings.PERSON_LOOKUP)(email=normal_email(email), now=now))
