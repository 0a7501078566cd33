"""Which new mentor is shown in the place that is kept for one. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import numpy as np

from matching.ranking.candidates import ENOUGH_SHOWN, Candidate

# What is believed of somebody new before they were shown: that one in twenty founders who see them
# books, as strongly as twenty lists would have taught. Not a uniform prior, which explores too much where
# bookings are rare.
BOOKED_WHEN_SHOWN: Final = 0.05
PRIOR_SHOWN: Final = ENOUGH_SHOWN


def newcomer(candidates: Sequence[Candidate], seed: str) -> Candidate:
    """One of some new mentors by a Thompson draw: who was shown less has the better chance.

    From each one's Beta distribution of the share who book when they see them a number is drawn, and the
    highest wins (Thompson 1933). Nobody among them was booked yet, so lists shown all count as refusals.

    Args:
        seed: the same list for the same seed, whatever the order of the candidates.
    """
    fixed = sorted(candidates, key=lambda candidate: candidate.mentor_id.int)
    shown = np.array([candidate.shown for candidate in fixed], dtype=np.float64)
    digest = hashlib.sha256(seed.encode()).digest()
    chance = np.random.default_rng(int.from_bytes(digest[:8]))
    drawn = chance.beta(
        PRIOR_SHOWN * BOOKED_WHEN_SHOWN, PRIOR_SHOWN * (1 - BOOKED_WHEN_SHOWN) + shown
    )
    return fixed[int(np.argmax(drawn))]
