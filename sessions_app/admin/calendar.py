"""The week's sessions, day by day, on the reader's clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final

from django.db.models import Count, Q, QuerySet, Window
from django.db.models.functions import RowNumber, TruncDate
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_date

from mentors.models import Expertise
from sessions_app.models import Session

# Sessions that are shown of a day; the list has the others.
MOST: Final = 40
FILTERS: Final = ("mentor", "mentee", "area", "status")


@dataclass(frozen=True)
class Day:
    """A day with its first sessions, and how many there are of it."""

    day: date
    sessions: Sequence[Session]
    count: int
    is_today: bool
    list_url: str

    @property
    def more(self) -> int:
        return self.count - len(self.sessions)


def week(request: HttpRequest) -> dict[str, Any]:
    """What the page shows. Three queries, however many sessions there are."""
    today = timezone.localdate()
    day = _date(request.GET.get("date", "")) or today
    monday = day - timedelta(days=day.weekday())
    chosen = {name: request.GET.get(name, "").strip()[:120] for name in FILTERS}
    rows = _narrowed(_between(monday, monday + timedelta(days=7)), chosen)
    counts = dict(
        rows.order_by()
        .values_list("local_day")
        .annotate(n=Count("pk"))
        .values_list("local_day", "n")
    )
    first = rows.annotate(
        place=Window(RowNumber(), partition_by="local_day", order_by=["starts_at", "pk"])
    ).filter(place__lte=MOST)
    by_day: dict[date, list[Session]] = {}
    for session in first.select_related("mentor__user", "mentee__user").order_by("starts_at", "pk"):
        by_day.setdefault(session.local_day, []).append(session)
    days = [monday + timedelta(days=n) for n in range(7)]
    given = {name: value for name, value in chosen.items() if value}
    return {
        "days": [
            Day(one, by_day.get(one, []), counts.get(one, 0), one == today, _list_url(one))
            for one in days
        ],
        "total": sum(counts.values()),
        "first": monday,
        "last": days[-1],
        "before": monday - timedelta(days=7),
        "after": monday + timedelta(days=7),
        "is_this_week": monday <= today <= days[-1],
        "chosen": chosen,
        "is_narrowed": bool(given),
        "areas": list(Expertise.objects.order_by("area").values_list("area", flat=True).distinct()),
        "statuses": Session.Status.choices,
        "kept": given,
    }


def _between(first: date, last: date) -> QuerySet[Any]:
    here = timezone.get_current_timezone()
    begin, end = (datetime.combine(one, time(), here) for one in (first, last))
    return Session.objects.filter(starts_at__gte=begin, starts_at__lt=end).annotate(
        local_day=TruncDate("starts_at", tzinfo=here)
    )


def _narrowed(rows: QuerySet[Any], chosen: dict[str, str]) -> QuerySet[Any]:
    for side in ("mentor", "mentee"):
        if chosen[side]:
            named = Q(**{f"{side}__user__name__icontains": chosen[side]})
            rows = rows.filter(named | Q(**{f"{side}__user__email__iexact": chosen[side]}))
    if chosen["area"]:
        knows = Expertise.objects.filter(area=chosen["area"])
        rows = rows.filter(mentor__in=knows.values("mentor"))
    if chosen["status"] in Session.Status.values:
        return rows.filter(status=chosen["status"])
    # What was cancelled takes nobody's time; it is shown to whoever asks for it.
    return rows.exclude(status=Session.Status.CANCELLED)


def _list_url(day: date) -> str:
    """The list of that day's sessions, through the filter that it has."""
    text = f"{day:%Y-%m-%d}"
    where = reverse("admin:sessions_app_session_changelist")
    return f"{where}?starts_at_from_0={text}&starts_at_from_1=00%3A00&starts_at_to_0={text}&starts_at_to_1=23%3A59"


def _date(text: str) -> date | None:
    try:
        found = parse_date(text)
    except ValueError:
        return None
    # Far from any calendar there is no week before or after.
    return found if found and 2000 <= found.year < 2200 else None
