"""What was asked and shown is kept: experiments, suggestions and the PM's numbers read it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from django.db import transaction

from accounts.models import User
from matching.models import MatchImpression, MatchRequest
from matching.services.courses import Course
from matching.services.filters import Filters
from matching.services.questions import Question

if TYPE_CHECKING:
    from matching.services.answers import Match


def store(
    user: User,
    question: Question,
    filters: Filters,
    matches: Sequence[Match],
    *,
    course: Course,
    took_ms: int,
    now: datetime,
) -> UUID:
    """The request and its impressions; the request's id."""
    request = MatchRequest(
        id=uuid4(),
        user=user,
        query=question.text,
        filters=filters.as_json(),
        model_id=question.model_id,
        policy=course.label.name,
        policy_version=course.label.version,
        experiment_id=course.experiment_id,
        arm=course.arm,
        advice=", ".join(question.advice.kinds),
        took_ms=took_ms,
        created_at=now,
    )
    with transaction.atomic():
        request.save(force_insert=True)
        MatchImpression.objects.bulk_create(
            MatchImpression(
                request=request,
                mentor=found.mentor,
                position=position,
                team=found.team,
                score=found.score,
                is_explored=found.is_explored,
                reasons=[{"code": reason.code, "text": reason.text} for reason in found.reasons],
            )
            for position, found in enumerate(matches, start=1)
        )
    return request.id
