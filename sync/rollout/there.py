"""Mentors and hours as Airtable shows them, without asking Airtable.

What stands there is known: it is the ancestor of each record, the values that the last scan, webhook or write of
ours left. These are laid over our own rows, in memory and never saved, and go through the same serializers.
What Airtable has no column for comes from here, and so does everything that keeps two people apart:
consent, blocks, suspension, and a visibility that is narrower here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.fields import BooleanField

from accounts.models import User
from accounts.refusals import NotFound, Refusal
from matching.services import Filters
from mentors import selectors
from mentors.models import Block, Expertise, Mentor
from mentors.rows import know
from mentors.vocabulary import INDUSTRIES, LANGUAGES, STAGES, tidy
from sessions_app.models import AvailabilityWindow
from sync.mappings import MENTOR, WINDOW
from sync.mappings.base import PLATFORM
from sync.models import RecordLink
from sync.records import LINKED

_OPEN = (Mentor.Visibility.PUBLIC, Mentor.Visibility.LIMITED)
_ACTIVE = Q(**{"ancestor__Is Active": True})
_KNOWS = """
    EXISTS (SELECT FROM jsonb_array_elements_text(ancestor -> 'Expertise') AS area
            WHERE lower(area) = ANY(%s))
"""


def listed(user: User, filters: Filters, now: datetime) -> QuerySet[Mentor]:
    """The mentors whom Airtable shows to that person with these filters. No order."""
    wanted = [_ACTIVE, *_wanted(filters)]
    found = _seen_by(user, *wanted, always=wanted).filter(user__status=User.Status.ACTIVE)
    mentee = getattr(user, "mentee", None)
    if mentee is not None:
        found = found.exclude(user=user).exclude(blocks__mentee=mentee)
    if filters.wants_time:
        first, last = filters.span(now)
        windows = AvailabilityWindow.objects.filter(
            mentor=OuterRef("pk"), is_active=True, starts_at__lt=last, ends_at__gt=first
        )
        found = found.filter(Exists(windows))
    return found


def mentor_for(*, user: User, mentor_id: UUID) -> Mentor:
    """That mentor as Airtable shows them, if this person may see them. Raises NotFound."""
    found = _seen_by(user)
    mentor = found.filter(pk=mentor_id).first()
    if mentor is None:
        raise NotFound
    return overlaid([mentor])[0]


def overlaid(mentors: Sequence[Mentor]) -> list[Mentor]:
    """These mentors with what stands in Airtable in place of what stands here. Not to be saved."""
    links = RecordLink.objects.filter(
        subject=MENTOR.subject, state=LINKED, object_id__in=[mentor.pk for mentor in mentors]
    )
    cells = dict(links.values_list("object_id", "ancestor"))
    for mentor in mentors:
        if mentor.pk in cells:
            _lay_over(mentor, cells[mentor.pk])
    return [mentor for mentor in mentors if mentor.pk in cells]


def windows(mentor: Mentor, first: datetime, last: datetime) -> list[AvailabilityWindow]:
    """The hours that Airtable shows for a mentor in a period."""
    links = RecordLink.objects.filter(
        subject=WINDOW.subject,
        state=LINKED,
        object_id__in=AvailabilityWindow.objects.filter(mentor=mentor).values("pk"),
    )
    found = []
    for object_id, cells in links.values_list("object_id", "ancestor"):
        if not cells.get("Starts") or not cells.get("Ends"):
            continue
        window = AvailabilityWindow(pk=object_id, mentor=mentor)
        _set(window, WINDOW.fields, cells)
        window.capacity = window.capacity or 1
        if window.starts_at < last and window.ends_at > first:
            found.append(window)
    return sorted(found, key=lambda window: (window.starts_at, str(window.pk)))


def _seen_by(user: User, *conditions: Q, always: Sequence[Q] = ()) -> QuerySet[Mentor]:
    """The mentors that person may see as they stand there.

    Args:
        conditions: on the cells of mentors who are shown to everybody.
        always: on the cells of those whom one may see in any case: oneself, for program managers all.
    """
    mentors = selectors.with_people(Mentor.objects.all())
    if user.is_program_manager:
        return mentors.filter(_has_record(*always))
    # A cell that somebody has opened there opens nobody's profile before we have agreed to it.
    narrower = ~Q(ancestor__has_key="Visibility") | Q(ancestor__Visibility__in=_OPEN)
    apart = Block.objects.filter(mentor=OuterRef("pk"), mentee__user=user)
    seen = Q(visibility__in=_OPEN, user__is_active=True, consent_at__isnull=False)
    shown = Q(_has_record(_ACTIVE, narrower, *conditions))
    own = Q(user=user) & Q(_has_record(*always))
    return mentors.filter((seen & shown & ~Exists(apart)) | own)


def _has_record(*conditions: Q) -> Exists:
    return Exists(
        RecordLink.objects.filter(
            *conditions, subject=MENTOR.subject, state=LINKED, object_id=OuterRef("pk")
        )
    )


def _wanted(filters: Filters) -> Iterable[Q]:
    for column, words, known in (
        ("Industries", filters.industries, INDUSTRIES),
        ("Stage Focus", filters.stages, STAGES),
        ("Languages", filters.languages, LANGUAGES),
    ):
        if tidied := tidy(words, known):
            yield Q(**{f"ancestor__{column}__has_any_keys": tidied})
    if areas := [area.lower() for area in tidy(filters.expertise, ())]:
        yield Q(RawSQL(_KNOWS, [areas], output_field=BooleanField()))  # noqa: S611 - a constant


def _lay_over(mentor: Mentor, cells: dict[str, Any]) -> None:
    _set(mentor, MENTOR.fields, cells)
    known: dict[str, list[Expertise]] = {}
    for skill in mentor.expertise.all():
        known.setdefault(skill.area, []).append(skill)
    skills: list[Expertise] = []
    for area in cells.get("Expertise") or []:
        # Airtable has areas alone; how deep each goes is known here.
        skills += known.get(area) or [Expertise(mentor=mentor, area=area)]
    know(mentor, sorted(skills, key=lambda skill: (-skill.weight, skill.area, skill.sub_area)))


def _set(found: Any, fields: Iterable[Any], cells: dict[str, Any]) -> None:
    for field in fields:
        if field.rides or field.links or not isinstance(field.read, str):
            continue
        value = cells.get(field.name, field.codec.empty)  # what was never there is an empty cell
        if field.authority is PLATFORM and value == field.codec.empty:
            continue
        *path, name = field.read.split(".")
        target = found
        for step in path:
            target = getattr(target, step)
        with suppress(Refusal):  # a value that we could not hold: ours is shown
            setattr(target, name, field.codec.python(value))
