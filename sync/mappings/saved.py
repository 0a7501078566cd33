"""Saved mentors. Mentees keep the list here; Airtable shows it."""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from accounts.refusals import Refusal
from mentors.models import SavedMentor
from sync.mappings import codecs
from sync.mappings.base import PLATFORM, Edit, Field, Mapping


def _objects() -> QuerySet[SavedMentor]:
    return SavedMentor.objects.filter(mentor__is_synthetic=False, mentee__is_synthetic=False)


def _apply(saved_id: UUID, changes: MappingType[str, Any], edit: Edit) -> None:
    raise Refusal("Which mentors are saved is up to the mentee, in Office Hours.")


def _admit(values: MappingType[str, Any], edit: Edit) -> UUID:
    raise Refusal("Mentees save mentors in Office Hours; a row added here saves nobody.")


def _remove(saved_id: UUID, edit: Edit) -> None:
    raise Refusal("Only the mentee takes a mentor off their list, in Office Hours.")


SAVED = Mapping(
    subject="saved",
    table="Saved Mentors",
    model=SavedMentor,
    fields=(
        Field(
            "Mentee",
            codecs.link("Mentees"),
            PLATFORM,
            "mentee_id",
            columns=("mentee",),
            links="mentee",
        ),
        Field(
            "Mentor",
            codecs.link("Mentors"),
            PLATFORM,
            "mentor_id",
            columns=("mentor",),
            links="mentor",
        ),
        Field("Saved At", codecs.moment, PLATFORM, "saved_at"),
    ),
    objects=_objects,
    owned_by=(
        "SELECT {row}.id AS id"
        " WHERE NOT EXISTS"
        " (SELECT 1 FROM mentors_mentor WHERE id = {row}.mentor_id AND is_synthetic)"
        " AND NOT EXISTS"
        " (SELECT 1 FROM mentors_mentee WHERE id = {row}.mentee_id AND is_synthetic)"
    ),
    apply=_apply,
    admit=_admit,
    remove=_remove,
)
