"""The second factor of staff: asked of the session at hand, wherever others can reach us.

allauth asks for one that a person has. That program managers and administrators must have one is our rule:
what they may see and do is everybody's data.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Final

from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.login import record_authentication
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.refusals import SecondFactorRequired

# Where somebody was going who was led to set one up.
_WANTED: Final = "wanted_with_second_factor"
_REAL: Final = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


def was_used(*, session: Any, user: User) -> bool:
    """Whether a second factor was used in this very session, by this person."""
    records = get_authentication_records(SimpleNamespace(session=session), user)
    return any(record.get("method") == "mfa" for record in records)


def is_missing(*, session: Any, user: User) -> bool:
    """Whether this session may not do what only staff may, because a password alone opened it."""
    return user.is_staff and not settings.DEBUG and not was_used(session=session, user=user)


def refuse_if_missing(*, session: Any, user: User) -> None:
    """Raises SecondFactorRequired for staff who signed in without one."""
    if is_missing(session=session, user=user):
        raise SecondFactorRequired(
            _("Program managers need a second factor here. Set one up, or sign in with it.")
        )


def note_set_up(
    *, request: HttpRequest, user: User, authenticator: Authenticator, **_more: Any
) -> None:
    """Who has just set up their first one has shown that they hold it, and is signed in here alone.

    Asked for it again at once they would have to wait for the app's next code. Their other sessions were
    opened by a password alone: whoever sits there could put another factor in its place. A second one
    beside the first proves nothing: the first is asked for.
    """
    others = Authenticator.objects.filter(user=user, type__in=_REAL).exclude(pk=authenticator.pk)
    if authenticator.type in _REAL and not others.exists():
        record_authentication(request, user, "mfa", id=authenticator.pk, type=authenticator.type)
        elsewhere = UserSession.objects.filter(user=user)
        for session in elsewhere.exclude(session_key=request.session.session_key):
            session.end()


def remember_where(request: HttpRequest, address: str) -> None:
    """Keep where somebody was going, an address of ours, until they have their second factor."""
    request.session[_WANTED] = address


def wanted_by(request: HttpRequest) -> str:
    """Where they were going, once they may go there; "" otherwise."""
    user = request.user
    if not isinstance(user, User) or is_missing(session=request.session, user=user):
        return ""
    return str(request.session.get(_WANTED, ""))


def has_arrived(request: HttpRequest) -> None:
    """They are there, and need not be reminded."""
    if _WANTED in request.session:
        del request.session[_WANTED]
