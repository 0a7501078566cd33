"""Answering a mentee: who fits, who has room, and why."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import numpy as np
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet, prefetch_related_objects
from django.utils.timezone import get_current_timezone_name
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from accounts.models import User
from accounts.refusals import Invalid, NotAllowed
from matching import embeddings, ranking, selectors
from matching.embeddings import EmbeddingUnavailable
from matching.explanations import Facts, Reason, Viewer, explain
from matching.models import MatchImpression, MatchRequest
from matching.services.serving import serving_backend
from matching.words import Asked, asked as read_question
from mentors import selectors as people
from mentors.models import Mentee, Mentor
from sessions_app.models import AvailabilityWindow
from sessions_app.selectors import open_slots_of
from sessions_app.slots import Slot

logger = logging.getLogger(__name__)

LONGEST_QUERY: Final = 2000  # characters; the rest is left out without a word
MOST_MATCHES: Final = 50
SLOTS_WITHIN: Final = timedelta(days=14)
SLOTS_SHOWN: Final = 6
LONGEST_SPAN: Final = timedelta(days=62)

# Read beyond those shown, to take the place of mentors whose opening turns out to be gone.
SPARE: Final = 10

# The model of an answer that was found by words alone.
WORDS_ALONE: Final = "words"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Hard limits. Within one filter any value will do; every filter must hold.

    `available_from` and `available_to` (half-open): the mentor has an open start in between.
    """

    industries: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    expertise: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    available_from: datetime | None = None
    available_to: datetime | None = None

    @property
    def wants_time(self) -> bool:
        return self.available_from is not None or self.available_to is not None

    def span(self, now: datetime) -> tuple[datetime, datetime]:
        """The period to be free in; from now, and for 14 days, where it is left open."""
        first = max(self.available_from or now, now)
        last = self.available_to or first + SLOTS_WITHIN
        if (self.available_to or last) <= (self.available_from or first):
            raise Invalid(
                _("The end of the period must come after its start."),
                fields={"available_to": [_("This must be later than available_from.")]},
            )
        if last - first > LONGEST_SPAN:
            raise Invalid(
                _("A period may span 62 days at most."),
                fields={"available_to": [_("At most 62 days after available_from.")]},
            )
        return first, last

    def as_json(self) -> dict[str, Any]:
        """Only what was asked for."""
        values = {
            "industries": list(self.industries),
            "stages": list(self.stages),
            "expertise": list(self.expertise),
            "languages": list(self.languages),
            "available_from": self.available_from and self.available_from.isoformat(),
            "available_to": self.available_to and self.available_to.isoformat(),
        }
        return {name: value for name, value in values.items() if value}


@dataclass(frozen=True, slots=True)
class Match:
    """A mentor for a request. `slots` are real and bookable; none means "no times yet"."""

    mentor: Mentor
    score: int
    reasons: tuple[Reason, ...]
    slots: tuple[Slot, ...]
    is_bookable: bool

    @property
    def band(self) -> str:
        return ranking.band(self.score)


