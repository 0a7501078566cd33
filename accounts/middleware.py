from __future__ import annotations

import zoneinfo
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from accounts.models import TIME_ZONES, User

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

# Written at most this often: a write on every request would make every page a write.
SEEN_EVERY = timedelta(minutes=5)


class PersonMiddleware:
    """Shows times in the person's zone and notes when they were last here."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        with timezone.override(_zone_of(request)):
            response = self.get_response(request)
        user = getattr(request, "_cached_user", None)  # set only if something asked who this is
        if isinstance(user, User):
            _note_seen(user)
        return response


def _zone_of(request: HttpRequest) -> zoneinfo.ZoneInfo:
    """The zone chosen for this visit (cookie, set by the zone switch), else the person's, else UTC."""
    chosen = request.COOKIES.get("tz", "")
    user: User | AnonymousUser = request.user
    if user.is_authenticated and user.time_zone != "UTC":
        return user.zone
    if chosen in TIME_ZONES:
        return zoneinfo.ZoneInfo(chosen)
    return zoneinfo.ZoneInfo("UTC")


def _note_seen(user: User) -> None:
    now = timezone.now()
    if user.last_seen_at is None or user.last_seen_at < now - SEEN_EVERY:
        User.objects.filter(pk=user.pk).update(last_seen_at=now)
