"""The rule engine against a grid of minutes on which every rule is read aloud, one minute at a time."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given, settings, strategies as st

from sessions_app.slots import (
    Block,
    Calendar,
    Rules,
    Taken,
    Week,
    Why,
    Window,
    minute,
    open_slots,
    reasons,
    why,
    why_empty,
)

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
N = minute(NOW)
HOLD = UUID(int=7)


@st.composite
def lines(draw, lengths, most=6):
    """Periods on a line of minutes that do not overlap, some of them touching."""
    position, found = draw(st.integers(-150, 150)), []
    for _ in range(draw(st.integers(0, most))):
        position += draw(st.integers(0, 50))
        length = draw(lengths)
        found.append((N + position, N + position + length))
        position += length
    return found


@st.composite
def meetings(draw):
    """Live meetings, and seats held where there is none yet; each with the buffers of its day."""
    found = []
    for number, (starts, ends) in enumerate(draw(lines(st.sampled_from([10, 20, 30, 45])))):
        capacity = draw(st.integers(1, 3))
        found.append(
            Taken(
                starts,
                ends,
                capacity,
                draw(st.integers(1, capacity)),
                draw(st.sampled_from([UUID(int=number + 1), None])),
                draw(st.sampled_from([0, 5, 20])),
                draw(st.sampled_from([0, 10])),
            )
        )
    return found


@st.composite
def calendars(draw):
    step, length = draw(st.sampled_from([(5, 20), (15, 15), (20, 30), (30, 30), (45, 30)]))
    windows = [
        Window(starts, ends, draw(st.integers(1, 3)))
        for starts, ends in draw(lines(st.integers(5, 160)))
    ]
    blocks = [
        Block(starts, ends, draw(st.sampled_from([Why.AWAY, Why.BUSY])))
        for starts, ends in draw(lines(st.integers(1, 60), most=2))
    ]
    first_week = draw(st.integers(-300, 0))
    bounds = [N + first_week, N + first_week + 250, N + first_week + 500]
    weeks = [Week(begin, end, draw(st.integers(0, 4))) for begin, end in itertools.pairwise(bounds)]
    return Calendar(
        windows=windows,
        taken=draw(meetings()),
        blocks=blocks,
        weeks=weeks,
        busy=draw(lines(st.integers(1, 50), most=2)),
        until=N + draw(st.sampled_from([100, 400, 2000])),
        rules=Rules(
            length=length,
            step=step,
            buffer_before=draw(st.sampled_from([0, 5, 15])),
            buffer_after=draw(st.sampled_from([0, 10])),
            notice=draw(st.sampled_from([0, 1, 45])),
            weekly_cap=3,
        ),
    )


def brute_force(calendar):
    """Every start and its seats left, minute by minute, as a person would read the rules out."""
    found = {}
    for start in range(N - 200, N + 900):
        seats = fresh_seats(calendar, start)
        if seats:
            found[start] = seats
    for meeting in calendar.taken:
        left = meeting.capacity - meeting.held
        if left and can_join(calendar, meeting):
            found[meeting.starts] = left
    return {start: found[start] for start in sorted(found) if start >= N}


def fresh_seats(calendar, start):
    """How many seats a meeting of its own would have here; 0 where a rule forbids it."""
    rules, end = calendar.rules, start + calendar.rules.length
    for window in calendar.windows:
        fits = window.starts <= start and end <= window.ends
        if fits and (start - window.starts) % rules.step == 0:
            break
    else:
        return 0
    for other in calendar.taken:
        if other.ends <= start:
            if start - other.ends < max(other.after, rules.buffer_before):
                return 0
        elif end <= other.starts:
            if other.starts - end < max(rules.buffer_after, other.before):
                return 0
        else:
            return 0
    return window.capacity if in_time_and_free(calendar, start, end) else 0


def can_join(calendar, meeting):
    inside = any(w.starts <= meeting.starts and meeting.ends <= w.ends for w in calendar.windows)
    return inside and in_time_and_free(calendar, meeting.starts, meeting.ends)


def in_time_and_free(calendar, start, end):
    """Notice, horizon, the mentor's other appointments, the viewer's, and the week."""
    rules = calendar.rules
    if not N + rules.notice <= start < calendar.until:
        return False
    for block in calendar.blocks:
        before = rules.buffer_before if block.why is Why.BUSY else 0
        after = rules.buffer_after if block.why is Why.BUSY else 0
        if block.starts < end + after and start < block.ends + before:
            return False
    if any(a < end and start < b for a, b in calendar.busy):
        return False
    return not any(w.starts <= start < w.ends and w.held >= 3 for w in calendar.weeks)


@settings(max_examples=400, deadline=None)
@given(calendars())
def test_the_engine_agrees_with_brute_force(calendar):
    listed = open_slots(calendar, now=NOW, first=N, last=N + 900)

    assert {slot.starts: slot.seats_left for slot in listed} == brute_force(calendar)
    assert [slot.starts for slot in listed] == sorted({slot.starts for slot in listed})


@settings(max_examples=200, deadline=None)
@given(calendars())
def test_what_is_listed_can_be_booked_and_nothing_else(calendar):
    listed = {slot.starts: slot for slot in open_slots(calendar, now=NOW, first=N, last=N + 600)}

    for start in range(N, N + 600):
        found, slot = reasons(calendar, start=start, now=NOW)
        assert bool(found) == (start not in listed)
        if not found:
            assert slot == listed[start]
        # One answer, whoever asks: the first of all the rules that close it.
        assert why(calendar, start=start, now=NOW)[0] == (found[0] if found else None)


@settings(max_examples=150, deadline=None)
@given(calendars(), st.integers(0, 300), st.integers(1, 300))
def test_a_part_of_a_period_lists_the_same_slots(calendar, offset, length):
    first, last = N + offset, N + offset + length
    whole = open_slots(calendar, now=NOW, first=N, last=N + 900)

    part = open_slots(calendar, now=NOW, first=first, last=last)

    assert part == [slot for slot in whole if first <= slot.starts < last]
    if not part:
        assert why_empty(calendar, now=NOW, first=first, last=last) in Why


@settings(max_examples=150, deadline=None)
@given(calendars(), st.data())
def test_trap_14_ones_own_hold_never_hides_its_slot(calendar, data):
    """What somebody could have booked a moment ago stays open to them while they hold it."""
    listed = open_slots(calendar, now=NOW, first=N, last=N + 900)
    if not listed:
        return
    slot = data.draw(st.sampled_from(listed))
    held = Calendar(
        windows=calendar.windows,
        taken=calendar.taken,
        blocks=calendar.blocks,
        weeks=calendar.weeks,
        busy=calendar.busy,
        until=calendar.until,
        rules=calendar.rules,
        hold=(slot.starts, slot.ends, HOLD),
    )

    again = {s.starts: s for s in open_slots(held, now=NOW, first=N, last=N + 900)}

    assert slot.starts in again
    assert why(held, start=slot.starts, now=NOW)[0] is None
    # Nor does it hide any other.
    assert {s.starts for s in listed} <= set(again)
