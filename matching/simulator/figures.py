"""What a run comes to, in numbers between which policies can be chosen. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from matching.measures import interval
from matching.simulator.crowd import Crowd
from matching.simulator.market import DAY, WEEK, Numbers
from matching.simulator.run import PERIOD, Log
from matching.simulator.scenario import Scenario

# Name -> what it says. The order is that of tables.
MEANINGS: Final[Mapping[str, str]] = {
    "booked": "mentors with room who were booked or met within four weeks, share",
    "booked_ever": "mentors with room who were booked during the run, share",
    "filled": "bookings as a share of what demand and capacity allow",
    "gini": "Gini of bookings per mentor, by capacity; 0 is even",
    "ndcg": "nDCG@10 of the lists, against relevance of those with room",
    "fit": "fit of the mentors booked, 0 to 1",
    "rating": "rating to be expected of the sessions, 1 to 5",
    "exposure": "how often a mentor who joined is shown in the first four weeks, times the mean",
    "newly_booked": "of the mentors who joined, those booked within four weeks, share",
    "left": "requests that ended with the mentee leaving, asking nobody (else), share",
}

# A mentor who was there for less than that of a period could not show anything in it.
LEAST_OF_A_PERIOD: Final = 14 * DAY


def figures(log: Log, crowd: Crowd, scenario: Scenario) -> dict[str, float]:
    """By the names of `MEANINGS`; nan where there is nothing to tell."""
    requests, capacity = len(crowd.asks_at), float(crowd.in_reach.sum())
    booked = float(log.booked_in.sum())
    per_mentor = log.booked_in.sum(axis=1)
    had_room = log.had_room.any(axis=1) | (per_mentor > 0)
    return {
        "booked": _booked_by_period(log, crowd, scenario),
        "booked_ever": _mean((per_mentor > 0)[had_room]),
        "filled": booked / min(requests, capacity) if requests and capacity else 0.0,
        "gini": gini(loads(log, crowd)),
        "ndcg": _mean(log.qualities),
        "fit": _mean(log.fits),
        "rating": _mean(log.expected),
        "exposure": _exposure(log, crowd, scenario),
        "newly_booked": _newly_booked(log, crowd, scenario),
        "left": log.left / requests if requests else 0.0,
    }


def loads(log: Log, crowd: Crowd) -> Numbers:
    """Bookings as a share of what each could take, of those who could take any."""
    could = crowd.in_reach > 0
    shares: Numbers = log.booked_in.sum(axis=1)[could] / crowd.in_reach[could]
    return shares


def lorenz(values: Numbers, points: int = 51) -> Numbers:
    """Which share of the whole the smallest have (Lorenz 1905), at evenly spread shares of them.

    Shape (points,), from 0 to 1; all 0 if nobody has anything.
    """
    total = float(values.sum())
    if not total:
        return np.zeros(points)
    curve = np.concatenate(([0.0], np.cumsum(np.sort(values)) / total))
    return np.interp(np.linspace(0, 1, points), np.linspace(0, 1, len(curve)), curve)


def gini(values: Numbers) -> float:
    """0 if all have the same, towards 1 if one has everything (Gini 1912). 0 if nobody has anything."""
    total = float(values.sum())
    if not total:
        return 0.0
    ordered, size = np.sort(values), len(values)
    found = 2 * float(np.arange(1, size + 1) @ ordered) / (size * total) - (size + 1) / size
    return max(0.0, found)


def table(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """A comparison's rows as lines of text, a block for each figure."""
    for name, meaning in MEANINGS.items():
        yield ""
        yield f"{name}: {meaning}"
        for row in rows:
            yield f"  {row['demand_to_capacity']:<5g} {row['policy']:<32} {shown(row[name])}"


def shown(value: Mapping[str, float | None]) -> str:
    """A mean with its interval, as people read it."""
    mean, low, high = (value[name] for name in ("mean", "low", "high"))
    return "nothing to tell" if mean is None else f"{mean:.3f} [{low:.3f}, {high:.3f}]"


def mean_and_interval(values: NDArray[np.float64]) -> tuple[float, float, float]:
    """The mean over seeds with its 95 % interval; nan where no seed has a value."""
    known = values[np.isfinite(values)]
    if not len(known):
        return (float("nan"),) * 3
    return float(known.mean()), *interval(known)


def _booked_by_period(log: Log, crowd: Crowd, scenario: Scenario) -> float:
    """The share over all whole periods together; a shorter run is one."""
    whole = max(1, int(scenario.weeks * WEEK // PERIOD))
    begins = np.arange(whole) * PERIOD
    ends = np.minimum(begins + PERIOD, scenario.weeks * WEEK)
    present = ends[None, :] - np.maximum(begins[None, :], crowd.joins[:, None])
    in_use, had_room = log.in_use[:, :whole], log.had_room[:, :whole]
    return _mean(in_use[(had_room | in_use) & (present >= LEAST_OF_A_PERIOD)])


def _exposure(log: Log, crowd: Crowd, scenario: Scenario) -> float:
    """Times shown a day of the new in their first four weeks, by those of all mentors."""
    there = scenario.weeks * WEEK - crowd.joins
    a_day = float(log.shown.sum() / there.sum()) if len(there) else 0.0
    new = crowd.joined
    if not new.any() or not a_day:
        return float("nan")
    return float(log.new_shown[new].sum() / np.minimum(there[new], PERIOD).sum()) / a_day


def _newly_booked(log: Log, crowd: Crowd, scenario: Scenario) -> float:
    seen = crowd.joined & (crowd.joins + PERIOD <= scenario.weeks * WEEK)
    return _mean((log.first_booked - crowd.joins <= PERIOD)[seen])


def _mean(values: object) -> float:
    found = np.asarray(values, dtype=float)
    return float(found.mean()) if found.size else float("nan")
