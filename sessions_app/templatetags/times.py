"""Times for pages of every app: next openings on people's cards, and slots under their days."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any, TypedDict

from django import template
from django.utils import timezone

from mentors.models import Mentor
from sessions_app.models import MentorOpening
from sessions_app.picker import oddness
from sessions_app.slots import Slot
from sessions_app.zones import zone_label

register = template.Library()
SHOWN = 3


class SlotsOfDay(TypedDict):
    day: date
    slots: list[Slot]


class NextTimes(TypedDict):
    days: list[SlotsOfDay]
    more: int


@register.simple_tag
def openings_of(mentors: Iterable[Mentor]) -> dict[str, MentorOpening]:
    """The mentors' next openings, read at once; to be asked with the `of` filter."""
    ids = [mentor.pk for mentor in mentors]
    return {str(row.mentor_id): row for row in MentorOpening.objects.filter(mentor_id__in=ids)}


@register.simple_tag
def mentors_of(rows: Iterable[Any]) -> list[Mentor]:
    return [row.mentor for row in rows]


@register.filter
def of(openings: dict[str, MentorOpening], mentor: Mentor) -> MentorOpening | None:
    return openings.get(str(mentor.pk))


@register.simple_tag
def next_times(slots: Sequence[Slot], opening: MentorOpening | None) -> NextTimes:
    """The first three times under their days, and how many more there are this week."""
    shown = slots[:SHOWN]
    days = [
        SlotsOfDay(day=day, slots=list(found))
        for day, found in groupby(shown, key=lambda slot: timezone.localtime(slot.starts_at).date())
    ]
    week = timezone.now() + timedelta(days=7)
    free = opening.free_7d if opening else sum(slot.starts_at < week for slot in slots)
    return NextTimes(days=days, more=max(0, free - sum(slot.starts_at < week for slot in shown)))


@register.filter
def near(day: date | None) -> str:
    """Whether a day is today or tomorrow; else nothing."""
    if isinstance(day, datetime):
        day = timezone.localtime(day).date()
    ahead = (day - timezone.localdate()).days if day else None
    return {0: "today", 1: "tomorrow"}.get(-1 if ahead is None else ahead, "")


@register.filter
def odd(slot: Slot) -> str:
    """What is unusual about its hour on the viewer's clock, if anything."""
    return oddness(timezone.localtime(slot.starts_at), timezone.localtime(slot.ends_at))


@register.simple_tag
def current_zone() -> str:
    """The zone of the page, as people read it."""
    return zone_label(timezone.get_current_timezone(), timezone.now())
