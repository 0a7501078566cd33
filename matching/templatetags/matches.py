from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from django import template
from django.template import Context

from accounts.models import User
from matching.explanations import Reason
from matching.gaps import telling_gaps
from matching.selectors import reasons_told
from matching.selectors.told import Booked
from matching.services import Match
from mentors.models import Mentee, Mentor

Told = Mapping[UUID, list[dict[str, str]]]

register = template.Library()


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
def gaps_of(context: Context, matches: Sequence[Match]) -> Mapping[UUID, str]:
    """What speaks against each mentor of a list, for a viewer with a mentee profile."""
    user = context["request"].user
    mentee: Mentee | None = getattr(user, "mentee", None) if isinstance(user, User) else None
    return telling_gaps([match.mentor for match in matches], mentee) if mentee else {}


@register.filter
def of_mentor(gaps: Mapping[UUID, str], mentor: Mentor) -> str:
    return gaps.get(mentor.pk, "")


@register.filter
def beside_times(reasons: Sequence[Reason], times: Sequence[object]) -> list[Reason]:
    """At most three reasons, without the next free time where the times themselves stand beside them."""
    return [reason for reason in reasons if reason.code != "next_slot" or not times][:3]
