"""The usual way to find open slots: a date object for every candidate, compared with every obstacle.

The yardstick of `python -m benchmarks slots`. It is written as one would write it, with nothing made
slow on purpose: everything known of a mentor is turned into date objects once, outside the clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sessions_app.slots import Calendar, Why, at

Found = tuple[datetime, datetime, int]


@dataclass(frozen=True, slots=True)
class Hours:
    starts: datetime
    ends: datetime
    seats: int


@dataclass(frozen=True, slots=True)
class Meeting:
    starts: datetime
    ends: datetime
    seats_left: int
    before: timedelta
    after: timedelta


@dataclass(frozen=True, slots=True)
class Diary:
    """A mentor's calendar in date objects."""

    zone: ZoneInfo
    hours: list[Hours]
    meetings: list[Meeting]
    away: list[tuple[datetime, datetime]]
    elsewhere: list[tuple[datetime, datetime]]
    viewers: list[tuple[datetime, datetime]]
    full_weeks: frozenset[date]
    length: timedelta
    step: timedelta
    before: timedelta
    after: timedelta
    notice: timedelta
    until: datetime


def diary(calendar: Calendar, zone: ZoneInfo) -> Diary:
    """What the rule engine is given, as date objects."""
    rules = calendar.rules

    def periods(why: Why) -> list[tuple[datetime, datetime]]:
        return [(at(b.starts), at(b.ends)) for b in calendar.blocks if b.why is why]

    return Diary(
        zone=zone,
        hours=[Hours(at(w.starts), at(w.ends), w.capacity) for w in calendar.windows],
        meetings=[
            Meeting(
                at(m.starts),
                at(m.ends),
                m.capacity - m.held,
                timedelta(minutes=m.before),
                timedelta(minutes=m.after),
            )
            for m in calendar.taken
        ],
        away=periods(Why.AWAY),
        elsewhere=periods(Why.BUSY),
        viewers=[(at(begin), at(end)) for begin, end in calendar.busy],
        full_weeks=frozenset(
            at(week.starts).astimezone(zone).date()
            for week in calendar.weeks
            if week.held >= rules.weekly_cap
        ),
        length=timedelta(minutes=rules.length),
        step=timedelta(minutes=rules.step),
        before=timedelta(minutes=rules.buffer_before),
        after=timedelta(minutes=rules.buffer_after),
        notice=timedelta(minutes=rules.notice),
        until=at(calendar.until),
    )


def open_slots(diary: Diary, *, now: datetime) -> list[Found]:
    return sorted([*_fresh(diary, now), *_seats_left(diary, now)])


def _fresh(diary: Diary, now: datetime) -> Iterator[Found]:
    for hours in diary.hours:
        start = hours.starts
        while start + diary.length <= hours.ends:
            end = start + diary.length
            if _is_bookable(diary, start, end, now) and not _meets(diary, start, end):
                yield start, end, hours.seats
            start += diary.step


def _seats_left(diary: Diary, now: datetime) -> Iterator[Found]:
    for meeting in diary.meetings:
        inside = any(
            hours.starts <= meeting.starts and meeting.ends <= hours.ends for hours in diary.hours
        )
        if (
            meeting.seats_left > 0
            and inside
            and _is_bookable(diary, meeting.starts, meeting.ends, now)
        ):
            yield meeting.starts, meeting.ends, meeting.seats_left


def _is_bookable(diary: Diary, start: datetime, end: datetime, now: datetime) -> bool:
    """Whether notice, horizon, weekly cap, and everybody's other appointments allow it."""
    if start < now + diary.notice or start >= diary.until:
        return False
    local = start.astimezone(diary.zone).date()
    if local - timedelta(days=local.weekday()) in diary.full_weeks:
        return False
    return not (
        any(start < ends and end > starts for starts, ends in diary.away)
        or any(start < ends and end > starts for starts, ends in diary.viewers)
        or any(
            start < ends + diary.before and end + diary.after > starts
            for starts, ends in diary.elsewhere
        )
    )


def _meets(diary: Diary, start: datetime, end: datetime) -> bool:
    """Whether a new meeting would overlap one, or come nearer than the larger of the two breaks."""
    return any(
        start < meeting.ends + max(meeting.after, diary.before)
        and end + max(diary.after, meeting.before) > meeting.starts
        for meeting in diary.meetings
    )
