"""The market as it stands: mentors and their hours, goals, and what the search finds for each."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import numpy as np

from accounts.models import User
from matching import selectors, services
from matching.models import MatchRequest
from matching.ranking import Candidate
from matching.selectors.retrieval import DEPTH
from matching.simulator.market import PERIOD_WEEKS, WEEK, Goal, Market, MarketMentor, Start
from matching.simulator.scenario import Scenario
from mentors import selectors as people
from mentors.models import Mentee, Mentor
from sessions_app import selectors as times
from sessions_app.slots import Slot

# Of more mentors a sample plays: calendars of all would take hours to fill, and shares tell no more.
MOST_MENTORS: Final = 1_000

# Goals are embedded one by one; the most popular hundred are nearly all of the demand.
MOST_GOALS: Final = 200

# Requests that people made are goals too: the last so many.
LAST_REQUESTS: Final = 300

# Candidates are kept beyond the depth of a search, because those it would take are booked out later.
DEEPER: Final = 3

_AT_ONCE: Final = 200
_SEED: Final = 20_260_701


class NothingToSimulate(Exception):
    """Mentors, hours or goals are missing; the message says which."""


def read_market(
    scenario: Scenario,
    *,
    now: datetime,
    goals: Sequence[str] = (),
    say: Callable[[str], None] = lambda line: None,
) -> Market:
    """The market from the next Monday on. To be called with no transaction open: it embeds the goals.

    Calendars begin without bookings of the run; what is booked already is closed. Nothing is known of
    when mentors were last here or whom mentees met, so these signals move nobody.

    Args:
        goals: asked for beside those of the database; not with goals of the scenario's own.
        say: is told how far the work is.

    Raises NothingToSimulate.
    """
    begins = _next_monday(now)
    mentors = _mentors()
    known = [
        _as_market(mentor, slots, begins, now)
        for mentor, slots in _with_slots(mentors, begins, now)
    ]
    known = [mentor for mentor in known if mentor.starts]
    if not known:
        raise NothingToSimulate("No mentor has an hour that can be booked in the next four weeks.")
    texts = scenario.demand.goals or _goals(goals)
    if not texts:
        raise NothingToSimulate(
            "Nobody looks for anything: no mentee has goals, and no request was made. Name some in"
            " the scenario, demand.goals."
        )
    found, model_id = _found(texts, [mentor.mentor_id for mentor in known], now, say)
    alike = selectors.likeness([mentor.mentor_id for mentor in known], model_id)
    return Market(
        tuple(known), found, model_id, begins, alike=alike.astype(np.float32), depth=DEPTH
    )


def _next_monday(now: datetime) -> datetime:
    """Midnight in UTC. Weekly caps are counted from it, whatever the mentor's zone."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(days=7 - midnight.weekday())


def _mentors() -> list[Mentor]:
    """Those whom a mentee may be shown; of very many a sample, always the same."""
    ids = list(people.shown_to_mentees().order_by("pk").values_list("pk", flat=True))
    if len(ids) > MOST_MENTORS:
        ids = random.Random(_SEED).sample(ids, MOST_MENTORS)  # noqa: S311
    return list(Mentor.objects.filter(pk__in=ids).select_related("user").order_by("pk"))


def _with_slots(
    mentors: Sequence[Mentor], begins: datetime, now: datetime
) -> Iterable[tuple[Mentor, list[Slot]]]:
    last = begins + timedelta(weeks=PERIOD_WEEKS)
    for at in range(0, len(mentors), _AT_ONCE):
        some = mentors[at : at + _AT_ONCE]
        found = times.open_slots_of(mentors=some, viewer=None, first=now, last=last, now=now)
        for mentor in some:
            yield mentor, found[mentor.pk]


def _as_market(
    mentor: Mentor, slots: Sequence[Slot], begins: datetime, now: datetime
) -> MarketMentor:
    """Four weeks of a mentor. Weeks that are beyond their horizon today are as those before; who opens
    less than the first of them has the seven days from now on, week for week."""
    rows = [((slot.starts_at - begins) / timedelta(hours=1), slot.seats_left) for slot in slots]
    seen = (now + timedelta(days=mentor.booking_horizon_days) - begins) // timedelta(weeks=1)
    if seen < 1:
        ends = (now - begins) / timedelta(hours=1) + WEEK
        rows = [(hour % WEEK, seats) for hour, seats in rows if hour < ends]
    weeks = min(PERIOD_WEEKS, max(1, seen))
    starts = [
        Start(hour + (week - week % weeks) * WEEK, seats)
        for week in range(PERIOD_WEEKS)
        for hour, seats in sorted(rows)
        if hour // WEEK == week % weeks
    ]
    return MarketMentor(
        mentor.pk, mentor.weekly_load_cap, mentor.session_minutes / 60, tuple(starts)
    )


def _goals(more: Sequence[str]) -> tuple[str, ...]:
    """What mentees look for, what people asked for lately, and what else is given; each once."""
    mentees = Mentee.objects.filter(user__status=User.Status.ACTIVE).order_by("pk")
    looked_for = [f"{goals} {seeks}" for goals, seeks in mentees.values_list("goals", "seeks")]
    requests = MatchRequest.objects.order_by("-created_at", "pk").values_list("query", flat=True)
    texts = [" ".join(text.split()) for text in (*looked_for, *more, *requests[:LAST_REQUESTS])]
    once = list(dict.fromkeys(text for text in texts if text))
    if len(once) > MOST_GOALS:
        once = random.Random(_SEED).sample(once, MOST_GOALS)  # noqa: S311
    return tuple(once)


def _found(
    texts: Sequence[str], mentor_ids: Sequence[UUID], now: datetime, say: Callable[[str], None]
) -> tuple[tuple[Goal, ...], str]:
    """Each goal with the candidates that the production search finds, and the model it used."""
    number = {mentor_id: place for place, mentor_id in enumerate(mentor_ids)}
    eligible = selectors.Eligible(Mentor.objects.filter(pk__in=mentor_ids))
    goals, model_id = [], ""
    for done, text in enumerate(texts):
        say(f"{done} of {len(texts)} goals searched for")
        question = services.understand(text)
        model_id = question.model_id
        rows = selectors.retrieve(
            eligible=eligible,
            text=question.text,
            vector=question.vector,
            model_id=question.model_id,
            now=now,
            depth=DEPTH * DEEPER,
        )
        rows.sort(key=lambda row: str(row.mentor_id))
        places = np.array([number[row.mentor_id] for row in rows], dtype=np.intp)
        goals.append(Goal(question.text, question.asked, places, tuple(map(_bare, rows))))
    return tuple(goals), model_id


def _bare(row: Candidate) -> Candidate:
    """Without what a run cannot move, and with room, which a run decides."""
    return replace(row, passage_no=None, last_seen=None, connection="", is_bookable=True)
