"""One pace for the base, kept by all processes together.

Airtable takes five requests a second for a base, from everybody, and answers the sixth by shutting
the base for half a minute. So each request first takes a place in a window in Redis. A place is
held while the request is under way and for a second after its answer came: the moment at which
Airtable counted it lies somewhere in between, and from the answer on we are sure that it is over.

Who waits is served by deadline: the time of asking plus what the lane may be kept waiting. So a
person is served before bulk work, and bulk work that has waited long enough before people: nobody
starves. Bulk work also spreads its requests over the second, so that there is soon a place to wait for.
"""

from __future__ import annotations

import enum
import logging
import random
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import redis
from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone

from sync.locks import only_one
from sync.models import BaseBinding

logger = logging.getLogger(__name__)

# A second by Redis' clock; the rest is for a clock that is being slewed (500 ppm at most) and for
# Redis reading its clock once per turn of its loop.
WINDOW = 1.005
# A place whose holder died is free again after this long.
UNDER_WAY = 35.0
# Where Redis has forgotten what was sent, nothing is sent until it is surely over. What is under way
# then is counted by Airtable as it arrives, so this need not cover the slowest answer.
QUIET = 3.0
# No base allows more; a base that does is a test's, and has nothing to protect.
FASTEST_REAL_PACE = 50
# One that waits looks again within 0.4 s. Who was not seen for this long has died.
SEEN = 0.7
HOLD_AFTER_429 = 30.0
HOLD_AFTER_REFUSED_KEY = 300.0
HOLD_AFTER_BILLING = 3600.0


class Lane(enum.Enum):
    """For whom a request is made."""

    PEOPLE = "people"
    """Somebody cannot get in, or waits at a screen, until this is answered."""
    INTERACTIVE = "interactive"
    """A change that somebody has just made and wants to see."""
    SYNC = "sync"
    """What changed, in the order in which it changed."""
    BACKFILL = "backfill"
    """Whole tables: nobody waits."""


# Seconds. How long a lane may be kept waiting by the more urgent ones, and when it gives up.
_MAY_WAIT = {Lane.PEOPLE: 0.0, Lane.INTERACTIVE: 0.5, Lane.SYNC: 2.0, Lane.BACKFILL: 8.0}
_PATIENCE = {Lane.PEOPLE: 5.0, Lane.INTERACTIVE: 10.0, Lane.SYNC: 20.0, Lane.BACKFILL: 60.0}
_BULK = frozenset({Lane.SYNC, Lane.BACKFILL})

_lane: ContextVar[Lane] = ContextVar("lane", default=Lane.SYNC)


@contextmanager
def lane(which: Lane) -> Iterator[None]:
    """Make every request inside for these people. Without it a request is SYNC."""
    before = _lane.set(which)
    try:
        yield
    finally:
        _lane.reset(before)


def current_lane() -> Lane:
    """The lane of a request made here and now."""
    return _lane.get()


