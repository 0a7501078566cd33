from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.models import User
from accounts.times import OffsetDateTimeField
from mentors.models import Mentee, Mentor
from sessions_app.models import AvailabilityWindow, Session
from sessions_app.services import WindowSpec
from sessions_app.services.lifecycle import side_of


class PersonSerializer(serializers.Serializer[Mentor | Mentee]):
    """A mentor or mentee by their row's id and their name."""

    id = serializers.UUIDField()
    name = serializers.CharField(source="user.name")


class SessionSerializer(serializers.ModelSerializer[Session]):
    """A session as one of its people sees it: `notes` are the caller's own."""

    mentor = PersonSerializer(read_only=True)
    mentee = PersonSerializer(read_only=True)
    notes = serializers.SerializerMethodField()

    class Meta:
        model = Session
        fields = [
            "id", "mentor", "mentee", "starts_at", "ends_at", "status", "goal", "notes",
            "match_request", "version", "created_at",
        ]  # fmt: skip
        read_only_fields = fields

    def get_notes(self, session: Session) -> str:
        user = self.context["request"].user
        side = side_of(session, user) if isinstance(user, User) else None
        return str(getattr(session, f"{side}_notes")) if side else ""


class BookingSerializer(serializers.Serializer[Any]):
    """What booking takes. `ends_at` is only checked: the mentor decides the length."""

    mentor = serializers.UUIDField()
    starts_at = OffsetDateTimeField()
    ends_at = OffsetDateTimeField(required=False, allow_null=True)
    goal = serializers.CharField(required=False, allow_blank=True, max_length=4000)
    match_request = serializers.UUIDField(required=False, allow_null=True)


class SessionChangeSerializer(serializers.Serializer[Any]):
    """One change at a time: the state, or the caller's notes."""

    status = serializers.ChoiceField(choices=["booked", "cancelled"], required=False)
    reason = serializers.CharField(required=False, allow_blank=True, max_length=2000)
    notes = serializers.CharField(required=False, allow_blank=True, max_length=20000)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len({"status", "notes"} & attrs.keys()) != 1:
            raise serializers.ValidationError("Send either status or notes.")
        return attrs


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


class SlotSerializer(serializers.Serializer[Any]):
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    seats_left = serializers.IntegerField()


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


class MeetingUrlSerializer(serializers.Serializer[Any]):
    meeting_url = serializers.URLField()


class RefusalSerializer(serializers.Serializer[Any]):
    """How every refusal looks; some codes add to it (alternatives, conflicts, fields)."""

    code = serializers.CharField()
    detail = serializers.CharField()
    alternatives = SlotSerializer(many=True, required=False)
