"""A simulated market: what may never happen in one, and what a policy does to it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from matching.ranking import DEFAULT_POLICY, SIGNALS
from matching.simulator.comparison import compare
from matching.simulator.crowd import draw
from matching.simulator.figures import MEANINGS, figures, gini, lorenz
from matching.simulator.market import capacity
from matching.simulator.run import Run, quality
from matching.simulator.serving import AVAILABLE, RANDOM, RELEVANCE, server_for
from tests.matching.markets import market, markets, mentor, scenario, scenarios

SERVED = st.sampled_from([DEFAULT_POLICY, RELEVANCE, AVAILABLE, RANDOM])
_NOTHING: dict[str, Any] = dict.fromkeys(SIGNALS, 0.0)
NO_SIGNALS = replace(DEFAULT_POLICY, **_NOTHING, explore_at=0, diversity=0.0)
SHARES = ("booked", "booked_ever", "filled", "gini", "ndcg", "fit", "newly_booked", "left")


def played(given_market, given_scenario, served, *, demand=0.8, seed=1):
    crowd = draw(given_market, given_scenario, demand=demand, seed=seed)
    fits = given_market.fits()
    run = Run(
        given_market, given_scenario, crowd, server_for(served, given_market, crowd, fits), fits
    )
    run.play()
    return run, crowd


def bookings(run):
    diary = run.diary
    return list(zip(diary.booked_mentor, diary.booked_hour, diary.booked_mentee, strict=True))


@settings(max_examples=60, deadline=None)
@given(markets(), scenarios, SERVED, st.floats(0, 3), st.integers(1, 50))
def test_nobody_is_booked_twice_at_once_nor_beyond_what_there_is(
    given_market, given_scenario, served, demand, seed
):
    run, crowd = played(given_market, given_scenario, served, demand=demand, seed=seed)
    made = bookings(run)
    weeks = Counter((number, int(hour // 168)) for number, hour, _mentee in made)
    for (number, week), count in weeks.items():
        one = given_market.mentors[number]
        assert count <= min(one.weekly_cap, capacity(one, week + 1, week))
    seats = Counter((number, hour) for number, hour, _mentee in made)
    for (number, hour), count in seats.items():
        assert count <= given_market.mentors[number].starts[0].seats
        assert hour >= crowd.joins[number]
    for number, one in enumerate(given_market.mentors):
        hours = sorted({hour for at, hour, _mentee in made if at == number})
        assert all(after - before >= one.length for before, after in pairwise(hours))
    for mentee in {row[2] for row in made}:
        held = sorted(
            (hour, hour + given_market.mentors[number].length)
            for number, hour, whose in made
            if whose == mentee
        )
        assert all(after[0] >= before[1] for before, after in pairwise(held))


def test_a_session_closes_the_starts_that_it_covers():
    """An hour each, offered every half hour from nine to ten: the middle one goes with either other."""
    one = market([mentor(1, 9.0, 9.5, 10.0)], [[0.5]])
    keen = scenario(choice={"outside": False}, supply={"joining": 0, "acceptance": 1})
    run, _crowd = played(one, keen, AVAILABLE, demand=3)
    by_week = {}
    for _number, hour, _mentee in bookings(run):
        by_week.setdefault(hour // 168, set()).add(hour % 168)
    assert {9.0, 10.0} in by_week.values()
    assert all(hours <= {9.0, 10.0} or hours == {9.5} for hours in by_week.values())


@settings(max_examples=40, deadline=None)
@given(markets(), scenarios, SERVED, st.floats(0, 3))
def test_figures_are_what_they_say_they_are(given_market, given_scenario, served, demand):
    run, crowd = played(given_market, given_scenario, served, demand=demand)
    found = figures(run.log, crowd, given_scenario)
    assert set(found) == set(MEANINGS)
    for name in SHARES:
        assert np.isnan(found[name]) or 0 <= found[name] <= 1 + 1e-9, name
    assert np.isnan(found["rating"]) or 1 <= found["rating"] <= 5
    assert run.log.booked_in.sum() == len(bookings(run)) <= len(crowd.asks_at)
    assert run.log.left <= len(crowd.asks_at)
    if served == AVAILABLE:
        assert all(value == pytest.approx(1) for value in run.log.qualities)


@settings(max_examples=25, deadline=None)
@given(markets(), scenarios, SERVED, st.integers(1, 99))
def test_the_same_seed_gives_the_same_run_and_leaves_the_market_alone(
    given_market, given_scenario, served, seed
):
    before = given_market.goals[0].candidates
    first, _crowd = played(given_market, given_scenario, served, seed=seed)
    again, _crowd = played(given_market, given_scenario, served, seed=seed)
    assert bookings(first) == bookings(again)
    assert first.log.qualities == again.log.qualities
    assert given_market.goals[0].candidates == before
    assert all(row.booked_28d == 0 for row in before)


@pytest.mark.parametrize("served", [DEFAULT_POLICY, RELEVANCE, AVAILABLE, RANDOM])
def test_without_demand_nothing_happens(served):
    small = market([mentor(1), mentor(2)], [[0.5, 0.3]])
    run, crowd = played(small, scenario(), served, demand=0)
    found = figures(run.log, crowd, scenario())
    assert bookings(run) == []
    assert (found["filled"], found["gini"], found["left"]) == (0, 0, 0)
    assert np.isnan(found["ndcg"])


def test_the_people_are_the_same_for_every_policy():
    """Otherwise a difference between policies would be chance."""
    small = market([mentor(1), mentor(2), mentor(3)], [[0.5, 0.3, 0.1], [0.1, 0.3, 0.6]])
    crowds = [played(small, scenario(), served)[1] for served in (DEFAULT_POLICY, RANDOM)]
    assert (crowds[0].asks_at == crowds[1].asks_at).all()
    assert (crowds[0].goal == crowds[1].goal).all()
    other = draw(small, scenario(), demand=0.8, seed=2)
    assert (other.asks_at != crowds[0].asks_at).any()


def test_relevance_alone_shows_mentors_without_room_and_loses_by_it():
    crowded = market([mentor(1, 9.0), mentor(2), mentor(3)], [[0.9, 0.5, 0.4]])
    plain = scenario(demand={"tries": 1}, choice={"outside": False}, supply={"joining": 0})
    blind, _ = played(crowded, plain, RELEVANCE, demand=1)
    seeing, _ = played(crowded, plain, AVAILABLE, demand=1)
    assert len(bookings(blind)) < len(bookings(seeing))
    assert np.mean(blind.log.qualities) < 1


def test_a_policy_without_signals_serves_the_relevance_of_those_with_room():
    some = market(
        [mentor(number) for number in range(1, 5)],
        [[0.6, 0.5, 0.4, 0.1], [0.1, 0.2, 0.5, 0.6]],
    )
    run, _crowd = played(some, scenario(), NO_SIGNALS)
    assert np.mean(run.log.qualities) > 0.999


def test_the_shipped_policy_books_a_mentor_whom_relevance_leaves_out():
    """Two who fit nearly alike: chance alone seldom gets to the second place of a short list."""
    pair = market([mentor(1), mentor(2)], [[0.500, 0.499]])
    one_shown = scenario(
        choice={"list_length": 1, "outside_fit": 0.5}, supply={"joining": 0, "acceptance": 1}
    )
    plain, _ = played(pair, one_shown, AVAILABLE, demand=0.3)
    fair, _ = played(pair, one_shown, DEFAULT_POLICY, demand=0.3)
    assert {number for number, *_rest in bookings(plain)} == {0}
    assert {number for number, *_rest in bookings(fair)} == {0, 1}


def test_a_better_fit_is_chosen_more_often_and_so_is_a_higher_place():
    pair = market([mentor(1, cap=50), mentor(2, cap=50)], [[0.6, 0.4]])
    by_fit = scenario(weeks=40, choice={"position": 0, "outside": False}, supply={"joining": 0})
    by_place = scenario(
        weeks=40, choice={"sensitivity": 0, "outside": False}, supply={"joining": 0}
    )
    for one in (by_fit, by_place):
        run, _crowd = played(pair, one, RELEVANCE, demand=0.2)
        first = run.diary.booked_mentor.count(0)
        assert first > 1.2 * run.diary.booked_mentor.count(1)


def test_mentees_leave_when_nobody_fits_and_only_then():
    poor = market([mentor(1), mentor(2)], [[-0.2, -0.2]])
    stay = scenario(choice={"outside": False})
    assert played(poor, stay, AVAILABLE, demand=0.2)[0].log.left == 0
    go = scenario(choice={"outside_fit": 1.5, "sensitivity": 50})
    run, crowd = played(poor, go, AVAILABLE)
    assert run.log.left == len(crowd.asks_at) > 0


def test_who_refuses_everybody_is_never_booked():
    pair = market([mentor(1), mentor(2)], [[0.5, 0.5]])
    assert bookings(played(pair, scenario(supply={"acceptance": 0}), DEFAULT_POLICY)[0]) == []


def test_who_joins_is_met_from_then_on():
    many = market([mentor(number) for number in range(1, 11)], [[0.5] * 10])
    _run, crowd = played(many, scenario(weeks=8, supply={"joining": 0.5}), DEFAULT_POLICY)
    assert crowd.joined.sum() == 5
    assert (crowd.joins[crowd.joined] % 168 == 0).all()
    assert crowd.joins.max() <= 6 * 168
    assert (crowd.capacity[crowd.joined] < crowd.capacity[~crowd.joined].max()).all()


def test_who_is_booked_is_counted_by_whole_periods_of_four_weeks():
    pair = market([mentor(1), mentor(2)], [[0.5, 0.5]])
    for weeks, periods in ((3, 1), (4, 1), (7, 1), (8, 2)):
        plain = scenario(weeks=weeks, supply={"joining": 0})
        run, crowd = played(pair, plain, AVAILABLE, demand=1)
        log = run.log
        log.had_room[:], log.in_use[:] = True, False
        log.in_use[0, :periods] = True
        assert figures(log, crowd, plain)["booked"] == 0.5
        log.in_use[1, periods - 1] = True
        assert figures(log, crowd, plain)["booked"] == (1 + 1 / periods) / 2


def test_a_session_that_was_booked_before_counts_where_it_is_held():
    one = market([mentor(1, 9.0)], [[0.5]])
    plain = scenario(weeks=8, supply={"joining": 0, "acceptance": 1, "horizon_days": 14})
    run, _crowd = played(one, plain, AVAILABLE, demand=1)
    held = {int(hour // 672) for hour in run.diary.booked_hour if hour < 8 * 168}
    assert set(np.flatnonzero(run.log.in_use[0])) >= held


def test_quality_counts_places_and_room():
    fits = market([mentor(1), mentor(2), mentor(3)], [[0.9, 0.5, 0.1]]).fits()
    everybody = np.array([True, True, True])
    order = fits.orders[0]
    assert quality(fits, 0, order, everybody) == pytest.approx(1)
    assert quality(fits, 0, order[::-1], everybody) < 0.8
    without_first = np.array([False, True, True])
    assert quality(fits, 0, order[1:], without_first) == pytest.approx(1)
    assert quality(fits, 0, order, without_first) < 1


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=20), st.floats(0.01, 100))
def test_gini(values, factor):
    numbers = np.array(values)
    found = gini(numbers)
    assert 0 <= found < 1
    assert gini(np.full(len(values), factor)) == pytest.approx(0, abs=1e-9)
    if numbers.max() > 1e-3:
        assert gini(numbers * factor) == pytest.approx(found, abs=1e-6)
        curve = lorenz(numbers)
        assert (curve[0], curve[-1]) == (0, pytest.approx(1))
        assert (np.diff(curve) >= -1e-9).all()


def test_one_who_has_everything_is_as_uneven_as_can_be():
    assert gini(np.array([0.0, 0, 0, 1])) == pytest.approx(0.75)
    assert lorenz(np.array([0.0, 1]), points=3).tolist() == [0, 0, 1]


def test_capacity_is_the_most_that_can_be_held():
    assert capacity(mentor(1), 4) == 16
    assert capacity(mentor(1, cap=3), 4) == 12
    assert capacity(mentor(1, 9.0, 9.5, 10.0), 1) == 2  # an hour each: the middle one overlaps both
    assert capacity(mentor(1, 9.0, seats=4), 1) == 4
    assert capacity(mentor(1), 8, 6) == 8


def test_a_comparison_has_a_row_for_every_policy_and_yardstick_in_one_process_or_two():
    small = market([mentor(1), mentor(2)], [[0.5, 0.3]])
    short = scenario(weeks=2, seeds=2, demand={"to_capacity": [0.5, 1.0]})
    told = []
    alone = compare(small, short, {"mine": DEFAULT_POLICY}, say=lambda *done: told.append(done))
    assert [(row.demand, row.policy) for row in alone.rows] == [
        (demand, name) for demand in (0.5, 1.0) for name in ("mine", RELEVANCE, AVAILABLE, RANDOM)
    ]
    assert told[-1] == (16, 16)
    assert compare(small, short, {"mine": DEFAULT_POLICY}, processes=2).as_json() == alone.as_json()
    (with_room,) = [r for r in alone.as_json()["results"][:4] if r["policy"] == AVAILABLE]
    assert with_room["against_availability"]["booked"]["mean"] == 0
