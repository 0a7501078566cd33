from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce

from mentors.models import Mentor
from sessions_app.models import BusyTime, Holiday, HoursException, Session, WeeklyHours


def seats_booked() -> Coalesce:
    """For windows: how many live sessions begin in each. By the time and not by the row they were
    booked in, because windows are cut and moved while sessions stay."""
    live = (
        Session.objects.filter(mentor=OuterRef("mentor"), status__in=Session.LIVE)
        .filter(starts_at__gte=OuterRef("starts_at"), starts_at__lt=OuterRef("ends_at"))
        .order_by()
        .values("mentor")
    )
    return Coalesce(Subquery(live.annotate(seats=Count("pk")).values("seats")), 0)


@dataclass(frozen=True, slots=True)
class Hours:
    """What a mentor's windows are made from, as far as it still matters."""

    weekly: list[WeeklyHours]
    exceptions: list[HoursException]
    away: list[BusyTime]
    holidays: list[Holiday]


def hours_of(mentor: Mentor, *, now: datetime) -> Hours:
    """In four queries. `mentor` has `user` loaded."""
    today = now.astimezone(mentor.user.zone).date()
    last = today + timedelta(days=mentor.booking_horizon_days)
    return Hours(
        weekly=list(
            mentor.weekly_hours.exclude(ends_on__lt=today).order_by("weekday", "starts", "id")
        ),
        exceptions=list(
            mentor.hours_exceptions.select_related("weekly_hours")
            .filter(date__gte=today)
            .order_by("date", "starts", "id")
        ),
        away=list(
            mentor.busy_times.filter(source=BusyTime.Source.AWAY, ends_at__gt=now).order_by(
                "starts_at", "id"
            )
        ),
        holidays=list(Holiday.objects.filter(date__range=(today, last)).order_by("date")),
    )
