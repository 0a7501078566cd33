"""What sign-up asks beside the address and the password, on the web, by API and after Google.

In a module of its own: allauth's forms inherit from this one, so it cannot import them.
"""

from __future__ import annotations

from allauth.core import context
from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.models import TIME_ZONES, User


def zone_choices() -> list[tuple[str, str]]:
    """The zones people look for, by continent and city; the rest of the database is history."""
    names = (
        name
        for name in TIME_ZONES
        if "/" in name and not name.startswith(("Etc/", "SystemV/", "posix/", "right/"))
    )
    return [("UTC", "UTC"), *((name, name.replace("_", " ")) for name in sorted(names))]


class TimeZoneField(forms.ChoiceField):
    """A zone by its IANA name. Offers the usual ones, takes any."""

    def __init__(self, **kwargs: object) -> None:
        super().__init__(choices=zone_choices, **kwargs)  # type: ignore[arg-type]

    def valid_value(self, value: str) -> bool:
        return value in TIME_ZONES


class SignUpForm(forms.Form):
    name = forms.CharField(
        label=_("Name"),
        max_length=120,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    time_zone = TimeZoneField(
        label=_("Time zone"),
        required=False,
        help_text=_("Times are shown in this zone."),
        initial=lambda: zone_of_browser(context.request) or "UTC",
    )

    def signup(self, request: HttpRequest, user: User) -> None:
        """Part of allauth's interface; the adapter has saved everything already."""


def zone_of_browser(request: HttpRequest | None) -> str:
    """The zone that our script found in the browser, or nothing."""
    zone = request.COOKIES.get("tz", "") if request is not None else ""
    return zone if zone in TIME_ZONES else ""
