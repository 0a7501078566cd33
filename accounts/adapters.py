"""Where allauth asks us: who may sign up, and what a new person looks like."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from django.conf import settings
from django.db import transaction
from django.forms import BaseForm
from django.http import HttpRequest
from django.utils import timezone, translation

from accounts import selectors, services, signals
from accounts.models import ProgramSettings, User
from accounts.sign_up import zone_of_browser


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Anyone, or in an invited program nobody.

        Were those we know let in here, the form would tell a stranger whom we know. They sign in with
        an e-mailed code, and the page says so.
        """
        return _is_open()

    def save_user(
        self,
        request: HttpRequest,
        user: User,
        form: BaseForm,
        commit: bool = True,  # noqa: FBT001, FBT002  allauth's signature
    ) -> User:
        """Save a new person with name, zone and language, and whatever a new person needs besides."""
        data = form.cleaned_data
        user.name = " ".join((data.get("name") or user.name or "").split())
        user.time_zone = data.get("time_zone") or zone_of_browser(request) or "UTC"
        user.language = _language_now()
        with transaction.atomic():
            super().save_user(request, user, form, commit)
            if commit:
                signals.signed_up.send(sender=User, user=user, now=timezone.now())
        return user


class SocialAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        addresses = [a.email for a in sociallogin.email_addresses if a.verified]
        return _is_open() or any(_is_known(address) for address in addresses)

    def populate_user(
        self, request: HttpRequest, sociallogin: SocialLogin, data: dict[str, Any]
    ) -> User:
        user: User = super().populate_user(request, sociallogin, data)
        parts = (data.get("first_name"), data.get("last_name"))
        name = data.get("name") or " ".join(part for part in parts if part)
        user.name = " ".join(name.split())[:120]
        return user

    def save_user(
        self, request: HttpRequest, sociallogin: SocialLogin, form: BaseForm | None = None
    ) -> User:
        with transaction.atomic():
            if form is None:  # with a form the account adapter above does the rest
                sociallogin.user.time_zone = zone_of_browser(request) or "UTC"
                sociallogin.user.language = _language_now()
            user: User = super().save_user(request, sociallogin, form)
            if form is None:
                signals.signed_up.send(sender=User, user=user, now=timezone.now())
        return user


def _is_open() -> bool:
    return selectors.program().sign_up == ProgramSettings.SignUp.OPEN


def _is_known(email: str) -> bool:
    return selectors.is_known(email) or services.look_up_person(email=email, now=timezone.now())


def _language_now() -> str:
    """The language this page is shown in, where we offer it."""
    language = (translation.get_language() or "").partition("-")[0]
    return language if language in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE
