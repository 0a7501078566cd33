"""Whom a simulation is about: mentors with their times, goals, and what retrieval found for each. Pure."""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from datetime import datetime
from typing import Final, TypeAlias
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from matching.ranking import Candidate, relevance
from matching.words import Asked

Numbers: TypeAlias = NDArray[np.float64]
Places: TypeAlias = NDArray[np.intp]
Flags: TypeAlias = NDArray[np.bool_]

GRADES: Final = 3.0  # fit 0 to 1 is read as grades 0 to 3, as labelled sets have them
DAY: Final = 24.0  # hours, as all times of a run, counted from its start
WEEK: Final = 7 * DAY
PERIOD_WEEKS: Final = 4  # the times of a mentor repeat after so many weeks


@dataclass(frozen=True, slots=True)
class Start:
    """A start at which a mentor can be met: hours from the period's beginning, and free seats."""

    hour: float
    seats: int


@dataclass(frozen=True, slots=True)
class MarketMentor:
    """A mentor as the market knows them.

    Attributes:
        starts: of a period of four weeks that repeats. Two of them may overlap; one booked closes the
            others.
        length: of a session, hours.
    """

    mentor_id: UUID
    weekly_cap: int
    length: float
    starts: tuple[Start, ...]


@dataclass(frozen=True, slots=True)
class Goal:
    """What is asked for, and what retrieval found: `candidates[i]` is the mentor in `places[i]`."""

    text: str
    asked: Asked
    places: Places
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Fits:
    """How well everybody fits everything.

    Attributes:
        table: 0 to 1, shape (goals, mentors); 0 for those whom retrieval did not find.
        orders: of each goal the mentors whom retrieval found, best fit first.
        gains: what each is worth in a list, 2^(3 fit) - 1 (Burges et al. 2005); shape as the table's.
    """

    table: Numbers
    orders: tuple[Places, ...]
    gains: Numbers


@dataclass(frozen=True, slots=True)
class Market:
    """Mentors, goals, and when it begins.

    Attributes:
        alike: how alike the profiles of any two mentors are, 1 the same; shape (mentors, mentors).
        depth: as many candidates by meaning and as many by words are ranked, as in production.
    """

    mentors: tuple[MarketMentor, ...]
    goals: tuple[Goal, ...]
    model_id: str
    starts_at: datetime
    alike: NDArray[np.float32]
    depth: int = 100

    def fits(self) -> Fits:
        """How well each mentor fits each goal.

        The relevance that the ranking computes with its default mix, among all mentors whether they
        have room or not.
        """
        table = np.zeros((len(self.goals), len(self.mentors)))
        orders = []
        for row, goal in enumerate(self.goals):
            if goal.candidates:
                table[row, goal.places] = relevance(goal.candidates)
            orders.append(goal.places[np.argsort(-table[row, goal.places], kind="stable")])
        return Fits(table, tuple(orders), 2 ** (GRADES * table) - 1)


def capacity(mentor: MarketMentor, weeks: int, first: int = 0) -> int:
    """How many sessions a mentor could hold from one week of a run to another, that one excluded: the
    most seats of starts that do not overlap, and in no week more than the cap."""
    in_period = [min(mentor.weekly_cap, _most_seats(mentor, week)) for week in range(PERIOD_WEEKS)]
    return sum(in_period[week % PERIOD_WEEKS] for week in range(first, weeks))


def _most_seats(mentor: MarketMentor, week: int) -> int:
    """Weighted interval scheduling (Kleinberg and Tardos, "Algorithm Design", 6.1) of a week's starts."""
    starts = sorted(
        (start for start in mentor.starts if start.hour // WEEK == week), key=lambda one: one.hour
    )
    hours = [start.hour for start in starts]
    most = [0]
    for place, start in enumerate(starts):
        before = bisect.bisect_right(hours, start.hour - mentor.length, hi=place)
        most.append(max(most[-1], start.seats + most[before]))
    return most[-1]
