"""Every change of the clocks in every IANA zone from 2024 to 2030, against the minutes as they are."""

from __future__ import annotations

import functools
import zoneinfo
from datetime import UTC, date, datetime, time, timedelta
from uuid import uuid4

import pytest
from hypothesis import given, settings, strategies as st

from sessions_app.hours import date_of, joined, planned, windows_of, without
from sessions_app.models import HoursException, WeeklyHours

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
FIRST, LAST = datetime(2024, 1, 1, tzinfo=UTC), datetime(2031, 1, 1, tzinfo=UTC)


@functools.cache
def changes():
    """(zone, moment, shift) of every change: forward is a gap, back is a fold."""
    found = []
    for name in sorted(zoneinfo.available_timezones()):
        zone = zoneinfo.ZoneInfo(name)
        moment, offset = FIRST, FIRST.astimezone(zone).utcoffset()
        while moment < LAST:
            following = moment + 7 * DAY
            now = following.astimezone(zone).utcoffset()
            if now != offset:
                found.append((name, exactly(zone, moment, following), now - offset))
            moment, offset = following, now
    return found


def exactly(zone, before, after):
    old = before.astimezone(zone).utcoffset()
    while after - before > MINUTE:
        middle = before + (after - before) // MINUTE // 2 * MINUTE
        if middle.astimezone(zone).utcoffset() == old:
            before = middle
        else:
            after = middle
    return after


def hours(day, starts, ends):
    return WeeklyHours(
        weekday=day.weekday(), starts=starts, ends=ends, every_n_weeks=1, starts_on=date(2023, 1, 1)
    )


def window(zone, day, starts, ends):
    """The window of that day, or None."""
    found = list(windows_of(hours(day, starts, ends), zone, day, day + DAY))
    assert len(found) <= 1
    return found[0] if found else None


def wall_before(zone, moment):
    """What the clocks would show at the change if they had not changed."""
    before = moment - MINUTE
    return before.astimezone(zone).replace(tzinfo=None, fold=0) + MINUTE


def test_there_are_changes_of_every_kind():
    found = changes()
    assert len(found) > 1500
    assert {name for name, *_rest in found} > {
        "Europe/London", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca",
        "Africa/Cairo", "America/Santiago", "Asia/Beirut", "America/Nuuk",
    }  # fmt: skip
    assert {shift for *_rest, shift in found} >= {HOUR, -HOUR, HOUR / 2, -HOUR / 2}


def test_trap_8_hours_after_the_change_are_unaffected():
    for name, moment, _shift in changes():
        zone = zoneinfo.ZoneInfo(name)
        for day in {(moment - MINUTE).astimezone(zone).date(), moment.astimezone(zone).date()}:
            starts_at, ends_at = window(zone, day, time(13), time(18))
            assert starts_at.astimezone(zone).replace(tzinfo=None) == datetime.combine(
                day, time(13)
            ), (name, day)
            assert ends_at - starts_at == 5 * HOUR, (name, day)


def test_trap_6_a_gap_moves_a_bound_to_its_end_and_empties_what_lies_inside():
    for name, moment, shift in changes():
        if shift < timedelta(0):
            continue
        zone = zoneinfo.ZoneInfo(name)
        skipped = wall_before(zone, moment)  # the first wall time that is never shown
        day, inside = skipped.date(), (skipped + shift / 2).time()
        two_later = skipped + 2 * HOUR + shift
        if two_later.date() == day:
            assert window(zone, day, inside, two_later.time()) == (moment, moment + 2 * HOUR), name
        before = skipped - HOUR
        if before.date() == day:
            assert window(zone, day, before.time(), inside) == (moment - HOUR, moment), name
        near_end = skipped + shift * 3 / 4
        if near_end.date() == day and near_end.time() > inside:
            assert window(zone, day, inside, near_end.time()) is None, name


