from __future__ import annotations

from typing import Any

from rest_framework import serializers


class MessageChoicesSerializer(serializers.Serializer[Any]):
    """Which messages a person gets. That a session is booked, moved or cancelled is always sent."""

    reminder_day = serializers.BooleanField(required=False)
    reminder_hour = serializers.BooleanField(required=False)
    feedback = serializers.BooleanField(required=False)
    waitlist = serializers.BooleanField(required=False)


class BounceSerializer(serializers.Serializer[Any]):
    """Mail to this address was refused for good, so nothing more is sent to it."""

    email = serializers.EmailField()
    at = serializers.DateTimeField(allow_null=True)
    reason = serializers.CharField()


class MessagePreferencesSerializer(MessageChoicesSerializer):
    bounce = BounceSerializer(allow_null=True, help_text="null: mail arrives, as far as we know.")
