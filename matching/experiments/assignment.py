"""Who gets which policy: by hash, so that the same question always has the same answer.

Nothing is stored to assign anybody, and no two processes can disagree. Every draw hashes what it is
for along with the experiment's seed: who is in one experiment says nothing about the next.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from matching.experiments.drafting import CONTROL, TREATMENT

WEEK: Final = 7

# Weekdays differ more than policies do, so an experiment by days runs in blocks of two weeks in which
# every weekday has each policy once.
BLOCK: Final = 2 * WEEK


def takes_part(seed: str, unit: str, *, percent: int) -> bool:
    """Whether this request or person is among the share of traffic that an experiment gets."""
    return _chance(seed, "share", unit) * 100 < percent


def arm_of_person(seed: str, person: str) -> str:
    """CONTROL or TREATMENT, half and half; the same for all that this person does."""
    return TREATMENT if _chance(seed, "person", person) < 0.5 else CONTROL


def arm_of_day(seed: str, first: date, day: date) -> str:
    """The policy of a day, CONTROL or TREATMENT.

    In the first week of a block three or four days are drawn for the treatment; its second week is
    the opposite. So the two are level after every block, weekday by weekday, and nobody can tell
    beforehand whose day it will be.

    Args:
        first: the experiment's first day.
        day: not before `first`.
    """
    block, place = divmod((day - first).days, BLOCK)
    week, weekday = divmod(place, WEEK)
    order = sorted(range(WEEK), key=lambda n: _chance(seed, "day", f"{block}.{n}"))
    drawn = order[: 3 + (_chance(seed, "block", str(block)) < 0.5)]
    return TREATMENT if (weekday in drawn) != (week == 1) else CONTROL


def wash_in(seed: str, first: date, at: datetime, *, zone: ZoneInfo, hours: int) -> bool:
    """Whether a request comes in the hours after a change of policy, which still show the one before.

    The first day counts as a change too: the policy before it was everybody's.
    """
    local = at.astimezone(zone)
    day = local.date()
    if day != first and arm_of_day(seed, first, day) == arm_of_day(seed, first, day - timedelta(1)):
        return False
    midnight = datetime.combine(day, time(), zone)
    return at - midnight.astimezone(at.tzinfo) < timedelta(hours=hours)


def coins(seed: str, unit: str) -> Callable[[], bool]:
    """Coin after coin, always the same ones for the same unit."""
    thrown = _bits(f"{seed}/coins/{unit}")
    return lambda: next(thrown)


def _bits(text: str) -> Iterator[bool]:
    count = 0
    while True:
        digest = hashlib.sha256(f"{text}/{count}".encode()).digest()
        yield from ((byte >> place) & 1 == 1 for byte in digest for place in range(8))
        count += 1


def _chance(seed: str, what: str, unit: str) -> float:
    """Between 0 and 1, evenly, by hash."""
    digest = hashlib.sha256(f"{seed}/{what}/{unit}".encode()).digest()
    return int.from_bytes(digest[:7], "big") / 2**56
