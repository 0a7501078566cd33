from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.times import OffsetDateTimeField
from analytics.models import AreaFigures, FeedbackWeek, MatchDay, MentorFigures, SessionDay

_LOAD = (
    "offered", "room", "booked", "completed", "no_shows", "utilization", "rating", "ratings",
)  # fmt: skip


class PointSerializer(serializers.Serializer[Any]):
    day = serializers.DateField()
    value = serializers.FloatField()
    sample = serializers.IntegerField()


class StandingSerializer(serializers.Serializer[Any]):
    """A measure of success. Shares are fractions of 1 with the unit `%`."""

    name = serializers.CharField(source="measure.name")
    label = serializers.CharField(source="measure.label")  # type: ignore[assignment]
    meaning = serializers.CharField(source="measure.meaning")
    unit = serializers.CharField(source="measure.unit")
    value = serializers.FloatField(allow_null=True)
    target = serializers.FloatField(source="measure.target", allow_null=True)
    at_least = serializers.BooleanField(source="measure.at_least")
    meets_target = serializers.BooleanField(source="meets", allow_null=True)
    change = serializers.FloatField(allow_null=True, help_text="Against four weeks before.")
    trend = PointSerializer(source="points", many=True)


class AreaSerializer(serializers.ModelSerializer[AreaFigures]):
    class Meta:
        model = AreaFigures
        fields = ("area", "mentors", "mentors_booked", *_LOAD)


class SessionDaySerializer(serializers.ModelSerializer[SessionDay]):
    class Meta:
        model = SessionDay
        fields = ("day", "made", "cancelled", "completed", "no_shows", "mentors", "mentees")


class MatchDaySerializer(serializers.ModelSerializer[MatchDay]):
    class Meta:
        model = MatchDay
        fields = (
            "day", "requests", "people", "answered", "opened", "booked", "judged", "best_score", "p95_ms",
        )  # fmt: skip


class FeedbackWeekSerializer(serializers.ModelSerializer[FeedbackWeek]):
    class Meta:
        model = FeedbackWeek
        fields = (
            "week", "side", "completed", "given", "in_time", "overall", "expertise", "communication",
            "helpfulness", "goals_achieved", "would_recommend",
        )  # fmt: skip


class AnalyticsSerializer(serializers.Serializer[Any]):
    """All figures, of one moment; `as_of` is null before the first night."""

    as_of = OffsetDateTimeField(allow_null=True)
    measures = StandingSerializer(many=True)
    areas = AreaSerializer(many=True)
    sessions_by_day = SessionDaySerializer(many=True)
    matches_by_day = MatchDaySerializer(many=True)
    feedback_by_week = FeedbackWeekSerializer(many=True)


class _MentorSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField(source="pk")
    name = serializers.CharField(source="user.name")


class MentorFiguresSerializer(serializers.ModelSerializer[MentorFigures]):
    """A mentor's last 28 days, as of the last refresh; `next_start` is of now."""

    mentor = _MentorSerializer()
    is_active = serializers.BooleanField(source="mentor.is_active")
    next_start = OffsetDateTimeField(source="mentor.opening.next_start", default=None)

    class Meta:
        model = MentorFigures
        fields = ("mentor", "is_active", *_LOAD, "next_start")