# Takes a place: {0, _}, or {how long to wait (ms), _}, or {minus the time a hold has left (ms), _}.
# The second is 1 for the one who finds that Redis has forgotten everything.
_TAKE = """
local calls, hold, open, waiting, seen, paced = unpack(KEYS)
local token, rps, window, under_way = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local ahead, spacing, quiet, life = tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7]), tonumber(ARGV[8])
local t = redis.call('TIME')
local now = t[1] + t[2] / 1000000
local since = redis.call('GET', open)
local forgotten = 0
if not since then
  since, forgotten = string.format('%.6f', now), 1
  redis.call('SET', open, since)
end
redis.call('PEXPIRE', open, 86400000)
local held = redis.call('PTTL', hold)
if held > 0 then return {-held, forgotten} end
local closed = since + quiet - now
if closed > 0 then return {math.ceil(math.min(closed, 0.1) * 1000), forgotten} end

redis.call('ZREMRANGEBYSCORE', calls, '-inf', now - window)
for _, dead in ipairs(redis.call('ZRANGEBYSCORE', seen, '-inf', now - life)) do
  redis.call('ZREM', waiting, dead)
  redis.call('ZREM', seen, dead)
end
redis.call('ZADD', waiting, now + ahead, token)
redis.call('ZADD', seen, now, token)
redis.call('PEXPIRE', waiting, 120000)
redis.call('PEXPIRE', seen, 120000)
local free = rps - redis.call('ZCARD', calls)
local before_me = redis.call('ZRANK', waiting, token)
if before_me >= free then
  local mine = redis.call('ZRANGE', calls, before_me - free, before_me - free, 'WITHSCORES')
  local pause = mine[2] and mine[2] + window - now or 1
  if pause > window then pause = 0.1 end
  return {math.max(2, math.min(400, math.ceil(pause * 1000))), forgotten}
end
if spacing > 0 then
  local pause = (tonumber(redis.call('GET', paced)) or 0) + spacing - now
  if pause > 0 then return {math.max(1, math.ceil(pause * 1000)), forgotten} end
  redis.call('SET', paced, string.format('%.6f', now), 'PX', 60000)
end
redis.call('ZREM', waiting, token)
redis.call('ZREM', seen, token)
redis.call('ZADD', calls, now + under_way, token)
redis.call('PEXPIRE', calls, 120000)
return {0, forgotten}
"""
# Also where the place is not there any more: the answer came all the same, and it counts.
_DONE = """
local t = redis.call('TIME')
redis.call('ZADD', KEYS[1], t[1] + t[2] / 1000000, ARGV[1])
redis.call('PEXPIRE', KEYS[1], 120000)
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
        """
        Args:
            base: host and base id, `api.airtable.com/app…`.
            rps: requests in any second, of all processes together.
        """
        name = f"oh:airtable:{base}"
        self._calls, self._hold = f"{name}:calls", f"{name}:hold"
        # Whether Redis remembers is a fact about Redis, not about one base.
        self._keys = [
            self._calls, self._hold, "oh:airtable:open",
            f"{name}:waiting", f"{name}:seen", f"{name}:paced",
        ]  # fmt: skip
        self._rps = rps
        self._quiet = QUIET if rps <= FASTEST_REAL_PACE else 0.0
        self._alone = _Alone(base, rps, self._quiet)
        self._kept = _KeptHold(base)

    @contextmanager
    def place(self, *, patience: float | None = None) -> Iterator[None]:
        """Wait for a place and hold it during one request.

        Args:
            patience: seconds; what the lane has if left out.

        Raises:
            OnHold: the base is closed to us for longer than we would wait, or too many wait.
        """
        which = current_lane()
        until = time.monotonic() + (_PATIENCE[which] if patience is None else patience)
        token = uuid.uuid4().hex
        if not self._wait(token, which, until):
            with self._alone.place(until, self._kept.left()):
                yield
            return
        try:
            yield
        finally:
            self._done(token)

    def hold(self, seconds: float, reason: str) -> None:
        """Keep every process away from the base, also when Redis is emptied meanwhile."""
        self._kept.set(seconds, reason)
        try:
            _redis().set(self._hold, reason, px=int(seconds * 1000))
        except redis.RedisError:
            logger.warning("Redis is away; the hold on the base is kept in the database alone.")

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
            return self._kept.left()
        if not isinstance(left, int) or left <= 0:
            return None
        return OnHold(left / 1000, _word(reason))

    def release(self) -> None:
        """End a hold, because an operator has mended its cause."""
        self._kept.set(0, "")
        try:
            _redis().delete(self._hold)
        except redis.RedisError:
            pass

    def _wait(self, token: str, which: Lane, until: float) -> bool:
        """Until a place is ours; False when Redis is away."""
        asked = time.monotonic()
        try:
            while True:
                waited = time.monotonic() - asked
                pause = self._take(token, which, waited)
                if pause == 0:
                    return True
                if pause < 0 and time.monotonic() - pause > until:
                    raise self._held_for(-pause)
                if time.monotonic() > until:
                    raise OnHold(1.0, "Too many requests are waiting for the base.")
                time.sleep(min(abs(pause), 1.0))
        except redis.RedisError:
            return False
        except BaseException:
            self._give_up(token)
            raise

    def _held_for(self, seconds: float) -> OnHold:
        held = self.held()
        return held if held is not None else OnHold(seconds, "The base is on hold.")

    def _take(self, token: str, which: Lane, waited: float) -> float:
        client = _redis()
        spacing = 0.8 / self._rps if which in _BULK else 0.0
        answer: Any = _script(_TAKE)(
            keys=self._keys,
            args=[
                token, self._rps, WINDOW, UNDER_WAY, _MAY_WAIT[which] - waited, spacing,
                self._quiet, SEEN,
            ],
            client=client,
        )  # fmt: skip
        self._alone.is_over()
        pause, forgotten = answer
        if forgotten and (kept := self._kept.left()) is not None:
            client.set(self._hold, kept.reason, px=int(kept.seconds * 1000), nx=True)
        return float(pause) / 1000

    def _done(self, token: str) -> None:
        try:
            _script(_DONE)(keys=[self._calls], args=[token], client=_redis())
        except redis.RedisError:
            pass

    def _give_up(self, token: str) -> None:
        try:
            _redis().zrem(self._keys[3], token)
        except redis.RedisError:
            pass


class _Alone:
    """The pace when Redis is away: one request at a time, of all processes, with a pause behind it.

    PostgreSQL keeps the turn. It is slower and knows no lanes, and it stays below the limit however
    many processes there are.
    """

    def __init__(self, base: str, rps: int, quiet: float) -> None:
        self._name = f"limiter:{base}"
        self._pause = 1.0 / max(1, rps - 1)
        self._quiet = quiet
        self._since: float | None = None
        self._lock = threading.Lock()

    def is_over(self) -> None:
        """Redis answers."""
        self._since = None

    @contextmanager
    def place(self, until: float, held: OnHold | None) -> Iterator[None]:
        if held is not None:
            raise held
        with self._lock:
            self._since = self._since or time.monotonic()
            # What was sent by Redis' window just now must be over first.
            time.sleep(max(0.0, self._since + self._quiet - time.monotonic()))
        patience = max(0.0, until - time.monotonic())
        with only_one(self._name, patience=patience) as mine:
            if not mine:
                raise OnHold(1.0, "Too many requests are waiting for the base.")
            try:
                yield
            finally:
                time.sleep(self._pause)


class _KeptHold:
    """The hold as the database remembers it, for when Redis does not."""

    def __init__(self, base: str) -> None:
        self._base_id = base.rpartition("/")[2]

    def set(self, seconds: float, reason: str) -> None:
        until = timezone.now() + timedelta(seconds=seconds) if seconds > 0 else None
        try:
            BaseBinding.objects.filter(base_id=self._base_id).update(
                held_until=until, held_reason=reason[:200]
            )
        except DatabaseError:
            logger.warning("The database is away; the hold on the base is kept in Redis alone.")

    def left(self) -> OnHold | None:
        row = BaseBinding.objects.filter(
            base_id=self._base_id, held_until__gt=timezone.now()
        ).values_list("held_until", "held_reason").first()  # fmt: skip
        if row is None or row[0] is None:
            return None
        return OnHold((row[0] - timezone.now()).total_seconds(), row[1])


def _word(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value or "The base is on hold.")


def _redis() -> redis.Redis:
    return _client(settings.REDIS_URL)


@lru_cache(maxsize=4)
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=2, socket_connect_timeout=1)


@lru_cache(maxsize=4)
def _script(text: str) -> Any:
    """By its digest: sent whole only where Redis does not know it."""
    return _redis().register_script(text)


def for_base() -> Limiter:
    """The limiter of the configured base."""
    host = urlsplit(settings.AIRTABLE_API_URL).netloc
    return _limiter(f"{host}/{settings.AIRTABLE_BASE_ID}", int(settings.AIRTABLE_RPS))


@lru_cache(maxsize=8)
def _limiter(base: str, rps: int) -> Limiter:
    return Limiter(base, rps)
