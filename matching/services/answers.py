"""Answering a mentee: who fits, who has room, and why."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from django.utils.timezone import get_current_timezone_name
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.prepared import not_awaited
from accounts.refusals import NotAllowed
from matching import ranking, selectors
from matching.explanations import Viewer
from matching.services import caching
from matching.services.consulting import consult
from matching.services.courses import Course, course_for
from matching.services.filters import Filters, asks_for_a_match, who_may_be_found
from matching.services.matches import Match, MatchAnswer
from matching.services.questions import Question, checked, understand
from matching.services.records import repeat, store
from matching.services.searching import search_by, understood
from matching.services.shown import Shown, with_slots
from matching.services.why import Why

MOST_MATCHES: Final = 50


def match(
    *,
    query: str | Question,
    user: User,
    filters: Filters,
    limit: int,
    now: datetime,
    policy: ranking.Policy | None = None,
) -> MatchAnswer:
    """The mentors who fit what a person says they need, those with room first, and why.

    The request and what was shown for it are stored, also when the answer was kept from before. However
    many mentors there are, the number of queries is the same.

    Args:
        query: in plain words; or what `prepared` made of them, for whoever has a transaction open.
        user: a mentee, or a program manager. Anyone else is refused with NotAllowed.
        limit: at most so many matches, at most 50.
        policy: in place of the published one.
    """
    started = time.perf_counter()
    text = checked(query) if isinstance(query, str) else query.text
    asker = selectors.asker(user=user, question=text, now=now)
    if not asks_for_a_match(user):
        raise NotAllowed(_("Only mentees and program managers can ask for a match."))
    viewer = _viewer(user, filters, now)
    course = Course((policy,)) if policy else course_for(asker, text, now)
    place = caching.place_for(asker, viewer, text, filters, limit, course)
    kept = caching.find(place, now)
    if kept and (again := repeat(kept, took_ms=_since(started), now=now)):
        return again
    eligible = who_may_be_found(asker.user, filters, now, without=asker.hidden)
    if isinstance(query, Question):
        question, looked_up = query, None
    else:
        question, looked_up = understood(text, eligible, now)
        question = _advised(question, asker, filters, now, course)
    rankings = search_by(
        question=question,
        eligible=eligible,
        now=now,
        policies=course.policies,
        mentee=asker.mentee,
        # One person sees one list all day, whoever is drawn.
        seed=f"{asker.user.pk} {now:%Y-%m-%d} {question.text}",
        looked_up=looked_up,
    )
    limit = min(limit, MOST_MATCHES)
    shown = with_slots(rankings, course.order, filters, asker.mentee, limit, question.model_id, now)
    moved_up = [ranking.moved_up_by_spare_time(ranked) for ranked in rankings]
    why = Why(question.asked, viewer, course, moved_up)
    matches = tuple(_match(found, why) for found in shown)
    took_ms = _since(started)
    with not_awaited():  # kept while it is being stored
        request_id = store(
            user, question, filters, matches, course=course, took_ms=took_ms, now=now
        )
        answer = MatchAnswer(question.text, request_id, matches, asker.hidden)
        # What was found by words alone is not worth keeping: the model may be back in a second.
        if question.vector is not None:
            caching.keep(place, answer, filters, now)
    return answer


def prepared(*, query: str, user: User, filters: Filters, now: datetime) -> Question:
    """What of `match` may go over the network, for whoever is about to open a transaction.

    Raises Invalid for a blank question, or one that is not text.
    """
    question = understand(query)
    asker = selectors.asker(user=user, question=question.text, now=now)
    return _advised(question, asker, filters, now, course_for(asker, question.text, now))


def _advised(
    question: Question, asker: selectors.Asker, filters: Filters, now: datetime, course: Course
) -> Question:
    return consult(
        question,
        user=asker.user,
        filters=filters,
        now=now,
        policy=course.label,
        without=asker.hidden,
    )


def _match(found: Shown, why: Why) -> Match:
    return Match(
        mentor=found.mentor,
        score=found.row.score,
        reasons=why.of(found),
        slots=found.slots,
        is_bookable=bool(found.slots) or found.row.candidate.is_bookable,
        is_explored=found.row.is_explored,
        team=found.team,
    )


def _since(started: float) -> int:
    """Milliseconds."""
    return round((time.perf_counter() - started) * 1000)


def _viewer(user: User, filters: Filters, now: datetime) -> Viewer:
    return Viewer(
        # Someone who never set a zone reads the page in the one of this visit.
        zone=user.zone if user.time_zone != "UTC" else ZoneInfo(get_current_timezone_name()),
        language=user.language,
        industries=filters.industries,
        stages=filters.stages,
        languages=filters.languages,
        now=now,
    )
