"""The demo mentors' hours: eight weeks that were, and always about four weeks ahead."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from config.demo.people import Demo
from mentors.models import Mentor
from sessions_app.hours import windows_of
from sessions_app.models import AvailabilityWindow, WeeklyHours
from sessions_app.services import make_due_hours

BEHIND = timedelta(weeks=8)


def seed_hours(demo: Demo, *, now: datetime) -> None:
    """Past windows for mentors who are new, and those ahead as the product itself makes them.

    Hours that lapsed while nobody ran this stay lapsed: nobody offered them.
    """
    mentors = [mentor for mentor in demo.mentors.values() if mentor.is_active]
    weekly: dict[UUID, list[WeeklyHours]] = defaultdict(list)
    for row in WeeklyHours.objects.filter(mentor__in=mentors).order_by("weekday", "starts"):
        weekly[row.mentor_id].append(row)
    known = set(
        AvailabilityWindow.objects.filter(mentor__in=mentors).values_list("mentor_id", flat=True)
    )
    past = [
        window
        for mentor in mentors
        if mentor.pk not in known
        for window in _past(mentor, weekly[mentor.pk], now)
    ]
    AvailabilityWindow.objects.bulk_create(past, batch_size=2000)
    demo.note("hours", len(past) + make_due_hours(clock=lambda: now))


def _past(
    mentor: Mentor, weekly: Sequence[WeeklyHours], now: datetime
) -> Iterator[AvailabilityWindow]:
    """The windows that have begun by now."""
    zone = mentor.user.zone
    today = now.astimezone(zone).date()
    for row in weekly:
        for starts_at, ends_at in windows_of(row, zone, today - BEHIND, today + timedelta(days=1)):
            if starts_at <= now:
                yield AvailabilityWindow(
                    mentor=mentor,
                    weekly_hours=row,
                    starts_at=starts_at,
                    ends_at=ends_at,
                    capacity=row.capacity,
                    location=row.location,
                    created_at=starts_at - timedelta(weeks=2),
                )
