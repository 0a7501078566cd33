"""What was asked and shown is kept: experiments, suggestions and the PM's numbers read it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID, uuid4

from psycopg.types.json import Jsonb

from accounts.models import User
from accounts.prepared import prepared_cursor
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


# All of it in one statement, and so together, without the trips that a transaction takes.
_STORE: Final = f"""
    WITH asked AS (
        INSERT INTO matching_matchrequest (id, took_ms, created_at, {", ".join(AS_ASKED)})
        VALUES (%(id)s, %(took_ms)s, %(created_at)s, {", ".join(f"%({name})s" for name in AS_ASKED)})
        RETURNING id
    )
    INSERT INTO matching_matchimpression (request_id, {", ".join(AS_SHOWN)})
    SELECT asked.id, {", ".join(AS_SHOWN)}
    FROM asked, jsonb_to_recordset(%(shown)s) AS shown (
        mentor_id uuid, position smallint, score smallint, reasons jsonb, is_explored boolean, team text
    )
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
    request_id = uuid4()
    asked: dict[str, Any] = {
        "id": request_id,
        "took_ms": took_ms,
        "created_at": now,
        "user_id": user.pk,
        "query": question.text,
        "filters": Jsonb(filters.as_json()),
        "model_id": question.model_id,
        "policy": course.label.name,
        "policy_version": course.label.version,
        "experiment_id": course.experiment_id,
        "arm": course.arm,
        "advice": ", ".join(question.advice.kinds),
    }
    shown = [
        {
            "mentor_id": str(found.mentor.pk),
            "position": position,
            "score": found.score,
            "reasons": [reason._asdict() for reason in found.reasons],
            "is_explored": found.is_explored,
            "team": found.team,
        }
        for position, found in enumerate(matches, start=1)
    ]
    with prepared_cursor() as cursor:
        cursor.execute(_STORE, asked | {"shown": Jsonb(shown)})
    return request_id


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
    with prepared_cursor() as cursor:
        cursor.execute(_REPEAT, values)
        if cursor.fetchone() is None:
            return None
    return replace(kept, request_id=again)
