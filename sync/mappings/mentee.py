"""Mentees. Their row must exist before a session can link to it."""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from accounts.models import User
from mentors import services, vocabulary
from mentors.models import Mentee
from sync.mappings import codecs
from sync.mappings.base import AIRTABLE, PLATFORM, SHARED, Edit, Field, Mapping, Watch, arguments
from sync.mappings.people import newcomer, refuse_staff, with_address


def _objects() -> QuerySet[Mentee]:
    return Mentee.objects.filter(is_synthetic=False).select_related("user")


def _apply(mentee_id: UUID, changes: MappingType[str, Any], edit: Edit) -> None:
    user = Mentee.objects.select_related("user").get(pk=mentee_id).user
    refuse_staff(user)
    own = arguments(MENTEE, with_address(user, changes, edit))
    services.update_mentee(mentee_id=mentee_id, changes=own, by=None)


def _admit(values: MappingType[str, Any], edit: Edit) -> UUID:
    email, name, changes = newcomer(MENTEE, values)
    return services.admit_mentee(email=email, name=name, changes=changes, now=edit.now).pk


def _remove(mentee_id: UUID, edit: Edit) -> None:
    services.update_mentee(mentee_id=mentee_id, changes={"is_active": False}, by=None)


def _is_active(mentee: Mentee) -> bool:
    return mentee.is_active


MENTEE = Mapping(
    subject="mentee",
    table="Mentees",
    model=Mentee,
    primary="Name",
    fields=(
        Field("Name", codecs.text, AIRTABLE, "user.name", key="name"),
        Field("Email", codecs.email, AIRTABLE, "user.email", key="email"),
        Field("Company", codecs.text, SHARED, "company"),
        Field("Stage", codecs.select(*vocabulary.STAGES), SHARED, "stage"),
        Field("Industry", codecs.select(*vocabulary.INDUSTRIES), SHARED, "industry"),
        Field("Goals", codecs.long_text, SHARED, "goals"),
        Field("Timezone", codecs.text, PLATFORM, "user.time_zone", key="time_zone"),
        Field("Is Active", codecs.checkbox, AIRTABLE, "is_active"),
    ),
    objects=_objects,
    owned_by="SELECT {row}.id AS id WHERE NOT {row}.is_synthetic",
    apply=_apply,
    admit=_admit,
    remove=_remove,
    alive=_is_active,
    after_removal={"Is Active": False},
    watches=(
        Watch(
            User,
            ("name", "email", "time_zone"),
            "SELECT id FROM mentors_mentee WHERE user_id = {row}.id AND NOT is_synthetic",
            insert=False,
            delete=False,
        ),
    ),
)
