from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.times import OffsetDateTimeField
from sessions_app.models import AvailabilityWindow
from sessions_app.serializers.shared import PersonSerializer, SlotSerializer
from sessions_app.services import WindowSpec


class WindowSerializer(serializers.ModelSerializer[AvailabilityWindow]):
    class Meta:
        model = AvailabilityWindow
        fields = ["id", "starts_at", "ends_at", "capacity", "location"]


class WindowSpecSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField(required=False, allow_null=True)
    starts_at = OffsetDateTimeField()
    ends_at = OffsetDateTimeField()
    capacity = serializers.IntegerField(default=1, min_value=1, max_value=500)
    location = serializers.CharField(default="", allow_blank=True, max_length=200)


class WindowsSerializer(serializers.Serializer[Any]):
    windows = serializers.ListField(child=WindowSpecSerializer(), max_length=1000)
    force = serializers.BooleanField(default=False)

    def specs(self) -> list[WindowSpec]:
        return [WindowSpec(**window) for window in self.validated_data["windows"]]


class ConflictCheckSerializer(WindowsSerializer):
    mentor = serializers.UUIDField()
    force = None  # type: ignore[assignment]  # nothing is saved here


class SlotsSerializer(serializers.Serializer[Any]):
    slots = SlotSerializer(many=True)
    why_empty = serializers.CharField(required=False)


class WindowListSerializer(serializers.Serializer[Any]):
    windows = WindowSerializer(many=True)


class ConflictSerializer(serializers.Serializer[Any]):
    session = serializers.UUIDField()
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    mentee = PersonSerializer()


class ConflictsSerializer(serializers.Serializer[Any]):
    conflicts = ConflictSerializer(many=True)


class WantedStartSerializer(serializers.Serializer[Any]):
    at = OffsetDateTimeField()


class WhySerializer(serializers.Serializer[Any]):
    """`code` and `detail` are there when it is not open, `alternatives` where other times help."""

    open = serializers.BooleanField()
    code = serializers.CharField(required=False)
    detail = serializers.CharField(required=False)
    alternatives = SlotSerializer(many=True, required=False)
