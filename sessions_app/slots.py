"""The one rule engine: which starts are open, and which rule closed the others.

Pure: no ORM, no clock. Times are whole minutes since 1970 UTC (integers), because date objects made
per slot are what makes other calendars slow. Listing, booking, moving, the admin, the API and the
Airtable import all ask here, so what is shown as free can be booked.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID

MINUTE = 60
DAY = 24 * 60


class Why(StrEnum):
    """Which rule removed a start. The values are the API's codes."""

    IN_PAST = "slot_in_past"
    OUTSIDE_WINDOW = "outside_window"
    TOO_SOON = "too_soon"
    BEYOND_HORIZON = "beyond_horizon"
    TAKEN = "slot_taken"
    WEEK_FULL = "weekly_cap_reached"
    MENTEE_BUSY = "mentee_busy"


@dataclass(frozen=True, slots=True)
class Window:
    starts: int
    ends: int
    capacity: int
    id: UUID | None = None
    location: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """A live meeting: its period, its seats and how many of them are held."""

    starts: int
    ends: int
    capacity: int
    held: int
    id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Rules:
    """How a mentor likes to be booked. Minutes throughout; the gap rule is max(after, before)."""

    length: int
    buffer_before: int
    buffer_after: int
    notice: int
    horizon: int
    weekly_cap: int

    @property
    def gap(self) -> int:
        return max(self.buffer_after, self.buffer_before)


@dataclass(frozen=True, slots=True)
class Week:
    """Monday to Monday in the mentor's zone (167, 168 or 169 hours), and the seats held in it."""

    starts: int
    ends: int
    held: int


@dataclass(frozen=True, slots=True)
class Calendar:
    """All that is known of one mentor in a period. Sequences are sorted by start, without overlap."""

    windows: Sequence[Window]
    taken: Sequence[Taken]
    weeks: Sequence[Week]
    rules: Rules


@dataclass(frozen=True, slots=True)
class Slot:
    starts: int
    ends: int
    seats_left: int
    window: Window
    meeting: Taken | None = None

    @property
    def starts_at(self) -> datetime:
        return at(self.starts)

    @property
    def ends_at(self) -> datetime:
        return at(self.ends)


def minute(moment: datetime) -> int:
    """Whole minutes since 1970 UTC, rounded down.

    Raises ValueError for a naive datetime: its minute would depend on the server's zone.
    """
    if moment.tzinfo is None:
        raise ValueError("A time without a zone has no minute.")
    return int(moment.timestamp()) // MINUTE


def at(minutes: int) -> datetime:
    return datetime.fromtimestamp(minutes * MINUTE, UTC)


