"""Times for pages of every app: next openings on people's cards, and slots under their days."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import groupby
from typing import Any, TypedDict

from django import template
from django.template import Context
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from accounts.dates import date_format
from accounts.times import utc
from mentors.models import Mentor
from sessions_app.models import MentorOpening
from sessions_app.picker import Choice, oddness
from sessions_app.slots import Slot
from sessions_app.zones import zone_label

register = template.Library()
SHOWN = 3


@dataclass(frozen=True, slots=True)
class Opening:
    """One bookable start as a card says it. Made here, not in the template: a list has dozens."""

    value: str
    clock: str
    odd: str
    label: str


class OpeningsOfDay(TypedDict):
    heading: str
    times: list[Opening]


class NextTimes(TypedDict):
    days: list[OpeningsOfDay]
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
def next_times(slots: Sequence[Slot], opening: MentorOpening | None, mentor: Mentor) -> NextTimes:
    """The first three times under their days, and how many more there are this week."""
    shown = slots[:SHOWN]
    now, name = timezone.now(), str(mentor.user)
    today = timezone.localdate(now)
    days = [
        OpeningsOfDay(heading=_heading(day, today), times=[_opening(slot, name) for slot in found])
        for day, found in groupby(shown, key=lambda slot: timezone.localtime(slot.starts_at).date())
    ]
    week = now + timedelta(days=7)
    free = opening.free_7d if opening else sum(slot.starts_at < week for slot in slots)
    return NextTimes(days=days, more=max(0, free - sum(slot.starts_at < week for slot in shown)))


def _heading(day: date, today: date) -> str:
    said = date_format(day, "D j M")
    if day == today:
        return _("Today, %(day)s") % {"day": said}
    if day == today + timedelta(days=1):
        return _("Tomorrow, %(day)s") % {"day": said}
    return said


def _opening(slot: Slot, name: str) -> Opening:
    starts_at = timezone.localtime(slot.starts_at)
    odd = oddness(starts_at, timezone.localtime(slot.ends_at))
    # By day and by time of day, of which there are few: each is put into words once.
    clock = date_format(starts_at.time(), "H:i")
    words = {"day": date_format(starts_at.date(), "l j F"), "time": clock, "odd": odd, "name": name}
    label = (
        _("%(day)s, %(time)s %(odd)s with %(name)s")
        if odd
        else _("%(day)s, %(time)s with %(name)s")
    )
    return Opening(value=utc(starts_at), clock=clock, odd=odd, label=label % words)


@register.simple_tag(takes_context=True)
def time_radio(context: Context, choice: Choice, chosen: Choice | None = None) -> SafeString:
    """One time as a radio with its full label, and for `picker.js` what the panel says once it is chosen.

    It belongs to the form named by `times_form`. Made here, not in a template: a page has dozens.
    """
    return format_html(
        '<input type="radio" name="start" form="{}" value="{}" aria-label="{}" data-short="{}" data-clock="{}"'
        ' data-when="{}" data-theirs="{}" data-warning="{}" data-where="{}"{}{}>',
        context.get("times_form") or "book-form",
        choice.value,
        choice.label,
        choice.short,
        choice.start,
        choice.when,
        choice.for_them,
        choice.warning,
        choice.location,
        mark_safe(" checked") if choice == chosen else "",
        "" if context.get("viewer") else mark_safe(" disabled"),
    )


@register.simple_tag
def current_zone() -> str:
    """The zone of the page, as people read it."""
    return zone_label(timezone.get_current_timezone(), timezone.now())
