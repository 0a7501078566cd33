from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from matching.measures import fused_ranks, interval, ndcg, reciprocal_rank

GRADES = st.lists(st.integers(0, 4), min_size=1, max_size=30)


def test_ndcg_by_hand():
    # Gains 3 and 7: (3/1 + 7/log2(3)) / (7/1 + 3/log2(3)).
    assert ndcg([2, 3], [3, 2]) == pytest.approx((3 + 7 / 1.58496) / (7 + 3 / 1.58496), rel=1e-5)


@given(GRADES)
def test_ndcg_is_one_for_the_best_order_and_never_more(grades):
    best = sorted(grades, reverse=True)
    assert ndcg(best, grades) == (1.0 if any(grades) else 0.0)
    assert 0 <= ndcg(grades, grades) <= 1 + 1e-12


@given(GRADES, st.integers(0, 28))
def test_ndcg_rises_when_a_better_one_moves_up(grades, place):
    place %= max(1, len(grades) - 1)
    swapped = list(grades)
    swapped[place : place + 2] = sorted(grades[place : place + 2], reverse=True)
    assert ndcg(swapped, grades) >= ndcg(grades, grades) - 1e-12


def test_reciprocal_rank():
    assert reciprocal_rank([0, 0, 2, 1]) == pytest.approx(1 / 3)
    assert reciprocal_rank([0, 0]) == 0


def test_an_interval_holds_the_mean_and_is_the_same_each_time():
    values = np.random.default_rng(7).normal(0.1, 0.2, 200)
    low, high = interval(values)
    assert low < values.mean() < high
    assert (low, high) == interval(values)
    # The normal approximation: mean and 1.96 standard errors.
    assert high - low == pytest.approx(2 * 1.96 * values.std() / np.sqrt(200), rel=0.1)


def test_an_interval_of_equal_values_has_no_width():
    assert interval(np.full(5, 0.25)) == (0.25, 0.25)


def test_an_interval_misses_the_truth_about_one_time_in_twenty():
    draws = np.random.default_rng(3)
    edges = [interval(draws.normal(0.5, 0.3, 80)) for _ in range(200)]
    assert 0.88 <= np.mean([low <= 0.5 <= high for low, high in edges]) <= 0.99


def test_fused_ranks_prefer_who_is_high_in_both():
    fused = fused_ranks([np.array([3.0, 2.0, 1.0]), np.array([1.0, 3.0, 2.0])])
    assert list(np.argsort(-fused)) == [1, 0, 2]
    assert fused[1] == pytest.approx(1 / 62 + 1 / 61)
