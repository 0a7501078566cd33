"""What an experiment shows, with 95 % intervals.

The unit of an interval is what was drawn: the person or the day. Ten questions of one mentee are
nothing like ten mentees, and an interval that takes them for it is too narrow (Deng, Knoblich, Lu
2018, "Applying the Delta Method in Metric Analytics").
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Numbers: TypeAlias = NDArray[np.float64]

CONFIDENCE: Final = 0.95
_Z: Final = NormalDist().inv_cdf(0.5 + CONFIDENCE / 2)

# Below this chance of coming about by luck, arms of such different size have another cause.
UNEVEN: Final = 0.001


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its interval, and the value at which neither policy is better.

    `low` and `high` are None where there is too little to say anything (fewer than two units).
    """

    value: float
    low: float | None
    high: float | None
    neutral: float

    @property
    def favours_treatment(self) -> bool:
        return self.low is not None and self.low > self.neutral

    @property
    def favours_control(self) -> bool:
        return self.high is not None and self.high < self.neutral


def win_share(people: NDArray[np.int64], outcomes: Numbers) -> Estimate | None:
    """The treatment's share of the requests that voted, ties counting half; None without any.

    One half means that neither is preferred. The interval is by person (linearised, what resampling
    persons would give); two wins and two losses are added to it, as Agresti and Coull 1998 do, so
    that few and unanimous votes are not taken for certainty.

    Args:
        people: a number for whoever asked, shape (requests,).
        outcomes: 1 where the treatment won the request, 0 where the control did, .5 for a tie,
            shape (requests,).
    """
    if not len(outcomes):
        return None
    share = float(outcomes.mean())
    wins, requests = _by_person(people, outcomes)
    persons = len(requests)
    if persons < 2:
        return Estimate(share, None, None, 0.5)
    middle, variance = _ratio(np.append(wins, [1, 1, 0, 0]), np.append(requests, [1, 1, 1, 1]))
    reach = t_quantile(persons - 1) * variance**0.5
    return Estimate(share, max(middle - reach, 0.0), min(middle + reach, 1.0), 0.5)


def difference_by_person(
    people: NDArray[np.int64], successes: Numbers, is_treatment: NDArray[np.bool_]
) -> Estimate | None:
    """The treatment's share of successful requests less the control's, for people drawn by person.

    The interval is by person, one success and one failure added to each arm (Agresti and Caffo 2000).
    None while one arm is empty.

    Args:
        people: a number for whoever asked; successes: 1 or 0; is_treatment: their arm. All of shape
            (requests,).
    """
    arms = []
    for mine in (is_treatment, ~is_treatment):
        if not mine.any():
            return None
        arms.append(_by_person(people[mine], successes[mine]))
    (wins, asked), (wins_before, asked_before) = arms
    value = float(wins.sum() / asked.sum() - wins_before.sum() / asked_before.sum())
    if min(len(asked), len(asked_before)) < 2:
        return Estimate(value, None, None, 0.0)
    padded = [_ratio(np.append(w, [1, 0]), np.append(n, [1, 1])) for w, n in arms]
    (new, new_var), (old, old_var) = padded
    reach = _welch(new_var, len(asked), old_var, len(asked_before))
    middle = new - old
    return Estimate(value, max(middle - reach, -1.0), min(middle + reach, 1.0), 0.0)


def difference_by_day(rates: Numbers, is_treatment: NDArray[np.bool_]) -> Estimate | None:
    """The mean of the treatment's days less that of the control's (Welch 1947). None without both.

    Every day counts once, however much was asked on it: days were drawn, requests were not.

    Args:
        rates: the day's share of successful requests; is_treatment: its arm. Both of shape (days,).
    """
    new, old = rates[is_treatment], rates[~is_treatment]
    if not len(new) or not len(old):
        return None
    value = float(new.mean() - old.mean())
    if min(len(new), len(old)) < 2:
        return Estimate(value, None, None, 0.0)
    new_var, old_var = (float(arm.var(ddof=1)) / len(arm) for arm in (new, old))
    reach = _welch(new_var, len(new), old_var, len(old))
    return Estimate(value, value - reach, value + reach, 0.0)


def arms_are_uneven(treatment: int, control: int) -> bool:
    """Whether two arms drawn half and half differ in size by more than luck.

    Then something decides who is counted, and the rest of the figures cannot be trusted (Fabijan et al.
    2019, "Diagnosing Sample Ratio Mismatch").
    """
    total = treatment + control
    if not total:
        return False
    z = abs(treatment - control) / total**0.5
    return 2 * (1 - NormalDist().cdf(z)) < UNEVEN


def t_quantile(freedom: float) -> float:
    """Student's t at 97.5 % for so many degrees of freedom (Abramowitz and Stegun 26.7.5).

    Within .1 % from three on; for one, with which nothing is concluded, 11 % too small.
    """
    x, v = _Z, freedom
    return (
        x
        + (x**3 + x) / 4 / v
        + (5 * x**5 + 16 * x**3 + 3 * x) / 96 / v**2
        + (3 * x**7 + 19 * x**5 + 17 * x**3 - 15 * x) / 384 / v**3
        + (79 * x**9 + 776 * x**7 + 1482 * x**5 - 1920 * x**3 - 945 * x) / 92160 / v**4
    )


def _by_person(people: NDArray[np.int64], values: Numbers) -> tuple[Numbers, Numbers]:
    """Each person's sum of the values, and how many there are; persons in no order that matters."""
    _, places = np.unique(people, return_inverse=True)
    sums: Numbers = np.bincount(places, weights=values).astype(np.float64)
    return sums, np.bincount(places).astype(np.float64)


def _ratio(sums: Numbers, counts: Numbers) -> tuple[float, float]:
    """All sums by all counts, and its variance between persons, linearised."""
    total = counts.sum()
    share = sums.sum() / total
    persons = len(counts)
    residuals = sums - share * counts
    return float(share), float(persons / (persons - 1) * (residuals @ residuals) / total**2)


def _welch(new_var: float, new: int, old_var: float, old: int) -> float:
    """Half the width of the interval of a difference of two means with these variances and sizes."""
    variance = new_var + old_var
    if variance == 0:
        return 0.0
    freedom = variance**2 / (new_var**2 / (new - 1) + old_var**2 / (old - 1))
    return float(t_quantile(freedom) * variance**0.5)
