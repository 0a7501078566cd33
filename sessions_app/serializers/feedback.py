from __future__ import annotations

from typing import Any

from rest_framework import serializers

from sessions_app.models import Feedback
from sessions_app.services.feedback import LONGEST_COMMENT, LONGEST_WORD, MOST_WORDS


def _rating(**options: Any) -> serializers.IntegerField:
    return serializers.IntegerField(min_value=1, max_value=5, **options)


def _words() -> serializers.ListField:
    word = serializers.CharField(max_length=LONGEST_WORD)
    return serializers.ListField(child=word, max_length=MOST_WORDS, required=False)


class FeedbackInputSerializer(serializers.Serializer[Any]):
    """What one side thought of a session. Ratings are from 1 to 5; only `overall` is needed."""

    overall = _rating()
    expertise = _rating(required=False, allow_null=True)
    communication = _rating(required=False, allow_null=True)
    helpfulness = _rating(required=False, allow_null=True)
    goals_achieved = serializers.BooleanField(required=False, allow_null=True)
    would_recommend = serializers.BooleanField(required=False, allow_null=True)
    follow_up_needed = serializers.BooleanField(required=False, allow_null=True)
    topics = _words()
    tags = _words()
    comment = serializers.CharField(required=False, allow_blank=True, max_length=LONGEST_COMMENT)


class FeedbackSerializer(serializers.ModelSerializer[Feedback]):
    class Meta:
        model = Feedback
        fields = [
            "side", "overall", "expertise", "communication", "helpfulness", "goals_achieved",
            "would_recommend", "follow_up_needed", "topics", "tags", "comment", "submitted_at",
        ]  # fmt: skip
        read_only_fields = fields


class SessionFeedbackSerializer(serializers.Serializer[Any]):
    """A session's feedback by side. null: not given, or not yours to read yet."""

    side = serializers.ChoiceField(
        choices=Feedback.Side.choices, allow_null=True, help_text="Which side the caller is."
    )
    can_give = serializers.BooleanField(help_text="Whether the caller's answer is awaited.")
    mentee = FeedbackSerializer(allow_null=True)
    mentor = FeedbackSerializer(allow_null=True)
