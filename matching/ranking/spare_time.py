"""Who stands further up because of hours that nobody has booked. Pure.

Mentors with free time are favoured on purpose, and the founder is told where that decided
(`explanations.py`): honesty is cheaper than being found out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

import numpy as np

from matching.ranking.order import Ranked
from matching.ranking.signals import Scores

# What favours the under-used: the signals that say nothing of how well somebody fits.
EVEN_LOAD: Final = ("load", "deficit")


def moved_up_by_spare_time(ranked: Sequence[Ranked]) -> frozenset[UUID]:
    """Those who would stand further down among the same candidates if load and deficit counted nothing.

    Who would be level with others then, and is in front of them now, is there because of it too.
    """
    if not ranked:
        return frozenset()
    added = np.array([sum(row.parts.get(name, 0.0) for name in EVEN_LOAD) for row in ranked])
    values = np.array([row.value for row in ranked])
    tiers = np.array([2 * row.is_named + row.candidate.is_bookable for row in ranked])
    now, without = _level_or_before(tiers, values), _level_or_before(tiers, values - added)
    return frozenset(
        row.candidate.mentor_id
        for row, gained, moved in zip(ranked, added > 0, now < without, strict=True)
        if gained and moved
    )


def _level_or_before(tiers: Scores, values: Scores) -> Scores:
    """How many are not behind each, in a list that is ordered by tier and then by value; shape (n,)."""
    points = np.round(values, 9)
    is_higher = tiers[None, :] > tiers[:, None]
    is_level = (tiers[None, :] == tiers[:, None]) & (points[None, :] >= points[:, None])
    counted: Scores = (is_higher | is_level).sum(axis=1).astype(np.float64)
    return counted
