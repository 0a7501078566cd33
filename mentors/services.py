"""Changes to mentors and mentees, whoever makes them: the person, a program manager, Airtable."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts import services as accounts
from accounts.checking import Check, check_values
from accounts.models import User
from accounts.refusals import Invalid, NotAllowed, NotFound
from mentors import selectors
from mentors.expertise import replace_expertise, set_areas
from mentors.models import Mentee, Mentor, SavedMentor
from mentors.vocabulary import INDUSTRIES, LANGUAGES, STAGES, tidy

MOST_TAGS = 30
LONGEST_TEXT = 10_000

MENTOR_ATTRIBUTES = frozenset({
    "headline", "bio", "company", "title", "linkedin", "industries", "stages", "languages",
    "visibility", "is_active", "approves_bookings", "consent_at", "weekly_load_cap",
    "session_minutes", "buffer_before_minutes", "buffer_after_minutes", "minimum_notice_minutes",
    "booking_horizon_days", "start_step_minutes", "meeting_link",
})  # fmt: skip
MENTEE_ATTRIBUTES = frozenset({
    "company", "stage", "industry", "goals", "seeks", "is_active", "consent_at",
})  # fmt: skip
EXPERTISE = frozenset({"expertise", "expertise_areas"})

_TAGS = {"industries": INDUSTRIES, "stages": STAGES, "languages": LANGUAGES}
_WORDS = {"stage": STAGES, "industry": INDUSTRIES}


# -- Profiles ----------------------------------------------------------------------------------
def update_profile(*, mentor_id: UUID, changes: Mapping[str, Any], by: User | None) -> Mentor:
    """Change a mentor's profile; only what differs is written. `by` is None for Airtable.

    Beside the mentor's own attributes `changes` may name those of the person (name, photo_source,
    time_zone, language), `expertise` (a list of dicts, replaces all) and `expertise_areas` (a list
    of names; what stays keeps its sub-areas, seniority and weight).

    Raises NotFound, NotAllowed, or Invalid with a sentence for every field.
    """
    now = timezone.now()
    with transaction.atomic():
        mentor = Mentor.objects.select_for_update(no_key=True).filter(pk=mentor_id).first()
        if mentor is None:
            raise NotFound
        _refuse_strangers(by, mentor.user_id)
        own, persons, expertise = _sorted(changes, EXPERTISE)
        changed, _person_changed, expertise_changed = _collect(
            lambda: check_values(mentor, _tidied(own), MENTOR_ATTRIBUTES, _CHECKS),
            lambda: _change_person(mentor.user_id, persons, now),
            lambda: _change_expertise(mentor, expertise),
        )
        if changed or expertise_changed:
            mentor.save(update_fields=[*changed, "updated_at"])
    return selectors.with_people(Mentor.objects.all()).get(pk=mentor.pk)


def update_mentee(*, mentee_id: UUID, changes: Mapping[str, Any], by: User | None) -> Mentee:
    """Change a mentee's profile; like `update_profile`."""
    now = timezone.now()
    with transaction.atomic():
        mentee = Mentee.objects.select_for_update(no_key=True).filter(pk=mentee_id).first()
        if mentee is None:
            raise NotFound
        _refuse_strangers(by, mentee.user_id)
        own, persons, _none = _sorted(changes, frozenset())
        changed, _person_changed = _collect(
            lambda: check_values(mentee, _tidied(own), MENTEE_ATTRIBUTES, _CHECKS),
            lambda: _change_person(mentee.user_id, persons, now),
        )
        if changed:
            mentee.save(update_fields=[*changed, "updated_at"])
    return Mentee.objects.select_related("user").get(pk=mentee.pk)


def update_person_with_parts(*, person: User, changes: Mapping[str, Any], by: User | None) -> None:
    """Change a profile as the API writes it: the person, with a `mentor` and a `mentee` part."""
    mentor, mentee = dict(changes.get("mentor", {})), dict(changes.get("mentee", {}))
    own = {name: value for name, value in changes.items() if name not in ("mentor", "mentee")}
    mentor |= mentor.pop("user", {})
    _refuse_strangers(by, person.pk)
    with transaction.atomic():
        # Mentor, mentee, person: the order in which every command here takes its locks.
        if mentor:
            with _naming("mentor"):
                update_profile(mentor_id=person.mentor.pk, changes=mentor, by=by)
        if mentee:
            with _naming("mentee"):
                update_mentee(mentee_id=person.mentee.pk, changes=mentee, by=by)
        if own:
            accounts.update_person(user_id=person.pk, changes=own, now=timezone.now())


@contextmanager
def _naming(part: str) -> Iterator[None]:
    """Refusals inside name the field as the caller wrote it: `mentor.headline`."""
    try:
        yield
    except Invalid as refusal:
        fields = {f"{part}.{k}": v for k, v in refusal.extra.get("fields", {}).items()}
        raise Invalid(str(refusal), fields=fields) from refusal


def _refuse_strangers(by: User | None, owner_id: UUID) -> None:
    if by is not None and by.pk != owner_id and not by.is_program_manager:
        raise NotFound


