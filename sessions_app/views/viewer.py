"""Who looks, and on which clock."""

from __future__ import annotations

import functools
import zoneinfo
from collections.abc import Callable
from typing import Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from accounts.models import TIME_ZONES, User
from mentors.models import Mentee

# The zone a person chose beside the times, until the browser is closed. (The cookie `tz` is the
# browser's own zone and follows the device.)
SHOWN_ZONE = "tz_shown"
P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def signed_in(request: HttpRequest) -> User:
    """The person behind a view that asks for one."""
    assert isinstance(request.user, User)
    return request.user


def mentee_of(user: object) -> Mentee | None:
    """Who takes a seat: mentors and program managers have none to take."""
    if not isinstance(user, User):
        return None
    return Mentee.objects.select_related("user").filter(user=user, is_active=True).first()


def in_shown_zone(view: View[P]) -> View[P]:
    """Shows a page in the zone chosen with `?tz=`, remembered from page to page; else in one's own."""

    @functools.wraps(view)
    def wrapped(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        asked = request.GET.get("tz", "")
        kept = request.COOKIES.get(SHOWN_ZONE, "")
        own = timezone.get_current_timezone_name()
        key = next((key for key in (asked, kept) if key in TIME_ZONES), own)
        with timezone.override(zoneinfo.ZoneInfo(key)):
            response = view(request, *args, **kwargs)
        if asked in TIME_ZONES and asked != own:
            response.set_cookie(
                SHOWN_ZONE, asked, samesite="Lax", httponly=True, secure=request.is_secure()
            )
        elif asked == own:
            response.delete_cookie(SHOWN_ZONE, samesite="Lax")
        return response

    return wrapped


def shown_zone() -> zoneinfo.ZoneInfo:
    """The zone of the page being made."""
    return timezone.get_current_timezone()
