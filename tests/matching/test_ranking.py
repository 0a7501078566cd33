from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings, strategies as st

from matching.ranking import Tag, band, evidence, rank, relevance
from matching.words import asked
from tests.matching.candidates import MODEL, NOW, QUESTION, candidates, one, order, score


def test_nobody_is_ranked_when_there_is_nobody():
    assert order([]) == []


@given(st.data())
@settings(deadline=None)
def test_the_order_does_not_depend_on_the_order_of_the_candidates(data):
    found = data.draw(candidates())
    assert order(data.draw(st.permutations(found))) == order(found)


@given(candidates(least=2), st.floats(0.001, 0.5), st.integers(0, 7))
@settings(deadline=None)
def test_a_better_cosine_never_costs_a_place(found, more, which):
    before = found[which % len(found)]
    if not before.cosines:
        return
    better = replace(before, cosines=tuple(cosine + more for cosine in before.cosines))
    changed = [better if row is before else row for row in found]
    assert order(changed).index(before.mentor_id) <= order(found).index(before.mentor_id)
    assert score(better, MODEL) >= score(before, MODEL)


@given(candidates())
@settings(deadline=None)
def test_who_can_be_booked_comes_first(found):
    by_id = {row.mentor_id: row for row in found}
    bookable = [by_id[pk].is_bookable for pk in order(found)]
    assert bookable == sorted(bookable, reverse=True)


@given(candidates())
@settings(deadline=None)
def test_scores_and_relevance_stay_in_their_range(found):
    assert all(0 <= score(row, MODEL) <= 100 for row in found)
    fit = relevance(found)
    assert fit.min() >= -1e-9
    assert fit.max() <= 1 + 1e-9


def test_a_score_does_not_depend_on_the_company():
    alone = one(cosines=(0.5, 0.3))
    crowd = [alone, *(one(number, cosines=(0.9,)) for number in range(2, 9))]
    shown = {
        row.candidate.mentor_id: row.score
        for row in rank(crowd, asked=QUESTION, model_id=MODEL, now=NOW)
    }
    assert shown[alone.mentor_id] == score(alone, MODEL)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=20), st.floats(0.0001, 0.3))
def test_evidence_rises_with_every_vote_that_counts(values, more):
    best = sorted(values, reverse=True)
    better, before = evidence([[best[0] + more, *best[1:]], best])
    assert better > before
    longer, eight = evidence([[*best[:8], *best[:3]], best[:8]])
    assert longer == eight or len(best) < 8


@given(st.lists(st.floats(0, 1), min_size=2, max_size=8), st.integers(0, 7), st.floats(0, 1))
def test_more_of_the_words_asked_for_never_lowers_relevance(shares, which, more):
    found = [one(number, cosines=(0.4,), bm25=share) for number, share in enumerate(shares)]
    which %= len(found)
    better = [*found]
    better[which] = replace(found[which], bm25=min(1.0, shares[which] + more))
    assert relevance(better)[which] >= relevance(found)[which] - 1e-9


def test_words_that_find_only_chance_do_not_overrule_the_meaning():
    # Nobody has more than a trace of the question's words: the better vector leads.
    near, chance = one(1, cosines=(0.5,), bm25=0.0), one(2, cosines=(0.38,), bm25=0.06)
    rest = [one(number, cosines=(0.2,), bm25=0.01) for number in range(3, 9)]
    assert order([near, chance, *rest])[0] == near.mentor_id
    # With all of the question's words in one profile, that one does.
    says_it = replace(chance, bm25=0.6)
    assert order([near, says_it, *rest])[0] == says_it.mentor_id


def test_many_documents_about_it_count_more_than_one():
    many = one(1, cosines=(0.5, 0.48, 0.47, 0.45))
    single = one(2, cosines=(0.52, 0.1, 0.05, 0.0))
    rest = [one(number, cosines=(0.1, 0.1, 0.1, 0.1)) for number in range(3, 6)]
    assert order([many, single, *rest])[0] == many.mentor_id


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"booked_28d": 0}, {"booked_28d": 18}),
        ({"idle_days": 28}, {"idle_days": 7}),
        ({"booked_28d": 9, "booked_7d": 0}, {"booked_28d": 9, "booked_7d": 4}),
        ({"last_seen": NOW}, {"last_seen": NOW - timedelta(days=60)}),
        ({"last_seen": None}, {"last_seen": NOW - timedelta(days=60)}),
        ({"requests": 20, "accepted": 19}, {}),
        ({}, {"requests": 4, "accepted": 1}),
        ({"connection": "met"}, {}),
        ({"free_7d": 9, "booked_28d": 9}, {"free_7d": 5, "booked_28d": 9}),  # the cap is five
        ({"rating_total": 50, "rating_count": 10}, {"rating_total": 30, "rating_count": 10}),
        ({"tags": (Tag("Pricing", "", 5),)}, {"tags": (Tag("Pricing", "", 1),)}),
    ],
)
def test_among_equals_the_small_signals_decide(better, worse):
    same = {"cosines": (0.4,), "bm25": 0.3}
    assert order([one(1, **same, **worse), one(2, **same, **better)])[0] == UUID(int=2)


def test_small_signals_never_lift_a_mentor_who_does_not_fit():
    fits = one(1, cosines=(0.6,), bm25=0.6, booked_28d=30, rating_total=20, rating_count=10)
    does_not = one(
        2,
        cosines=(0.1,),
        free_7d=30,
        rating_total=500,
        rating_count=100,
        tags=(Tag("Hiring", "", 5),),
    )
    assert order([fits, does_not])[0] == fits.mentor_id


def test_two_fives_are_not_better_than_fifty_near_fives():
    few = one(1, rating_total=10, rating_count=2)
    many = one(2, rating_total=245, rating_count=50)
    rest = [one(number, rating_total=40, rating_count=10) for number in range(3, 9)]
    assert order([few, many, *rest])[0] == many.mentor_id


def test_a_newcomer_is_neither_pushed_nor_punished():
    new = one(2, created_at=NOW, cosines=(0.4,))
    settled = one(1, cosines=(0.4,))
    first, second = rank([new, settled], asked=QUESTION, model_id=MODEL, now=NOW)
    assert first.value == pytest.approx(second.value)


def test_whoever_is_asked_for_by_name_comes_first():
    named = one(9, name="Zoë Kahn-Ruiz", is_bookable=False)
    rest = [one(number, name=f"Person {number}", cosines=(0.8,)) for number in range(5)]
    for question in ("zoe kahn ruiz", "Is Zoë Kahn-Ruiz free?", "zoe"):
        assert order([*rest, named], asked(question))[0] == named.mentor_id


def test_whoever_has_no_vector_yet_is_judged_by_words():
    fresh = one(1, bm25=0.8, coverage=0.9)
    known = [one(number, cosines=(0.3,), bm25=0.1) for number in range(2, 6)]
    assert order([*known, fresh])[0] == fresh.mentor_id
    assert score(fresh, MODEL) == 90


def test_bands():
    assert [band(value) for value in (100, 75, 74, 50, 49, 0)] == [
        "Strong match", "Strong match", "Good match", "Good match", "Possible match", "Possible match",
    ]  # fmt: skip
