"""The rule engine against a brute-force grid of minutes, and its edges one by one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given, strategies as st

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
RULES = Rules(length=30, step=30, buffer_before=0, buffer_after=0, notice=60, weekly_cap=5)


def calendar(*windows, taken=(), weeks=(), blocks=(), busy=(), hold=None, until=10**9, **changes):
    rules = replace(RULES, **changes)
    if "length" in changes and "step" not in changes:
        rules = replace(rules, step=changes["length"])
    return Calendar(
        windows=windows,
        taken=taken,
        weeks=weeks,
        blocks=blocks,
        busy=busy,
        hold=hold,
        until=until,
        rules=rules,
    )


def starts(cal):
    return [slot.starts - N for slot in open_slots(cal, now=NOW, first=N, last=N + 7 * 1440)]


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

    def test_the_horizon_ends_before_its_minute(self):
        cal = calendar(Window(N + 120, N + 240, 1), until=N + 180)

        assert starts(cal) == [120, 150]
        assert why(cal, start=N + 180, now=NOW)[0] is Why.BEYOND_HORIZON

    def test_a_full_meeting_closes_its_start_and_a_group_with_seats_stays_open(self):
        window = Window(N + 120, N + 210, 3)
        meeting = Taken(N + 150, N + 180, 3, 2, uuid4())

        found = {
            slot.starts - N: slot.seats_left
            for slot in open_slots(
                calendar(window, taken=[meeting]), now=NOW, first=N, last=N + 1440
            )
        }

        assert found == {120: 3, 150: 1, 180: 3}
        full = Taken(N + 150, N + 180, 3, 3)
        assert starts(calendar(window, taken=[full])) == [120, 180]

    def test_a_meeting_off_the_step_is_joined_as_it_is_and_nothing_is_staggered_beside_it(self):
        meeting = Taken(N + 135, N + 165, 5, 1, uuid4())

        assert starts(calendar(Window(N + 120, N + 210, 5), taken=[meeting])) == [135, 180]

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
        window = Window(N + 120, N + 240, 1)

        assert starts(calendar(window, busy=[(N + 150, N + 180)])) == [120, 180, 210]
        late = calendar(window, busy=[(N + 179, N + 200)])
        assert why(late, start=N + 150, now=NOW)[0] is Why.MENTEE_BUSY

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


@given(
    st.datetimes(
        timezones=st.just(UTC),
        min_value=datetime(1971, 1, 1),  # noqa: DTZ001  hypothesis wants these without a zone
        max_value=datetime(2100, 1, 1),  # noqa: DTZ001
    )
)
def test_minutes_and_moments_go_round(moment):
    assert at(minute(moment)) == moment.replace(second=0, microsecond=0)
