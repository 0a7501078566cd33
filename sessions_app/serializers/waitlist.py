from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.times import OffsetDateTimeField
from sessions_app.models import Hold, WaitlistEntry
from sessions_app.serializers.shared import PersonSerializer


class HoldSerializer(serializers.ModelSerializer[Hold]):
    """A time that is kept for you until `expires_at`: your own hold, or an offer from the waitlist."""

    mentor = PersonSerializer(read_only=True)
    waitlist_entry = serializers.UUIDField(source="entry_id", read_only=True, allow_null=True)

    class Meta:
        model = Hold
        fields = [
            "id", "mentor", "starts_at", "ends_at", "expires_at", "state", "waitlist_entry",
            "created_at",
        ]  # fmt: skip
        read_only_fields = fields


class OfferSerializer(serializers.ModelSerializer[Hold]):
    class Meta:
        model = Hold
        fields = ["id", "starts_at", "ends_at", "expires_at"]
        read_only_fields = fields


class PlaceSerializer(serializers.ModelSerializer[WaitlistEntry]):
    """A place in a mentor's line. `position` 1 is next; `offer` is what is held for you right now."""

    mentor = PersonSerializer(read_only=True)
    mentee = PersonSerializer(read_only=True)
    position = serializers.SerializerMethodField()
    offer = serializers.SerializerMethodField()

    class Meta:
        model = WaitlistEntry
        fields = [
            "id", "mentor", "mentee", "wanted_from", "wanted_until", "goal", "state", "position",
            "offer", "created_at",
        ]  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(serializers.IntegerField(allow_null=True))
    def get_position(self, place: Any) -> int | None:
        is_in_line = place.state in (WaitlistEntry.State.WAITING, WaitlistEntry.State.OFFERED)
        return int(place.position) if is_in_line else None

    @extend_schema_field(OfferSerializer(allow_null=True))
    def get_offer(self, place: Any) -> Any:
        live = place.live_offers
        return OfferSerializer(live[0]).data if live else None


class JoinSerializer(serializers.Serializer[Any]):
    """Which mentor, and which days: a time that starts in [wanted_from, wanted_until). Both may be left
    out: any time."""

    mentor = serializers.UUIDField()
    wanted_from = OffsetDateTimeField(required=False, allow_null=True)
    wanted_until = OffsetDateTimeField(required=False, allow_null=True)
    goal = serializers.CharField(required=False, allow_blank=True, max_length=4000)


class HoldRequestSerializer(serializers.Serializer[Any]):
    mentor = serializers.UUIDField()
    starts_at = OffsetDateTimeField()


class HoldListSerializer(serializers.Serializer[Any]):
    holds = HoldSerializer(many=True)
