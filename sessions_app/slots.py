"""The one rule engine: which starts are open, and which rule closed the others.

Pure: no ORM, no clock. Times are whole minutes since 1970 UTC (integers), because date objects made
per slot are what makes other calendars slow. Every rule is a range of starts that it closes, so that
listing (all starts minus what is closed) and explaining (which rule closed this one) cannot disagree.
Listing, booking, moving, the admin, the API and the Airtable import all ask here: what is shown as
free can be booked.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from operator import itemgetter
from typing import NamedTuple
from uuid import UUID

MINUTE = 60
DAY = 24 * 60
# Beyond every time there is.
_EVER = 1 << 60


class Why(StrEnum):
    """Which rule removed a start. `code` is what the API calls it."""

    IN_PAST = "slot_in_past"
    OUTSIDE_WINDOW = "outside_window"
    TOO_SOON = "too_soon"
    BEYOND_HORIZON = "beyond_horizon"
    MENTEE_BUSY = "mentee_busy"
    TAKEN = "slot_taken"
    HELD = "held"
    TOO_CLOSE = "too_close"
    BUSY = "busy"
    AWAY = "away"
    WEEK_FULL = "weekly_cap_reached"

    @property
    def code(self) -> str:
        """The contract has fewer codes than there are reasons; the sentence tells them apart."""
        return _CODES.get(self, self.value)


_CODES = {
    Why.HELD: Why.TAKEN.value,
    Why.TOO_CLOSE: Why.TAKEN.value,
    Why.BUSY: Why.TAKEN.value,
    Why.AWAY: Why.OUTSIDE_WINDOW.value,
}


class Window(NamedTuple):
    starts: int
    ends: int
    capacity: int
    id: UUID | None = None
    location: str = ""


class Taken(NamedTuple):
    """A live meeting, or held seats where there is none yet (no `id`): its period, its seats and how
    many of them are gone; the buffers as they were when it was booked."""

    starts: int
    ends: int
    capacity: int
    held: int
    id: UUID | None = None
    before: int = 0
    after: int = 0


class Block(NamedTuple):
    """A time at which the mentor cannot be met at all: away, or busy elsewhere."""

    starts: int
    ends: int
    why: Why


class Week(NamedTuple):
    """Monday to Monday in the mentor's zone (167, 168 or 169 hours), and the seats held in it."""

    starts: int
    ends: int
    held: int


@dataclass(frozen=True, slots=True)
class Rules:
    """How a mentor likes to be booked. Minutes throughout."""

    length: int
    step: int
    buffer_before: int
    buffer_after: int
    notice: int
    weekly_cap: int


@dataclass(frozen=True, slots=True)
class Calendar:
    """All that is known of one mentor in a period, for one viewer.

    Sequences are sorted by start; windows and taken times do not overlap their own kind.

    Args:
        until: the first minute that is not open for booking yet.
        busy: when the viewer is elsewhere, as (start, end).
        hold: the viewer's own hold with this mentor (start, end, id), which closes nothing to them.
        place: the viewer's place in the line for this mentor.
    """

    windows: Sequence[Window]
    rules: Rules
    taken: Sequence[Taken] = ()
    blocks: Sequence[Block] = ()
    weeks: Sequence[Week] = ()
    busy: Sequence[tuple[int, int]] = ()
    until: int = _EVER
    hold: tuple[int, int, UUID] | None = None
    place: UUID | None = None

    def without_viewer(self) -> Calendar:
        """The same for anybody: the viewer's own appointments left out."""
        return replace(self, busy=(), hold=None, place=None)


class Slot(NamedTuple):
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


# The starts first <= start < last, and the rule that closes them. Plain: there are thousands of them.
Closure = tuple[int, int, Why]


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


def closures(
    calendar: Calendar, *, now: datetime, joining: Taken | None = None
) -> Iterator[Closure]:
    """What every rule closes, in the order in which reasons are named.

    Args:
        joining: ask for the seats left in this meeting, which other meetings and the step do not
            concern; None asks for a meeting of its own.
    """
    rules = calendar.rules
    length = joining.ends - joining.starts if joining else rules.length
    yield -_EVER, ceil_minute(now), Why.IN_PAST
    if not _is_held(calendar, joining):
        yield -_EVER, ceil_minute(now + timedelta(minutes=rules.notice)), Why.TOO_SOON
    yield calendar.until, _EVER, Why.BEYOND_HORIZON
    for begin, end in calendar.busy:
        yield begin - length + 1, end, Why.MENTEE_BUSY
    if joining is None:
        yield from _closed_by_meetings(calendar.taken, rules)
    elif joining.held >= joining.capacity:
        yield joining.starts, joining.starts + 1, _taken_how(joining)
    for block in calendar.blocks:
        # The mentor's own buffers count here too: the gap is max(after, 0) and max(0, before).
        first = block.starts - length - (rules.buffer_after if block.why is Why.BUSY else 0)
        last = block.ends + (rules.buffer_before if block.why is Why.BUSY else 0)
        yield first + 1, last, block.why
    for week in calendar.weeks:
        if week.held >= rules.weekly_cap:
            yield week.starts, week.ends, Why.WEEK_FULL


