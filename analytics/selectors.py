"""Reading the figures: always of one refresh, the latest that is done, or the one that is named."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from django.db.models import QuerySet

from analytics.measures import MEASURES, POINTS, Measure
from analytics.models import (
    AreaFigures,
    FeedbackWeek,
    MatchDay,
    MeasurePoint,
    MentorFigures,
    Refresh,
    SessionDay,
)


@dataclass(frozen=True)
class Point:
    """A measure as it stood at the end of that day."""

    day: date
    value: float
    sample: int


@dataclass(frozen=True)
class Standing:
    """A measure of success: where it stands, and its way there. Newest point last."""

    measure: Measure
    points: Sequence[Point]
    now: Point | None
    """None where today's cannot be said, for want of data."""

    @property
    def value(self) -> float | None:
        return self.now.value if self.now else None

    @property
    def meets(self) -> bool | None:
        return self.measure.meets(self.value)

    @property
    def change(self) -> float | None:
        """Against four weeks before."""
        before = [p for p in self.points if self.now and (self.now.day - p.day).days == 28]
        return self.now.value - before[0].value if self.now and before else None


def latest() -> Refresh | None:
    """The refresh that is to be read; None before the first."""
    return Refresh.objects.exclude(ended_at=None).filter(error="").order_by("-pk").first()


def underway() -> Refresh | None:
    """The refresh that was asked for and is not done."""
    return Refresh.objects.filter(ended_at=None).select_related("asked_by").first()


def standings(refresh: Refresh) -> Sequence[Standing]:
    """Every measure of success, in the order of `MEASURES`. One query."""
    by_name: Mapping[str, list[MeasurePoint]] = defaultdict(list)
    for row in MeasurePoint.objects.filter(refresh=refresh).order_by("-weeks_ago"):
        by_name[row.name].append(row)
    assert refresh.as_of is not None  # the database says so of one that is done
    today = refresh.as_of.date()
    found = []
    for measure in MEASURES:
        points = [
            Point(today - timedelta(weeks=row.weeks_ago), row.value, row.sample)
            for row in by_name[measure.name]
            if row.weeks_ago < POINTS
        ]
        now = points[-1] if points and points[-1].day == today else None
        found.append(Standing(measure, points, now))
    return found


def mentors(refresh: Refresh) -> QuerySet[MentorFigures]:
    """Every mentor's last 28 days, with the person at hand."""
    return MentorFigures.objects.filter(refresh=refresh).select_related("mentor__user")


def areas(refresh: Refresh) -> QuerySet[AreaFigures]:
    """Every area's last 28 days, the most used first."""
    return AreaFigures.objects.filter(refresh=refresh).order_by("-booked", "area")


def session_days(refresh: Refresh) -> QuerySet[SessionDay]:
    """Half a year of days, oldest first."""
    return SessionDay.objects.filter(refresh=refresh).order_by("day")


def match_days(refresh: Refresh) -> QuerySet[MatchDay]:
    """Half a year of days, oldest first."""
    return MatchDay.objects.filter(refresh=refresh).order_by("day")


def feedback_weeks(refresh: Refresh) -> QuerySet[FeedbackWeek]:
    """Half a year of weeks, oldest first, both sides."""
    return FeedbackWeek.objects.filter(refresh=refresh).order_by("week", "side")