def ceil_minute(moment: datetime) -> int:
    """Like `minute`, rounded up: for bounds that a start may not come before."""
    return -(-int(moment.timestamp() * 1_000_000) // (MINUTE * 1_000_000))


def open_slots(
    calendar: Calendar,
    *,
    now: datetime,
    first: int,
    last: int,
    busy: Sequence[tuple[int, int]] = (),
) -> Iterator[Slot]:
    """Every open start with first <= start < last, in order.

    Starts are counted from the window's own start in steps of the session's length, so a window in a
    half-hour zone is cut on its own half hours.

    Args:
        calendar: the mentor's windows, meetings, weeks and rules.
        now: the moment the question is asked at.
        first, last: minutes, half-open.
        busy: the mentee's own live sessions as (start, end) minutes, sorted.
    """
    for window in calendar.windows:
        for start in starts_of(window, calendar.rules, first=first, last=last):
            slot = _slot(calendar, window, start)
            if _refuse(calendar, slot, now=now, busy=busy) is None:
                yield slot


def starts_of(window: Window, rules: Rules, *, first: int, last: int) -> range:
    """The starts that fit in a window, from the first at or after `first`."""
    step = rules.length
    skipped = max(0, -(-(first - window.starts) // step))
    stop = min(last - 1, window.ends - rules.length) + 1
    return range(window.starts + skipped * step, stop, step)


def why(
    calendar: Calendar,
    *,
    start: int,
    now: datetime,
    busy: Sequence[tuple[int, int]] = (),
) -> tuple[Why | None, Slot | None]:
    """The rule that closes this start (None when it is open), and the slot as far as there is one.

    The past is named before the window: a mentee who waited too long should read that, and not that
    the mentor has no hours then.
    """
    if start < ceil_minute(now):
        return Why.IN_PAST, None
    window = _window_of(calendar, start)
    if window is None:
        return Why.OUTSIDE_WINDOW, None
    slot = _slot(calendar, window, start)
    return _refuse(calendar, slot, now=now, busy=busy), slot


def why_empty(calendar: Calendar, *, now: datetime, first: int, last: int) -> Why:
    """Why a period has no open start: the rule that removed the most promising one."""
    found = {
        reason
        for window in calendar.windows
        for start in starts_of(window, calendar.rules, first=first, last=last)
        if (reason := _refuse(calendar, _slot(calendar, window, start), now=now, busy=()))
    }
    order = (Why.MENTEE_BUSY, Why.WEEK_FULL, Why.TAKEN, Why.TOO_SOON, Why.BEYOND_HORIZON)
    return next((reason for reason in order if reason in found), Why.OUTSIDE_WINDOW)


def _window_of(calendar: Calendar, start: int) -> Window | None:
    """The window that offers this very start: on its step, and with room to its end."""
    index = bisect_right(calendar.windows, start, key=lambda window: window.starts) - 1
    if index < 0:
        return None
    window = calendar.windows[index]
    return (
        window if start in starts_of(window, calendar.rules, first=start, last=start + 1) else None
    )


def _slot(calendar: Calendar, window: Window, start: int) -> Slot:
    """The slot at that start: a fresh meeting, or the seats left in the one already there."""
    end = start + calendar.rules.length
    index = bisect_left(calendar.taken, start, key=lambda meeting: meeting.starts)
    if index < len(calendar.taken):
        meeting = calendar.taken[index]
        if (meeting.starts, meeting.ends) == (start, end):
            return Slot(start, end, meeting.capacity - meeting.held, window, meeting)
    return Slot(start, end, window.capacity, window)


def _refuse(
    calendar: Calendar, slot: Slot, *, now: datetime, busy: Sequence[tuple[int, int]]
) -> Why | None:
    """The first rule, in this order, that closes the slot."""
    if slot.starts < ceil_minute(now):
        return Why.IN_PAST
    if slot.starts < ceil_minute(now + timedelta(minutes=calendar.rules.notice)):
        return Why.TOO_SOON
    if slot.starts > minute(now) + calendar.rules.horizon:
        return Why.BEYOND_HORIZON
    if slot.seats_left < 1 or (slot.meeting is None and _clashes(calendar, slot)):
        return Why.TAKEN
    if _overlaps(busy, slot.starts, slot.ends):
        return Why.MENTEE_BUSY
    return Why.WEEK_FULL if _week_is_full(calendar, slot.starts) else None


def _clashes(calendar: Calendar, slot: Slot) -> bool:
    """Whether a fresh meeting here would be nearer to another one than the mentor's gap."""
    gap = calendar.rules.gap
    index = bisect_left(calendar.taken, slot.ends + gap, key=lambda meeting: meeting.starts)
    return index > 0 and calendar.taken[index - 1].ends + gap > slot.starts


def _overlaps(periods: Sequence[tuple[int, int]], start: int, end: int) -> bool:
    index = bisect_left(periods, end, key=lambda period: period[0])
    return index > 0 and periods[index - 1][1] > start


def _week_is_full(calendar: Calendar, start: int) -> bool:
    index = bisect_right(calendar.weeks, start, key=lambda week: week.starts) - 1
    if index < 0 or start >= calendar.weeks[index].ends:
        return False
    return calendar.weeks[index].held >= calendar.rules.weekly_cap
