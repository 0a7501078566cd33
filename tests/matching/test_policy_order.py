"""What a policy makes of the candidates: signals, floor, diversity and the place for somebody new."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from matching.ranking import DEFAULT_POLICY, SIGNALS, Policy, Tag, policy_of
from matching.ranking.explore import newcomer
from tests.matching.candidates import NOW, candidates, id_of, one, order, ranked, score

policies = st.builds(
    Policy,
    name=st.just("by chance"),
    meaning=st.floats(0, 1),
    **{signal: st.floats(0, 0.5) for signal in SIGNALS},
    floor=st.floats(0, 1),
    diversity=st.floats(0, 1),
    explore_at=st.integers(0, 6),
)


def likeness(ids):
    """Alike by chance, but always the same two."""
    table = np.eye(len(ids))
    for row, one_id in enumerate(ids):
        for column, other_id in enumerate(ids):
            if row != column:
                table[row, column] = (one_id.int * 7 + other_id.int * 7) % 10 / 10
    return table


# One step in which a mentor gets better by one signal alone, where there is room for it.
STEPS = {
    "expertise": lambda c: replace(c, tags=(Tag("Hiring", "", 5),)),
    "rating": lambda c: replace(
        c, rating_count=c.rating_count + 5, rating_total=c.rating_total + 25
    ),
    "recency": lambda c: replace(c, last_seen=NOW),
    "load": lambda c: replace(
        c, booked_7d=max(0, c.booked_7d - 1), free_7d=c.free_7d + min(1, c.booked_7d)
    ),
    "deficit": lambda c: replace(c, booked_28d=c.booked_7d, idle_days=c.idle_days + 7),
    "acceptance": lambda c: replace(c, requests=c.requests + 3, accepted=c.accepted + 3),
    "connection": lambda c: replace(c, connection="met"),
}


@pytest.mark.parametrize("signal", STEPS)
@given(found=candidates(least=2), policy=policies, which=st.integers(0, 7))
@settings(deadline=None, max_examples=60)
def test_better_by_one_signal_never_costs_a_place(signal, found, policy, which):
    policy = replace(policy, diversity=0.0)
    before = found[which % len(found)]
    better = STEPS[signal](before)
    if signal == "expertise" and max((tag.weight for tag in before.tags), default=0) == 5:
        return
    changed = [better if row is before else row for row in found]
    assert order(changed, policy=policy).index(before.mentor_id) <= order(
        found, policy=policy
    ).index(before.mentor_id)
    assert score(better) == score(before)


@given(candidates(), policies)
@settings(deadline=None)
def test_a_value_is_the_sum_of_its_parts(found, policy):
    for row in ranked(found, policy=policy, alike=likeness, seed="x"):
        assert row.value == pytest.approx(sum(row.parts.values()))
        assert row.parts["relevance"] == row.relevance
        assert set(SIGNALS) <= set(row.parts) <= {*SIGNALS, "relevance", "diversity"}
        assert row.parts.get("diversity", 0) <= 0
        assert row.parts["load"] <= 0 <= row.parts["deficit"]


@given(candidates(), policies)
@settings(deadline=None)
def test_below_the_floor_nothing_lifts(found, policy):
    rows = ranked(found, policy=policy, alike=likeness)
    best = max(row.relevance for row in rows)
    for row in rows:
        if row.relevance < policy.floor * best - 1e-9:
            assert row.value <= row.relevance
        # A part is a signal between -1 and 1 by its weight, and the weights are the policy's.
        for signal in SIGNALS:
            assert abs(row.parts[signal]) <= getattr(policy, signal) + 1e-9


@given(st.data())
@settings(deadline=None)
def test_the_whole_order_does_not_depend_on_the_order_of_the_candidates(data):
    found, policy = data.draw(candidates(most=12)), data.draw(policies)
    other = data.draw(st.permutations(found))
    same = {"policy": policy, "alike": likeness, "seed": "monday"}
    assert order(found, **same) == order(other, **same)


@given(candidates(most=25), policies)
@settings(deadline=None, max_examples=60)
def test_diversity_moves_people_loses_nobody_and_keeps_the_first(found, policy):
    alone = ranked(found, policy=replace(policy, diversity=0.0))
    mixed = ranked(found, policy=policy, alike=likeness)
    assert mixed[0].candidate == alone[0].candidate
    assert {row.candidate.mentor_id for row in mixed} == {row.candidate.mentor_id for row in alone}
    tiers = [(row.is_named, row.candidate.is_bookable) for row in mixed]
    assert tiers == sorted(tiers, reverse=True)


def test_of_two_twins_the_second_makes_room_for_somebody_else():
    twins = [one(number, cosines=(0.6,), bm25=0.5) for number in (1, 2)]
    other = one(3, cosines=(0.59,), bm25=0.5)
    rest = one(4, cosines=(0.2,))

    def alike(ids):
        return np.array([[float({a.int, b.int} <= {1, 2} or a == b) for b in ids] for a in ids])

    found = [*twins, other, rest]
    on = replace(DEFAULT_POLICY, diversity=0.05)
    assert [pk.int for pk in order(found, alike=alike, policy=on)] == [1, 3, 2, 4]
    off = replace(DEFAULT_POLICY, diversity=0.0)
    assert [pk.int for pk in order(found, alike=alike, policy=off)] == [1, 2, 3, 4]


def test_likeness_is_asked_for_once_and_for_twenty_at_most():
    asked_for = []

    def alike(ids):
        asked_for.append(len(ids))
        return np.eye(len(ids))

    ranked([one(number, cosines=(0.5,)) for number in range(40)], alike=alike)
    assert asked_for == [20]


# -- Load and deficit ---------------------------------------------------------------------------
def part(signal, **values):
    (row,) = ranked([one(1, cosines=(0.5,), **values)])
    return row.parts[signal] / getattr(DEFAULT_POLICY, signal)


def test_a_full_week_costs_all_of_the_load_and_an_empty_one_nothing():
    assert part("load", booked_7d=2, free_7d=0) == pytest.approx(-1)
    assert part("load", booked_7d=2, free_7d=2) == pytest.approx(-0.5)
    assert part("load", booked_7d=0, free_7d=0) == 0
    # The cap is what limits somebody who offers more.
    assert part("load", booked_7d=2, free_7d=38, weekly_load_cap=4) == pytest.approx(-0.5)


def test_a_deficit_halves_with_each_session_and_grows_with_the_days_since():
    assert part("deficit", booked_28d=0, idle_days=28) == pytest.approx(1)
    assert part("deficit", booked_28d=0, idle_days=400) == pytest.approx(1)
    assert part("deficit", booked_28d=0, idle_days=0) == pytest.approx(1 / 3)
    assert part("deficit", booked_28d=1, idle_days=14) == pytest.approx((1 / 2 + 2 / 4) / 3)
    assert part("deficit", booked_28d=9, idle_days=0) < 0.001


def test_expertise_counts_by_how_far_it_is_from_the_usual_weight():
    for weight, share in ((5, 1), (4, 0.5), (3, 0), (2, -0.5), (1, -1)):
        assert part("expertise", tags=(Tag("Pricing", "", weight),)) == pytest.approx(share)
    heaviest = (Tag("Pricing", "", 4), Tag("Hiring", "Engineers", 5))
    assert part("expertise", tags=heaviest) == pytest.approx(1)
    assert part("expertise", tags=(Tag("Legal", "", 5),)) == 0


def test_what_nobody_knows_of_a_mentor_counts_neither_way():
    (row,) = ranked([one(1, cosines=(0.5,))])
    assert {name for name, added in row.parts.items() if added} == {"relevance", "deficit"}


# -- The place for somebody new -----------------------------------------------------------------
def settled(count=30):
    return [one(n, cosines=(0.6 - n / 200,), bm25=0.5, sessions=9) for n in range(1, count + 1)]


def new(number, **values):
    given = {"cosines": (0.5,), "bm25": 0.5, "created_at": NOW - timedelta(days=3)}
    return one(number, **{**given, **values})


QUIET = policy_of("quiet", dict.fromkeys(SIGNALS, 0.0))


def test_one_new_mentor_stands_in_the_sixth_place_and_says_so():
    rows = ranked([*settled(), *(new(n) for n in range(100, 110))], policy=QUIET, seed="x")
    explored = [place for place, row in enumerate(rows, start=1) if row.is_explored]
    assert explored == [6]
    assert rows[5].candidate.mentor_id.int >= 100
    without = ranked([*settled(), *(new(n) for n in range(100, 110))], policy=QUIET)
    assert [row.candidate for row in rows if not row.is_explored] == [
        row.candidate for row in without if row.candidate != rows[5].candidate
    ]


@pytest.mark.parametrize(
    "values",
    [
        {"is_bookable": False},
        {"sessions": 1},
        {"shown": 20},
        {"created_at": NOW - timedelta(days=46)},
        {"cosines": (0.0,), "bm25": 0.0},
    ],
    ids=["no times", "had a session", "shown enough", "not new", "does not fit"],
)
def test_the_place_is_for_the_new_who_fit_and_can_be_booked(values):
    rows = ranked([*settled(), new(100, **values)], policy=QUIET, seed="x")
    assert not any(row.is_explored for row in rows)


@given(candidates(most=25), policies, st.text())
@settings(deadline=None, max_examples=80)
def test_nobody_below_the_floor_is_ever_tried(found, policy, seed):
    rows = ranked(found, policy=policy, seed=seed)
    tried = [(place, row) for place, row in enumerate(rows, start=1) if row.is_explored]
    assert len(tried) <= 1
    best = max(row.relevance for row in rows)
    for place, row in tried:
        assert place == policy.explore_at
        assert row.relevance >= policy.floor * best - 1e-9
        assert row.candidate.is_new(NOW)
        assert row.candidate.is_bookable
    assert {row.candidate.mentor_id for row in rows} == {one.mentor_id for one in found}


def test_a_list_stays_for_a_day_and_the_days_are_fair():
    newcomers = [new(number) for number in range(100, 105)]

    def drawn(seed):
        return ranked([*settled(), *newcomers], policy=QUIET, seed=seed)[5].candidate.mentor_id

    assert drawn("alice monday") == drawn("alice monday")
    counts = Counter(drawn(f"day {number}").int for number in range(500))
    assert len(counts) == 5
    assert min(counts.values()) > 60, counts


def test_who_was_shown_less_is_drawn_more_often():
    often, seldom = new(100, shown=19), new(101, shown=0)
    counts = Counter(
        ranked([*settled(), often, seldom], policy=QUIET, seed=f"day {number}")[
            5
        ].candidate.mentor_id
        for number in range(400)
    )
    assert counts[id_of(101)] > 1.4 * counts[id_of(100)]


def test_the_draw_does_not_depend_on_the_order_of_those_drawn_from():
    found = [new(number, shown=number % 7) for number in range(100, 110)]
    for seed in map(str, range(20)):
        assert newcomer(found, seed) == newcomer(found[::-1], seed)


def test_without_a_seed_or_a_place_nobody_is_tried():
    found = [*settled(), new(100)]
    assert not any(row.is_explored for row in ranked(found, policy=QUIET))
    off = replace(QUIET, explore_at=0)
    assert not any(row.is_explored for row in ranked(found, policy=off, seed="x"))


def test_weights_of_a_file_are_read_as_they_are():
    assert policy_of("mine", {"load": 0.2, "explore_at": 3.0}) == replace(
        DEFAULT_POLICY, name="mine", version=0, load=0.2, explore_at=3
    )
