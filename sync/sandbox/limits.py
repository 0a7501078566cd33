"""Five requests a second for the base, half a minute outside for whoever asks more."""

from __future__ import annotations

import math
import time
from collections import deque
from threading import Lock

from sync.sandbox.errors import ApiError
from sync.sandbox.switches import Switches


class Limiter:
    """A sliding window over all API requests to the base, and the monthly counter.

    Pings, the grid and the control plane do not count, as edits in Airtable's own screens do not.
    """

    def __init__(self, *, rps: int, lockout_seconds: float, switches: Switches) -> None:
        self.rps = rps
        self.lockout_seconds = lockout_seconds
        self.refused = 0
        self.used_this_month = 0
        self._switches = switches
        self._accepted: deque[float] = deque()
        self._closed_until = 0.0
        self._lock = Lock()

    def admit(self) -> None:
        """Count a request, or refuse it."""
        with self._lock:
            self._check_quota()
            if self.rps > 0:
                self._check_rate(time.monotonic())
            self.used_this_month += 1

    def reset(self) -> None:
        """Open at once, with nothing used."""
        with self._lock:
            self._accepted.clear()
            self._closed_until = 0.0
            self.refused = self.used_this_month = 0

    def _check_quota(self) -> None:
        limit = self._switches.billing_limit
        if limit and self.used_this_month >= limit:
            self.refused += 1
            raise ApiError(
                429,
                "PUBLIC_API_BILLING_LIMIT_EXCEEDED",
                "The API billing plan limit has been exceeded for this workspace.",
            )

    def _check_rate(self, now: float) -> None:
        while self._accepted and now - self._accepted[0] >= self._switches.rate_window_seconds:
            self._accepted.popleft()
        if now < self._closed_until:
            if self._switches.lockout_extends:
                self._closed_until = now + self.lockout_seconds
            raise self._refusal(now)
        if len(self._accepted) >= self.rps:
            self._closed_until = now + self.lockout_seconds
            raise self._refusal(now)
        self._accepted.append(now)

    def _refusal(self, now: float) -> ApiError:
        self.refused += 1
        headers = {}
        if self._switches.retry_after_on_429:
            headers["Retry-After"] = str(math.ceil(self._closed_until - now))
        return ApiError(
            429,
            "RATE_LIMIT_REACHED",
            "Rate limit exceeded. Please try again later",
            headers=headers,
        )
