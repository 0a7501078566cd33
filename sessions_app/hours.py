"""Hours on a mentor's own clock, as windows in UTC. Pure: no ORM, no clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from math import lcm
from typing import Protocol
from uuid import UUID
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
Period = tuple[datetime, datetime]


class Weekly(Protocol):
    """What is asked of weekly hours; `models.WeeklyHours` answers it."""

    @property
    def weekday(self) -> int: ...
    @property
    def starts(self) -> time: ...
    @property
    def ends(self) -> time: ...
    @property
    def every_n_weeks(self) -> int: ...
    @property
    def starts_on(self) -> date: ...
    @property
    def ends_on(self) -> date | None: ...


class Rule(Weekly, Protocol):
    """Weekly hours with what their windows are like."""

    @property
    def id(self) -> UUID: ...
    @property
    def capacity(self) -> int: ...
    @property
    def location(self) -> str: ...


class Differing(Protocol):
    """A date that differs; `models.HoursException` answers it."""

    @property
    def id(self) -> UUID: ...
    @property
    def date(self) -> date: ...
    @property
    def weekly_hours_id(self) -> UUID | None: ...
    @property
    def starts(self) -> time | None: ...
    @property
    def ends(self) -> time | None: ...
    @property
    def capacity(self) -> int: ...
    @property
    def location(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Planned:
    """A window that the rules ask for: those of `weekly`, or the exception's, on that date."""

    date: date
    starts_at: datetime
    ends_at: datetime
    capacity: int
    location: str
    weekly: UUID | None = None
    exception: UUID | None = None


def planned(
    *,
    rules: Iterable[Rule],
    exceptions: Iterable[Differing],
    holidays: Iterable[date],
    zone: ZoneInfo,
    first: date,
    last: date,
) -> list[Planned]:
    """The windows that the rules ask for on the zone's dates from `first` up to, not including, `last`.

    A mentor's own exception for a date replaces all weekly hours of that date, or only those it
    names; a holiday takes the weekly hours away, but not what an exception opens. Exceptions come
    first, then the weekly hours, each by start: where two overlap, the earlier in the list goes first.
    """
    exceptions = list(exceptions)
    closed = {row.date for row in exceptions if row.weekly_hours_id is None} | set(holidays)
    skipped = {(row.weekly_hours_id, row.date) for row in exceptions}
    opened = [
        Planned(row.date, *period, row.capacity, row.location, exception=row.id)
        for row in exceptions
        if row.starts is not None and row.ends is not None and first <= row.date < last
        for period in [_period(row.date, row.starts, row.ends, zone)]
        if period[0] < period[1]
    ]
    weekly = [
        Planned(day, *period, rule.capacity, rule.location, weekly=rule.id)
        for rule in rules
        for day in dates_of(rule, first, last)
        if day not in closed and (rule.id, day) not in skipped
        for period in [_period(day, rule.starts, rule.ends, zone)]
        if period[0] < period[1]
    ]
    by_start = lambda row: (row.starts_at, row.ends_at)  # noqa: E731
    return [*sorted(opened, key=by_start), *sorted(weekly, key=by_start)]


def windows_of(
    weekly: Weekly, zone: ZoneInfo, first_date: date, last_date: date
) -> Iterator[Period]:
    """The windows that begin on the zone's dates from `first_date` up to, not including, `last_date`.

    Each date is converted by itself, so 13:00 stays 13:00 on the mentor's wall whatever the clocks
    do. A window of which no real minute is left (the clocks skip all of it) is left out.
    """
    for day in dates_of(weekly, first_date, last_date):
        starts_at, ends_at = _period(day, weekly.starts, weekly.ends, zone)
        if starts_at < ends_at:
            yield starts_at, ends_at


def _period(day: date, starts: time, ends: time, zone: ZoneInfo) -> Period:
    last_day = day + DAY if ends <= starts else day
    return (
        instant(datetime.combine(day, starts), zone),
        instant(datetime.combine(last_day, ends), zone, last=True),
    )


def dates_of(weekly: Weekly, first_date: date, last_date: date) -> Iterator[date]:
    """The dates on which these hours are held, from `first_date` up to, not including, `last_date`."""
    day = max(first_date, weekly.starts_on)
    day += timedelta(days=(weekly.weekday - day.weekday()) % 7)
    # Weeks are counted from Monday to Monday, from the one in which the hours began.
    begun = weekly.starts_on - timedelta(days=weekly.starts_on.weekday())
    stop = last_date if weekly.ends_on is None else min(last_date, weekly.ends_on + DAY)
    while day < stop:
        if (day - begun).days // 7 % weekly.every_n_weeks == 0:
            yield day
        day += timedelta(days=7)


def date_of(weekday: int, starts_at: datetime, zone: ZoneInfo) -> date:
    """The date that weekly hours of that weekday made this window for: the nearest such one.

    Not simply the window's own date: a start that the clocks skip may fall on the next day, and the
    window may have been made in another zone than the mentor lives in by now.
    """
    day = starts_at.astimezone(zone).date()
    return day + timedelta(days=(weekday - day.weekday() + 3) % 7 - 3)


def meet(one: Weekly, other: Weekly, *, since: date) -> date | None:
    """The first date from then on at which two weekly hours overlap on the wall; None for never."""
    first = max(one.starts_on, other.starts_on, since) - DAY
    last = first + timedelta(weeks=lcm(one.every_n_weeks, other.every_n_weeks) + 2)
    others = [_wall(other, day) for day in dates_of(other, first, last)]
    for day in dates_of(one, first, last):
        starts, ends = _wall(one, day)
        if any(begin < ends and starts < end for begin, end in others):
            return day
    return None


def _wall(weekly: Weekly, day: date) -> Period:
    starts, ends = datetime.combine(day, weekly.starts), datetime.combine(day, weekly.ends)
    return starts, ends + DAY if ends <= starts else ends


# -- Periods -----------------------------------------------------------------------------------
def joined(periods: Iterable[Period]) -> list[Period]:
    """The same time as periods that neither overlap nor touch, in order."""
    found: list[Period] = []
    for begin, end in sorted(periods):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found


def without(period: Period, obstacles: Sequence[Period]) -> list[Period]:
    """What is left of a period; `obstacles` are `joined`."""
    begin, end = period
    marks = [begin]
    for starts, ends in obstacles:
        if starts < end and begin < ends:
            marks += [max(begin, starts), min(end, ends)]
    marks.append(end)
    return [(left, right) for left, right in list(pairwise(marks))[::2] if left < right]


def covers(periods: Sequence[Period], begin: datetime, end: datetime) -> bool:
    """Whether [begin, end) lies in one of these `joined` periods."""
    return any(starts <= begin and end <= ends for starts, ends in periods)


# -- Wall time ---------------------------------------------------------------------------------
def instant(wall: datetime, zone: ZoneInfo, *, last: bool = False) -> datetime:
    """The moment at which clocks in that zone show that naive time, in UTC.

    Shown twice: the first time, or the `last` for the end of something, so that all of it counts.
    Never shown, because the clocks skip it: the moment they skip. So a later wall time is never an
    earlier moment. (Python itself would move a skipped time past the gap, into what follows.)
    """
    wall = wall.replace(fold=0)
    moment = wall.replace(tzinfo=zone, fold=int(last)).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None, fold=0) == wall:
        return moment
    before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
    after = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    return _moment_of_change(before, after, zone)


def _moment_of_change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The second at which the zone's offset changes, known to lie in (before, after]."""
    old = before.astimezone(zone).utcoffset()
    while after - before > SECOND:
        middle = before + (after - before) // SECOND // 2 * SECOND
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after