def _closed_by_meetings(taken: Sequence[Taken], rules: Rules) -> Iterator[Closure]:
    """First where a new meeting would overlap one, then where it would be nearer than the gap.

    The gap between neighbours is max(the earlier one's after, the later one's before).
    """
    length, before, after = rules.length, rules.buffer_before, rules.buffer_after
    for meeting in taken:
        yield meeting.starts - length + 1, meeting.ends, _taken_how(meeting)
    for meeting in taken:
        ahead, behind = max(after, meeting.before), max(meeting.after, before)
        if ahead or behind:
            yield meeting.starts - length - ahead + 1, meeting.ends + behind, Why.TOO_CLOSE


def _taken_how(meeting: Taken) -> Why:
    return Why.TAKEN if meeting.id else Why.HELD


def _is_held(calendar: Calendar, joining: Taken | None) -> bool:
    """Whether this is the meeting that the viewer's own hold is for: the hold was taken in time, so
    the notice is not asked for again."""
    hold = calendar.hold
    return bool(hold and joining and (joining.starts, joining.ends) == hold[:2])


def open_slots(calendar: Calendar, *, now: datetime, first: int, last: int) -> list[Slot]:
    """Every open start with first <= start < last, in order.

    Starts are counted from the window's own start in the mentor's steps, so a window in a half-hour
    zone is cut on its own half hours. A meeting with seats left is a slot with its own times.

    Args:
        now: the moment the question is asked at.
        first, last: minutes, half-open.
    """
    closed = _merged(closures(calendar, now=now))
    slots: list[Slot] = []
    at_closed = 0
    length, step = calendar.rules.length, calendar.rules.step
    for window in calendar.windows:
        start = _on_step(window.starts, step, max(first, window.starts))
        stop = min(last, window.ends - length + 1)
        while start < stop:
            while closed[at_closed][1] <= start:
                at_closed += 1
            closing, opening = closed[at_closed]
            if start < closing:
                slots += _in_a_row(start, min(closing, stop), step, length, window)
            start = _on_step(start, step, opening)
    joinable = [slot for slot in _joinable(calendar, now=now) if first <= slot.starts < last]
    if not joinable:
        return slots
    # By start: the viewer's own hold may be an open start of the window too.
    by_start = {slot.starts: slot for slot in [*slots, *joinable]}
    return [by_start[start] for start in sorted(by_start)]


def _on_step(start: int, step: int, bound: int) -> int:
    """The first start at or after the bound that is whole steps away from this one."""
    return bound + (start - bound) % step


def _in_a_row(first: int, last: int, step: int, length: int, window: Window) -> list[Slot]:
    """A fresh slot for every step. Tuples made directly: what Slot(...) adds to that costs as much
    again, and a directory shows the slots of hundreds of mentors."""
    new, capacity = tuple.__new__, window.capacity
    return [new(Slot, (s, s + length, capacity, window, None)) for s in range(first, last, step)]


def _merged(closed: Iterable[Closure]) -> list[tuple[int, int]]:
    """The ranges in order, those that touch made one. The last one has no end."""
    merged: list[tuple[int, int]] = []
    begin = end = -_EVER
    for first, last, _why in sorted(closed, key=itemgetter(0)):
        if first > end:
            merged.append((begin, end))
            begin, end = first, last
        elif last > end:
            end = last
    merged.append((begin, end))
    if end < _EVER:
        merged.append((_EVER, _EVER + 1))
    return merged


def _is_in(merged: list[tuple[int, int]], start: int) -> bool:
    return start < merged[bisect_right(merged, start, key=itemgetter(0)) - 1][1]


