"""One pace for the base, kept by all processes together.

Airtable takes five requests a second for a base, from everybody, and answers the sixth by shutting
the base for half a minute. So each request first takes a place in a window in Redis. A place is
held while the request is under way and for a second after its answer came: the moment at which
Airtable counted it lies somewhere in between, and from the answer on we are sure that it is over.
"""

from __future__ import annotations

import logging
import random
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import redis
from django.conf import settings

logger = logging.getLogger(__name__)

WINDOW = 1.05
# A place whose holder died is free again after this long.
UNDER_WAY = 35.0
HOLD_AFTER_429 = 30.0
HOLD_AFTER_REFUSED_KEY = 300.0
HOLD_AFTER_BILLING = 3600.0

# Takes a place: returns 0, or how long to wait (ms), or minus the time a hold has left (ms).
_TAKE = """
local t = redis.call('TIME')
local now = t[1] + t[2] / 1000000
local hold = redis.call('PTTL', KEYS[2])
if hold > 0 then return -hold end
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - tonumber(ARGV[3]))
if redis.call('ZCARD', KEYS[1]) < tonumber(ARGV[2]) then
  redis.call('ZADD', KEYS[1], now + tonumber(ARGV[4]), ARGV[1])
  redis.call('PEXPIRE', KEYS[1], 120000)
  return 0
end
local first = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')
return math.max(5, math.min(50, math.ceil((tonumber(first[2]) + tonumber(ARGV[3]) - now) * 1000)))
"""
_DONE = """
local t = redis.call('TIME')
redis.call('ZADD', KEYS[1], 'XX', t[1] + t[2] / 1000000, ARGV[1])
return 0
"""


class OnHold(Exception):
    """The base is not to be asked for a while."""

    def __init__(self, seconds: float, reason: str) -> None:
        super().__init__(reason)
        self.seconds = seconds
        self.reason = reason


class Limiter:
    """The pace of one base."""

    def __init__(self, base: str, rps: int) -> None:
        self._calls = f"oh:airtable:{base}:calls"
        self._hold = f"oh:airtable:{base}:hold"
        self._rps = rps
        self._alone = _Alone()

    @contextmanager
    def place(self, *, patience: float = 20.0) -> Iterator[None]:
        """Wait for a place and hold it during one request.

        Raises:
            OnHold: the base is closed to us for longer than we would wait.
        """
        token = uuid.uuid4().hex
        self._wait(token, time.monotonic() + patience)
        try:
            yield
        finally:
            self._done(token)

    def hold(self, seconds: float, reason: str) -> None:
        """Keep every process away from the base."""
        self._alone.hold(seconds, reason)
        try:
            _redis().set(self._hold, reason, px=int(seconds * 1000))
        except redis.RedisError:
            logger.warning("Redis is away; the hold on the base binds this process alone.")

    def hold_after_429(self, seconds: float = HOLD_AFTER_429) -> float:
        """The half minute that Airtable asks for, and a little more at random."""
        pause = seconds + random.uniform(0.5, 3.0)  # noqa: S311 - spreads load, guards nothing
        self.hold(pause, "Airtable's rate limit was reached.")
        return pause

    def held(self) -> OnHold | None:
        """The hold in force, if any."""
        try:
            client: Any = _redis()
            left, reason = client.pttl(self._hold), client.get(self._hold)
        except redis.RedisError:
            return self._alone.held()
        if not isinstance(left, int) or left <= 0:
            return None
        return OnHold(left / 1000, _word(reason))

    def release(self) -> None:
        """End a hold, because an operator has mended its cause."""
        self._alone.hold(0, "")
        try:
            _redis().delete(self._hold)
        except redis.RedisError:
            pass

    def _wait(self, token: str, until: float) -> None:
        while True:
            pause = self._take(token)
            if pause == 0:
                return
            if pause < 0 and time.monotonic() - pause > until:
                raise self._held_for(-pause)
            if time.monotonic() > until:
                raise OnHold(1.0, "Too many requests are waiting for the base.")
            time.sleep(min(abs(pause), 1.0))

    def _held_for(self, seconds: float) -> OnHold:
        held = self.held()
        return held if held is not None else OnHold(seconds, "The base is on hold.")

    def _take(self, token: str) -> float:
        try:
            answer: Any = _redis().eval(
                _TAKE, 2, self._calls, self._hold, token, self._rps, WINDOW, UNDER_WAY
            )
        except redis.RedisError:
            # How many processes there are is unknown, so this one keeps well below the limit.
            return self._alone.take(max(1, self._rps // 2))
        return float(answer) / 1000

    def _done(self, token: str) -> None:
        try:
            _redis().eval(_DONE, 1, self._calls, token)
        except redis.RedisError:
            pass


class _Alone:
    """The pace of this process, for when Redis is away."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._next = 0.0
        self._until = 0.0
        self._reason = ""

    def take(self, rps: int) -> float:
        with self._lock:
            now = time.monotonic()
            if now < self._until:
                return now - self._until
            if now < self._next:
                return self._next - now
            self._next = now + 1.0 / rps
            return 0

    def hold(self, seconds: float, reason: str) -> None:
        with self._lock:
            self._until, self._reason = time.monotonic() + seconds, reason

    def held(self) -> OnHold | None:
        with self._lock:
            left = self._until - time.monotonic()
            return OnHold(left, self._reason) if left > 0 else None


def _word(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value or "The base is on hold.")


def _redis() -> redis.Redis:
    return _client(settings.REDIS_URL)


@lru_cache(maxsize=4)
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=1)


def for_base() -> Limiter:
    """The limiter of the configured base."""
    host = urlsplit(settings.AIRTABLE_API_URL).netloc
    return _limiter(f"{host}/{settings.AIRTABLE_BASE_ID}", int(settings.AIRTABLE_RPS))


@lru_cache(maxsize=8)
def _limiter(base: str, rps: int) -> Limiter:
    return Limiter(base, rps)
