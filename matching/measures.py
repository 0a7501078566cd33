"""How good a ranking is, and how sure one may be of it. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

CUT: Final = 10
RESAMPLES: Final = 1_000
SEED: Final = 20_260_701


def ndcg(served: Sequence[int], all_grades: Iterable[int], cut: int = CUT) -> float:
    """Normalised discounted cumulative gain, with gain 2^grade - 1 (Burges et al. 2005).

    Args:
        served: the grades of those shown, in the order shown.
        all_grades: every grade there is for this question.
    """

    def gain(grades: Sequence[int]) -> float:
        return sum(
            (2.0**grade - 1) / math.log2(place + 2) for place, grade in enumerate(grades[:cut])
        )

    best = gain(sorted(all_grades, reverse=True))
    return gain(served) / best if best else 0.0


def reciprocal_rank(served: Sequence[int]) -> float:
    return next((1 / place for place, grade in enumerate(served, start=1) if grade > 0), 0.0)


def interval(values: NDArray[np.float64], resamples: int = RESAMPLES) -> tuple[float, float]:
    """The mean's 95 % interval: percentile bootstrap over questions (Efron 1979), seed fixed.

    For two rankings of the same questions give the differences, shape (questions,): paired.
    """
    chosen = np.random.default_rng(SEED).integers(0, len(values), (resamples, len(values)))
    low, high = np.percentile(values[chosen].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def fused_ranks(scores: Sequence[NDArray[np.float64]], k: int = 60) -> NDArray[np.float64]:
    """Reciprocal rank fusion (Cormack et al. 2009) of scores over the same candidates."""
    total = np.zeros(len(scores[0]))
    for values in scores:
        places = np.empty(len(values))
        places[np.argsort(-values, kind="stable")] = np.arange(1, len(values) + 1)
        total += 1 / (k + places)
    return total
