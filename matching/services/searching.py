"""From a question to mentors in their order: retrieval and ranking, without times and reasons."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db.models import QuerySet

from matching import ranking, selectors
from matching.services.questions import Question
from mentors.models import Mentee, Mentor


def search(
    *,
    question: Question,
    eligible: QuerySet[Mentor],
    now: datetime,
    policy: ranking.Policy,
    mentee: Mentee | None = None,
    seed: str | None = None,
) -> list[ranking.Ranked]:
    """In one query, or in two where the policy cares for diversity.

    Args:
        mentee: who asks, if it is one.
        seed: of the draw for the place that is kept for somebody new; None keeps none.
    """
    rankings = search_by(
        question=question,
        eligible=eligible,
        now=now,
        policies=[policy],
        mentee=mentee,
        seed=seed,
    )
    return rankings[0]


def search_by(
    *,
    question: Question,
    eligible: QuerySet[Mentor],
    now: datetime,
    policies: Sequence[ranking.Policy],
    mentee: Mentee | None = None,
    seed: str | None = None,
) -> list[list[ranking.Ranked]]:
    """As `search`, the same candidates in the order of each policy."""
    candidates = find_candidates(question=question, eligible=eligible, now=now, mentee=mentee)
    candidates = question.advice.joined(candidates)
    return [
        ranking.rank(
            candidates,
            asked=question.asked,
            model_id=question.model_id,
            now=now,
            policy=policy,
            alike=alike_by(question.model_id),
            seed=seed,
            advice=question.advice,
        )
        for policy in policies
    ]


def find_candidates(
    *, question: Question, eligible: QuerySet[Mentor], now: datetime, mentee: Mentee | None = None
) -> list[ranking.Candidate]:
    """Who could help, in one query and no order; see `search`."""
    return selectors.retrieve(
        eligible=selectors.Eligible(eligible),
        text=question.text,
        vector=question.vector,
        model_id=question.model_id,
        now=now,
        mentee=mentee,
    )


def alike_by(model_id: str) -> ranking.Alike:
    """How alike mentors are to one model; asks the database when called."""
    return lambda mentor_ids: selectors.likeness(mentor_ids, model_id)
