"""Candidates for the tests of ranking: one by hand, or a handful by chance."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from hypothesis import strategies as st

from matching.ranking import Candidate, Tag, rank, scores
from matching.words import asked

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
MODEL = "minilm:all-MiniLM-L6-v2"
QUESTION = asked("help with pricing and hiring")

cosines = st.lists(st.floats(-0.2, 0.9), min_size=0, max_size=10).map(
    lambda values: tuple(sorted(values, reverse=True))
)


def one(number: int = 1, **values: Any) -> Candidate:
    given: dict[str, Any] = {"mentor_id": UUID(int=number), "created_at": NOW - timedelta(days=90)}
    return Candidate(**{**given, **values})


def id_of(number: int) -> UUID:
    return UUID(int=number)


@st.composite
def candidates(draw, least=1, most=8):
    count = draw(st.integers(least, most))
    return [
        one(
            number,
            created_at=NOW - timedelta(days=draw(st.integers(0, 400))),
            cosines=draw(cosines),
            bm25=draw(st.floats(0, 1)),
            coverage=draw(st.floats(0, 1)),
            is_bookable=draw(st.booleans()),
            free_7d=draw(st.integers(0, 30)),
            booked_7d=(soon := draw(st.integers(0, 6))),
            booked_28d=(lately := soon + draw(st.integers(0, 30))),
            idle_days=draw(st.floats(0, 400)),
            sessions=lately + draw(st.integers(0, 5)),
            weekly_load_cap=draw(st.integers(0, 10)),
            rating_count=(n := draw(st.integers(0, 20))),
            rating_total=draw(st.integers(n, 5 * n)),
            tags=draw(st.sampled_from([(), (Tag("Hiring", "", 5),), (Tag("Pricing", "", 1),)])),
            last_seen=draw(st.sampled_from([None, NOW, NOW - timedelta(days=200)])),
            requests=(requests := draw(st.integers(0, 9))),
            accepted=draw(st.integers(0, requests)),
            connection=draw(st.sampled_from(["", "met", "named"])),
            shown=draw(st.integers(0, 20)),
        )
        for number in range(count)
    ]


def ranked(found, question=QUESTION, **more):
    return rank(found, asked=question, model_id=MODEL, now=NOW, **more)


def order(found, question=QUESTION, **more):
    return [row.candidate.mentor_id for row in ranked(found, question, **more)]


def score(candidate, model_id=MODEL):
    return scores([candidate], model_id)[0]
