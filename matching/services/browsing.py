"""Looking through the mentors without asking for a match: nothing of it is stored."""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet

from accounts.models import User
from matching.services import policies
from matching.services.filters import Filters, eligible_for, mentee_of
from matching.services.questions import understand
from matching.services.searching import search
from matching.services.shown import load, only_free
from mentors.models import Mentor

MOST_BROWSED = 50


def browse(*, user: User, filters: Filters, now: datetime) -> QuerySet[Mentor]:
    """The mentors that person may see and whom the filters leave, loaded for their cards. No order.

    Of the wish for a time only the necessary part is in it, a window in the period; ask
    `only_free` about the mentors that are about to be shown.
    """
    return eligible_for(user, filters, now).select_related("user").prefetch_related("expertise")


def browse_by_relevance(*, query: str, user: User, filters: Filters, now: datetime) -> list[Mentor]:
    """The 50 that fit a question best."""
    question = understand(query)
    ranked = search(
        question=question,
        eligible=eligible_for(user, filters, now),
        now=now,
        policy=policies.published(),
        mentee=mentee_of(user),
    )
    found = [card.mentor for card, _row in load(ranked, question.model_id)]
    return only_free(found, user=user, filters=filters, now=now)[:MOST_BROWSED]