def _joinable(calendar: Calendar, *, now: datetime) -> Iterator[Slot]:
    """The seats left in meetings that are there already, and the seat held for the viewer."""
    closed: dict[tuple[int, bool], list[tuple[int, int]]] = {}
    for meeting in _with_own_hold(calendar):
        if meeting.held < meeting.capacity:
            window = _around(calendar, meeting.starts, meeting.ends)
            # What closes one meeting with seats left closes the others that are as long.
            alike = meeting.ends - meeting.starts, _is_held(calendar, meeting)
            if alike not in closed:
                closed[alike] = _merged(closures(calendar, now=now, joining=meeting))
            if window and not _is_in(closed[alike], meeting.starts):
                yield _seats_of(meeting, window)


def _with_own_hold(calendar: Calendar) -> Iterable[Taken]:
    """The meetings, and where the viewer's hold is for a fresh one, that one to be."""
    if calendar.hold is None:
        return calendar.taken
    starts, ends, _id = calendar.hold
    if any((meeting.starts, meeting.ends) == (starts, ends) for meeting in calendar.taken):
        return calendar.taken
    window = _around(calendar, starts, ends)
    # Only where the notice would close it, or the step has changed: else it is open like any other.
    return [*calendar.taken, Taken(starts, ends, window.capacity if window else 1, 0)]


def _seats_of(meeting: Taken, window: Window) -> Slot:
    left = meeting.capacity - meeting.held
    there = meeting if meeting.id or meeting.held else None
    return Slot(meeting.starts, meeting.ends, left, window, there)


def why(calendar: Calendar, *, start: int, now: datetime) -> tuple[Why | None, Slot]:
    """The first rule that closes this start (None when it is open), and the slot it would be."""
    found, slot = reasons(calendar, start=start, now=now)
    return (found[0] if found else None), slot


def reasons(calendar: Calendar, *, start: int, now: datetime) -> tuple[list[Why], Slot]:
    """Every rule that closes this start, in the order in which they are named, and the slot.

    The past is named before the window: a mentee who waited too long should read that, and not that
    the mentor has no hours then.
    """
    joining = next((m for m in _with_own_hold(calendar) if m.starts == start), None)
    if joining is not None:
        window = _around(calendar, joining.starts, joining.ends)
        there = Window(joining.starts, joining.ends, joining.capacity)
        slot = _seats_of(joining, window or there)
    else:
        window = _window_of(calendar, start)
        end = start + calendar.rules.length
        slot = Slot(start, end, 1, Window(start, end, 1))
        if window is not None:
            slot = Slot(start, end, window.capacity, window)
    found = [*_closed_by(calendar, start, now=now, joining=joining)]
    if window is None:
        found.insert(1 if found[:1] == [Why.IN_PAST] else 0, Why.OUTSIDE_WINDOW)
    return list(dict.fromkeys(found)), slot


def _closed_by(
    calendar: Calendar, start: int, *, now: datetime, joining: Taken | None
) -> Iterator[Why]:
    for first, last, why in closures(calendar, now=now, joining=joining):
        if first <= start < last:
            yield why


def why_empty(calendar: Calendar, *, now: datetime, first: int, last: int) -> Why:
    """Why a period has no open start: the rule that removed the most promising one."""
    anybody = calendar.without_viewer()
    if calendar.busy and open_slots(anybody, now=now, first=first, last=last):
        return Why.MENTEE_BUSY
    calendar = anybody
    step, length = calendar.rules.step, calendar.rules.length
    found = {
        why(calendar, start=start, now=now)[0]
        for window in calendar.windows
        for start in range(
            _on_step(window.starts, step, max(first, window.starts)),
            min(last, window.ends - length + 1),
            step,
        )
    }
    return next((reason for reason in _PROMISING if reason in found), Why.OUTSIDE_WINDOW)


_PROMISING = (
    Why.WEEK_FULL, Why.HELD, Why.TAKEN, Why.TOO_CLOSE, Why.BUSY, Why.AWAY,
    Why.TOO_SOON, Why.BEYOND_HORIZON,
)  # fmt: skip


def _window_of(calendar: Calendar, start: int) -> Window | None:
    """The window that offers this very start: on its step, and with room to its end."""
    window = _around(calendar, start, start + calendar.rules.length)
    if window is None or (start - window.starts) % calendar.rules.step:
        return None
    return window


def _around(calendar: Calendar, starts: int, ends: int) -> Window | None:
    """The window that such a meeting lies in."""
    index = bisect_right(calendar.windows, starts, key=lambda window: window.starts) - 1
    if index < 0 or ends > calendar.windows[index].ends:
        return None
    return calendar.windows[index]
