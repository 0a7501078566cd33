from __future__ import annotations

from typing import Any

from allauth.account.forms import RequestLoginCodeForm
from allauth.account.internal.userkit import filter_users_by_email
from django import forms
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts import selectors, services
from accounts.models import User
from accounts.sign_up import TimeZoneField


class LooksUpStrangers:
    """Before a sign-in code is refused to an unknown address, asks once who that might be."""

    _user: User | None
    cleaned_data: dict[str, Any]

    def clean_email(self) -> str:
        email: str = super().clean_email()  # type: ignore[misc]
        if email:
            with services.as_long_for_everybody():
                self._find(email)
        return email

    def _find(self, email: str) -> None:
        if self._user is not None or selectors.is_known(email):
            return
        if services.look_up_person(email=email, now=timezone.now()):
            found = filter_users_by_email(
                email, is_active=True, prefer_verified=True, for_login=True
            )
            self._user = found[0] if found else None


class RequestCodeForm(LooksUpStrangers, RequestLoginCodeForm):  # type: ignore[misc]
    pass


class SettingsForm(forms.Form):
    """A person's own settings. What the values may be is decided by the service."""

    name = forms.CharField(
        label=_("Name"), max_length=120, widget=forms.TextInput(attrs={"autocomplete": "name"})
    )
    time_zone = TimeZoneField(label=_("Time zone"))
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)
    photo_source = forms.URLField(
        label=_("Photo address"),
        required=False,
        max_length=200,
        assume_scheme="https",
        help_text=_("An https address of a picture of you. We fetch it and show our copy."),
    )
