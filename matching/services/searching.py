"""From a question to mentors in their order: retrieval and ranking, without times and reasons."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet

from matching import ranking, selectors
from matching.services.questions import Question
from mentors.models import Mentor


def search(
    *,
    question: Question,
    eligible: QuerySet[Mentor],
    now: datetime,
    policy: ranking.Policy,
) -> list[ranking.Ranked]:
    """In one query."""
    candidates = selectors.retrieve(
        eligible=selectors.Eligible(eligible),
        text=question.text,
        vector=question.vector,
        model_id=question.model_id,
        now=now,
    )
    return ranking.rank(
        candidates, asked=question.asked, model_id=question.model_id, now=now, policy=policy
    )
