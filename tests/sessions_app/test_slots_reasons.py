"""Why a minute is closed: all the rules that hold are named, and no other.

Beside test_slots_properties.py, which compares what is open. Here the rules are said aloud with sets of
minutes, for every minute, with the viewer's own hold among them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from hypothesis import given, settings, strategies as st

from sessions_app.slots import (
    Block,
    Calendar,
    Rules,
    Taken,
    Week,
    Why,
    Window,
    at,
    minute,
    open_slots,
    reasons,
)

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
# The grid: half a day, so that everything meets everything, and a margin for what reaches into it.
BEGIN, MARGIN = minute(MONDAY), 120
END = BEGIN + 12 * 60
GRID = range(BEGIN - MARGIN, END + MARGIN)
ODD_LENGTHS = st.sampled_from([5, 15, 20, 25, 30, 45, 60, 90])
BREAKS = st.sampled_from([0, 0, 5, 10, 15, 30])


def minutes(starts, ends):
    return set(range(starts, ends))


@dataclass
class Aloud:
    """The rules as a person would read them out, for one calendar at one moment."""

    calendar: Calendar
    now: datetime

    def __post_init__(self):
        self.meetings = {meeting.starts: meeting for meeting in self.calendar.taken}
        hold = self.calendar.hold
        if hold and not any((m.starts, m.ends) == hold[:2] for m in self.calendar.taken):
            # Their own hold is a meeting to be, with all the seats of its window.
            window = self.window_with(minutes(*hold[:2]))
            seats = window.capacity if window else 1
            self.meetings[hold[0]] = Taken(hold[0], hold[1], seats, 0)

    def slot_at(self, start):
        return start, max(self.session_at(start)) + 1, self.seats_left_at(start)

    def session_at(self, start):
        """The minutes somebody who comes at that minute would be there."""
        meeting = self.meetings.get(start)
        ends = meeting.ends if meeting else start + self.calendar.rules.length
        return minutes(start, ends)

    def seats_left_at(self, start):
        meeting = self.meetings.get(start)
        if meeting:
            return meeting.capacity - meeting.held
        return self.window_with(self.session_at(start)).capacity

    def window_with(self, session):
        """The window that has all these minutes."""
        around = (w for w in self.calendar.windows if session <= minutes(w.starts, w.ends))
        return next(around, None)

    def reasons_at(self, start):
        """All that speaks against coming at that minute."""
        session, joining = self.session_at(start), self.meetings.get(start)
        against = set(self.against_any(start, session))
        if not self.is_own_hold(joining) and at(start) < self.now + self.notice:
            against.add(Why.TOO_SOON)
        window = self.window_with(session)
        if joining:
            if joining.held == joining.capacity:
                against.add(Why.TAKEN if joining.id else Why.HELD)
            if window is None:
                against.add(Why.OUTSIDE_WINDOW)
            return against
        if window is None or start not in range(window.starts, window.ends, self.rules.step):
            against.add(Why.OUTSIDE_WINDOW)
        return against | set(self.against_a_meeting_of_its_own(session))

    def against_any(self, start, session):
        """What speaks against it whether or not there is a meeting to join."""
        if at(start) < self.now:
            yield Why.IN_PAST
        if start >= self.calendar.until:
            yield Why.BEYOND_HORIZON
        if any(session & minutes(*period) for period in self.calendar.busy):
            yield Why.MENTEE_BUSY
        yield from (block.why for block in self.calendar.blocks if session & self.blocked(block))
        for week in self.calendar.weeks:
            if start in range(week.starts, week.ends) and week.held >= self.rules.weekly_cap:
                yield Why.WEEK_FULL

    def blocked(self, block):
        """Away is away; around another appointment the mentor needs their breaks."""
        if block.why is Why.AWAY:
            return minutes(block.starts, block.ends)
        rest, preparation = self.rules.buffer_before, self.rules.buffer_after
        return minutes(block.starts - preparation, block.ends + rest)

    def against_a_meeting_of_its_own(self, session):
        for meeting in self.calendar.taken:
            if session & minutes(meeting.starts, meeting.ends):
                yield Why.TAKEN if meeting.id else Why.HELD
            # After it, the longer of its own rest and our preparation; before it, the other way round.
            rest = max(meeting.after, self.rules.buffer_before)
            preparation = max(self.rules.buffer_after, meeting.before)
            near = minutes(meeting.starts - preparation, meeting.ends + rest)
            if (rest or preparation) and session & near:
                yield Why.TOO_CLOSE

    def is_own_hold(self, meeting):
        hold = self.calendar.hold
        return bool(hold and meeting and (meeting.starts, meeting.ends) == hold[:2])

    @property
    def rules(self):
        return self.calendar.rules

    @property
    def notice(self):
        return timedelta(minutes=self.rules.notice)


@st.composite
def in_a_row(draw, lengths, gaps, most):
    """Periods that do not overlap, in order, sometimes touching."""
    starts, periods = BEGIN - MARGIN + draw(st.integers(0, 120)), []
    for _ in range(draw(st.integers(0, most))):
        starts += draw(gaps)
        ends = starts + draw(lengths)
        periods.append((starts, ends))
        starts = ends
    return periods


@st.composite
def anywhere(draw, most):
    starts = draw(st.lists(st.sampled_from(GRID), max_size=most))
    return sorted((start, start + draw(st.integers(1, 120))) for start in starts)


@st.composite
def taken_times(draw, windows, length):
    """Meetings and held seats: on the steps of a window, or anywhere as hours of before left them."""
    on_a_window = [w.starts for w in windows]
    taken, last = [], BEGIN - MARGIN
    for _ in range(draw(st.integers(0, 5))):
        offset = draw(st.integers(0, 90))
        starts = last + offset
        later = [s + k * length for s in on_a_window for k in range(8) if s + k * length >= last]
        if later and draw(st.booleans()):
            starts = draw(st.sampled_from(later))
        ends = starts + draw(st.one_of(st.just(length), ODD_LENGTHS))
        capacity = draw(st.integers(1, 4))
        taken.append(
            Taken(
                starts,
                ends,
                capacity,
                draw(st.integers(1, capacity)),
                draw(st.sampled_from([None, uuid4()])),
                draw(BREAKS),
                draw(BREAKS),
            )
        )
        last = ends
    return taken


@st.composite
def calendars(draw):
    length = draw(ODD_LENGTHS)
    hours = draw(in_a_row(st.integers(10, 300), st.sampled_from([0, 1, 30, 45]), 4))
    windows = [Window(starts, ends, draw(st.integers(1, 4)), uuid4()) for starts, ends in hours]
    taken = draw(taken_times(windows, length))
    turn = draw(st.integers(BEGIN, END))
    return Calendar(
        windows=windows,
        rules=Rules(
            length=length,
            step=draw(st.one_of(st.just(length), ODD_LENGTHS)),
            buffer_before=draw(BREAKS),
            buffer_after=draw(BREAKS),
            notice=draw(st.sampled_from([0, 0, 30, 60, 61])),
            weekly_cap=draw(st.integers(1, 5)),
        ),
        taken=taken,
        blocks=[
            Block(*period, draw(st.sampled_from([Why.AWAY, Why.BUSY])))
            for period in draw(anywhere(2))
        ],
        weeks=[
            Week(BEGIN - 7 * 1440, turn, draw(st.integers(0, 5))),
            Week(turn, turn + 7 * 1440, draw(st.integers(0, 5))),
        ],
        busy=draw(anywhere(2)),
        until=draw(st.one_of(st.just(END + 1440), st.integers(BEGIN, END))),
        hold=draw(own_hold(windows, taken, length)),
    )


@st.composite
def own_hold(draw, windows, taken, length):
    """A seat in a meeting that has one, a time where nothing else is, or none."""
    choices: list[tuple[int, int]] = [(m.starts, m.ends) for m in taken if m.held < m.capacity]
    for window in windows:
        fresh = minutes(window.starts, window.starts + length)
        if not any(fresh & minutes(m.starts, m.ends) for m in taken):
            choices.append((window.starts, window.starts + length))
    if not choices or draw(st.booleans()):
        return None
    pk: UUID = uuid4()
    return (*draw(st.sampled_from(choices)), pk)


moments = st.integers(-3600, 6 * 3600).map(lambda seconds: MONDAY + timedelta(seconds=seconds))


@settings(max_examples=80, deadline=None)
@given(calendars(), moments)
def test_the_rules_that_close_a_minute_are_named_and_no_other(calendar, now):
    aloud = Aloud(calendar, now)
    left_open = []

    for start in range(BEGIN, END):
        against = aloud.reasons_at(start)
        named, _slot = reasons(calendar, start=start, now=now)
        assert set(named) == against
        if not against:
            left_open.append(aloud.slot_at(start))

    found = open_slots(calendar, now=now, first=BEGIN, last=END)
    assert [(slot.starts, slot.ends, slot.seats_left) for slot in found] == left_open


@settings(max_examples=60, deadline=None)
@given(calendars(), moments, moments)
def test_time_opens_nothing_and_another_closed_rule_neither(calendar, now, later):
    """Whatever closes: the clock that goes on, or an appointment more."""
    now, later = sorted([now, later])
    starts = {slot.starts for slot in open_slots(calendar, now=now, first=BEGIN, last=END)}
    busier = replace(calendar, blocks=[*calendar.blocks, Block(BEGIN, BEGIN + 60, Why.AWAY)])

    for stricter, moment in ((calendar, later), (busier, now)):
        found = open_slots(stricter, now=moment, first=BEGIN, last=END)
        assert {slot.starts for slot in found} <= starts
