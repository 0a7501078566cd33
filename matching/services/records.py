"""What was asked and shown is kept: experiments, suggestions and the PM's numbers read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

from django.db import connection
from django.db.models import AutoField, Model
from django.db.models.expressions import DatabaseDefault

from accounts.models import User
from matching.models import MatchImpression, MatchRequest
from matching.services.courses import Course
from matching.services.filters import Filters
from matching.services.matches import Match, MatchAnswer
from matching.services.questions import Question

# What a kept answer has in common with the request that it was made for; the rest is its own.
AS_ASKED: Final = (
    "user_id", "query", "filters", "model_id", "policy", "policy_version", "experiment_id", "arm",
    "advice",
)  # fmt: skip
AS_SHOWN: Final = ("mentor_id", "position", "score", "reasons", "is_explored", "team")

_REPEAT: Final = f"""
    WITH again AS (
        INSERT INTO matching_matchrequest (id, took_ms, created_at, from_cache, {", ".join(AS_ASKED)})
        SELECT %(again)s, %(took_ms)s, %(now)s, true, {", ".join(AS_ASKED)}
        FROM matching_matchrequest WHERE id = %(before)s
        RETURNING id
    ), shown AS (
        INSERT INTO matching_matchimpression (request_id, {", ".join(AS_SHOWN)})
        SELECT again.id, {", ".join(AS_SHOWN)}
        FROM again, matching_matchimpression before WHERE before.request_id = %(before)s
    )
    SELECT id FROM again
"""  # noqa: S608 - made of the constants above


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
    _insert(
        request,
        [
            MatchImpression(
                request=request,
                mentor=found.mentor,
                position=position,
                team=found.team,
                score=found.score,
                is_explored=found.is_explored,
                reasons=[asdict(reason) for reason in found.reasons],
            )
            for position, found in enumerate(matches, start=1)
        ],
    )
    return request.id


def _insert(request: MatchRequest, impressions: Sequence[MatchImpression]) -> None:
    """All of it in one statement, and so together, without the trips that a transaction takes."""
    statement, values = _inserting(MatchRequest, [request])
    if impressions:
        rows, more = _inserting(MatchImpression, impressions)
        statement, values = f"WITH asked AS ({statement}) {rows}", values + more
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def _inserting(model: type[Model], rows: Sequence[Model]) -> tuple[str, list[Any]]:
    """An INSERT of these rows; the database fills in its own keys and defaults."""
    fields = [
        field
        for field in model._meta.concrete_fields
        if not isinstance(field, AutoField)
        and not isinstance(getattr(rows[0], field.attname), DatabaseDefault)
    ]
    columns = ", ".join(f'"{field.column}"' for field in fields)
    row = f"({', '.join(['%s'] * len(fields))})"
    values = [
        field.get_db_prep_save(getattr(instance, field.attname), connection)
        for instance in rows
        for field in fields
    ]
    all_rows = ", ".join([row] * len(rows))
    return f'INSERT INTO "{model._meta.db_table}" ({columns}) VALUES {all_rows}', values  # noqa: S608


def repeat(kept: MatchAnswer, *, took_ms: int, now: datetime) -> MatchAnswer | None:
    """A kept answer as one of its own: asked again and shown again, which is stored in one statement.

    None if the request that it was made for is gone, with the person or by a rule of retention.
    """
    again = uuid4()
    values: dict[str, Any] = {
        "again": again,
        "before": kept.request_id,
        "took_ms": took_ms,
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(_REPEAT, values)
        if cursor.fetchone() is None:
            return None
    return replace(kept, request_id=again)
