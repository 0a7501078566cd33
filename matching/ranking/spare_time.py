"""Who stands further up because of hours that nobody has booked. Pure.

Mentors with free time are favoured on purpose, and the founder is told where that decided
(`explanations.py`): honesty is cheaper than being found out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypeAlias
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from matching.ranking.order import Ranked
from matching.ranking.signals import Scores

Places: TypeAlias = NDArray[np.int64]

# What favours the under-used: the signals that say nothing of how well somebody fits.
EVEN_LOAD: Final = ("load", "deficit")


def moved_up_by_spare_time(ranked: Sequence[Ranked]) -> frozenset[UUID]:
    """Those who would stand further down among the same candidates if load and deficit counted nothing."""
    spare = np.array([[row.parts.get(name, 0.0) for name in EVEN_LOAD] for row in ranked])
    added = spare.sum(axis=1) if len(ranked) else np.zeros(0)
    values = np.array([row.value for row in ranked])
    tiers = np.array(
        [2 * row.is_named + row.candidate.is_bookable for row in ranked], dtype=np.int64
    )
    now, without = _places(tiers, values), _places(tiers, values - added)
    return frozenset(
        row.candidate.mentor_id
        for row, gained, moved in zip(ranked, added > 0, now < without, strict=True)
        if gained and moved
    )


def _places(tiers: Places, values: Scores) -> Places:
    """The place of each, from 0; equals stay in the order they are in."""
    order = np.lexsort((np.arange(len(values)), -np.round(values, 9), -tiers))
    places: Places = np.empty(len(order), dtype=np.int64)
    places[order] = np.arange(len(order))
    return places
