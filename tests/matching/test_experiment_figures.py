"""Figures of experiments hold what they say: by simulation, by properties, by the textbook."""

from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, strategies as st

from matching import experiments
from matching.experiments import TREATMENT, estimates

DAY_ONE = date(2026, 3, 2)
BERLIN = ZoneInfo("Europe/Berlin")


# -- Figures -----------------------------------------------------------------------------------
def _people(rng, persons, share, alike):
    """Requests of persons who differ: a beta distribution with mean `share`."""
    counts = rng.integers(1, 6, persons)
    mine = np.repeat(rng.beta(share * alike, (1 - share) * alike, persons), counts)
    return (
        np.repeat(np.arange(persons), counts),
        (rng.random(len(mine)) < mine).astype(float),
        counts,
    )


@pytest.mark.parametrize(("persons", "share"), [(30, 0.5), (100, 0.6), (300, 0.8)])
def test_intervals_of_the_win_share_hold_the_truth_as_often_as_they_say(persons, share):
    rng = np.random.default_rng(5)
    held = 0
    for _ in range(600):
        people, outcomes, _counts = _people(rng, persons, share, alike=2)
        found = experiments.win_share(people, outcomes)
        held += found.low <= share <= found.high
    assert 0.92 <= held / 600 <= 0.98


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_two_equal_arms_of_people_differ_one_time_in_twenty(share):
    rng = np.random.default_rng(7)
    alarms = 0
    for _ in range(600):
        people, successes, counts = _people(rng, 150, share, alike=2)
        arm = np.repeat(rng.random(150) < 0.5, counts)
        found = experiments.difference_by_person(people, successes, arm)
        alarms += found.favours_treatment or found.favours_control
    assert 0.02 <= alarms / 600 <= 0.08


def test_two_equal_policies_of_days_differ_one_time_in_twenty():
    """Days that differ far more than requests within them do; weekdays that differ, too."""
    rng = np.random.default_rng(11)
    alarms = by_request = 0
    for n in range(600):
        days = [DAY_ONE + timedelta(k) for k in range(28)]
        arm = np.array([experiments.arm_of_day(str(n), DAY_ONE, day) == TREATMENT for day in days])
        truth = rng.normal(0.3, 0.08, 28)
        rates = rng.binomial(100, np.clip(truth, 0, 1)) / 100
        found = experiments.difference_by_day(rates, arm)
        alarms += found.favours_treatment or found.favours_control
        wins = (rates * 100).round().astype(int)
        everybody = np.concatenate([np.r_[np.ones(w), np.zeros(100 - w)] for w in wins])
        one_each = np.arange(len(everybody))
        naive = experiments.difference_by_person(one_each, everybody, np.repeat(arm, 100))
        by_request += naive.favours_treatment or naive.favours_control
    assert 0.02 <= alarms / 600 <= 0.08
    # Why the day is the unit: by requests, half of all experiments would show a difference.
    assert by_request / 600 > 0.2


def test_a_difference_between_days_and_between_people_is_found():
    days = np.array([0.2, 0.22, 0.18, 0.21, 0.19, 0.2, 0.2])
    arm = np.repeat([False, True], 7)
    found = experiments.difference_by_day(np.r_[days, days + 0.1], arm)
    assert found.value == pytest.approx(0.1)
    assert found.low < 0.1 < found.high
    assert found.favours_treatment
    rng = np.random.default_rng(2)
    people = np.arange(2000)
    treated = people % 2 == 0
    successes = (rng.random(2000) < np.where(treated, 0.2, 0.3)).astype(float)
    assert experiments.difference_by_person(people, successes, treated).favours_control


