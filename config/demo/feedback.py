"""What the demo people thought of their sessions: the hand-written words, each used once."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from config.demo.people import ALICE, Demo, records
from sessions_app.models import Feedback, Session

RATED = 0.7
RATINGS = ("overall", "expertise", "communication", "helpfulness")


def seed_feedback(
    demo: Demo, sessions: Sequence[Session], *, chance: random.Random, now: datetime
) -> None:
    """Rate about 70 % of the completed sessions, in words about the mentor's own area.

    Once the words for an area are used up there are ratings alone: nobody is quoted twice.
    """
    areas = {
        demo.mentors[email].pk: [skill["area"] for skill in record["expertise"]]
        for email, record in demo.mentor_records.items()
    }
    words: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for record in records("feedback"):
        words[record["side"], record["area"]].append(record)
    completed = [session for session in sessions if session.status == Session.Status.COMPLETED]
    rows = []
    for session in _rated(demo, completed, chance):
        said = _words(words, "mentee", areas[session.mentor_id])
        rows.append(_feedback(session, "mentee", said or _ratings_alone(chance), chance, now))
        mentors_words = _words(words, "mentor", areas[session.mentor_id])
        if mentors_words:
            rows.append(_feedback(session, "mentor", mentors_words, chance, now))
    Feedback.objects.bulk_create(rows)
    demo.note("ratings", len(rows))


def _rated(demo: Demo, completed: Sequence[Session], chance: random.Random) -> list[Session]:
    """About 70 %. Of Alice's only the first, so that she has one to rate."""
    alices = sorted(
        (s for s in completed if s.mentee == demo.mentees[ALICE]), key=lambda s: s.starts_at
    )
    others = [session for session in completed if session.mentee != demo.mentees[ALICE]]
    return [*alices[:1], *chance.sample(others, round(RATED * len(others)))]


def _words(
    words: dict[tuple[str, str], list[dict[str, Any]]], side: str, areas: Sequence[str]
) -> dict[str, Any] | None:
    """The next unused words about what the mentor knows best."""
    for area in areas:
        if words[side, area]:
            return words[side, area].pop(0)
    return None


def _ratings_alone(chance: random.Random) -> dict[str, Any]:
    overall = chance.choice((5, 5, 5, 5, 4, 4, 4, 3))
    near = {name: max(1, min(5, overall + chance.choice((-1, 0, 0, 1)))) for name in RATINGS[1:]}
    return {
        "overall": overall,
        **near,
        "goals_achieved": overall > 3,
        "would_recommend": overall > 3,
    }


def _feedback(
    session: Session, side: str, said: dict[str, Any], chance: random.Random, now: datetime
) -> Feedback:
    later = timedelta(minutes=chance.choice((12, 25, 70, 200, 900, 1500, 2400)))
    return Feedback(
        session=session,
        side=side,
        **{name: said[name] for name in RATINGS},
        goals_achieved=said.get("goals_achieved"),
        would_recommend=said.get("would_recommend"),
        topics=said.get("topics", []),
        comment=said.get("comment", ""),
        submitted_at=min(now, session.ends_at + later),
    )
