"""A list's filter by a period, on the reader's clock."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_time
from unfold.contrib.filters.admin import RangeDateTimeFilter


class PeriodFilter(RangeDateTimeFilter):  # type: ignore[misc]
    """From a day to a day, or to the minute. Unfold's own takes what is typed for UTC, and a day without a
    time for nothing at all."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        first = self._typed("from", time())
        last = self._typed("to", time(23, 59))
        if first is not None:
            queryset = queryset.filter(**{f"{self.parameter_name}__gte": first})
        if last is not None:
            until = last + timedelta(minutes=1)  # the minute that was typed is part of it
            queryset = queryset.filter(**{f"{self.parameter_name}__lt": until})
        return queryset

    def _typed(self, which: str, otherwise: time) -> datetime | None:
        """What was typed; None where there is no such day."""
        day_text, time_text = (
            self.used_parameters.get(f"{self.parameter_name}_{which}_{part}") or "" for part in "01"
        )
        try:
            day, clock = parse_date(day_text), parse_time(time_text) or otherwise
        except ValueError:
            return None
        if day is None or not 1900 < day.year < 9000:
            return None
        return datetime.combine(day, clock.replace(tzinfo=None), timezone.get_current_timezone())
