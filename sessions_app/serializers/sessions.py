from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.models import User
from accounts.times import OffsetDateTimeField
from sessions_app.models import Session
from sessions_app.serializers.shared import PersonSerializer
from sessions_app.services.lifecycle import side_of


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
    mentee = serializers.UUIDField(
        required=False,
        help_text="For program managers: whom to book for. Others book for themselves.",
    )
    starts_at = OffsetDateTimeField()
    ends_at = OffsetDateTimeField(required=False, allow_null=True)
    goal = serializers.CharField(required=False, allow_blank=True, max_length=4000)
    match_request = serializers.UUIDField(required=False, allow_null=True)
    override = serializers.BooleanField(
        default=False,
        help_text="For program managers: set rules aside knowingly. Noted in the history.",
    )


class SessionChangeSerializer(serializers.Serializer[Any]):
    """One change at a time: another start, the state, or the caller's notes."""

    starts_at = OffsetDateTimeField(required=False)
    override = serializers.BooleanField(default=False)
    version = serializers.IntegerField(
        required=False,
        help_text="To move, accept or cancel it only if it is still at this version: 409 otherwise.",
    )
    status = serializers.ChoiceField(
        choices=["booked", "cancelled", "completed", "no_show"],
        required=False,
        help_text="booked: accept. completed: end it, or dispute an absence. no_show: with `absent`.",
    )
    absent = serializers.ChoiceField(choices=["mentor", "mentee"], required=False)
    reason = serializers.CharField(required=False, allow_blank=True, max_length=2000)
    notes = serializers.CharField(required=False, allow_blank=True, max_length=20000)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if len({"starts_at", "status", "notes"} & attrs.keys()) != 1:
            raise serializers.ValidationError("Send one of starts_at, status and notes.")
        if attrs.get("status") == "no_show" and "absent" not in attrs:
            raise serializers.ValidationError({"absent": "Say who did not come."})
        return attrs


class MeetingUrlSerializer(serializers.Serializer[Any]):
    meeting_url = serializers.URLField()
