"""The rule engine against a brute-force grid of minutes, and its edges one by one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings, strategies as st

from sessions_app.slots import (
    Calendar,
    Rules,
    Taken,
    Week,
    Why,
    Window,
    at,
    minute,
    open_slots,
    why,
    why_empty,
)

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)  # a Monday
N = minute(NOW)
RULES = Rules(
    length=30, buffer_before=0, buffer_after=0, notice=60, horizon=60 * 24 * 30, weekly_cap=5
)


def rules(**changes):
    return Rules(**{name: changes.get(name, getattr(RULES, name)) for name in Rules.__slots__})


def calendar(*windows, taken=(), weeks=(), **changes):
    return Calendar(windows=windows, taken=taken, weeks=weeks, rules=rules(**changes))


def starts(cal, **options):
    found = open_slots(cal, now=NOW, first=N, last=N + 7 * 1440, **options)
    return [slot.starts - N for slot in found]


class TestOpenSlots:
    def test_a_window_is_cut_into_sessions_from_its_own_start(self):
        assert starts(calendar(Window(N + 135, N + 240, 1))) == [135, 165, 195]

    @pytest.mark.parametrize(("late", "expected"), [(-1, []), (0, [60]), (1, [61])])
    def test_notice_is_inclusive_to_the_minute(self, late, expected):
        assert starts(calendar(Window(N + 60 + late, N + 90 + late, 1))) == expected

    def test_notice_counts_seconds(self):
        cal = calendar(Window(N + 60, N + 90, 1))

        a_second_late = NOW + timedelta(seconds=1)

        assert why(cal, start=N + 60, now=NOW)[0] is None
        assert why(cal, start=N + 60, now=a_second_late)[0] is Why.TOO_SOON

    def test_the_horizon_is_inclusive(self):
        cal = calendar(Window(N + 120, N + 240, 1), horizon=150)

        assert starts(cal) == [120, 150]
        assert why(cal, start=N + 180, now=NOW)[0] is Why.BEYOND_HORIZON

    def test_a_full_meeting_closes_its_start_and_a_group_with_seats_stays_open(self):
        window = Window(N + 120, N + 210, 3)
        meeting = Taken(N + 150, N + 180, 3, 2)

        found = {
            slot.starts - N: slot.seats_left
            for slot in open_slots(
                calendar(window, taken=[meeting]), now=NOW, first=N, last=N + 1440
            )
        }

        assert found == {120: 3, 150: 1, 180: 3}
        full = Taken(N + 150, N + 180, 3, 3)
        assert starts(calendar(window, taken=[full])) == [120, 180]

    def test_a_staggered_start_never_fits_beside_a_meeting(self):
        cal = calendar(Window(N + 120, N + 210, 5), taken=[Taken(N + 135, N + 165, 5, 1)])

        assert starts(cal) == [180]

    @pytest.mark.parametrize(("before", "after"), [(15, 10), (10, 15), (15, 15)])
    def test_the_gap_between_meetings_is_the_larger_buffer_not_the_sum(self, before, after):
        cal = calendar(
            Window(N + 60, N + 240, 1),
            taken=[Taken(N + 150, N + 180, 1, 1)],
            buffer_before=before,
            buffer_after=after,
        )

        assert starts(cal) == [60, 90, 210]  # 90 ends at 120, 30 before; 120 ends at 150, too near

    def test_the_weekly_cap_closes_its_week_alone(self):
        day = 1440
        week = [Week(N - 540, N - 540 + 7 * day, 5), Week(N - 540 + 7 * day, N - 540 + 14 * day, 4)]
        cal = calendar(
            Window(N + 120, N + 150, 1), Window(N + 7 * day, N + 7 * day + 30, 1), weeks=week
        )

        found = [slot.starts - N for slot in open_slots(cal, now=NOW, first=N, last=N + 14 * day)]

        assert found == [7 * day]
        assert why(cal, start=N + 120, now=NOW)[0] is Why.WEEK_FULL

    def test_the_mentees_own_session_closes_what_overlaps_and_not_what_touches(self):
        cal = calendar(Window(N + 120, N + 240, 1))

        assert starts(cal, busy=[(N + 150, N + 180)]) == [120, 180, 210]
        assert why(cal, start=N + 150, now=NOW, busy=[(N + 179, N + 200)])[0] is Why.MENTEE_BUSY

    def test_why_names_the_past_before_the_missing_window(self):
        assert why(calendar(), start=N - 1, now=NOW)[0] is Why.IN_PAST
        assert why(calendar(), start=N + 90, now=NOW)[0] is Why.OUTSIDE_WINDOW

    def test_a_start_off_the_step_or_without_room_is_outside(self):
        cal = calendar(Window(N + 120, N + 170, 1))

        assert why(cal, start=N + 121, now=NOW)[0] is Why.OUTSIDE_WINDOW
        assert why(cal, start=N + 150, now=NOW)[0] is Why.OUTSIDE_WINDOW

    def test_why_empty_names_the_rule_that_a_person_can_act_on(self):
        options = {"now": NOW, "first": N, "last": N + 1440}

        assert why_empty(calendar(), **options) is Why.OUTSIDE_WINDOW
        assert why_empty(calendar(Window(N, N + 50, 1)), **options) is Why.TOO_SOON
        full = calendar(Window(N + 120, N + 150, 1), weeks=[Week(N, N + 1440, 5)])
        assert why_empty(full, **options) is Why.WEEK_FULL

    def test_a_naive_time_has_no_minute(self):
        with pytest.raises(ValueError, match="without a zone"):
            minute(datetime(2026, 3, 2, 9))  # noqa: DTZ001


periods = st.lists(st.integers(5, 90), min_size=0, max_size=12)


@st.composite
def calendars(draw):
    """Windows and meetings on a line of minutes, none overlapping its own kind."""

    def line(kind):
        position, rows = draw(st.integers(-200, 200)), []
        for length in draw(periods):
            position += draw(st.integers(0, 60))
            rows.append(kind(position, position + length))
            position += length
        return rows

    cap = draw(st.integers(1, 3))
    held = st.integers(1, cap)
    return Calendar(
        windows=line(lambda a, b: Window(N + a, N + b, cap)),
        taken=line(lambda a, b: Taken(N + a, N + b, cap, draw(held))),
        weeks=[Week(N - 1000, N + 300, draw(st.integers(0, 6)))],
        rules=Rules(
            length=draw(st.sampled_from([5, 15, 20, 30])),
            buffer_before=draw(st.sampled_from([0, 5, 15])),
            buffer_after=draw(st.sampled_from([0, 5, 10])),
            notice=draw(st.sampled_from([0, 1, 45])),
            horizon=draw(st.sampled_from([60, 400, 5000])),
            weekly_cap=5,
        ),
    )


def brute_force(cal, busy):
    """The rules, minute by minute, as a person would read them out."""
    rules, found = cal.rules, []
    for window in cal.windows:
        start = window.starts
        while start + rules.length <= window.ends:
            end = start + rules.length
            same = [m for m in cal.taken if (m.starts, m.ends) == (start, end)]
            near = [
                m for m in cal.taken if m.starts < end + rules.gap and m.ends + rules.gap > start
            ]
            free = same[0].held < same[0].capacity if same else not near
            full_week = any(w.starts <= start < w.ends and w.held >= 5 for w in cal.weeks)
            clash = any(a < end and b > start for a, b in busy)
            in_time = N + rules.notice <= start <= N + rules.horizon
            if free and in_time and not full_week and not clash:
                found.append(start)
            start += rules.length
    return found


@settings(max_examples=300, deadline=None)
@given(calendars(), st.lists(st.integers(-100, 600), max_size=3, unique=True))
def test_the_engine_agrees_with_brute_force_and_with_itself(cal, busy_starts):
    busy = sorted(
        (N + 200 * i + b % 150, N + 200 * i + b % 150 + 40) for i, b in enumerate(busy_starts)
    )

    listed = [s.starts for s in open_slots(cal, now=NOW, first=N, last=N + 10_000, busy=busy)]

    assert listed == brute_force(cal, busy)
    # What is listed can be booked, and nothing else can.
    for window in cal.windows:
        for start in range(max(window.starts, N), window.ends):
            assert (why(cal, start=start, now=NOW, busy=busy)[0] is None) == (start in listed)


@given(
    st.datetimes(
        timezones=st.just(UTC),
        min_value=datetime(1971, 1, 1),  # noqa: DTZ001  hypothesis wants these without a zone
        max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    )
)
def test_minutes_and_moments_go_round(moment):
    assert at(minute(moment)) == moment.replace(second=0, microsecond=0)
