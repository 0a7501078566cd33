"""How often is too often."""

from __future__ import annotations

import hashlib
import ipaddress
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from django.core.cache import cache
from django.http import HttpRequest
from django.utils.translation import gettext as _
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle, UserRateThrottle

from accounts.refusals import Throttled

if TYPE_CHECKING:  # REST framework imports this module while it makes APIView
    from rest_framework.views import APIView


class WriteThrottle(UserRateThrottle):
    """Writes of one signed-in person. Callers without a person (webhooks) have their own limits."""

    scope = "write"

    def get_cache_key(self, request: Request, view: APIView) -> str | None:
        if request.method in SAFE_METHODS or not request.user.is_authenticated:
            return None
        return super().get_cache_key(request, view)


class MatchThrottle(UserRateThrottle):
    """Questions of one person to the matching, by API and page together: each may cost an embedding.

    Program managers try things out for others, so they may ask more.
    """

    scope = "match"

    def allow_request(self, request: Request, view: APIView) -> bool:
        if getattr(request.user, "is_program_manager", False):
            self.scope = "match_by_manager"
            self.num_requests, self.duration = self.parse_rate(self.THROTTLE_RATES[self.scope])
        return super().allow_request(request, view)


def refuse_if_asked_too_often(request: HttpRequest) -> None:
    """The rule of `MatchThrottle` for a page; counts this question. Raises Throttled."""
    throttle, api = MatchThrottle(), cast("Request", request)  # which is asked for its user alone
    if not throttle.allow_request(api, cast("APIView", None)):
        wait = math.ceil(throttle.wait() or 1)
        raise Throttled(
            _("Too many questions at once. Ask again in %(wait)s seconds.") % {"wait": wait},
            wait=wait,
        )


@dataclass(frozen=True)
class FailureLimit:
    """At most so many failures in a window of so many seconds; successes are not counted.

    Checked before and counted after the attempt, so attempts that run at the same moment may exceed
    the limit by as many as there are workers: it stops guessing, it does not ration.
    """

    name: str
    failures: int
    seconds: int

    def refuse_if_reached(self, who: str) -> None:
        now = time.time()
        if cache.get(self._key(who, now), 0) >= self.failures:
            wait = self.seconds - int(now) % self.seconds
            raise Throttled(
                _("Too many failed attempts. Try again in %(wait)s seconds.") % {"wait": wait},
                wait=wait,
            )

    def count_failure(self, who: str) -> None:
        key = self._key(who, time.time())
        cache.add(key, 0, timeout=self.seconds)
        try:
            cache.incr(key)
        except ValueError:  # evicted between the two lines
            cache.set(key, 1, timeout=self.seconds)

    def _key(self, who: str, now: float) -> str:
        # Hashed: an address given by a stranger may be of any length and hold any character.
        digest = hashlib.sha256(who.encode("utf-8", "replace")).hexdigest()[:32]
        return f"failures:{self.name}:{digest}:{int(now) // self.seconds}"


PER_EMAIL = FailureLimit("email", failures=10, seconds=900)
PER_ADDRESS = FailureLimit("address", failures=50, seconds=300)


def client_address(request: Request | HttpRequest) -> str:
    """Where the request comes from, believing as many proxies as we trust. IPv6 by its /64."""
    ident = BaseThrottle().get_ident(cast("Request", request)) or ""
    try:
        address = ipaddress.ip_address(ident)
    except ValueError:
        return str(ident)
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
