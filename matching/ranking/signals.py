"""What each signal measures, before its weight. Pure; one column a signal, one row a candidate.

Nobody gains or loses by data that is missing: without ratings, requests or a last visit a signal is 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from matching.ranking.candidates import Candidate
from matching.ranking.policy import SIGNALS
from matching.words import Asked, says

Scores: TypeAlias = NDArray[np.float64]

# As many ratings at the mean are added to a mentor's own: two fives are not better than fifty 4.8s.
PRIOR_RATINGS: Final = 5

# Likewise for requests, at the share that mentors usually accept (an assumption until it is measured).
PRIOR_REQUESTS: Final = 10
USUALLY_ACCEPTED: Final = 0.8

# A last visit: 1 just now, 0 after a half-life, towards -1 when long ago.
HALF_LIFE: Final = timedelta(days=30)

# Open starts saturate: two are much better than none, twenty hardly than ten.
ENOUGH_STARTS: Final = 3

# The period that utilization is measured in.
LOAD_PERIOD: Final = timedelta(weeks=4)

# The weight of a piece of expertise that nobody has weighed.
USUAL_WEIGHT: Final = 3


# What is read of each candidate, in one pass: two hundred are ranked while somebody waits.
_NUMBERS: Final = attrgetter(
    "free_7d", "booked_7d", "booked_28d", "idle_days", "weekly_load_cap", "rating_total",
    "rating_count", "requests", "accepted",
)  # fmt: skip


def measured(candidates: Sequence[Candidate], *, asked: Asked, now: datetime) -> Scores:
    """What each signal adds at a weight of 1, shape (len(candidates), len(SIGNALS)), each -1 to 1."""
    table = np.array([_NUMBERS(candidate) for candidate in candidates], dtype=np.float64)
    free, booked, lately, idle, cap, stars, ratings, requests, accepted = table.T
    # Sessions that each could have in a week: what they offer in the coming one, up to their cap. Two hours
    # are a full week for whoever offers two.
    capacity = np.maximum(1.0, np.minimum(free + booked, cap))
    away = np.array([(now - c.last_seen) / HALF_LIFE if c.last_seen else 1.0 for c in candidates])
    columns = {
        "expertise": _expertise(candidates, asked),
        "rating": _rating(stars, ratings),
        "recency": 2 * np.exp2(-np.maximum(away, 0.0)) - 1,
        "availability": 1 - np.exp(-free / ENOUGH_STARTS),
        "load": -np.minimum(1.0, booked / capacity),
        "deficit": _deficit(lately, idle),
        "acceptance": _acceptance(accepted, requests),
        "connection": np.array([float(bool(c.connection)) for c in candidates]),
    }
    return np.stack([columns[name] for name in SIGNALS], axis=1)


def _expertise(candidates: Sequence[Candidate], asked: Asked) -> Scores:
    """-1 to 1: by how much the heaviest piece of expertise that the question names is above the usual.

    That the profile has the word is in relevance already, so the usual weight adds nothing.
    """
    names = {name for c in candidates for tag in c.tags for name in (tag.area, tag.sub_area)}
    named = {name for name in names if name and says(asked, name)}
    return np.array(
        [
            max(
                (
                    (tag.weight - USUAL_WEIGHT) / 2
                    for tag in candidate.tags
                    if tag.area in named or tag.sub_area in named
                ),
                default=0.0,
            )
            for candidate in candidates
        ]
    )


def _rating(stars: Scores, counts: Scores) -> Scores:
    """Mean rating shrunk to everybody's mean, as distance from it (-1 to 1)."""
    if not counts.any():
        return np.zeros(len(counts))
    mean = stars.sum() / counts.sum()
    shrunk: Scores = (stars + PRIOR_RATINGS * mean) / (counts + PRIOR_RATINGS)
    distance: Scores = (shrunk - mean) / 4  # 1 to 5 is a range of 4
    return distance


def _deficit(booked: Scores, idle: Scores) -> Scores:
    """0 to 1: how much a mentor is owed a session: (2^-n + 2 min(1, d / 28)^2) / 3.

    n sessions lately or to come, d days since the last one or since they joined. The first part ends
    with the first bookings, which is what spreads the next requests; the second grows slowly and then
    fast, so that it moves hardly anybody until a period is about to end without a session. Chosen in the
    simulator among shapes that cost as little relevance (docs/market.md).
    """
    waited = np.minimum(1.0, idle / LOAD_PERIOD.days)
    owed: Scores = (np.exp2(-booked) + 2 * waited**2) / 3
    return owed


def _acceptance(accepted: Scores, requests: Scores) -> Scores:
    """-.8 to .2: the share of requests accepted, shrunk to the usual one, as distance from it."""
    share = (accepted + PRIOR_REQUESTS * USUALLY_ACCEPTED) / (requests + PRIOR_REQUESTS)
    distance: Scores = share - USUALLY_ACCEPTED
    return distance