def _sorted(
    changes: Mapping[str, Any], expertise: frozenset[str]
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The changes of the row, of the person, and of the expertise."""
    persons = {k: v for k, v in changes.items() if k in accounts.PERSON_ATTRIBUTES}
    skills = {k: v for k, v in changes.items() if k in expertise}
    own = {k: v for k, v in changes.items() if k not in persons and k not in skills}
    return own, persons, skills


def _collect(*steps: Callable[[], list[str]]) -> list[list[str]]:
    """Run every step and refuse once, with what every one of them could not take."""
    results: list[list[str]] = []
    fields: dict[str, list[str]] = {}
    for step in steps:
        try:
            results.append(step())
        except Invalid as refusal:
            fields.update(refusal.extra.get("fields", {}))
    if fields:
        raise Invalid(_("Some of this cannot be used as it is."), fields=fields)
    return results


def _change_person(user_id: UUID, changes: Mapping[str, Any], now: datetime) -> list[str]:
    if changes:
        accounts.update_person(user_id=user_id, changes=changes, now=now)
    return list(changes)


def _change_expertise(mentor: Mentor, changes: Mapping[str, Any]) -> list[str]:
    changed = False
    if "expertise" in changes:
        changed = replace_expertise(mentor, changes["expertise"])
    if "expertise_areas" in changes:
        changed = set_areas(mentor, changes["expertise_areas"]) or changed
    return ["expertise"] if changed else []


def _tidied(changes: Mapping[str, Any]) -> dict[str, Any]:
    tidied = dict(changes)
    for name, known in _TAGS.items():
        value = tidied.get(name)
        if name in tidied and value is None:
            tidied[name] = []
        elif isinstance(value, list | tuple) and all(isinstance(item, str) for item in value):
            tidied[name] = tidy(value, known)
    for name, known in _WORDS.items():
        if isinstance(tidied.get(name), str):
            tidied[name] = next(iter(tidy([tidied[name]], known)), "")
    return tidied


def _between(low: int, high: int) -> Check:
    def check(value: Any) -> str | None:
        if low <= value <= high:
            return None
        return _("Give a whole number from %(low)s to %(high)s.") % {"low": low, "high": high}

    return check


def _step(value: Any) -> str | None:
    """None: sessions start one after the other."""
    return None if value is None else _between(5, 480)(value)


def _not_too_long(value: Any) -> str | None:
    if len(value) <= LONGEST_TEXT:
        return None
    return _("Keep this below %(longest)s characters.") % {"longest": LONGEST_TEXT}


def _not_too_many(value: Any) -> str | None:
    if len(value) <= MOST_TAGS:
        return None
    return _("Choose at most %(most)s.") % {"most": MOST_TAGS}


_CHECKS: dict[str, Check] = {
    **dict.fromkeys(("bio", "goals", "seeks"), _not_too_long),
    **dict.fromkeys(_TAGS, _not_too_many),
    "weekly_load_cap": _between(0, 168),
    "session_minutes": _between(5, 480),
    "start_step_minutes": _step,
    "buffer_before_minutes": _between(0, 240),
    "buffer_after_minutes": _between(0, 240),
    "minimum_notice_minutes": _between(0, 43_200),
    "booking_horizon_days": _between(1, 366),
}


# -- People we are told about, and people who come ---------------------------------------------
def admit_mentor(*, email: str, name: str, changes: Mapping[str, Any], now: datetime) -> Mentor:
    """The mentor of that address, made if need be, with these changes.

    Whoever enters a mentor vouches for their consent; it counts from now unless `changes` says
    otherwise. Raises NotAllowed for the address of a program manager, Invalid like `update_profile`.
    """
    with transaction.atomic():
        user = accounts.admit(email=email, name=name, role=User.Role.MENTOR, now=now)
        mentor, _created = Mentor.objects.get_or_create(
            user=user, defaults={"created_at": now, "consent_at": now}
        )
        return update_profile(mentor_id=mentor.pk, changes=changes, by=None)


def admit_mentee(*, email: str, name: str, changes: Mapping[str, Any], now: datetime) -> Mentee:
    """The mentee of that address, made if need be, with these changes; like `admit_mentor`."""
    with transaction.atomic():
        user = accounts.admit(email=email, name=name, role=User.Role.MENTEE, now=now)
        mentee, _created = Mentee.objects.get_or_create(
            user=user, defaults={"created_at": now, "consent_at": now}
        )
        return update_mentee(mentee_id=mentee.pk, changes=changes, by=None)


def become_mentee(*, user: User, now: datetime) -> Mentee:
    """The mentee that a person becomes by signing up, which is their consent."""
    mentee, _created = Mentee.objects.get_or_create(
        user=user, defaults={"created_at": now, "consent_at": now}
    )
    return mentee


def lock_rows_of(user_id: UUID) -> None:
    """Lock a person's mentor and mentee rows, before the person's own."""
    for model in (Mentor, Mentee):
        model.objects.select_for_update(no_key=True).filter(user_id=user_id).first()


# -- Saved mentors -----------------------------------------------------------------------------
def save_mentor(*, mentee: Mentee, mentor_id: UUID, now: datetime) -> SavedMentor:
    """Keep a mentor on the mentee's list; once, however often it is asked. Raises NotFound."""
    mentor = selectors.mentor_for(user=mentee.user, mentor_id=mentor_id)
    saved, _created = SavedMentor.objects.get_or_create(
        mentee=mentee, mentor=mentor, defaults={"saved_at": now}
    )
    return saved


def unsave_mentor(*, mentee: Mentee, mentor_id: UUID, now: datetime) -> None:
    """Take a mentor off the list. One who is not on it, or no longer visible, is no trouble."""
    SavedMentor.objects.filter(mentee=mentee, mentor_id=mentor_id).delete()


def mentee_of(user: User) -> Mentee:
    """The person's mentee row; raises NotAllowed for somebody who has none."""
    mentee = Mentee.objects.select_related("user").filter(user=user, is_active=True).first()
    if mentee is None:
        raise NotAllowed(_("Only mentees can do this."))
    return mentee
