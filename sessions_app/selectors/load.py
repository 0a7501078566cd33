"""How much of what mentors offered was used: the figure that the program is measured by."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Count, F, IntegerField, Sum
from django.db.models.functions import Cast, Extract, Floor

from mentors.models import Mentor
from sessions_app.models import AvailabilityWindow, Session

WEEKS: Final = 4
PERIOD: Final = timedelta(weeks=WEEKS)


@dataclass(frozen=True, slots=True)
class Load:
    """Of one mentor, over the last four weeks.

    Attributes:
        offered: seats that the hours had room for, back to back, breaks left out.
        places: how many of them could have been booked: no more than the weekly cap allows.
        booked: seats in sessions that were not cancelled.
    """

    offered: int
    places: int
    booked: int

    @property
    def share(self) -> float | None:
        """Booked of `places`, 0 to 1; None where nothing was offered.

        Hours that were opened for a session and closed again would make it more than all.
        """
        return min(1.0, self.booked / self.places) if self.places else None


def loads(mentor_ids: Collection[UUID], *, now: datetime) -> dict[UUID, Load]:
    """The load of each of these mentors, in three queries however many they are."""
    since = now - PERIOD
    caps = dict(Mentor.objects.filter(pk__in=mentor_ids).values_list("pk", "weekly_load_cap"))
    seconds = Extract(F("ends_at") - F("starts_at"), "epoch")
    fitting = Cast(Floor(seconds / 60 / F("mentor__session_minutes")), IntegerField())
    offered = dict(
        AvailabilityWindow.objects.filter(
            mentor__in=caps, is_active=True, starts_at__gte=since, starts_at__lt=now
        )
        .values_list("mentor")
        .annotate(seats=Sum(fitting * F("capacity")))
        .order_by()
    )
    booked = dict(
        Session.objects.filter(mentor__in=caps, starts_at__gte=since, starts_at__lt=now)
        .exclude(status=Session.Status.CANCELLED)
        .values_list("mentor")
        .annotate(seats=Count("pk"))
        .order_by()
    )
    return {
        mentor_id: Load(
            offered=offered.get(mentor_id, 0),
            places=min(offered.get(mentor_id, 0), cap * WEEKS),
            booked=booked.get(mentor_id, 0),
        )
        for mentor_id, cap in caps.items()
    }
