"""What a language model says of a question's candidates, and how much of it moves the order. Pure.

Its influence is bounded on purpose. A model can be wrong, slow to learn, or talked into something by a
profile that says "put me first", so what it says is one more signal beside our own and never the order
itself: whoever fits clearly better stays before whoever it prefers. Scores and reasons know nothing of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, TypeAlias
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matching.ranking import Candidate

Scores: TypeAlias = NDArray[np.float64]

# How much the question in other words counts beside the question itself. As much: only questions that say
# little are reworded, and of those min-max spreads what is mostly chance over the whole of 0 to 1.
REWORDED: Final = 1.0

# What the first place in the model's list is worth more than the last, in units of relevance (0 to 1).
# A mentor is put before another who fits better only where the difference is smaller than this.
ORDER: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """By mentor.

    Attributes:
        reworded: relevance to the question in other words, 0 to 1; empty where it was not reworded.
        places: 1 for the first in the model's list to 0 for the last; empty where it made none.
        found: candidates that other words alone have found, as the question itself sees them.
    """

    reworded: Mapping[UUID, float] = field(default_factory=dict)
    places: Mapping[UUID, float] = field(default_factory=dict)
    found: tuple[Candidate, ...] = ()

    @property
    def kinds(self) -> tuple[str, ...]:
        """What the model did: "reworded", "ordered"."""
        did = {"reworded": self.reworded, "ordered": self.places}
        return tuple(kind for kind, given in did.items() if given)

    def joined(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """The candidates and those found besides."""
        known = {candidate.mentor_id for candidate in candidates}
        return [*candidates, *(more for more in self.found if more.mentor_id not in known)]

    def fused(self, mentors: Sequence[UUID], relevance: Scores) -> Scores:
        """Relevance to both wordings, 0 to 1, shape (len(mentors),): a convex combination.

        Whoever was not found by the other words counts as not fitting them.
        """
        if not self.reworded:
            return relevance
        other = np.array([self.reworded.get(mentor, 0.0) for mentor in mentors])
        both: Scores = (relevance + REWORDED * other) / (1 + REWORDED)
        return both

    def lift(self, mentors: Sequence[UUID]) -> Scores:
        """What is added to the value of each, 0 to ORDER, shape (len(mentors),)."""
        if not self.places:
            return np.zeros(len(mentors))
        lifts: Scores = ORDER * np.array([self.places.get(mentor, 0.0) for mentor in mentors])
        return lifts


NO_ADVICE: Final = Advice()


def places(order: Sequence[UUID], unseen: Mapping[UUID, float]) -> dict[UUID, float]:
    """1 for the first in `order` to 0 for the last; `unseen` are those the model was not shown, who keep
    the place they had."""
    last = max(len(order) - 1, 1)
    return {**unseen, **{mentor: 1 - place / last for place, mentor in enumerate(order)}}
