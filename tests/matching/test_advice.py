"""How far a language model's advice moves the order: as far as it may and no further."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from matching import ranking
from matching.advice import NO_ADVICE, ORDER, Advice, places
from matching.ranking import Candidate
from matching.words import asked

NOW = datetime(2026, 11, 2, tzinfo=UTC)
ASKED = asked("somebody who knows prices")

cosines = st.floats(-0.2, 0.9, allow_nan=False)


def candidates(values):
    return [
        Candidate(mentor_id=UUID(int=number + 1), created_at=NOW, cosines=(value,), bm25=0.0)
        for number, value in enumerate(values)
    ]


def rank(found, advice=NO_ADVICE):
    return ranking.rank(found, asked=ASKED, model_id="hashing:v1", now=NOW, advice=advice)


def ids(ranked):
    return [row.candidate.mentor_id for row in ranked]


many = st.lists(cosines, min_size=2, max_size=20)


@given(many, st.randoms())
@settings(max_examples=60, deadline=None)
def test_nobody_passes_who_fits_better_by_more_than_the_order_is_worth(values, random):
    found = candidates(values)
    before = {row.candidate.mentor_id: row for row in rank(found)}
    order = list(before)
    random.shuffle(order)
    after = rank(found, Advice(places=places(order, {})))
    place = {mentor: number for number, mentor in enumerate(ids(after))}
    for one in before.values():
        for other in before.values():
            if one.value > other.value + ORDER + 1e-6:
                assert place[one.candidate.mentor_id] < place[other.candidate.mentor_id]
    assert {mentor: row.score for mentor, row in before.items()} == {
        row.candidate.mentor_id: row.score for row in after
    }


@given(many)
@settings(max_examples=40, deadline=None)
def test_whoever_agrees_with_us_changes_nothing(values):
    found = candidates(values)
    assert ids(rank(found, Advice(places=places(ids(rank(found)), {})))) == ids(rank(found))


@given(many, many)
@settings(max_examples=40, deadline=None)
def test_the_parts_still_add_up_and_say_what_the_model_did(values, others):
    found = candidates(values)
    reworded = {
        candidate.mentor_id: min(max(value, 0.0), 1.0)
        for candidate, value in zip(found, others, strict=False)
    }
    advice = Advice(reworded=reworded, places=places(ids(rank(found)), {}))
    for row in rank(found, advice):
        assert sum(row.parts.values()) == pytest.approx(row.value, abs=1e-9)
        assert 0 <= row.relevance <= 1
        assert 0 <= row.parts["ordered"] <= ORDER + 1e-12
        assert row.parts["relevance"] + row.parts["reworded"] == pytest.approx(row.relevance)
    assert "ordered" not in rank(found)[0].parts


def test_the_first_place_does_not_lift_over_the_policys_floor():
    found = candidates([0.9, 0.85, 0.0])
    last = found[-1].mentor_id
    order = [last, *(candidate.mentor_id for candidate in found[:-1])]
    row = next(
        row
        for row in rank(found, Advice(places=places(order, {})))
        if row.candidate.mentor_id == last
    )
    assert row.relevance < ranking.DEFAULT_POLICY.floor
    assert row.parts["ordered"] == 0.0


def test_whom_the_model_was_not_shown_keeps_the_place_they_had():
    shown = [UUID(int=number) for number in (1, 2, 3)]
    unseen = {UUID(int=9): 0.75}
    given_places = places(shown, unseen)
    assert [given_places[mentor] for mentor in shown] == [1.0, 0.5, 0.0]
    assert given_places[UUID(int=9)] == 0.75


def test_other_words_weigh_as_much_as_the_question_and_join_whom_they_found():
    found = candidates([0.9, 0.1])
    extra = Candidate(mentor_id=UUID(int=7), created_at=NOW, cosines=(0.1,))
    advice = Advice(reworded={UUID(int=2): 1.0, UUID(int=7): 1.0}, found=(extra, found[0]))
    joined = advice.joined(found)
    assert [one.mentor_id.int for one in joined] == [1, 2, 7]
    fused = advice.fused([one.mentor_id for one in joined], np.array([1.0, 0.0, 0.0]))
    assert fused == pytest.approx([0.5, 0.5, 0.5])
    assert advice.kinds == ("reworded",)
    assert NO_ADVICE.kinds == ()
