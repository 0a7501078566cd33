"""Weekly hours, dates that differ and time away, as the API reads and writes them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from accounts.times import OffsetDateTimeField
from sessions_app.serializers.availability import ConflictSerializer, DecidedSerializer
from sessions_app.serializers.shared import RefusalSerializer
from sessions_app.services import AwaySpec, ExceptionSpec, WeeklySpec
from sessions_app.services.hours import MOST_SEATS, MOST_WEEKS

_SESSION = "7f3c0e5a-52f4-4a53-9d1f-0d4c0f6f8f11"
_DECISION = {"session": _SESSION, "action": "move", "starts_at": "2026-12-10T09:30:00Z"}
_CONFLICT = {
    "session": _SESSION,
    "starts_at": "2026-12-08T14:00:00Z",
    "ends_at": "2026-12-08T14:30:00Z",
    "mentee": {"id": "b1946ac9-2f6c-4d5e-8a1b-4c7d6e5f4a3b", "name": "Alice Founder"},
    "cause": "outside_hours",
    "detail": "It lies outside the hours.",
    "alternatives": [
        {"starts_at": "2026-12-10T09:30:00Z", "ends_at": "2026-12-10T10:00:00Z", "seats_left": 1}
    ],
}
_WEEKLY = {
    "weekday": 1,
    "starts": "09:00",
    "ends": "12:00",
    "every_n_weeks": 1,
    "starts_on": "2026-12-01",
    "ends_on": None,
    "capacity": 1,
    "location": "",
}
_EXCEPTION = {"date": "2026-12-24", "starts": None, "ends": None, "reason": "Christmas Eve"}
_AWAY = {"starts_at": "2026-12-21T00:00:00Z", "ends_at": "2026-12-28T00:00:00Z", "reason": "Leave"}


def seats() -> serializers.IntegerField:
    return serializers.IntegerField(default=1, min_value=1, max_value=MOST_SEATS)


def place() -> serializers.CharField:
    return serializers.CharField(default="", allow_blank=True, max_length=200)


class WeeklyHoursSerializer(serializers.Serializer[Any]):
    """Times on the mentor's own clock. An end at or before the start is on the next day."""

    id = serializers.UUIDField(required=False, allow_null=True)
    weekday = serializers.IntegerField(
        min_value=0, max_value=6, help_text="0 is Monday, 6 is Sunday."
    )
    starts = serializers.TimeField(format="%H:%M")
    ends = serializers.TimeField(format="%H:%M")
    every_n_weeks = serializers.IntegerField(default=1, min_value=1, max_value=MOST_WEEKS)
    starts_on = serializers.DateField(required=False, allow_null=True, help_text="Default: today.")
    ends_on = serializers.DateField(default=None, allow_null=True, help_text="The last date.")
    capacity = seats()
    location = place()


class HoursExceptionSerializer(serializers.Serializer[Any]):
    """A date that differs: closed without times, open from `starts` to `ends` with them.

    With `weekly_hours` only those are skipped on that date.
    """

    id = serializers.UUIDField(required=False, allow_null=True)
    date = serializers.DateField()
    starts = serializers.TimeField(format="%H:%M", default=None, allow_null=True)
    ends = serializers.TimeField(format="%H:%M", default=None, allow_null=True)
    weekly_hours = serializers.UUIDField(source="weekly_hours_id", default=None, allow_null=True)
    capacity = seats()
    location = place()
    reason = serializers.CharField(default="", allow_blank=True, max_length=120)


class TimeAwaySerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField(required=False, allow_null=True)
    starts_at = OffsetDateTimeField()
    ends_at = OffsetDateTimeField()
    reason = serializers.CharField(default="", allow_blank=True, max_length=120)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Tuesdays, but not on Christmas Eve",
            request_only=True,
            value={
                "weekly": [_WEEKLY],
                "exceptions": [_EXCEPTION],
                "away": [_AWAY],
                "decisions": [_DECISION],
            },
        )
    ]
)
class HoursRequestSerializer(DecidedSerializer):
    """Each list replaces all of its kind that is to come; one that is left out stays as it is."""

    weekly = serializers.ListField(child=WeeklyHoursSerializer(), required=False, max_length=100)
    exceptions = serializers.ListField(
        child=HoursExceptionSerializer(), required=False, max_length=1000
    )
    away = serializers.ListField(child=TimeAwaySerializer(), required=False, max_length=500)

    def specs(self) -> dict[str, list[Any] | None]:
        """The arguments of `set_hours`."""
        return {
            "weekly": self._specs("weekly", lambda row: WeeklySpec(**row)),
            "exceptions": self._specs("exceptions", _exception),
            "away": self._specs("away", lambda row: AwaySpec(**row)),
        }

    def _specs(self, name: str, made: Callable[[dict[str, Any]], Any]) -> list[Any] | None:
        rows = self.validated_data.get(name)
        return None if rows is None else [made(row) for row in rows]


def _exception(row: dict[str, Any]) -> ExceptionSpec:
    return ExceptionSpec(weekly_hours=row.pop("weekly_hours_id"), **row)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "Bob's hours",
            response_only=True,
            value={
                "time_zone": "Europe/London",
                "weekly": [{"id": "0d4c0f6f-8f11-4a53-9d1f-7f3c0e5a52f4", **_WEEKLY}],
                "exceptions": [
                    {
                        "id": "4c7d6e5f-4a3b-4d5e-8a1b-b1946ac92f6c",
                        **_EXCEPTION,
                        "weekly_hours": None,
                        "capacity": 1,
                        "location": "",
                    }
                ],
                "away": [{"id": "2f6c4d5e-8a1b-4c7d-6e5f-4a3bb1946ac9", **_AWAY}],
                "holidays": [{"date": "2026-12-25", "name": "Christmas Day"}],
                "displaced": [_CONFLICT],
            },
        )
    ]
)
class HoursSerializer(serializers.Serializer[Any]):
    """What a mentor's windows are made from, and the sessions that need a decision."""

    time_zone = serializers.CharField()
    weekly = WeeklyHoursSerializer(many=True)
    exceptions = HoursExceptionSerializer(many=True)
    away = TimeAwaySerializer(many=True)
    holidays = serializers.ListField(child=serializers.DictField())
    displaced = ConflictSerializer(many=True)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "A session would be displaced",
            response_only=True,
            status_codes=["409"],
            value={
                "code": "sessions_orphaned",
                "detail": "Booked sessions would lie outside the hours. Keep, move or cancel each "
                "of them.",
                "conflicts": [_CONFLICT],
            },
        )
    ]
)
class OrphanedSerializer(RefusalSerializer):
    conflicts = ConflictSerializer(many=True, required=False)


@extend_schema_serializer(
    examples=[OpenApiExample("Move one", request_only=True, value={"decisions": [_DECISION]})]
)
class DecisionsSerializer(DecidedSerializer):
    """What becomes of sessions that are displaced."""


class DisplacedSerializer(serializers.Serializer[Any]):
    displaced = ConflictSerializer(many=True)