def test_an_interval_by_person_is_that_of_resampling_persons():
    rng = np.random.default_rng(9)
    people, outcomes, counts = _people(rng, 400, 0.6, alike=1)
    wins = np.bincount(people, weights=outcomes)
    drawn = rng.integers(0, 400, (4000, 400))
    shares = wins[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    found = experiments.win_share(people, outcomes)
    assert [found.low, found.high] == pytest.approx(np.percentile(shares, [2.5, 97.5]), abs=0.01)
    # The same votes, taken for so many people's, look more certain than they are.
    naive = experiments.win_share(np.arange(len(people)), outcomes)
    assert naive.high - naive.low < 0.8 * (found.high - found.low)


@given(
    st.lists(
        st.tuples(st.integers(0, 9), st.sampled_from([0.0, 0.5, 1.0])), min_size=1, max_size=60
    )
)
def test_the_two_policies_are_treated_alike(votes):
    people = np.array([who for who, _vote in votes])
    outcomes = np.array([vote for _who, vote in votes])
    found, mirrored = (experiments.win_share(people, values) for values in (outcomes, 1 - outcomes))
    assert mirrored.value == pytest.approx(1 - found.value)
    if found.low is None:
        assert len(set(people)) == 1
        return
    assert mirrored.low == pytest.approx(1 - found.high, abs=1e-9)
    assert 0 <= found.low <= found.high <= 1
    assert found.low - 1e-9 <= found.value <= found.high + 1e-9


def test_few_and_unanimous_votes_are_no_certainty():
    found = experiments.win_share(np.arange(3), np.ones(3))
    assert found.value == 1
    assert found.low < 0.5


def test_without_votes_there_is_no_figure():
    nothing, nobody = np.array([]), np.array([], dtype=np.int64)
    assert experiments.win_share(nobody, nothing) is None
    assert experiments.difference_by_person(nobody, nothing, nobody.astype(bool)) is None
    assert experiments.difference_by_day(np.array([0.1]), np.array([True])) is None
    alone = experiments.difference_by_day(np.array([0.1, 0.2]), np.array([True, False]))
    assert (alone.low, alone.high) == (None, None)


@pytest.mark.parametrize(
    ("freedom", "exact"), [(3, 3.182), (4, 2.776), (10, 2.228), (30, 2.042), (1e6, 1.960)]
)
def test_quantiles_of_students_t(freedom, exact):
    assert estimates.t_quantile(freedom) == pytest.approx(exact, rel=0.0015)


@pytest.mark.parametrize(("arms", "uneven"), [((50, 50), False), ((520, 480), False),
                                              ((5300, 4700), True), ((0, 0), False)])  # fmt: skip
def test_arms_of_different_size_are_noticed(arms, uneven):
    assert experiments.arms_are_uneven(*arms) is uneven


# -- Samples -----------------------------------------------------------------------------------
def test_needed_samples_are_those_of_the_textbook():
    # Fleiss, Levin, Paik, "Statistical Methods for Rates and Proportions", without correction.
    assert experiments.needed_decisions(0.07) == 399
    assert experiments.needed_decisions(0.2) == 47
    assert experiments.needed_people(0.5, 0.1) == pytest.approx(2 * 392, abs=14)
    assert experiments.needed_people(0.1, 0.05) == pytest.approx(2 * 683, abs=4)
    assert experiments.needed_days(0.05, 0.03) == 98
    assert experiments.needed_days(0.0, 0.03) == 14


@given(st.floats(0.01, 0.4), st.floats(0.01, 0.4))
def test_a_smaller_effect_needs_more(one, other):
    small, large = sorted((one, other))
    assert experiments.needed_decisions(small) >= experiments.needed_decisions(large)
    assert experiments.needed_people(0.2, small) >= experiments.needed_people(0.2, large)
    assert experiments.needed_days(0.05, small) >= experiments.needed_days(0.05, large)


def test_the_needed_sample_notices_the_effect_four_times_in_five():
    effect = 0.1
    rng = np.random.default_rng(13)
    needed = experiments.needed_decisions(effect)
    noticed = sum(
        experiments.win_share(
            np.arange(needed), (rng.random(needed) < 0.5 + effect).astype(float)
        ).favours_treatment
        for _ in range(500)
    )
    assert 0.75 <= noticed / 500 <= 0.86
