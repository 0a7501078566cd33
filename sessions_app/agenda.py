"""Sessions to come as a day is planned: what is today, what is in the coming week, what can wait."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.utils.translation import gettext_lazy as _

TITLES: Final = {"today": _("Today"), "week": _("The coming week"), "later": _("Later")}
WEEK: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of time with its sessions; `key` is one of TITLES."""

    key: str
    entries: list[dict[str, Any]]

    @property
    def title(self) -> str:
        return str(TITLES[self.key])


def part_of(starts_at: datetime, *, now: datetime, zone: ZoneInfo) -> str:
    """In which part a start falls on the viewer's clock. What has begun is still of today."""
    day, today = starts_at.astimezone(zone).date(), now.astimezone(zone).date()
    if day <= today:
        return "today"
    return "week" if day <= today + WEEK else "later"


def agenda(entries: Iterable[dict[str, Any]], *, now: datetime, zone: ZoneInfo) -> list[Part]:
    """Entries (with their `session`, in order of time) by part; a part without any is left out."""
    key = lambda entry: part_of(entry["session"].starts_at, now=now, zone=zone)  # noqa: E731
    return [Part(name, list(found)) for name, found in groupby(entries, key)]
