"""The shapes of the matching API."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time
from typing import Any

from django.urls import reverse
from django.utils.dateparse import parse_date
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from accounts.times import OffsetDateTimeField
from matching.models import MatchFeedback
from matching.services import Filters
from mentors.serializers import MentorCardSerializer


class WordsField(serializers.CharField):
    """A text that is a text: a number or `true` sent in its place is a client's mistake."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class TagsField(serializers.ListField):
    """Words to filter by; blank ones, as empty form fields send them, do not count."""

    def __init__(self, **kwargs: Any) -> None:
        child = WordsField(max_length=120, allow_blank=True)
        super().__init__(
            **{"child": child, "required": False, "max_length": 50, "default": list, **kwargs}
        )

    def to_internal_value(self, data: Any) -> list[str]:
        return [word for word in super().to_internal_value(data) if word]


class MomentField(OffsetDateTimeField):
    """An instant with its offset, or a date, which begins at midnight in the caller's zone."""

    def to_internal_value(self, value: Any) -> datetime:
        if not isinstance(value, str):
            self.fail("invalid")
        # In an address, a plus sign that was not escaped arrives as a blank.
        text = re.sub(r" (\d\d:?\d\d)$", r"+\1", value.strip())
        try:
            day = parse_date(text)
        except ValueError:
            self.fail("invalid")
        if day is None:
            return super().to_internal_value(text)
        if not 1970 < day.year < 2200:
            self.fail("range")
        midnight = datetime.combine(day, time.min, tzinfo=self.context["request"].user.zone)
        return midnight.astimezone(UTC)


class MatchRequestSerializer(serializers.Serializer[Any]):
    """What a mentee needs, in plain words, and the limits that must hold."""

    query = WordsField(
        # Blank is refused by the service, in the same words as on the page.
        allow_blank=True,
        help_text=_("What you need help with. Everything after 2,000 characters is left out."),
    )
    industries = TagsField()
    stages = TagsField()
    expertise = TagsField()
    languages = TagsField()
    available_from = MomentField(required=False, allow_null=True)
    available_to = MomentField(required=False, allow_null=True)
    limit = serializers.IntegerField(required=False, default=10, min_value=1, max_value=50)

    def filters(self) -> Filters:
        given = self.validated_data
        return Filters(
            industries=tuple(given["industries"]),
            stages=tuple(given["stages"]),
            expertise=tuple(given["expertise"]),
            languages=tuple(given["languages"]),
            available_from=given.get("available_from"),
            available_to=given.get("available_to"),
        )


class BrowseSerializer(serializers.Serializer[Any]):
    """The query parameters of the mentor list. The first four may be repeated."""

    q = serializers.CharField(
        required=False,
        allow_blank=True,
        default="",
        help_text=_("By relevance, first 50, unpaged."),
    )
    industry = TagsField()
    stage = TagsField()
    expertise = TagsField()
    language = TagsField()
    available_from = MomentField(required=False, help_text=_("Instant or date; default now."))
    available_to = MomentField(
        required=False, help_text=_("Instant or date, excluded; default 14 days later.")
    )

    def filters(self) -> Filters:
        given = self.validated_data
        return Filters(
            industries=tuple(given["industry"]),
            stages=tuple(given["stage"]),
            expertise=tuple(given["expertise"]),
            languages=tuple(given["language"]),
            available_from=given.get("available_from"),
            available_to=given.get("available_to"),
        )


class MatchedMentorSerializer(MentorCardSerializer):
    """As much of the card as a list of matches shows."""

    time_zone = None  # type: ignore[assignment]

    class Meta(MentorCardSerializer.Meta):
        fields = ["id", "name", "headline", "company", "title", "photo_url", "expertise"]
        read_only_fields = fields


class ReasonSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    text = serializers.CharField()


class OpenSlotSerializer(serializers.Serializer[Any]):
    starts_at = OffsetDateTimeField()
    ends_at = OffsetDateTimeField()
    seats_left = serializers.IntegerField()


class MatchSerializer(serializers.Serializer[Any]):
    mentor = MatchedMentorSerializer()
    match_score = serializers.IntegerField(
        source="score",
        min_value=0,
        max_value=100,
        help_text=_("The same meaning for every request."),
    )
    reasons = ReasonSerializer(many=True)
    slots = OpenSlotSerializer(many=True, help_text=_("Empty: no times yet."))
    profile_url = serializers.SerializerMethodField()

    def get_profile_url(self, match: Any) -> str:
        page = reverse("sessions:mentor", args=[match.mentor.pk])
        return str(self.context["request"].build_absolute_uri(page))


class MatchAnswerSerializer(serializers.Serializer[Any]):
    query = serializers.CharField()
    request_id = serializers.UUIDField()
    count = serializers.SerializerMethodField()
    matches = MatchSerializer(many=True)

    def to_representation(self, answer: Any) -> Any:
        shown = super().to_representation(answer)
        for match in shown["matches"]:
            # So that the page knows from which list it was opened.
            match["profile_url"] += f"?request={answer.request_id}"
        return shown

    def get_count(self, answer: Any) -> int:
        return len(answer.matches)


class NotRelevantSerializer(serializers.Serializer[Any]):
    """A mentor who was shown is not relevant, and why."""

    mentor = serializers.UUIDField(
        source="mentor_id", help_text=_("One of the mentors in the answer.")
    )
    reason = serializers.ChoiceField(
        MatchFeedback.Reason.choices,
        help_text=_("`known` and `not_them` hold for any question, the others for this one."),
    )
    words = WordsField(required=False, allow_blank=True, default="", max_length=500)
    hidden_until = OffsetDateTimeField(read_only=True)
