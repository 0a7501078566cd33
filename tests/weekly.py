"""A mentor's weekly hours for tests, at a moment that stands still."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sessions_app import services
from sessions_app.services.hours import WeeklySpec

LONDON = ZoneInfo("Europe/London")
# A Monday in winter, nine in the morning in London.
NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
TUESDAY = date(2026, 1, 6)


def clock():
    return NOW


def weekly(mentor, weekday=1, starts=9, ends=12, **changes):
    spec = WeeklySpec(weekday, time(starts), time(ends), **changes)
    return services.save_weekly_hours(mentor_id=mentor.pk, spec=spec, by=mentor.user, clock=clock)


def by_hand(mentor, starts_at, hours=1, **changes):
    return services.save_window(
        mentor_id=mentor.pk,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(hours=hours),
        clock=clock,
        by=mentor.user,
        **{"capacity": 1, "location": "", **changes},
    )


def at(day, hour, minute=0, zone=LONDON):
    return datetime.combine(day, time(hour, minute), zone)


def walls(mentor, zone=LONDON, day=None):
    """The open windows on that day's wall, or on all of them."""
    rows = mentor.windows.filter(is_active=True).order_by("starts_at")
    local = [(row.starts_at.astimezone(zone), row.ends_at.astimezone(zone)) for row in rows]
    return [
        f"{begin:%a %d %H:%M}-{end:%H:%M}"
        for begin, end in local
        if day is None or begin.date() == day
    ]
