from __future__ import annotations

import zoneinfo
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings, strategies as st

from sessions_app.hours import instant, windows_of

DAY = timedelta(days=1)
NEW_YORK = zoneinfo.ZoneInfo("America/New_York")
LONDON = zoneinfo.ZoneInfo("Europe/London")


@dataclass
class Hours:
    weekday: int = 6
    starts: time = time(13)
    ends: time = time(17)
    every_n_weeks: int = 1
    starts_on: date = date(2024, 1, 1)
    ends_on: date | None = None


def changing_zones() -> list[str]:
    """The IANA zones whose clocks change in 2024 to 2030."""
    months = [
        datetime(year, month, 1, tzinfo=UTC) for year in range(2024, 2031) for month in range(1, 13)
    ]
    return sorted(
        name
        for name in zoneinfo.available_timezones()
        if len({month.astimezone(zoneinfo.ZoneInfo(name)).utcoffset() for month in months}) > 1
    )


ZONES = changing_zones()


def test_there_are_zones_to_test():
    assert len(ZONES) > 100
    assert {"Europe/London", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"} <= set(
        ZONES
    )


@pytest.mark.parametrize("weekday", [5, 6])
def test_one_o_clock_stays_one_o_clock_in_every_zone(weekday):
    """Clocks change in the nights to Saturday, Sunday or Monday: the days where a mistake shows."""
    hours = Hours(weekday=weekday)
    for name in ZONES:
        zone = zoneinfo.ZoneInfo(name)
        found = list(windows_of(hours, zone, date(2024, 1, 1), date(2031, 1, 1)))
        assert len(found) == (date(2030, 12, 29) - date(2024, 1, 7)).days // 7 + 1, name
        for starts_at, ends_at in found:
            assert starts_at.tzinfo is UTC
            assert starts_at.astimezone(zone).time() == time(13), (name, starts_at)
            assert ends_at.astimezone(zone).time() == time(17), (name, ends_at)
            assert ends_at - starts_at == timedelta(hours=4), (name, starts_at)


def test_the_hours_move_against_utc_when_the_clocks_change():
    found = list(windows_of(Hours(), LONDON, date(2026, 3, 16), date(2026, 4, 6)))
    assert [starts_at.hour for starts_at, _ends_at in found] == [13, 12, 12]


def test_trap_9_an_end_at_or_before_the_start_is_on_the_next_day():
    night = Hours(starts=time(22), ends=time(1))
    [(starts_at, ends_at)] = windows_of(night, LONDON, date(2026, 1, 4), date(2026, 1, 5))
    assert (starts_at, ends_at) == (
        datetime(2026, 1, 4, 22, tzinfo=UTC),
        datetime(2026, 1, 5, 1, tzinfo=UTC),
    )
    whole_day = Hours(starts=time(9), ends=time(9))
    [(starts_at, ends_at)] = windows_of(whole_day, LONDON, date(2026, 1, 4), date(2026, 1, 5))
    assert ends_at - starts_at == DAY


def test_trap_6_a_start_that_the_clocks_skip_is_the_moment_they_skip():
    # New York, 8 March 2026: 02:00 becomes 03:00, which is 07:00 UTC.
    skipped = Hours(starts=time(2, 30), ends=time(4))
    [(starts_at, ends_at)] = windows_of(skipped, NEW_YORK, date(2026, 3, 8), date(2026, 3, 9))
    assert starts_at == datetime(2026, 3, 8, 7, tzinfo=UTC)
    assert ends_at == datetime(2026, 3, 8, 8, tzinfo=UTC)


def test_hours_that_the_clocks_skip_altogether_do_not_happen():
    skipped = Hours(starts=time(2, 15), ends=time(2, 45))
    assert list(windows_of(skipped, NEW_YORK, date(2026, 3, 8), date(2026, 3, 9))) == []


def test_trap_7_a_time_shown_twice_is_the_first_for_a_start_and_the_second_for_an_end():
    # London, 25 October 2026: 02:00 becomes 01:00.
    wall = datetime.combine(date(2026, 10, 25), time(1, 30))
    assert instant(wall, LONDON) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert instant(wall, LONDON, last=True) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


def test_every_other_week_counts_from_the_week_it_began_in():
    # Begun on a Thursday; its first Monday is in the next week, which is left out.
    hours = Hours(weekday=0, every_n_weeks=2, starts_on=date(2026, 1, 1))
    found = [
        begin.date()
        for begin, _end in windows_of(hours, LONDON, date(2026, 1, 1), date(2026, 2, 10))
    ]
    assert found == [date(2026, 1, 12), date(2026, 1, 26), date(2026, 2, 9)]


def test_the_dates_it_holds_for_are_kept():
    hours = Hours(weekday=0, starts_on=date(2026, 1, 12), ends_on=date(2026, 1, 19))
    found = [
        begin.date()
        for begin, _end in windows_of(hours, LONDON, date(2026, 1, 1), date(2026, 2, 10))
    ]
    assert found == [date(2026, 1, 12), date(2026, 1, 19)]
    assert list(windows_of(hours, LONDON, date(2026, 1, 19), date(2026, 1, 19))) == []


walls = st.builds(
    lambda day, minutes: datetime.combine(day, time(minutes // 60, minutes % 60)),
    st.dates(date(2024, 1, 1), date(2030, 12, 31)),
    st.integers(0, 1439),
)


@settings(deadline=None)
@given(st.sampled_from(ZONES), walls, st.integers(0, 3000))
def test_a_later_wall_time_is_never_an_earlier_moment(name, wall, minutes):
    zone = zoneinfo.ZoneInfo(name)
    assert instant(wall, zone) <= instant(wall + timedelta(minutes=minutes), zone)


@settings(deadline=None)
@given(
    st.sampled_from(ZONES),
    st.lists(st.integers(0, 287), min_size=2, max_size=6, unique=True).map(sorted),
)
def test_neighbours_on_the_wall_overlap_only_where_the_clocks_show_it_twice(name, marks):
    """Windows of one day that touch still only touch, but for a border in the repeated hour."""
    zone = zoneinfo.ZoneInfo(name)
    times = [time(mark // 12, mark % 12 * 5) for mark in marks]
    found = sorted(
        window
        for begin, end in pairwise(times)
        for window in windows_of(
            Hours(starts=begin, ends=end), zone, date(2024, 1, 1), date(2031, 1, 1)
        )
    )
    for earlier, later in pairwise(found):
        shared = earlier[1].astimezone(zone)
        repeated = shared.replace(fold=0).utcoffset() - shared.replace(fold=1).utcoffset()
        assert earlier[1] - later[0] <= max(repeated, timedelta(0))
