"""Office hours for tests."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone

from mentors.models import Mentor
from sessions_app.models import AvailabilityWindow


def open_window(
    mentor: Mentor,
    *,
    starts_at: datetime | None = None,
    days: float = 3,
    hours: float = 2,
    capacity: int = 1,
    location: str = "",
) -> AvailabilityWindow:
    """A window that many days from now, on a full hour and never across the end of a week."""
    if starts_at is None:
        starts_at = timezone.now().replace(minute=0, second=0, microsecond=0) + timedelta(days=days)
        if starts_at.weekday() in (6, 0):  # near Monday 00:00 of some zone the cap's week changes
            starts_at += timedelta(days=2)
    return AvailabilityWindow.objects.create(
        mentor=mentor,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(hours=hours),
        capacity=capacity,
        location=location,
    )
