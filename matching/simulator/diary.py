"""Who can be met when, and who is booked: the calendars of a run. Pure.

Hours are counted from the start of the run; a week runs from one multiple of 168 to the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from matching.simulator.market import PERIOD_WEEKS, WEEK, Flags, MarketMentor, Numbers, Places

LOAD_HOURS: Final = 4 * WEEK


class Diary:
    """The starts of all mentors, and what is booked of them.

    A seat is booked at most once, a mentor holds at most the weekly cap and never two sessions at
    once, and so does a mentee.

    Args:
        joins: the hour each mentor joins, shape (mentors,). Who is not there yet is not asked.
        weeks: of the run; calendars go on for `horizon` hours after it.
    """

    def __init__(
        self, mentors: Sequence[MarketMentor], *, joins: Numbers, weeks: int, horizon: float
    ) -> None:
        self.size = len(mentors)
        self._caps = [mentor.weekly_cap for mentor in mentors]
        self._length = [mentor.length for mentor in mentors]
        until = weeks * WEEK + horizon
        periods = int(np.ceil(until / (PERIOD_WEEKS * WEEK)))
        rows = sorted(
            (start.hour + period * PERIOD_WEEKS * WEEK, number, start.seats)
            for number, mentor in enumerate(mentors)
            if mentor.weekly_cap
            for start in mentor.starts
            for period in range(periods)
        )
        rows = [row for row in rows if row[0] < until]
        self._hour: Numbers = np.array([row[0] for row in rows], dtype=float)
        self._mentor: Places = np.array([row[1] for row in rows], dtype=np.intp)
        self._seats = np.array([row[2] for row in rows], dtype=np.int64)
        self._of: list[Places] = [
            np.flatnonzero(self._mentor == number) for number in range(self.size)
        ]
        # Until somebody is booked, as if their last session had been when the run began or they joined.
        self.last: Numbers = np.maximum(joins, 0.0)
        self._in_week: dict[tuple[int, int], int] = {}
        self._busy: dict[int, list[tuple[float, float]]] = {}
        self.booked_hour: list[float] = []
        self.booked_mentor: list[int] = []
        self.booked_mentee: list[int] = []

    def next_starts(self, first: float, last: float) -> Numbers:
        """Each mentor's first open start in [first, last), in hours; infinite without one."""
        span, mentors = self._open(first, last)
        found = np.full(self.size, np.inf)
        # Backwards, so that the earliest is written last.
        found[mentors[::-1]] = self._hour[span][::-1]
        return found

    def free(self, first: float, last: float) -> Numbers:
        """How many starts of each mentor in [first, last) are open, shape (mentors,)."""
        return np.bincount(self._open(first, last)[1], minlength=self.size).astype(float)

    def booked(self, first: float = -np.inf, last: float = np.inf) -> Numbers:
        """Sessions of each mentor that start in [first, last), shape (mentors,)."""
        hours = np.array(self.booked_hour)
        mentors = np.array(self.booked_mentor, dtype=np.intp)
        chosen = mentors[(hours >= first) & (hours < last)]
        return np.bincount(chosen, minlength=self.size).astype(float)

    def book(self, mentor: int, mentee: int, *, first: float, last: float) -> float | None:
        """The mentor's earliest open start in [first, last) at which the mentee is free, booked.

        Returns its hour; None if there is none.
        """
        of = self._of[mentor]
        low, high = np.searchsorted(self._hour[of], (first, last))
        for start in of[low:high]:
            hour = float(self._hour[start])
            if self._seats[start] > 0 and self._is_free(mentee, hour, hour + self._length[mentor]):
                self._take(start, mentor, mentee, hour)
                return hour
        return None

    def _open(self, first: float, last: float) -> tuple[Places, Places]:
        """Which starts in [first, last) are open, and whose they are."""
        low, high = np.searchsorted(self._hour, (first, last))
        span = np.flatnonzero(self._seats[low:high] > 0) + low
        return span, self._mentor[span]

    def _is_free(self, mentee: int, begins: float, ends: float) -> bool:
        return all(ends <= begun or end <= begins for begun, end in self._busy.get(mentee, ()))

    def _take(self, start: int, mentor: int, mentee: int, hour: float) -> None:
        length = self._length[mentor]
        of = self._of[mentor]
        near = of[np.abs(self._hour[of] - hour) < length]
        self._seats[near[near != start]] = 0
        self._seats[start] -= 1
        self._busy.setdefault(mentee, []).append((hour, hour + length))
        self.last[mentor] = max(float(self.last[mentor]), hour)
        self.booked_hour.append(hour)
        self.booked_mentor.append(mentor)
        self.booked_mentee.append(mentee)
        week = int(hour // WEEK)
        self._in_week[mentor, week] = self._in_week.get((mentor, week), 0) + 1
        if self._in_week[mentor, week] >= self._caps[mentor]:
            low, high = np.searchsorted(self._hour[of], (week * WEEK, (week + 1) * WEEK))
            self._seats[of[low:high]] = 0


def open_now(next_starts: Numbers) -> Flags:
    """Who can be booked at all, of what `Diary.next_starts` gives."""
    return np.isfinite(next_starts)
