"""Times as the API reads and writes them: an offset on the way in, UTC with a Z on the way out."""

from __future__ import annotations

import re
import zoneinfo
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, NoReturn

from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _, gettext_lazy
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.request import Request

from accounts.models import TIME_ZONES
from accounts.refusals import Invalid

# Beyond these a time is a slip of the keyboard, and arithmetic with zones may overflow.
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
DEFAULT_PERIOD = timedelta(days=14)
LONGEST_PERIOD = timedelta(days=62)

# For `@extend_schema(parameters=PERIOD)` of views that use `period`.
PERIOD = [
    OpenApiParameter("from", str, description="Instant or date; default now."),
    OpenApiParameter("to", str, description="Instant or date, excluded; default 14 days later."),
    OpenApiParameter("tz", str, description="IANA zone in which dates are read; default yours."),
]


class NaiveTime(ValueError):
    """A time without an offset: nobody can tell which instant it means."""


class TimeOutOfRange(ValueError):
    """A time that no calendar of ours reaches."""


def utc(instant: datetime) -> str:
    """`2026-03-01T09:00:00Z`."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_instant(text: str) -> datetime:
    """The instant in UTC. Raises ValueError, NaiveTime or TimeOutOfRange."""
    parsed = parse_datetime(text)
    if parsed is None:
        raise ValueError(text)
    if parsed.tzinfo is None:
        raise NaiveTime(text)
    try:
        instant = parsed.astimezone(UTC)
    except OverflowError as error:
        raise TimeOutOfRange(text) from error
    if not EARLIEST <= instant < LATEST:
        raise TimeOutOfRange(text)
    return instant


class OffsetDateTimeField(serializers.DateTimeField):
    """An instant. A time without an offset is refused rather than guessed at."""

    default_error_messages = {
        "invalid": gettext_lazy("Write this time like 2026-03-01T09:00:00+01:00."),
        "naive": gettext_lazy("Add the offset, as in 2026-03-01T09:00:00+01:00 or …T08:00:00Z."),
        "range": gettext_lazy("This time is too far away."),
    }

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(default_timezone=UTC, **kwargs)

    def to_internal_value(self, value: Any) -> datetime:
        if not isinstance(value, str):
            self.fail("invalid")
        try:
            return parse_instant(value)
        except NaiveTime:
            self.fail("naive")
        except TimeOutOfRange:
            self.fail("range")
        except ValueError:
            self.fail("invalid")

    def to_representation(self, value: Any) -> str:
        return utc(value) if isinstance(value, datetime) else str(value)


def period(
    request: Request, now: datetime, tz: zoneinfo.ZoneInfo | None = None
) -> tuple[datetime, datetime]:
    """The period `[first, last)` in UTC that the query asks for with `from`, `to` and `tz`.

    `tz` is the zone in which dates are read where the query names none; None: the caller's own.
    """
    zone = _zone(request, tz)
    first = _moment(request, "from", zone) or now
    last = _moment(request, "to", zone) or first + DEFAULT_PERIOD
    if last <= first:
        _refuse("to", _("The end is not after the start."))
    # By the wall clock, or 62 days across the end of summer time would be an hour too long.
    if _wall(last, zone) - _wall(first, zone) > LONGEST_PERIOD:
        _refuse("to", _("Ask for at most 62 days at once."))
    return first, last


def open_period(request: Request) -> tuple[datetime | None, datetime | None]:
    """Like `period`, of what is past: any length, and an end that is not given leaves it open."""
    zone = _zone(request, None)
    first, last = _moment(request, "from", zone), _moment(request, "to", zone)
    if first and last and last <= first:
        _refuse("to", _("The end is not after the start."))
    return first, last


def _zone(request: Request, default: zoneinfo.ZoneInfo | None) -> zoneinfo.ZoneInfo:
    named = request.query_params.get("tz")
    if named:
        if named not in TIME_ZONES:
            _refuse("tz", _("This is not the name of a time zone, like Europe/Madrid."))
        return zoneinfo.ZoneInfo(named)
    zone = default or getattr(request.user, "zone", None)
    return zone if isinstance(zone, zoneinfo.ZoneInfo) else zoneinfo.ZoneInfo("UTC")


def _moment(request: Request, name: str, zone: zoneinfo.ZoneInfo) -> datetime | None:
    text = request.query_params.get(name, "").strip()
    if not text:
        return None
    # A plus sign that was not escaped arrives as a blank.
    text = re.sub(r" (\d\d:?\d\d)$", r"+\1", text)
    try:
        day = parse_date(text)
        return _start_of(day, zone) if day else parse_instant(text)
    except NaiveTime:
        _refuse(name, _("Add the offset, as in 2026-03-01T09:00:00+01:00, or give only the date."))
    except TimeOutOfRange:
        _refuse(name, _("This time is too far away."))
    except ValueError:
        _refuse(name, _("Write a date like 2026-03-01, or a time like 2026-03-01T09:00:00Z."))


def _start_of(day: date, zone: zoneinfo.ZoneInfo) -> datetime:
    if not EARLIEST.year < day.year < LATEST.year:
        raise TimeOutOfRange(str(day))
    return datetime.combine(day, time.min, tzinfo=zone).astimezone(UTC)


def _wall(instant: datetime, zone: zoneinfo.ZoneInfo) -> datetime:
    return instant.astimezone(zone).replace(tzinfo=None)


def _refuse(name: str, sentence: str) -> NoReturn:
    raise Invalid(sentence, fields={name: [sentence]})