@dataclass(frozen=True, slots=True)
class MatchAnswer:
    query: str
    request_id: UUID
    matches: tuple[Match, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, as words and as a vector. No vector: the model could not be reached."""

    text: str
    vector: NDArray[np.float32] | None
    model_id: str
    asked: Asked = field(compare=False)


class _Complaint:
    """The same failure is logged once, not with every question."""

    said = ""


def understand(query: str) -> Question:
    """Check a question and embed it. To be called with no transaction open: it may use the network.

    Raises Invalid for a blank question, or one that is not text.
    """
    text = " ".join(query[:LONGEST_QUERY].split())
    if not text:
        _refuse_query(_("Say in a few words what you need help with."))
    if "\0" in text or text.encode("utf-8", "replace").decode() != text:
        _refuse_query(_("This has characters in it that are not text."))
    vector, model_id = None, WORDS_ALONE
    try:
        embedder = serving_backend()
        vector = embeddings.query_vector(text, embedder)
        model_id = embedder.model_id
        _Complaint.said = ""
    except EmbeddingUnavailable as error:
        if _Complaint.said != str(error):
            _Complaint.said = str(error)
            logger.warning("Questions are answered by words alone for now. %s", error)
    return Question(text, vector, model_id, read_question(text))


def match(
    *, query: str | Question, user: User, filters: Filters, limit: int, now: datetime
) -> MatchAnswer:
    """The mentors who fit what a person says they need, those with room first, and why.

    The request and what was shown for it are stored. However many mentors there are, the number of
    queries is the same.

    Args:
        query: in plain words, or what `understand` made of them beforehand.
        user: a mentee, or a program manager. Anyone else is refused with NotAllowed.
        limit: at most so many matches, at most 50.
    """
    started = time.perf_counter()
    mentee = _asker(user)
    question = understand(query) if isinstance(query, str) else query
    ranked = search(question=question, eligible=eligible_for(user, filters, now), now=now)
    shown = _with_slots(ranked, filters, mentee, min(limit, MOST_MATCHES), now)
    prefetch_related_objects([mentor for mentor, _row, _slots in shown], "expertise")
    viewer = _viewer(user, mentee, now)
    matches = tuple(
        Match(
            mentor=mentor,
            score=row.score,
            reasons=explain(question.asked, _facts(mentor, row, slots), viewer),
            slots=slots,
            is_bookable=bool(slots) or row.candidate.is_bookable,
        )
        for mentor, row, slots in shown
    )
    took_ms = round((time.perf_counter() - started) * 1000)
    request_id = _store(user, question, filters, matches, took_ms=took_ms, now=now)
    return MatchAnswer(question.text, request_id, matches)


def browse(*, user: User, filters: Filters, now: datetime) -> QuerySet[Mentor]:
    """The mentors that person may see and whom the filters leave, loaded for their cards. No order.

    Of the wish for a time only the necessary part is in it, a window in the period; ask
    `only_free` about the mentors that are about to be shown.
    """
    return eligible_for(user, filters, now).select_related("user").prefetch_related("expertise")


def browse_by_relevance(*, query: str, user: User, filters: Filters, now: datetime) -> list[Mentor]:
    """The 50 that fit a question best. Nothing is stored: browsing is not a request for a match."""
    question = understand(query)
    ranked = search(question=question, eligible=eligible_for(user, filters, now), now=now)
    found = [mentor for mentor, _row in _load(ranked)]
    free = only_free(found, user=user, filters=filters, now=now)[:MOST_MATCHES]
    prefetch_related_objects(free, "expertise")
    return free


def only_free(
    mentors: Sequence[Mentor], *, user: User, filters: Filters, now: datetime
) -> list[Mentor]:
    """Those with a start in the wanted period that this person can really book; all if none is wanted."""
    if not filters.wants_time:
        return list(mentors)
    first, last = filters.span(now)
    free = open_slots_of(
        mentors=mentors,
        viewer=_mentee_of(user),
        first=first,
        last=last,
        now=now,
        per_mentor=1,
    )
    return [mentor for mentor in mentors if free.get(mentor.pk)]


def search(
    *,
    question: Question,
    eligible: QuerySet[Mentor],
    now: datetime,
    policy: ranking.Policy = ranking.DEFAULT_POLICY,
) -> list[ranking.Ranked]:
    """Retrieval and ranking, without times and reasons: one query."""
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


def eligible_for(user: User, filters: Filters, now: datetime) -> QuerySet[Mentor]:
    """The hard rules: active, visible to this person, not blocked, not themselves, every filter."""
    mentee = _mentee_of(user)
    if mentee is None or user.is_program_manager:
        seen = people.visible_to(user)
    else:
        seen = people.shown_to(mentee)
    found = people.filtered(
        seen,
        industries=filters.industries,
        stages=filters.stages,
        expertise=filters.expertise,
        languages=filters.languages,
    ).filter(is_active=True, user__status=User.Status.ACTIVE)
    if mentee is not None and user.is_program_manager:
        found = found.exclude(blocks__mentee=mentee).exclude(user=user)
    if filters.wants_time:
        first, last = filters.span(now)
        windows = AvailabilityWindow.objects.filter(
            mentor=OuterRef("pk"), is_active=True, starts_at__lt=last, ends_at__gt=first
        )
        found = found.filter(Exists(windows))
    return found


def _refuse_query(sentence: str) -> None:
    raise Invalid(sentence, fields={"query": [sentence]})


def _asker(user: User) -> Mentee | None:
    """The mentee who asks; None for a program manager."""
    mentee = _mentee_of(user)
    if mentee is None and not (user.is_program_manager or user.role == User.Role.MENTEE):
        raise NotAllowed(_("Only mentees and program managers can ask for a match."))
    return mentee


def _mentee_of(user: User) -> Mentee | None:
    # The reverse side of a one-to-one: read once and kept on the user.
    return getattr(user, "mentee", None)


def _viewer(user: User, mentee: Mentee | None, now: datetime) -> Viewer:
    return Viewer(
        # Someone who never set a zone reads the page in the one of this visit.
        zone=user.zone if user.time_zone != "UTC" else ZoneInfo(get_current_timezone_name()),
        language=user.language,
        stage=mentee.stage if mentee else "",
        industry=mentee.industry if mentee else "",
        now=now,
    )


_Shown = tuple[Mentor, ranking.Ranked, tuple[Slot, ...]]


def _with_slots(
    ranked: Sequence[ranking.Ranked],
    filters: Filters,
    mentee: Mentee | None,
    limit: int,
    now: datetime,
) -> list[_Shown]:
    """The first `limit` with their open starts; openings that are gone by now lose their place.

    What retrieval knows of openings is a minute old at times. Where a time is wished for, it must be
    seen to hold, so every candidate is asked; otherwise only those shown and a few to spare.
    """
    asked = _load(ranked if filters.wants_time else ranked[: limit + SPARE])
    first, last = filters.span(now) if filters.wants_time else (now, now + SLOTS_WITHIN)
    free = open_slots_of(
        mentors=[mentor for mentor, _row in asked],
        viewer=mentee,
        first=first,
        last=last,
        now=now,
        per_mentor=SLOTS_SHOWN,
    )
    found = [(mentor, row, tuple(free[mentor.pk])) for mentor, row in asked]
    if filters.wants_time:
        return [shown for shown in found if shown[-1]][:limit]
    # A stable sort: within each group the order of the ranking stays.
    found.sort(key=lambda shown: (not shown[1].is_named, not _has_room(shown[1], shown[2], last)))
    return found[:limit]


def _has_room(row: ranking.Ranked, slots: Sequence[Slot], last: datetime) -> bool:
    """Open starts that were just seen, or an opening later than was looked."""
    opening = row.candidate.next_start
    return bool(slots) or (opening is not None and opening >= last)


def _load(ranked: Sequence[ranking.Ranked]) -> list[tuple[Mentor, ranking.Ranked]]:
    """The rows with their mentors, in their order, in one query; without who is gone meanwhile."""
    ids = [row.candidate.mentor_id for row in ranked]
    mentors = Mentor.objects.select_related("user").in_bulk(ids)
    return [(mentors[pk], row) for pk, row in zip(ids, ranked, strict=True) if pk in mentors]


def _facts(mentor: Mentor, row: ranking.Ranked, slots: Sequence[Slot]) -> Facts:
    candidate = row.candidate
    return Facts(
        tags=candidate.tags,
        industries=mentor.industries,
        stages=mentor.stages,
        languages=mentor.languages,
        headline=mentor.headline,
        bio=mentor.bio,
        passage=candidate.passage,
        score=row.score,
        next_slot=slots[0].starts_at if slots else None,
        rating_total=candidate.rating_total,
        rating_count=candidate.rating_count,
        sessions_held=candidate.sessions,
        joined_at=mentor.created_at,
    )


def _store(
    user: User,
    question: Question,
    filters: Filters,
    matches: Sequence[Match],
    *,
    took_ms: int,
    now: datetime,
) -> UUID:
    """The request and its impressions: what experiments, suggestions and the PM's numbers read."""
    request = MatchRequest(
        id=uuid4(),
        user=user,
        query=question.text,
        filters=filters.as_json(),
        model_id=question.model_id,
        policy=ranking.DEFAULT_POLICY.name,
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
                score=found.score,
                reasons=[{"code": reason.code, "text": reason.text} for reason in found.reasons],
            )
            for position, found in enumerate(matches, start=1)
        )
    return request.id
