"""How fast open slots are computed, beside the usual way: a date object for every candidate."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from sessions_app.slots import Calendar, Rules, Taken, Week, Window, at, minute, open_slots

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
RULES = Rules(30, 30, 0, 0, notice=120, weekly_cap=1000)
ZONE = ZoneInfo("America/New_York")


def run(data: Path | None) -> dict[str, Any]:
    """p50 in milliseconds for one mentor and for 200, and the same by date objects."""
    del data  # generated here
    figures: dict[str, Any] = {}
    for count, days in ((1, 30), (1, 90), (50, 14), (200, 14)):
        calendars = [_calendar(seed, days) for seed in range(count)]
        ours, found = _timed(lambda calendar: _ours(calendar, days), calendars)  # noqa: B023
        theirs, expected = _timed(_date_objects, calendars)
        if found != expected:
            raise AssertionError("The two ways disagree, so their times mean nothing.")
        slots = sum(len(each) for each in found)
        label = f"{count} mentors, {days} days, {slots} slots"
        figures[f"{label}: ms"] = round(ours, 2)
        figures[f"{label}: yardstick ms"] = round(theirs, 2)
    return figures


def _calendar(seed: int, days: int) -> Calendar:
    """Weekday windows of five hours, with five meetings of half an hour in each."""
    chance = random.Random(seed)
    windows: list[Window] = []
    taken: list[Taken] = []
    for day in range(1, days):
        start = minute(NOW) + day * 1440 + 240
        windows.append(Window(start, start + 300, 1))
        steps = sorted(chance.sample(range(10), 5))
        taken += [Taken(start + step * 30, start + step * 30 + 30, 1, 1, uuid4()) for step in steps]
    return Calendar(windows, RULES, taken, weeks=[Week(0, 10**9, 0)])


def _ours(calendar: Calendar, days: int) -> list[int]:
    first = minute(NOW)
    return [
        slot.starts for slot in open_slots(calendar, now=NOW, first=first, last=first + days * 1440)
    ]


def _date_objects(calendar: Calendar) -> list[int]:
    """The straightforward way: walk each window in local time and compare with every meeting."""
    busy = [(at(meeting.starts), at(meeting.ends)) for meeting in calendar.taken]
    length, notice = timedelta(minutes=RULES.length), timedelta(minutes=RULES.notice)
    found = []
    for window in calendar.windows:
        start, end = at(window.starts).astimezone(ZONE), at(window.ends).astimezone(ZONE)
        while start + length <= end:
            free = all(not (start < b and start + length > a) for a, b in busy)
            if free and start >= NOW + notice:
                found.append(minute(start))
            start += length
    return found


def _timed(
    work: Callable[[Calendar], list[int]], calendars: list[Calendar]
) -> tuple[float, list[list[int]]]:
    """The median of seven runs over all calendars, in milliseconds, and what was found."""
    result, times = [], []
    for _ in range(7):
        begin = time.perf_counter()
        result = [work(calendar) for calendar in calendars]
        times.append((time.perf_counter() - begin) * 1000)
    return statistics.median(times), result
