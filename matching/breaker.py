"""An outside system that fails is left alone for a while, by all processes together.

Closed, calls go through. After a few failures in a row it is open and nobody calls. When the pause is over
one call is let through (half-open): if it succeeds the breaker closes, if not the next pause is twice as
long. (Nygard 2007, "Release It!", chapter 5.)

What is known stands in the cache, which every process reads, and a second time in this process, for when
the cache is away. Two failures at the same moment may be counted as one: then it opens one failure later.
"""

from __future__ import annotations

import hashlib
import logging
import time
from dataclasses import dataclass
from typing import Any, Final

from django.core.cache import cache
from django.core.cache.backends.base import BaseCache
from django.core.cache.backends.locmem import LocMemCache

from accounts.cache import is_away

logger = logging.getLogger(__name__)

FAILURES: Final = 3  # in a row
IN_A_ROW: Final = 120  # seconds from one to the next, or they are not
FIRST_PAUSE: Final = 30.0  # seconds; doubles from pause to pause
LONGEST_PAUSE: Final = 300.0
# How long the one call of a half-open breaker may take before another may try in its place; seconds.
TRIAL: Final = 15

_here: Final[BaseCache] = LocMemCache("breakers", {})


@dataclass(frozen=True, slots=True)
class State:
    """What happened lately.

    Attributes:
        failures: in a row. pauses: since it last worked.
        until: when the pause ends, in seconds since 1970; 0 while closed.
        reason: the last failure in a sentence.
    """

    failures: int = 0
    pauses: int = 0
    until: float = 0.0
    reason: str = ""

    @property
    def left(self) -> float:
        """Seconds for which nobody calls; 0 if closed or half-open."""
        return max(0.0, self.until - time.time())


class Breaker:
    """The breaker of one outside system. Ask `allows`, call, and say how it went."""

    def __init__(self, name: str, *, first_pause: float = FIRST_PAUSE) -> None:
        self.name = name
        self._key = f"breaker:{hashlib.sha256(name.encode()).hexdigest()[:32]}"
        self._first_pause = first_pause

    def state(self) -> State:
        return State(**(self._get() or {}))

    def allows(self) -> bool:
        """Whether to call now. Half-open, only the first who asks is told yes."""
        state = self.state()
        if not state.until:
            return True
        if state.left:
            return False
        return self._first(f"{self._key}:trial:{state.until}")

    def succeeded(self) -> None:
        if self._get() is None:
            return
        if self.state().until:
            logger.info("%s works again.", self.name)
        for store in (cache, _here):
            store.delete(self._key)

    def failed(self, reason: str, *, retry_after: float | None = FIRST_PAUSE) -> None:
        """Count a failure.

        Args:
            retry_after: what the server asks for, in seconds; None if waiting will not help, which opens
                the breaker at once and for the longest pause.
        """
        known = self.state()
        opens = retry_after is None or known.until or known.failures + 1 >= FAILURES
        state = State(known.failures + 1, known.pauses, 0.0, reason)
        if opens:
            pause = self._pause(known.pauses, retry_after)
            state = State(state.failures, known.pauses + 1, time.time() + pause, reason)
            if not known.pauses:  # a night without the provider is one line
                logger.warning("%s is left alone for %.0f s. %s", self.name, pause, reason)
        kept_for = IN_A_ROW + (int(2 * LONGEST_PAUSE) if opens else 0)
        values = {name: getattr(state, name) for name in State.__slots__}
        for store in (cache, _here):
            store.set(self._key, values, kept_for)

    def _pause(self, pauses: int, retry_after: float | None) -> float:
        if retry_after is None:
            return LONGEST_PAUSE
        doubled = self._first_pause * float(2**pauses)
        # FIRST_PAUSE is what callers say where the server said nothing.
        asked = retry_after if retry_after > FIRST_PAUSE else 0.0
        return float(min(max(doubled, asked), LONGEST_PAUSE))

    def _get(self) -> dict[str, Any] | None:
        found: dict[str, Any] | None = cache.get(self._key)
        if is_away():
            found = _here.get(self._key)
        return found

    def _first(self, key: str) -> bool:
        # Asked here first: while the cache is away it tells everybody that they are first.
        return bool(_here.add(key, 1, TRIAL) and cache.add(key, 1, TRIAL))
