"""One market played through once. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from matching.ranking import ENOUGH_SHOWN
from matching.simulator.crowd import BLOCK, Crowd, Luck, luck
from matching.simulator.diary import LOAD_HOURS, Diary, open_now
from matching.simulator.market import DAY, WEEK, Fits, Flags, Market, Numbers, Places
from matching.simulator.scenario import Scenario
from matching.simulator.serving import Server, Standing

PERIOD: Final = 4 * WEEK  # what utilization is measured in
CUT: Final = 10
_DISCOUNTS: Final = 1 / np.log2(np.arange(2, CUT + 2))


@dataclass(slots=True)
class Log:
    """What happened. Arrays have a row for each mentor; `periods` are four weeks each.

    Attributes:
        had_room: who could be booked at some time of a period, shape (mentors, periods).
        booked_in: bookings made in each period.
        in_use: who was booked in a period, or had a session in it that was booked before.
        shown: how often each was in a list.
        qualities: nDCG of each list; fits and expected: of each booking.
        first_booked: the hour of the first booking; infinite without one.
    """

    had_room: Flags
    booked_in: Numbers
    in_use: Flags
    shown: Numbers
    first_booked: Numbers
    new_shown: Numbers
    qualities: list[float] = field(default_factory=list)
    fits: list[float] = field(default_factory=list)
    expected: list[float] = field(default_factory=list)
    left: int = 0


class Run:
    """A market that stands still between requests, and what moves when one comes in."""

    def __init__(
        self, market: Market, scenario: Scenario, crowd: Crowd, server: Server, fits: Fits
    ) -> None:
        self._market, self._scenario, self._crowd, self._server = market, scenario, crowd, server
        self._fits = fits
        size = len(market.mentors)
        self._horizon = scenario.supply.horizon_days * DAY
        self.diary = Diary(
            market.mentors, joins=crowd.joins, weeks=scenario.weeks, horizon=self._horizon
        )
        periods = int(np.ceil(scenario.weeks * WEEK / PERIOD))
        self.log = Log(
            had_room=np.zeros((size, periods), dtype=bool),
            booked_in=np.zeros((size, periods)),
            in_use=np.zeros((size, periods), dtype=bool),
            shown=np.zeros(size),
            first_booked=np.full(size, np.inf),
            new_shown=np.zeros(size),
        )
        self._facts = Facts(market, crowd)

    def play(self) -> Log:
        for request in range(len(self._crowd.asks_at)):
            self._answer(request)
        return self.log

    def _answer(self, request: int) -> None:
        """A mentee asks, is shown a list, chooses or leaves, is accepted or refused and asks again."""
        hour = float(self._crowd.asks_at[request])
        goal = int(self._crowd.goal[request])
        drawn, row = self._luck(request)
        refused_by: list[int] = []
        for answer in drawn.answer[row].tolist():
            standing = self._standing(request, hour, refused_by)
            shown = self._server.order(goal, standing)
            shown = shown[: self._scenario.choice.list_length]
            self._note(goal, hour, shown, standing)
            chosen = self._choose(goal, shown, drawn.taste[row])
            if chosen is None:
                self.log.left += 1
                return
            says_yes = answer < self._crowd.accepts[chosen]
            self._facts.asked[chosen] += 1
            self._facts.accepted[chosen] += says_yes
            starts_at = self._book(request, chosen, hour) if says_yes else None
            if starts_at is not None:
                self._note_booking(chosen, goal, hour, starts_at)
                self._rate(chosen, goal, starts_at, drawn, row)
                return
            refused_by.append(chosen)

    def _luck(self, request: int) -> tuple[Luck, int]:
        """The draws of a request: a block of them, and its row there."""
        block, row = divmod(request, BLOCK)
        if row == 0:
            tries = self._scenario.demand.tries
            self._block = luck(self._crowd.seed, block, len(self._market.mentors), tries)
        return self._block, row

    def _standing(self, request: int, hour: float, refused_by: list[int]) -> Standing:
        notice = hour + self._scenario.supply.notice_hours
        next_start = self.diary.next_starts(notice, hour + self._horizon)
        present = self._crowd.joins <= hour
        is_open = open_now(next_start) & present
        if refused_by:
            present = present.copy()
            present[refused_by] = is_open[refused_by] = False
        return Standing(
            hour=hour,
            present=present,
            open=is_open,
            next_start=next_start,
            facts=lambda: self._facts.now(self.diary, hour, notice),
            request=request,
        )

    def _note(self, goal: int, hour: float, shown: Places, standing: Standing) -> None:
        period = int(hour // PERIOD)
        self.log.had_room[:, period] |= standing.open
        self.log.shown[shown] += 1
        self._facts.shown[shown] += 1
        self.log.new_shown[shown] += hour - self._crowd.joins[shown] < PERIOD
        self.log.qualities.append(quality(self._fits, goal, shown, standing.open))

    def _choose(self, goal: int, shown: Places, taste: Numbers) -> int | None:
        """By the largest of utility plus Gumbel noise, which is the logit's draw; None: leaves."""
        choice = self._scenario.choice
        if not len(shown):
            return None
        places = np.arange(1, len(shown) + 1)
        utility = choice.sensitivity * self._fits.table[goal, shown] + taste[shown]
        utility -= choice.position * np.log(np.log2(places + 1))
        best = int(np.argmax(utility))
        outside = choice.sensitivity * choice.outside_fit + taste[-1]
        return None if choice.outside and outside > utility[best] else int(shown[best])

    def _book(self, request: int, mentor: int, hour: float) -> float | None:
        return self.diary.book(
            mentor,
            int(self._crowd.mentee[request]),
            first=hour + self._scenario.supply.notice_hours,
            last=hour + self._horizon,
        )

    def _note_booking(self, mentor: int, goal: int, hour: float, starts_at: float) -> None:
        self.log.booked_in[mentor, int(hour // PERIOD)] += 1
        for period in {int(hour // PERIOD), int(starts_at // PERIOD)}:
            if period < self.log.in_use.shape[1]:
                self.log.in_use[mentor, period] = True
        self.log.first_booked[mentor] = min(self.log.first_booked[mentor], hour)
        self.log.fits.append(float(self._fits.table[goal, mentor]))

    def _rate(self, mentor: int, goal: int, starts_at: float, drawn: Luck, row: int) -> None:
        """What rating is to be expected; and for some sessions the one that is given."""
        ratings = self._scenario.ratings
        fit = float(self._fits.table[goal, mentor])
        expected = ratings.base + ratings.fit_adds * fit + float(self._crowd.quality[mentor])
        self.log.expected.append(_on_scale(expected))
        if drawn.rated[row] < ratings.share:
            felt = expected + ratings.session_spread * float(drawn.mood[row])
            self._facts.rate(mentor, round(_on_scale(felt)), starts_at)


class Facts:
    """What the product would have on record of each mentor: sessions, ratings, lists, answers."""

    def __init__(self, market: Market, crowd: Crowd) -> None:
        size = len(market.mentors)
        known = {row.mentor_id: row for goal in market.goals for row in goal.candidates}
        before = [known.get(mentor.mentor_id) for mentor in market.mentors]
        there = ~crowd.joined

        def recorded(name: str) -> Numbers:
            values = [float(getattr(row, name)) if row else 0.0 for row in before]
            return np.where(there, values, 0.0)  # who joins has no record

        self._sessions = recorded("sessions")
        self._total, self._count = recorded("rating_total"), recorded("rating_count")
        self._to_come: list[tuple[float, int, int]] = []  # hour, mentor, rating
        self.shown, self.asked, self.accepted = np.zeros(size), np.zeros(size), np.zeros(size)

    def rate(self, mentor: int, rating: int, hour: float) -> None:
        """A rating that is given when the session is over."""
        self._to_come.append((hour, mentor, rating))

    def now(self, diary: Diary, hour: float, notice: float) -> dict[str, Numbers]:
        """By the name of the field in `Candidate`; each of shape (mentors,)."""
        due = [row for row in self._to_come if row[0] <= hour]
        if due:
            self._to_come = [row for row in self._to_come if row[0] > hour]
            for _hour, mentor, rating in due:
                self._total[mentor] += rating
                self._count[mentor] += 1
        return {
            "free_7d": diary.free(notice, hour + WEEK),
            "booked_28d": diary.booked(hour - LOAD_HOURS),
            "booked_7d": diary.booked(hour, hour + WEEK),
            "idle_days": np.maximum(0.0, hour - diary.last) / 24,
            "sessions": self._sessions + diary.booked(),
            "rating_total": self._total,
            "rating_count": self._count,
            "requests": self.asked,
            "accepted": self.accepted,
            "shown": np.minimum(self.shown, ENOUGH_SHOWN),
        }


def quality(fits: Fits, goal: int, shown: Places, open_: Flags) -> float:
    """nDCG@10 of a list.

    The best possible list is that of those who have room, best fit first: what relevance with an
    availability filter would show. Whoever is shown and has no room gains nothing.

    Args:
        shown: mentors in the order shown.
        open_: who has room, shape (mentors,).
    """
    order = fits.orders[goal]
    gains = fits.gains[goal]
    best = gains[order[open_[order]][:CUT]]
    ideal = float(best @ _DISCOUNTS[: len(best)])
    shown = shown[:CUT]
    served = float((gains[shown] * open_[shown]) @ _DISCOUNTS[: len(shown)])
    return served / ideal if ideal else 1.0


def _on_scale(rating: float) -> float:
    return min(5.0, max(1.0, rating))
