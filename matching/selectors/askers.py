"""Who asks, and what their answer depends on beside the question: in one query, before any answer."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection

from accounts.models import User
from accounts.prepared import prepared_cursor
from matching.models import MatchFeedback
from mentors import selectors as people
from mentors.models import Mentee, Mentor

_COLUMNS: Final = [str(field.column) for field in Mentee._meta.concrete_fields]
_ATTRIBUTES: Final = [field.attname for field in Mentee._meta.concrete_fields]
_ASKER: Final = f"""
    SELECT state.generation, state.is_settled, (
        SELECT array_agg(DISTINCT mentor_id) FROM matching_matchfeedback
        WHERE user_id = %(user)s AND created_at > %(since)s
          AND (question = %(question)s OR reason = ANY(%(about_the_person)s))
    ), EXISTS (SELECT FROM matching_experiment WHERE state = 'running'),
    {", ".join(f'mentee."{column}"' for column in _COLUMNS)}
    FROM matching_generation_now() AS state
    LEFT JOIN mentors_mentee mentee ON mentee.user_id = %(user)s
"""  # noqa: S608 - made of column names


@dataclass(frozen=True, slots=True)
class Asker:
    """A person with a question.

    Attributes:
        mentee: their mentee profile, if they have one.
        hidden: mentors who are not to be shown, because this person said they are not relevant.
        generation: of all that answers are made of; see matching/generation.py.
        experiment_runs: some experiment is under way.
        is_settled: what is read from now on has every change up to that generation in it.
    """

    user: User
    mentee: Mentee | None
    hidden: frozenset[UUID]
    generation: int
    is_settled: bool
    experiment_runs: bool


def asker(*, user: User, question: str, now: datetime) -> Asker:
    """Read everything about the person that decides what they are shown."""
    values: dict[str, Any] = {
        "user": user.pk,
        "since": now - MatchFeedback.HOLDS_FOR,
        "question": as_judged(question),
        "about_the_person": [str(reason) for reason in MatchFeedback.ABOUT_THE_PERSON],
    }
    with prepared_cursor() as cursor:
        cursor.execute(_ASKER, values)
        generation, is_settled, hidden, experiment_runs, *columns = cursor.fetchone()
    known = columns[_COLUMNS.index("id")] is not None
    mentee = Mentee.from_db(connection.alias, _ATTRIBUTES, columns) if known else None
    # What `user.mentee` would ask for once more.
    User._meta.get_field("mentee").set_cached_value(user, mentee)
    if mentee is not None:
        Mentee._meta.get_field("user").set_cached_value(mentee, user)
    return Asker(user, mentee, frozenset(hidden or ()), generation, is_settled, experiment_runs)


def as_judged(question: str) -> str:
    """A question as judgements of its answers are found by: blanks and case make no other question."""
    return " ".join(question.casefold().split())


def left_out(*, user: User, mentor_ids: Collection[UUID]) -> list[Mentor]:
    """Of mentors who are hidden from a person, those whom they may see all the same; by name."""
    if not mentor_ids:
        return []
    seen = people.visible_to(user).prefetch_related(None).filter(pk__in=mentor_ids)
    return sorted(seen, key=lambda mentor: (str(mentor.user), str(mentor.pk)))
