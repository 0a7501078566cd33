"""People as the API shows and takes them. What a value may be is decided by the services."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers

from accounts.models import User
from accounts.times import OffsetDateTimeField
from mentors.models import Expertise, Mentee, Mentor, SavedMentor


class ExpertiseSerializer(serializers.ModelSerializer[Expertise]):
    sub_area = serializers.CharField(max_length=120, required=False, allow_blank=True, default="")
    seniority = serializers.ChoiceField(
        choices=Expertise.Seniority.choices, default=Expertise.Seniority.EXPERT.value
    )
    weight = serializers.IntegerField(min_value=1, max_value=5, default=3)

    class Meta:
        model = Expertise
        fields = ["area", "sub_area", "seniority", "weight"]
        # Whether an area is named twice is judged over the whole list, by the service.
        validators: list[Any] = []


class MentorCardSerializer(serializers.ModelSerializer[Mentor]):
    """What anybody who may see a mentor sees of them. Never the address."""

    id = serializers.UUIDField(read_only=True)
    name = serializers.CharField(source="user.name", read_only=True)
    photo_url = serializers.CharField(
        source="user.photo_url", read_only=True, help_text="On our host; empty: show initials."
    )
    time_zone = serializers.CharField(source="user.time_zone", read_only=True)
    expertise = ExpertiseSerializer(many=True, read_only=True)

    class Meta:
        model = Mentor
        fields = [
            "id", "name", "headline", "bio", "company", "title", "photo_url", "expertise",
            "industries", "stages", "languages", "time_zone", "session_minutes", "linkedin",
        ]  # fmt: skip
        read_only_fields = fields


class SavedMentorSerializer(serializers.ModelSerializer[SavedMentor]):
    mentor = MentorCardSerializer(read_only=True)
    saved_at = OffsetDateTimeField(read_only=True)

    class Meta:
        model = SavedMentor
        fields = ["mentor", "saved_at"]


def _whole(low: int, high: int, default: int) -> serializers.IntegerField:
    return serializers.IntegerField(min_value=low, max_value=high, default=default)


def _words() -> serializers.ListField:
    return serializers.ListField(child=serializers.CharField(max_length=60), default=list)


class MentorPartSerializer(serializers.ModelSerializer[Mentor]):
    """The mentor part of a profile, for its owner and program managers."""

    id = serializers.UUIDField(read_only=True)
    headline = serializers.CharField(max_length=200, allow_blank=True, default="")
    bio = serializers.CharField(max_length=10_000, allow_blank=True, default="")
    company = serializers.CharField(max_length=120, allow_blank=True, default="")
    title = serializers.CharField(max_length=120, allow_blank=True, default="")
    industries = _words()
    stages = _words()
    languages = _words()
    expertise = ExpertiseSerializer(many=True, default=list)
    linkedin = serializers.URLField(max_length=200, allow_blank=True, default="")
    photo_url = serializers.CharField(source="user.photo_url", read_only=True)
    photo_source = serializers.URLField(
        source="user.photo_source", max_length=200, allow_blank=True, default=""
    )
    visibility = serializers.ChoiceField(
        choices=Mentor.Visibility.choices, default=Mentor.Visibility.PUBLIC.value
    )
    approves_bookings = serializers.BooleanField(default=False)
    weekly_load_cap = _whole(0, 168, 5)
    session_minutes = _whole(5, 480, 30)
    start_step_minutes = serializers.IntegerField(
        min_value=5, max_value=480, allow_null=True, default=None
    )
    meeting_link = serializers.URLField(max_length=200, allow_blank=True, default="")
    buffer_before_minutes = _whole(0, 240, 0)
    buffer_after_minutes = _whole(0, 240, 0)
    minimum_notice_minutes = _whole(0, 43_200, 120)
    booking_horizon_days = _whole(1, 366, 60)

    class Meta:
        model = Mentor
        fields = [
            "id", "headline", "bio", "company", "title", "industries", "stages", "languages",
            "expertise", "linkedin", "photo_url", "photo_source", "visibility", "is_active",
            "approves_bookings", "weekly_load_cap", "session_minutes", "buffer_before_minutes",
            "buffer_after_minutes", "minimum_notice_minutes", "booking_horizon_days",
            "start_step_minutes", "meeting_link",
        ]  # fmt: skip
        read_only_fields = ["is_active"]


class MenteePartSerializer(serializers.ModelSerializer[Mentee]):
    """The mentee part of a profile, for its owner and program managers."""

    id = serializers.UUIDField(read_only=True)
    company = serializers.CharField(max_length=120, allow_blank=True, default="")
    stage = serializers.CharField(max_length=60, allow_blank=True, default="")
    industry = serializers.CharField(max_length=60, allow_blank=True, default="")
    goals = serializers.CharField(max_length=10_000, allow_blank=True, default="")
    seeks = serializers.CharField(max_length=10_000, allow_blank=True, default="")

    class Meta:
        model = Mentee
        fields = ["id", "company", "stage", "industry", "goals", "seeks", "is_active"]
        read_only_fields = ["is_active"]


class ProfileSerializer(serializers.ModelSerializer[User]):
    """A person. `mentor` and `mentee` are there for those who are one, or both."""

    id = serializers.UUIDField(read_only=True)
    email = serializers.EmailField(read_only=True)
    role = serializers.ChoiceField(choices=User.Role.choices, read_only=True)
    name = serializers.CharField(max_length=120)
    time_zone = serializers.CharField(max_length=64, default="UTC")
    language = serializers.CharField(max_length=8, default="en")
    mentor = MentorPartSerializer(required=False)
    mentee = MenteePartSerializer(required=False)

    class Meta:
        model = User
        fields = ["id", "email", "name", "role", "time_zone", "language", "mentor", "mentee"]

    def to_representation(self, instance: User) -> dict[str, Any]:
        # Not None for what somebody is not: the part is absent.
        shown = dict(super().to_representation(instance))
        return {name: value for name, value in shown.items() if value is not None}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        for part in ("mentor", "mentee"):
            here = self.instance is not None and hasattr(self.instance, part)
            if here and not self.partial and part not in attrs:
                # A PUT replaces: silence about a whole part would empty it, which nobody means.
                raise serializers.ValidationError(
                    {part: [_("This person has one: give it whole.")]}
                )
            if not here and part in attrs:
                raise serializers.ValidationError({part: [_("This person has none.")]})
        return attrs
