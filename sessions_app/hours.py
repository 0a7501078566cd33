"""Weekly hours in a mentor's own zone, as windows in UTC. Pure: no ORM, no clock."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)


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


def windows_of(
    weekly: Weekly, zone: ZoneInfo, first_date: date, last_date: date
) -> Iterator[tuple[datetime, datetime]]:
    """The windows that begin on the zone's dates from `first_date` up to, not including, `last_date`.

    Each date is converted by itself, so 13:00 stays 13:00 on the mentor's wall whatever the clocks
    do. A window of which no real minute is left (the clocks skip all of it) is left out.
    """
    for day in _dates(weekly, first_date, last_date):
        starts_at = instant(datetime.combine(day, weekly.starts), zone)
        next_day = weekly.ends <= weekly.starts
        ends_at = instant(datetime.combine(day + DAY if next_day else day, weekly.ends), zone)
        if starts_at < ends_at:
            yield starts_at, ends_at


def _dates(weekly: Weekly, first_date: date, last_date: date) -> Iterator[date]:
    day = max(first_date, weekly.starts_on)
    day += timedelta(days=(weekly.weekday - day.weekday()) % 7)
    # Weeks are counted from Monday to Monday, from the one in which the hours began.
    begun = weekly.starts_on - timedelta(days=weekly.starts_on.weekday())
    stop = last_date if weekly.ends_on is None else min(last_date, weekly.ends_on + DAY)
    while day < stop:
        if (day - begun).days // 7 % weekly.every_n_weeks == 0:
            yield day
        day += timedelta(days=7)


def instant(wall: datetime, zone: ZoneInfo) -> datetime:
    """The moment at which clocks in that zone show that naive time, in UTC.

    Shown twice: the first time. Never shown, because the clocks skip it: the moment they skip.
    So a later wall time is never an earlier moment, and hours that do not overlap on the wall do
    not overlap in truth. (Python itself would move a skipped time past the gap, into what follows.)
    """
    moment = wall.replace(tzinfo=zone, fold=0).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) == wall.replace(fold=0):
        return moment
    return _moment_of_change(wall.replace(tzinfo=zone, fold=1).astimezone(UTC), moment, zone)


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
