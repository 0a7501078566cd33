from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from django import template
from django.template import Context

from accounts.models import User
from matching.forms import NotRelevantForm
from matching.gaps import gap
from matching.selectors import reasons_told
from matching.selectors.told import Booked
from mentors.models import Mentee, Mentor

Told = Mapping[UUID, list[dict[str, str]]]

register = template.Library()


@register.simple_tag
def not_relevant_form(mentor: Mentor) -> NotRelevantForm:
    """An empty form for a mentor in a list."""
    return NotRelevantForm(mentor=mentor)


@register.simple_tag
def reasons_of(sessions: Iterable[Booked]) -> Told:
    """Why their mentees chose the mentor: what they were told, to be asked with `told_of`."""
    return reasons_told(sessions)


@register.filter
def told_of(told: Told, session: Booked) -> list[dict[str, str]]:
    return told.get(session.pk, [])


@register.filter
def as_list(session: Booked) -> list[Booked]:
    """One session where several are asked for."""
    return [session]


@register.simple_tag(takes_context=True)
def gap_of(context: Context, mentor: Mentor) -> str:
    """What speaks against this mentor for the viewer; nothing for somebody without a mentee profile."""
    user = context["request"].user
    mentee: Mentee | None = getattr(user, "mentee", None) if isinstance(user, User) else None
    return gap(mentor, mentee) if mentee else ""
