"""From a question to mentors in their order: retrieval and ranking, without times and reasons."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial
from uuid import UUID

import numpy as np
from django.conf import settings
from django.db.models import QuerySet

from accounts.prepared import not_awaited
from matching import ranking, selectors
from matching.embeddings import EmbeddingUnavailable
from matching.services.questions import Question, understand
from matching.services.serving import serving_backend
from matching.vector_index import VectorIndex
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
    """In two queries, or in three where the policy cares for diversity.

    Args:
        mentee: who asks, if it is one.
        seed: of the draw for the place that is kept for somebody new; None keeps none.
    """
    rankings = search_by(
        question=question,
        eligible=selectors.Eligible(eligible),
        now=now,
        policies=[policy],
        mentee=mentee,
        seed=seed,
    )
    return rankings[0]


def search_by(
    *,
    question: Question,
    eligible: selectors.WhoMayBeFound,
    now: datetime,
    policies: Sequence[ranking.Policy],
    mentee: Mentee | None = None,
    seed: str | None = None,
    looked_up: selectors.LookUp | None = None,
) -> list[list[ranking.Ranked]]:
    """As `search`, the same candidates in the order of each policy.

    Args:
        looked_up: what `understood` brought along.
    """
    candidates = find_candidates(
        question=question, eligible=eligible, now=now, mentee=mentee, looked_up=looked_up
    )
    candidates = question.advice.joined(candidates)
    rank = partial(
        ranking.rank,
        candidates,
        asked=question.asked,
        model_id=question.model_id,
        now=now,
        advice=question.advice,
    )
    alike = alike_by(question.model_id)
    if len(policies) > 1:
        # Who may come first by any of them, so that the database is asked once for all.
        heads = (ranking.head(rank(policy=policy))[1] for policy in policies)
        alike = among({row.candidate.mentor_id for head in heads for row in head}, alike)
    return [rank(policy=policy, alike=alike, seed=seed) for policy in policies]


def among(mentors: Iterable[UUID], alike: ranking.Alike) -> ranking.Alike:
    """How alike some of these are, for which all of them are compared at once."""
    places = {mentor: place for place, mentor in enumerate(mentors)}
    all_of_them = alike(list(places))

    def of_some(mentor_ids: Sequence[UUID]) -> ranking.Scores:
        at = [places[mentor] for mentor in mentor_ids]
        some: ranking.Scores = all_of_them[np.ix_(at, at)]
        return some

    return of_some


def find_candidates(
    *,
    question: Question,
    eligible: selectors.WhoMayBeFound,
    now: datetime,
    mentee: Mentee | None = None,
    looked_up: selectors.LookUp | None = None,
) -> list[ranking.Candidate]:
    """Who could help, in two queries and no order; see `search`."""
    return selectors.retrieve(
        eligible=eligible,
        text=question.text,
        vector=question.vector,
        model_id=question.model_id,
        now=now,
        mentee=mentee,
        looked_up=looked_up,
    )


def understood(
    text: str, eligible: selectors.WhoMayBeFound, now: datetime
) -> tuple[Question, selectors.LookUp | None]:
    """A question as `understand` makes it, and what its words find: looked up while a model works on it here.

    None where the model is an address away, and nothing may be left open in the database meanwhile.
    """
    try:
        embedder = serving_backend()
    except EmbeddingUnavailable:
        return understand(text), None  # which says so in the log
    if not embedder.is_local:
        return understand(text), None
    index = VectorIndex(embedder.model_id, embedder.dimensions, settings.VECTOR_INDEX)
    with not_awaited():
        looked_up = selectors.look_up(eligible=eligible, text=text, index=index, now=now)
        return understand(text), looked_up


def alike_by(model_id: str) -> ranking.Alike:
    """How alike mentors are to one model; asks the database when called."""
    return lambda mentor_ids: selectors.likeness(mentor_ids, model_id)
