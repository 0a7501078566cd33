"""Mentors. PMs keep the roster in Airtable; how a mentor is booked is decided here."""

from __future__ import annotations

from collections.abc import Mapping as MappingType, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, QuerySet
from django.utils import timezone

from accounts.models import User, zone_of
from mentors import services, vocabulary
from mentors.models import Expertise, Mentor
from sessions_app.models import Session
from sync.lookups import OneOf
from sync.mappings import codecs
from sync.mappings.base import (
    AIRTABLE,
    OUT,
    PLATFORM,
    SHARED,
    Edit,
    Field,
    Many,
    Mapping,
    Watch,
    arguments,
)
from sync.mappings.people import newcomer, refuse_staff, with_address


def _areas(mentor: Mentor) -> list[str]:
    return list(dict.fromkeys(row.area for row in mentor.expertise.all()))


def _areas_of_many() -> ArraySubquery:
    return ArraySubquery(Expertise.objects.filter(mentor=OuterRef("pk")).values("area"))


@dataclass
class _Week:
    """Of a mentor, how booked they are."""

    places: int
    """In a week; 0 where there is no limit."""
    monday: datetime
    """When this week began; the week is the mentor's own."""
    next_free: datetime | None
    taken: int = 0

    @property
    def utilization(self) -> float | None:
        """The share of this week's places that is taken."""
        return round(self.taken / self.places, 2) if self.places else None


def _monday(zone: ZoneInfo, now: datetime) -> datetime:
    today = now.astimezone(zone)
    return (today - timedelta(days=today.weekday())).replace(
        hour=0, minute=0, second=0, microsecond=0
    )


def _weeks(mentor_ids: Sequence[UUID]) -> dict[UUID, _Week]:
    """Two queries for all of them."""
    now = timezone.now()
    mentors = Mentor.objects.filter(OneOf("pk", mentor_ids)).values_list(
        "pk", "weekly_load_cap", "user__time_zone", "opening__next_start"
    )
    weeks = {
        mentor_id: _Week(places or 0, _monday(zone_of(zone), now), next_free)
        for mentor_id, places, zone, next_free in mentors
    }
    if not weeks:
        return weeks
    mondays = [week.monday for week in weeks.values()]
    starts = Session.objects.filter(
        OneOf("mentor", weeks),
        starts_at__gte=min(mondays),
        starts_at__lt=max(mondays) + timedelta(days=7),
    ).exclude(status=Session.Status.CANCELLED)
    for mentor_id, starts_at in starts.values_list("mentor_id", "starts_at"):
        week = weeks[mentor_id]
        week.taken += week.monday <= starts_at < week.monday + timedelta(days=7)
    return weeks


def _objects() -> QuerySet[Mentor]:
    return (
        Mentor.objects.filter(is_synthetic=False)
        .select_related("user", "opening")
        .prefetch_related("expertise")
    )


def _apply(mentor_id: UUID, changes: MappingType[str, Any], edit: Edit) -> None:
    user = Mentor.objects.select_related("user").get(pk=mentor_id).user
    refuse_staff(user)
    own = arguments(MENTOR, with_address(user, changes, edit))
    services.update_profile(mentor_id=mentor_id, changes=own, by=None)


def _admit(values: MappingType[str, Any], edit: Edit) -> UUID:
    email, name, changes = newcomer(MENTOR, values)
    return services.admit_mentor(email=email, name=name, changes=changes, now=edit.now).pk


def _remove(mentor_id: UUID, edit: Edit) -> None:
    services.update_profile(mentor_id=mentor_id, changes={"is_active": False}, by=None)


def _is_active(mentor: Mentor) -> bool:
    return mentor.is_active


MENTOR = Mapping(
    subject="mentor",
    table="Mentors",
    model=Mentor,
    primary="Name",
    fields=(
        Field("Name", codecs.text, AIRTABLE, "user.name", key="name"),
        Field("Email", codecs.email, AIRTABLE, "user.email", key="email"),
        Field("Headline", codecs.text, AIRTABLE, "headline"),
        Field("Bio", codecs.long_text, AIRTABLE, "bio"),
        Field("Company", codecs.text, AIRTABLE, "company"),
        Field("Title", codecs.text, AIRTABLE, "title"),
        Field(
            "Expertise",
            codecs.selects(*vocabulary.AREAS),
            AIRTABLE,
            _areas,
            many=Many(_areas_of_many),
            key="expertise_areas",
        ),
        Field("Industries", codecs.selects(*vocabulary.INDUSTRIES), AIRTABLE, "industries"),
        Field("Stage Focus", codecs.selects(*vocabulary.STAGES), AIRTABLE, "stages"),
        Field("Languages", codecs.selects(*vocabulary.LANGUAGES), AIRTABLE, "languages"),
        Field("LinkedIn", codecs.url, AIRTABLE, "linkedin"),
        Field("Photo URL", codecs.url, AIRTABLE, "user.photo_source", key="photo_source"),
        Field("Is Active", codecs.checkbox, AIRTABLE, "is_active"),
        Field("Weekly Load Cap", codecs.integer, SHARED, "weekly_load_cap", required=True),
        Field("Visibility", codecs.select(*Mentor.Visibility.values), PLATFORM, "visibility"),
        Field("Timezone", codecs.text, PLATFORM, "user.time_zone", key="time_zone"),
        Field(
            "Utilization",
            codecs.ratio,
            PLATFORM,
            "utilization",
            columns=(),
            direction=OUT,
            rides=True,
        ),
        Field(
            "Next Free Slot",
            codecs.moment,
            PLATFORM,
            "next_free",
            columns=(),
            direction=OUT,
            rides=True,
        ),
    ),
    objects=_objects,
    owned_by="SELECT {row}.id AS id WHERE NOT {row}.is_synthetic",
    apply=_apply,
    admit=_admit,
    remove=_remove,
    alive=_is_active,
    after_removal={"Is Active": False},
    riders=_weeks,
    watches=(
        Watch(
            Expertise,
            ("mentor_id", "area"),
            "SELECT id FROM mentors_mentor WHERE id = {row}.mentor_id AND NOT is_synthetic",
        ),
        Watch(
            User,
            ("name", "email", "time_zone", "photo_source"),
            "SELECT id FROM mentors_mentor WHERE user_id = {row}.id AND NOT is_synthetic",
            insert=False,
            delete=False,
        ),
    ),
)
