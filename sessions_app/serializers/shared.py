from __future__ import annotations

from typing import Any

from rest_framework import serializers

from mentors.models import Mentee, Mentor


class PersonSerializer(serializers.Serializer[Mentor | Mentee]):
    """A mentor or mentee by their row's id and their name."""

    id = serializers.UUIDField()
    name = serializers.CharField(source="user.name")


class SlotSerializer(serializers.Serializer[Any]):
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()
    seats_left = serializers.IntegerField()


class RefusalSerializer(serializers.Serializer[Any]):
    """How every refusal looks; some codes add to it (alternatives, conflicts, fields)."""

    code = serializers.CharField()
    detail = serializers.CharField()
    alternatives = SlotSerializer(many=True, required=False)
