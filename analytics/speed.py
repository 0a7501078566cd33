"""How long API requests take: counted where they are answered, in the cache, for seven days.

Each process counts by itself and adds its counts up every ten seconds, so a request costs a few
additions. What a process has not added when it ends is lost, and so is all of it with Redis: it is a
figure, not a record.
"""

from __future__ import annotations

import threading
import time
from bisect import bisect_left
from collections import Counter
from datetime import date, datetime, timedelta
from typing import Final

from django.core.cache import cache

# Upper bounds in milliseconds; the last one holds everything above.
BOUNDS: Final = (
    5, 10, 15, 20, 30, 40, 50, 65, 80, 100, 125, 150, 175, 200, 250, 300, 350, 400, 450, 500, 600,
    750, 1000, 1500, 2000, 3000, 5000, 10_000, 30_000,
)  # fmt: skip
DAYS: Final = 7
ADD_EVERY: Final = 10.0  # seconds
_EXPIRES: Final = (DAYS + 1) * 86_400

_lock = threading.Lock()
_counted: Counter[str] = Counter()
_added_at = 0.0


def note(milliseconds: float, *, now: datetime) -> None:
    """Count one request."""
    global _added_at
    place = min(bisect_left(BOUNDS, milliseconds), len(BOUNDS) - 1)
    with _lock:
        _counted[_key(now.date(), place)] += 1
        if time.monotonic() - _added_at < ADD_EVERY:
            return
        _added_at = time.monotonic()
    add()


def add() -> None:
    """Add this process's counts to everybody's."""
    with _lock:
        counts = dict(_counted)
        _counted.clear()
    for key, count in counts.items():
        cache.add(key, 0, timeout=_EXPIRES)
        try:
            cache.incr(key, count)
        except ValueError:  # it went in between
            cache.set(key, count, timeout=_EXPIRES)


def percentile(share: float, *, now: datetime) -> tuple[float | None, int]:
    """The milliseconds that this share of the last days' requests stayed below, and how many there were.

    Known up to the width of a step of BOUNDS.
    """
    days = [now.date() - timedelta(days=ago) for ago in range(DAYS)]
    keys = {_key(day, place): place for day in days for place in range(len(BOUNDS))}
    counts = [0] * len(BOUNDS)
    for key, count in cache.get_many(keys).items():
        counts[keys[key]] += count
    total, seen = sum(counts), 0
    for place, count in enumerate(counts):
        if count and seen + count >= share * total:
            low = BOUNDS[place - 1] if place else 0
            return low + (BOUNDS[place] - low) * (share * total - seen) / count, total
        seen += count
    return None, 0


def _key(day: date, place: int) -> str:
    return f"analytics:api:{day:%Y%m%d}:{place}"