def test_trap_7_all_of_a_fold_counts():
    for name, moment, shift in changes():
        if shift > timedelta(0):
            continue
        zone = zoneinfo.ZoneInfo(name)
        repeated = wall_before(zone, moment) + shift  # the first wall time that is shown twice
        day, inside = repeated.date(), repeated - shift / 2
        if inside.date() == day and (inside + 2 * HOUR).date() == day:
            # From the first time it is shown, through the second, to two hours later on the wall.
            later = (inside + 2 * HOUR - shift).time()
            if later > inside.time():
                assert window(zone, day, inside.time(), later) == (
                    moment + shift / 2,
                    moment + shift / 2 + 2 * HOUR - 2 * shift,
                ), name
        before = repeated - HOUR
        if before.date() == day and inside.date() == day:
            assert window(zone, day, before.time(), inside.time()) == (
                moment + shift - HOUR,
                moment - shift / 2,
            ), name


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_a_window_is_the_minutes_whose_wall_time_it_names(data):
    """By brute force: every minute around the change, asked what the clocks show."""
    name, moment, shift = data.draw(st.sampled_from(changes()))
    zone = zoneinfo.ZoneInfo(name)
    day = moment.astimezone(zone).date() - data.draw(st.sampled_from([timedelta(0), DAY]))
    starts, ends = (
        time(*divmod(minute * 5, 60)) for minute in data.draw(st.tuples(*[st.integers(0, 287)] * 2))
    )
    opens = datetime.combine(day, starts)
    closes = datetime.combine(day + DAY if ends <= starts else day, ends)
    begin = opens.replace(tzinfo=UTC) - 15 * HOUR
    grid = [begin + n * MINUTE for n in range(60 * 56)]
    named = [m for m in grid if opens <= m.astimezone(zone).replace(tzinfo=None, fold=0) < closes]
    found = window(zone, day, starts, ends)
    if not named:
        # A border shown twice may make something of nothing, never the other way round.
        assert found is None or found[1] - found[0] <= abs(shift)
        return
    starts_at, ends_at = found
    assert starts_at == named[0]
    # An end shown twice is the second; what is shown between the two is then inside as well.
    assert timedelta(0) <= ends_at - (named[-1] + MINUTE) <= max(-shift, timedelta(0))


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_planned_windows_of_a_rule_never_lose_their_date(data):
    """From a window alone one can tell which date it was made for: that date is what is skipped."""
    name, moment, _shift = data.draw(st.sampled_from(changes()))
    zone = zoneinfo.ZoneInfo(name)
    minute = data.draw(st.integers(0, 1439))
    day = (moment - MINUTE).astimezone(zone).date()
    rule = hours(day, time(*divmod(minute, 60)), time(*divmod((minute + 90) % 1440, 60)))
    rule.id = uuid4()
    rows = planned(
        rules=[rule],
        exceptions=[],
        holidays=[],
        zone=zone,
        first=day - 21 * DAY,
        last=day + 22 * DAY,
    )
    other = zoneinfo.ZoneInfo(
        data.draw(st.sampled_from(["Pacific/Kiritimati", "Etc/GMT+12", name]))
    )
    for row in rows:
        assert date_of(rule.weekday, row.starts_at, other) == row.date
    skip = HoursException(date=rows[1].date, weekly_hours_id=rule.id)
    left = planned(
        rules=[rule], exceptions=[skip], holidays=[], zone=zone, first=day - 21 * DAY,
        last=day + 22 * DAY,
    )  # fmt: skip
    assert left == [rows[0], *rows[2:]]


@pytest.mark.parametrize("weeks", [1, 2, 3, 4])
def test_every_n_weeks_keeps_its_wall_time_over_seven_years(weeks):
    for name in ("Europe/London", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca"):
        zone = zoneinfo.ZoneInfo(name)
        rule = hours(date(2024, 1, 3), time(13), time(15))
        rule.every_n_weeks, rule.starts_on = weeks, date(2024, 1, 1)
        found = list(windows_of(rule, zone, date(2024, 1, 1), date(2031, 1, 1)))
        days = [begin.astimezone(zone).date() for begin, _end in found]
        whole = (date(2031, 1, 1) - date(2024, 1, 3)).days
        assert days == [date(2024, 1, 3) + n * DAY for n in range(0, whole, weeks * 7)]
        assert {begin.astimezone(zone).time() for begin, _end in found} == {time(13)}


periods = st.tuples(st.integers(0, 60), st.integers(1, 20)).map(
    lambda pair: (FIRST + pair[0] * MINUTE, FIRST + (pair[0] + pair[1]) * MINUTE)
)


@given(periods, st.lists(periods, max_size=6))
def test_what_is_left_beside_obstacles_is_what_they_do_not_cover(period, obstacles):
    def minutes(rows):
        return {m for a, b in rows for m in range(int(a.timestamp()), int(b.timestamp()), 60)}

    left = without(period, joined(obstacles))
    assert minutes(left) == minutes([period]) - minutes(obstacles)
    assert left == joined(left)
    assert minutes(joined(obstacles)) == minutes(obstacles)
