"""Answers that are kept for five minutes, for the one person who asked.

People go back to their results, reload them and share a screen. An answer is kept under everything it was made
from: who asked and what their profile says, the question, filters, limit, zone and language, and the
generation of all profiles, hours, sessions, ratings and policies (matching/generation.py). So nothing is
ever taken back: after a change nobody asks for the old key any more.

Only time passes without a trigger. What it would make wrong, ends the answer: a start that shall be
booked by then, a wished-for period, midnight in the viewer's zone (reasons name days).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from typing import Any, Final

import django
from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.db.models import Model
from django.db.models.fields.files import FieldFile
from django.utils.translation import get_language

from matching.explanations import Reason, Viewer
from matching.generation import CHANGE_LOCK
from matching.selectors import Asker
from matching.services.courses import Course
from matching.services.filters import Filters
from matching.services.matches import Match, MatchAnswer
from mentors.models import Mentor
from mentors.rows import LISTED, mentor_of
from sessions_app.slots import Slot

KEPT_FOR: Final = timedelta(minutes=5)

# Read to make an answer and not to show it. Whoever asks a kept mentor for one of these reads it from the
# database.
_NOT_SHOWN: Final = {"bio", "linkedin", "meeting_link"}
_SHOWN: Final[dict[type[Model], list[str]]] = {
    model: [name for name in names if name not in _NOT_SHOWN] for model, names in LISTED.items()
}


# What of their profile decides about their answers, or is said in them.
_OF_THE_MENTEE: Final = ("pk", "company", "stage", "industry", "goals", "seeks")


@dataclass(frozen=True, slots=True)
class Place:
    """Where the answer to a question is kept, if it is.

    Attributes:
        key: of everything the answer is made from.
        is_settled: an answer made now may be kept there.
    """

    key: str
    zone: Any
    is_settled: bool


@dataclass(frozen=True, slots=True)
class _Kept:
    """An answer with its mentors taken apart: pickled as they are, they take longer than all the rest."""

    answer: MatchAnswer
    mentors: tuple[tuple[Any, ...], ...]
    since: datetime
    until: datetime


def place_for(
    asker: Asker, viewer: Viewer, question: str, filters: Filters, limit: int, course: Course
) -> Place | None:
    """Where to look, and to keep. None inside a transaction.

    There, what is read may be what the transaction itself has changed, which nobody else may ever see; and
    a key says only what was committed.
    """
    if connection.in_atomic_block:
        return None
    # What has begun already begins now.
    begins = filters.available_from
    begins_now = begins is not None and begins <= viewer.now
    made_from = (
        *(asker.generation, asker.user.pk, asker.user.role, sorted(asker.hidden)),
        *(getattr(asker.mentee, name, None) for name in _OF_THE_MENTEE),
        *(viewer.zone.key, viewer.language, get_language()),
        *(question, limit, settings.EMBEDDING_BACKEND, course),
        *(replace(filters, available_from=None).as_json(), begins_now or begins),
    )
    digest = hashlib.sha256(repr(made_from).encode()).hexdigest()
    return Place(f"match:{_SHAPE}:{digest}", viewer.zone, asker.is_settled)


def find(place: Place | None, now: datetime) -> MatchAnswer | None:
    """The answer kept there, if it still holds."""
    kept = cache.get(place.key) if place else None
    if not isinstance(kept, _Kept) or not kept.since <= now < kept.until:
        return None
    mentors = (mentor_of(*parts) for parts in kept.mentors)
    matches = zip(kept.answer.matches, mentors, strict=True)
    return replace(kept.answer, matches=tuple(m._replace(mentor=mentor) for m, mentor in matches))


def keep(place: Place | None, answer: MatchAnswer, filters: Filters, now: datetime) -> None:
    """Keep an answer, as far as it was made of settled facts."""
    if place is None or not place.is_settled:
        return
    until = min(_ends(answer, filters, place.zone, now))
    if until > now:
        bare: Any = None
        matches = tuple(match._replace(mentor=bare) for match in answer.matches)
        mentors = tuple(_apart(match.mentor) for match in answer.matches)
        kept = _Kept(replace(answer, matches=matches), mentors, now, until)
        cache.set(place.key, kept, timeout=KEPT_FOR.total_seconds())


def outdate_answers() -> None:
    """End every kept answer. For loads that pass over the triggers, in the transaction of the load."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock_shared(%s), nextval('matching_generation')", [CHANGE_LOCK]
        )


def _ends(answer: MatchAnswer, filters: Filters, zone: Any, now: datetime) -> Iterator[datetime]:
    """What time itself makes wrong, and when."""
    yield now + KEPT_FOR
    today = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    yield today + timedelta(days=1)
    if filters.available_to is not None:
        yield filters.available_to
    for match in answer.matches:
        if match.slots:
            notice = timedelta(minutes=match.mentor.minimum_notice_minutes)
            yield match.slots[0].starts_at - notice


def _apart(mentor: Mentor) -> tuple[Any, ...]:
    expertise = [_values(skill) for skill in mentor.expertise.all()]
    return _values(mentor), _values(mentor.user), expertise


def _values(row: Model) -> dict[str, Any]:
    values = {name: row.__dict__[name] for name in _SHOWN[type(row)]}
    return {k: v.name if isinstance(v, FieldFile) else v for k, v in values.items()}


def _shape() -> str:
    """Of what is kept, so that another version of the code looks elsewhere."""
    names = [django.__version__, *Slot._fields, *Match._fields, *Reason._fields]
    for kind in (_Kept, MatchAnswer):
        names += [field.name for field in fields(kind)]
    for shown in _SHOWN.values():
        names += shown
    return hashlib.sha256(" ".join(names).encode()).hexdigest()[:12]


_SHAPE: Final = _shape()
