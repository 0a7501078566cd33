"""Answering a mentee: who fits, who has room, and why."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import prefetch_related_objects
from django.utils.timezone import get_current_timezone_name
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.refusals import NotAllowed
from matching import ranking
from matching.explanations import Facts, Reason, Viewer, explain
from matching.services.consulting import consult
from matching.services.courses import Course, course_for
from matching.services.filters import Filters, asks_for_a_match, eligible_for, mentee_of
from matching.services.questions import Question, understand
from matching.services.records import store
from matching.services.searching import search_by
from matching.services.shown import passages, with_slots
from mentors.models import Mentee, Mentor
from sessions_app.slots import Slot

MOST_MATCHES: Final = 50


@dataclass(frozen=True, slots=True)
class Match:
    """A mentor for a request. `slots` are real and bookable; none means "no times yet".

    `is_explored`: shown in the place that the policy keeps for somebody new; `team`: whose pick it was
    in an experiment.
    """

    mentor: Mentor
    score: int
    reasons: tuple[Reason, ...]
    slots: tuple[Slot, ...]
    is_bookable: bool
    is_explored: bool = False
    team: str = ""

    @property
    def band(self) -> str:
        return ranking.band(self.score)


@dataclass(frozen=True, slots=True)
class MatchAnswer:
    query: str
    request_id: UUID
    matches: tuple[Match, ...]


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

    The request and what was shown for it are stored. However many mentors there are, the number of
    queries is the same.

    Args:
        query: in plain words, or what `understand` and `consult` made of them beforehand, for whoever
            is about to open a transaction: both may use the network.
        user: a mentee, or a program manager. Anyone else is refused with NotAllowed.
        limit: at most so many matches, at most 50.
        policy: in place of the published one.
    """
    started = time.perf_counter()
    mentee = _asker(user)
    question = understand(query) if isinstance(query, str) else query
    course = Course((policy,)) if policy else course_for(_subject(user, mentee), question.text, now)
    if isinstance(query, str):
        question = consult(question, user=user, filters=filters, now=now, policy=course.label)
    rankings = search_by(
        question=question,
        eligible=eligible_for(user, filters, now),
        now=now,
        policies=course.policies,
        mentee=mentee,
        # One person sees one list all day, whoever is drawn.
        seed=f"{user.pk} {now:%Y-%m-%d} {question.text}",
    )
    shown = with_slots(rankings, course.order, filters, mentee, min(limit, MOST_MATCHES), now)
    prefetch_related_objects([found.mentor for found in shown], "expertise")
    read = passages([found.row for found in shown], question.model_id)
    viewer = _viewer(user, mentee, now)
    matches = tuple(
        Match(
            mentor=mentor,
            score=row.score,
            reasons=explain(
                question.asked, _facts(mentor, row, slots, read.get(mentor.pk, "")), viewer
            ),
            slots=slots,
            is_bookable=bool(slots) or row.candidate.is_bookable,
            is_explored=row.is_explored,
            team=team,
        )
        for mentor, row, slots, team in shown
    )
    took_ms = round((time.perf_counter() - started) * 1000)
    request_id = store(user, question, filters, matches, course=course, took_ms=took_ms, now=now)
    return MatchAnswer(question.text, request_id, matches)


def _asker(user: User) -> Mentee | None:
    """The mentee who asks; None for a program manager."""
    if not asks_for_a_match(user):
        raise NotAllowed(_("Only mentees and program managers can ask for a match."))
    return mentee_of(user)


def _subject(user: User, mentee: Mentee | None) -> Mentee | None:
    """Whom an experiment may count: mentees, and no program manager who is one besides."""
    return None if user.is_program_manager else mentee


def _viewer(user: User, mentee: Mentee | None, now: datetime) -> Viewer:
    return Viewer(
        # Someone who never set a zone reads the page in the one of this visit.
        zone=user.zone if user.time_zone != "UTC" else ZoneInfo(get_current_timezone_name()),
        language=user.language,
        stage=mentee.stage if mentee else "",
        industry=mentee.industry if mentee else "",
        now=now,
    )


def _facts(mentor: Mentor, row: ranking.Ranked, slots: Sequence[Slot], passage: str) -> Facts:
    candidate = row.candidate
    return Facts(
        tags=candidate.tags,
        industries=mentor.industries,
        stages=mentor.stages,
        languages=mentor.languages,
        headline=mentor.headline,
        bio=mentor.bio,
        passage=passage,
        score=row.score,
        next_slot=slots[0].starts_at if slots else None,
        rating_total=candidate.rating_total,
        rating_count=candidate.rating_count,
        sessions_held=candidate.sessions,
        joined_at=mentor.created_at,
    )
