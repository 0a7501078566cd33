from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.times import OffsetDateTimeField
from sessions_app.models import AvailabilityWindow
from sessions_app.selectors.displaced import Cause
from sessions_app.serializers.shared import SlotSerializer
from sessions_app.services import Action, Decision, WindowSpec


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


class DecisionSerializer(serializers.Serializer[Any]):
    """What becomes of a session that the change would displace."""

    session = serializers.UUIDField()
    action = serializers.ChoiceField(choices=[(action.value, action.name) for action in Action])
    starts_at = OffsetDateTimeField(required=False, help_text="For a move: the new start.")
    reason = serializers.CharField(
        default="", allow_blank=True, max_length=2000, help_text="The other side reads it."
    )


class DecidedSerializer(serializers.Serializer[Any]):
    """A change of hours, with the decisions about the sessions that it displaces."""

    decisions = serializers.ListField(
        child=DecisionSerializer(), required=False, default=list, max_length=500
    )

    def decisions_made(self) -> list[Decision]:
        return [
            Decision(row["session"], Action(row["action"]), row.get("starts_at"), row["reason"])
            for row in self.validated_data["decisions"]
        ]


class WindowsSerializer(DecidedSerializer):
    windows = serializers.ListField(child=WindowSpecSerializer(), max_length=1000)
    force = serializers.BooleanField(
        default=False, help_text="Keep every session for which there is no decision."
    )

    def specs(self) -> list[WindowSpec]:
        return [WindowSpec(**window) for window in self.validated_data["windows"]]


class ConflictCheckSerializer(WindowsSerializer):
    mentor = serializers.UUIDField()
    force = decisions = None  # type: ignore[assignment]  # nothing is saved here


class SlotsSerializer(serializers.Serializer[Any]):
    slots = SlotSerializer(many=True)
    why_empty = serializers.CharField(required=False)


class WindowListSerializer(serializers.Serializer[Any]):
    windows = WindowSerializer(many=True)


class ConflictMenteeSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()


class ConflictSerializer(serializers.Serializer[Any]):
    session = serializers.UUIDField()
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    mentee = ConflictMenteeSerializer()
    cause = serializers.ChoiceField(choices=[*(cause.value for cause in Cause), "no_seat"])
    detail = serializers.CharField(required=False)
    alternatives = SlotSerializer(many=True, required=False)


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
