"""How many requests the month allows, where that is going, and who may still make one.

Airtable's cheaper plans count requests by the calendar month, and refuse everything once they are
spent. So what nobody waits for stops first, while there is something left for people.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection
from django.db.models import Min, Q, QuerySet, Sum
from django.utils import timezone

from sync import guard
from sync.beginnings import going_since
from sync.errors import OverBudget
from sync.limiter import Lane, current_lane
from sync.models import ApiUsage, BaseBinding

# The share of the month's requests after which a lane makes none.
MAY_SPEND: Final = {Lane.BACKFILL: 0.8, Lane.SYNC: 0.9, Lane.INTERACTIVE: 0.95, Lane.PEOPLE: 1.0}
# What the forecast looks back on.
LATELY: Final = timedelta(days=7)
HOUR: Final = timedelta(hours=1)
# What it needs for that: minutes say nothing about a month, and half a day not much.
AT_LEAST: Final = timedelta(days=1)
ASK_AGAIN: Final = 900.0  # seconds


@dataclass(frozen=True)
class Month:
    """The requests of a calendar month (UTC)."""

    used: int
    budget: int | None
    """None: there is no limit."""
    forecast: int | None
    """At the month's end, if it goes on as in the last seven days; None where less than a day is known."""

    def stops(self, lane: Lane) -> bool:
        """Whether that lane has to wait for the next month."""
        return self.budget is not None and self.used >= self.budget * MAY_SPEND[lane]

    @property
    def stopped(self) -> list[Lane]:
        """The lanes that make no request any more."""
        return [lane for lane in MAY_SPEND if self.stops(lane)]

    @property
    def will_exceed(self) -> bool:
        """Whether the budget will not last."""
        forecast = self.forecast
        return self.budget is not None and forecast is not None and forecast > self.budget


def month(base_id: str, *, now: datetime) -> Month:
    """The month so far."""
    since = going_since(base_id, now=now)
    used = usage(base_id, now=now, since=since).first()
    return month_of(used, budget(base_id).first(), now=now)


def usage(base_id: str, *, now: datetime, since: datetime | None) -> QuerySet[Any, Any]:
    """One row, or none where nothing was asked of the base: what `month_of` needs, and `last_hour`.

    Args:
        since: when ordinary days began.
    """
    begin, _end = _bounds(now)
    # The pace of ordinary days.
    lately = max(now - LATELY, since or now - LATELY)
    rows = ApiUsage.objects.filter(base_id=base_id, minute__gte=min(begin, lately, now - HOUR))

    def requests(of: datetime) -> Sum:
        return Sum("requests", filter=Q(minute__gte=of), default=0)

    return (
        rows.order_by("base_id")
        .values("base_id")
        .annotate(
            used=requests(begin),
            lately=requests(lately),
            first=Min("minute", filter=Q(minute__gte=lately)),
            last_hour=requests(now - HOUR),
        )
    )


def month_of(
    used: MappingType[str, Any] | None, allowed: MappingType[str, Any] | None, *, now: datetime
) -> Month:
    """The month, from the rows of `usage` and `budget`."""
    return Month(
        used=used["used"] if used else 0,
        budget=allowed.get("monthly_requests") if allowed else None,
        forecast=_forecast(used, now) if used else None,
    )


def _forecast(used: MappingType[str, Any], now: datetime) -> int | None:
    first = used["first"]
    if first is None or now - first < AT_LEAST:
        return None
    pace: float = used["lately"] / (now - first).total_seconds()
    return round(int(used["used"]) + pace * (_bounds(now)[1] - now).total_seconds())


def admit(base_id: str) -> None:
    """Raise where the month's requests are kept for more urgent ones than this.

    Raises:
        OverBudget: for the lane of the moment there is nothing left.
    """
    if guard.monthly_requests() is None:
        return
    found = guard.remembered(f"meter {base_id}", lambda: _so_far(base_id))
    lane = current_lane()
    if found.stops(lane):
        raise OverBudget(
            f"{found.used} of this month's {found.budget} requests are used; what is left is kept for "
            f"{'more urgent ones' if lane is not Lane.PEOPLE else 'nobody'}.",
            retry_after=ASK_AGAIN,
        )


def count(base_id: str, *, now: datetime) -> None:
    """One more request."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO sync_apiusage (base_id, minute, requests) VALUES (%s, %s, 1)"
            " ON CONFLICT (base_id, minute) DO UPDATE SET requests = sync_apiusage.requests + 1",
            [base_id, now.replace(second=0, microsecond=0)],
        )


def _so_far(base_id: str) -> Month:
    begin, _end = _bounds(timezone.now())
    rows = ApiUsage.objects.filter(base_id=base_id, minute__gte=begin)
    used = rows.aggregate(total=Sum("requests", default=0))["total"]
    allowed = budget(base_id).first()
    return Month(used, allowed["monthly_requests"] if allowed else None, None)


def budget(base_id: str) -> QuerySet[Any, Any]:
    """One row, or none where the base is nobody's."""
    return BaseBinding.objects.filter(base_id=base_id).values("monthly_requests")


def _bounds(now: datetime) -> tuple[datetime, datetime]:
    begin = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return begin, (begin + timedelta(days=32)).replace(day=1)
