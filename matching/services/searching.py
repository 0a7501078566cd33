"""From a question to mentors in their order: retrieval and ranking, without times and reasons."""

from __future__ import annotations

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
    candidates = selectors.retrieve(
        eligible=selectors.Eligible(eligible),
        text=question.text,
        vector=question.vector,
        model_id=question.model_id,
        now=now,
        mentee=mentee,
    )
    return ranking.rank(
        question.advice.joined(candidates),
        asked=question.asked,
        model_id=question.model_id,
        now=now,
        policy=policy,
        seed=seed,
        advice=question.advice,
    )
