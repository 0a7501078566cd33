"""The console's first page: are we using our mentors, are matches good, is sync healthy, what needs me today."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.core.cache import cache
from django.db.models import Count, Q, QuerySet, Sum
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.admin_parts import person
from analytics import selectors as figures
from analytics.models import AreaFigures, MatchDay, Refresh
from analytics.selectors import Standing
from config.console import attention
from config.console.trend import trend
from sessions_app.models import Session
from sync import health, selectors as sync

PERIOD: Final = timedelta(days=28)
AREAS: Final = 6
# Nobody needs the engine's figures newer than this.
SYNC_KEPT_FOR: Final = 15
_STATES = Session.Status


def home(request: HttpRequest, *, now: datetime) -> dict[str, Any]:
    """Everything on the page that this person may see."""
    questions = attention.asked_by(request)
    week = Week.of(timezone.localtime(now))
    found = attention.counts(
        {one.name: one.rows(now) for one in questions}
        | (week.questions() if request.user.has_perm("sessions_app.view_session") else {})
    )
    context: dict[str, Any] = {
        "needs": attention.needs(questions, found),
        "looked_at": len(questions),
        "first_name": person(request).get_short_name(),
        "today": timezone.localtime(now),
    }
    if request.user.has_perm("sessions_app.view_session"):
        context["week"] = week.counted(found)
    if request.user.has_perm("analytics.view_refresh"):
        context |= _figures()
    if request.user.has_perm("sync.view_syncevent"):
        context["sync"] = sync_state(now)
    return context


# -- Are we using our mentors, are matches good ------------------------------------------------


@dataclass(frozen=True)
class Step:
    """A step of the way from a question to a rating."""

    label: str
    count: int
    of: int
    """The step that all begin with."""
    before: int | None
    """The step before; None for the first."""

    @property
    def width(self) -> float:
        """Of the whole width, in percent; a step with anybody in it is seen."""
        return max(1.5, 100 * self.count / self.of) if self.count and self.of else 0.0

    @property
    def share(self) -> str:
        """Of the step before."""
        return f"{self.count / self.before:.0%}" if self.before else ""


def _figures() -> dict[str, Any]:
    refresh = figures.latest()
    if refresh is None:
        return {"refresh": None, "refresh_is_due": True}
    by_name = {one.measure.name: one for one in figures.standings(refresh)}
    return {
        "refresh": refresh,
        "use": by_name["utilization"],
        "use_change": _change(by_name["utilization"]),
        "use_trend": trend(by_name["utilization"]),
        "possible": by_name["possible"],
        "rating": by_name["rating"],
        "areas": _areas(refresh),
        "funnel": _funnel(refresh),
    }


def _change(standing: Standing) -> int | None:
    """Against four weeks before, in points of a hundred."""
    return None if standing.change is None else round(100 * standing.change)


def _areas(refresh: Refresh) -> Sequence[AreaFigures]:
    """The areas with the most room, the least used first: that is where mentors wait."""
    roomy = list(figures.areas(refresh).filter(room__gt=0).order_by("-room", "area")[:AREAS])
    return sorted(roomy, key=lambda area: area.utilization or 0.0)


def _funnel(refresh: Refresh) -> list[Step]:
    """What became of the questions of four weeks."""
    assert refresh.as_of is not None  # the database says so of one that is done
    since = refresh.as_of - PERIOD
    days: QuerySet[MatchDay] = figures.match_days(refresh).filter(day__gt=since.date()).order_by()
    asked = days.aggregate(
        **{name: Sum(name, default=0) for name in ("requests", "answered", "opened", "booked")}
    )
    led = Session.objects.filter(match_request__isnull=False, created_at__gte=since).aggregate(
        attended=Count("match_request", distinct=True, filter=Q(status=_STATES.COMPLETED)),
        rated=Count("match_request", distinct=True, filter=Q(feedback__side="mentee")),
    )
    counts = [
        (_("Asked"), asked["requests"]),
        (_("Answered with a mentor"), asked["answered"]),
        (_("Opened a mentor"), asked["opened"]),
        (_("Booked"), asked["booked"]),
        (_("Attended"), led["attended"]),
        (_("Rated"), led["rated"]),
    ]
    return [
        Step(label, count, counts[0][1], counts[place - 1][1] if place else None)
        for place, (label, count) in enumerate(counts)
    ]


# -- This week ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Week:
    """Monday to Monday on the reader's clock."""

    now: datetime
    first: datetime
    last: datetime

    @classmethod
    def of(cls, now: datetime) -> Week:
        """The week of that moment, in its own zone."""
        monday = (now - timedelta(days=now.weekday())).replace(
            hour=0, minute=0, second=0, microsecond=0
        )
        # In wall-clock time: a week in which clocks change is an hour longer or shorter.
        return cls(now, monday, monday + timedelta(days=7))

    def questions(self) -> dict[str, QuerySet[Any]]:
        """What is counted of it."""
        here = Session.objects.filter(starts_at__gte=self.first, starts_at__lt=self.last)
        return {
            "week held": here.filter(status=_STATES.COMPLETED),
            "week to come": here.filter(status=_STATES.BOOKED, ends_at__gt=self.now),
            "week no-shows": here.filter(status=_STATES.NO_SHOW),
            "week waiting": here.filter(status=_STATES.PENDING),
            "week cancelled": here.filter(status=_STATES.CANCELLED),
        }

    def counted(self, found: Mapping[str, int]) -> dict[str, Any]:
        """For the page."""
        counts = {
            name.removeprefix("week ").replace("-", "_").replace(" ", "_"): count
            for name, count in found.items()
            if name.startswith("week ")
        }
        return {**counts, "first": self.first, "last": self.last - timedelta(days=1)}


# -- Airtable ----------------------------------------------------------------------------------


def sync_state(now: datetime) -> dict[str, Any]:
    """Sync's own judgement, at most a few seconds old."""
    state: dict[str, Any] | None = cache.get("console:sync")
    if state is None:
        state = _judged(now)
        cache.set("console:sync", state, SYNC_KEPT_FOR)
    return state


def _judged(now: datetime) -> dict[str, Any]:
    seen = sync.figures(now=now)
    found = health.judge(seen)
    lag = seen.lag_last_day["both"].p95
    return {
        "at": now,
        "configured": found.configured,
        "healthy": found.healthy,
        "severe": any(problem.severe for problem in found.problems),
        "sentence": found.sentence,
        "problems": [problem.sentence for problem in found.problems],
        "lag": None if lag is None else health.duration(lag),
        "backlog": seen.backlog,
        "arrived": f"{seen.success_rate:.1%}",
    }
