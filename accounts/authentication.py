"""How API callers say who they are. Session tokens of mobile clients are allauth's business."""

from __future__ import annotations

from allauth.headless.contrib.rest_framework.authentication import XSessionTokenAuthentication
from django.http import HttpRequest
from django.utils.translation import gettext as _
from rest_framework.authentication import (
    BaseAuthentication,
    SessionAuthentication,
    get_authorization_header,
)
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from accounts import second_factor, services
from accounts.models import ApiToken, User


class BearerTokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer oh_…`, a token from POST /api/auth/token."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        scheme, _blank, value = get_authorization_header(request).decode("latin-1").partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = services.token_of(value.strip())
        if token is None:
            raise AuthenticationFailed(
                _("This token is unknown or has ended. Sign in again for a new one.")
            )
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class SessionTokenAuthentication(XSessionTokenAuthentication):  # type: ignore[misc]
    """`X-Session-Token`, from allauth's own API."""

    def authenticate(self, request: Request) -> tuple[User, object] | None:
        found: tuple[User, object] | None = super().authenticate(request)
        if found is not None:
            second_factor.refuse_if_missing(session=found[1], user=found[0])
        return found


class WebSessionAuthentication(SessionAuthentication):
    """The web pages' own session, with its CSRF check; for our pages and the API browser."""

    def authenticate(self, request: Request) -> tuple[User, None] | None:
        found = super().authenticate(request)
        if found is None:
            return None
        user = found[0]
        assert isinstance(user, User)
        second_factor.refuse_if_missing(session=request._request.session, user=user)
        return user, None

    def authenticate_header(self, request: HttpRequest) -> str:
        return "Bearer"
