"""The demo mentors' hours: eight weeks that were, and always about four weeks ahead."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from django.db.models import Max

from config.demo.people import Demo
from mentors.models import Mentor
from sessions_app.hours import windows_of
from sessions_app.models import AvailabilityWindow, HoursException, WeeklyHours

BEHIND, AHEAD = timedelta(weeks=8), timedelta(weeks=4)


def seed_hours(demo: Demo, *, now: datetime) -> None:
    """Add the windows that are missing at the end of each mentor's calendar.

    Only dates after the last window that weekly hours made: one that somebody moved, closed or
    deleted since is not made again.
    """
    mentors = [mentor for mentor in demo.mentors.values() if mentor.is_active]
    weekly: dict[UUID, list[WeeklyHours]] = defaultdict(list)
    for row in WeeklyHours.objects.filter(mentor__in=mentors).order_by("weekday", "starts"):
        weekly[row.mentor_id].append(row)
    closed = set(HoursException.objects.filter(mentor__in=mentors).values_list("mentor_id", "date"))
    made_until = dict(
        AvailabilityWindow.objects.filter(mentor__in=mentors, weekly_hours__isnull=False)
        .values_list("mentor_id")
        .annotate(Max("starts_at"))
        .order_by()
    )
    taken: dict[UUID, list[tuple[datetime, datetime]]] = defaultdict(list)
    for mentor_id, *period in AvailabilityWindow.objects.filter(
        mentor__in=mentors, is_active=True, ends_at__gt=now - BEHIND
    ).values_list("mentor_id", "starts_at", "ends_at"):
        taken[mentor_id].append((period[0], period[1]))
    fresh = [
        window
        for mentor in mentors
        for window in _without_overlaps(
            _missing(mentor, weekly[mentor.pk], made_until.get(mentor.pk), closed, now),
            taken[mentor.pk],
        )
    ]
    AvailabilityWindow.objects.bulk_create(fresh, batch_size=2000)
    demo.note("hours", len(fresh))


def _missing(
    mentor: Mentor,
    weekly: Sequence[WeeklyHours],
    made_until: datetime | None,
    closed: set[tuple[UUID, date]],
    now: datetime,
) -> Iterator[AvailabilityWindow]:
    zone = mentor.user.zone
    today = now.astimezone(zone).date()
    first = today - BEHIND
    if made_until is not None:
        # Hours that lapsed while nobody ran this stay lapsed: nobody offered them.
        first = max(made_until.astimezone(zone).date() + timedelta(days=1), today)
    for row in weekly:
        for starts_at, ends_at in windows_of(row, zone, first, today + AHEAD):
            if (mentor.pk, starts_at.astimezone(zone).date()) not in closed:
                yield AvailabilityWindow(
                    mentor=mentor,
                    weekly_hours=row,
                    starts_at=starts_at,
                    ends_at=ends_at,
                    capacity=row.capacity,
                    location=row.location,
                    created_at=min(now, starts_at - timedelta(weeks=2)),
                )


def _without_overlaps(
    windows: Iterator[AvailabilityWindow], taken: list[tuple[datetime, datetime]]
) -> Iterator[AvailabilityWindow]:
    """Those that the calendar has room for: hours made by hand, or in Airtable, come first."""
    for window in sorted(windows, key=lambda row: row.starts_at):
        if not any(begin < window.ends_at and window.starts_at < end for begin, end in taken):
            taken.append((window.starts_at, window.ends_at))
            yield window
