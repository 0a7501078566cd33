"""Small markets for the tests of the simulator: by hand, or by chance."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import numpy as np
from django.utils import timezone
from hypothesis import strategies as st

from matching.simulator.market import Goal, Market, MarketMentor, Start
from matching.simulator.scenario import Scenario, from_mapping
from matching.words import asked
from mentors.models import Mentor
from tests.hours import open_window
from tests.matching import worlds
from tests.matching.candidates import MODEL, one

MONDAY = datetime(2026, 11, 30, tzinfo=UTC)


def mentor(number: int, *hours: float, seats: int = 1, cap: int = 5, length: float = 1.0):
    """A mentor who can be met at these hours of every week; by default on four days at nine."""
    week = hours or (9.0, 33.0, 57.0, 81.0)
    return MarketMentor(
        UUID(int=number),
        cap,
        length,
        tuple(Start(hour + 168 * week_no, seats) for week_no in range(4) for hour in week),
    )


def market(mentors, cosines, **changes: Any) -> Market:
    """Goals by their cosines with each mentor; None: the search does not find that one."""
    goals = []
    for row in cosines:
        found = [at for at, cosine in enumerate(row) if cosine is not None]
        rows = tuple(
            one(at + 1, mentor_id=mentors[at].mentor_id, cosines=(row[at],), weekly_load_cap=mentors[at].weekly_cap)
            for at in found
        )  # fmt: skip
        goals.append(Goal("a goal", asked("a goal"), np.array(found, dtype=np.intp), rows))
    alike = np.eye(len(mentors), dtype=np.float32)
    return Market(tuple(mentors), tuple(goals), MODEL, MONDAY, alike=alike, **changes)


def scenario(**parts: Any) -> Scenario:
    return from_mapping({"weeks": 4, "seeds": 1, **parts})


def next_monday() -> datetime:
    midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + timedelta(days=7 - midnight.weekday())


def open_market() -> dict[str, Mentor]:
    """The five of `worlds.market`, with hours in each of the four weeks that a simulation reads."""
    made = worlds.market()
    for known in made.values():
        for week in range(4):
            for day in (1, 3):
                hours = timedelta(days=day + 7 * week, hours=9)
                open_window(known, starts_at=next_monday() + hours)
    worlds.index()
    return made


@st.composite
def markets(draw) -> Market:
    count = draw(st.integers(1, 6))
    hours = st.lists(st.sampled_from([9.0, 9.5, 10.0, 34.0, 82.25, 160.0]), unique=True, max_size=4)
    mentors = [
        mentor(
            number + 1,
            *draw(hours.filter(bool)),
            seats=draw(st.integers(1, 3)),
            cap=draw(st.integers(0, 4)),
            length=draw(st.sampled_from([0.5, 1.0, 2.0])),
        )
        for number in range(count)
    ]
    cosine = st.none() | st.floats(-0.2, 0.9)
    rows = st.lists(cosine, min_size=count, max_size=count)
    return market(mentors, draw(st.lists(rows, min_size=1, max_size=3)))


scenarios = st.fixed_dictionaries(
    {
        "weeks": st.integers(2, 6),
        "demand": st.fixed_dictionaries(
            {"popularity": st.floats(0, 2), "requests_each": st.floats(1, 10), "tries": st.integers(1, 3)}
        ),
        "choice": st.fixed_dictionaries(
            {"list_length": st.integers(1, 12), "outside": st.booleans(), "sensitivity": st.floats(0, 8)}
        ),
        "supply": st.fixed_dictionaries(
            {
                "acceptance": st.floats(0, 1),
                "joining": st.floats(0, 0.9),
                "notice_hours": st.floats(0, 60),
                "horizon_days": st.integers(1, 30),
            }
        ),
    }
).map(lambda given: from_mapping({"seeds": 1, **given}))  # fmt: skip
