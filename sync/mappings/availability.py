"""Office hours. PMs and mentors both edit them; the later edit counts, the rules stay."""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from typing import Any
from uuid import UUID

from django.db.models import QuerySet

from accounts.refusals import Refusal
from sessions_app import services
from sessions_app.models import AvailabilityWindow
from sync.mappings import codecs
from sync.mappings.base import SHARED, Edit, Field, Mapping, arguments


def _objects() -> QuerySet[AvailabilityWindow]:
    return AvailabilityWindow.objects.filter(mentor__is_synthetic=False)


def _mentor(values: MappingType[str, Any], edit: Edit) -> UUID:
    records = values.get("Mentor") or []
    if len(records) != 1:
        raise Refusal("Link exactly one mentor.")
    mentor_id = edit.links.object_of("mentor", records[0])
    if mentor_id is None:
        raise Refusal("The mentor linked here is not in Office Hours yet; see the mentor's row.")
    return mentor_id


def _apply(window_id: UUID, changes: MappingType[str, Any], edit: Edit) -> None:
    window = AvailabilityWindow.objects.get(pk=window_id)
    wanted = arguments(WINDOW, {k: v for k, v in changes.items() if k != "Mentor"})
    mentor_id = _mentor(changes, edit) if "Mentor" in changes else window.mentor_id
    if mentor_id != window.mentor_id:
        raise Refusal("Hours stay with their mentor. Delete this row and add one for the other.")
    services.save_window(
        mentor_id=mentor_id,
        window_id=window_id,
        starts_at=wanted.get("starts_at", window.starts_at),
        ends_at=wanted.get("ends_at", window.ends_at),
        capacity=wanted.get("capacity", window.capacity),
        location=wanted.get("location", window.location),
        by=None,
        clock=edit.clock,
    )


def _admit(values: MappingType[str, Any], edit: Edit) -> UUID:
    if not values.get("Starts") or not values.get("Ends"):
        raise Refusal("Set Starts and Ends to offer these hours.")
    mentor_id = _mentor(values, edit)
    given = {k: v for k, v in values.items() if k != "Mentor" and v not in (None, "")}
    wanted = {"capacity": 1, "location": "", **arguments(WINDOW, given)}
    return services.save_window(mentor_id=mentor_id, by=None, clock=edit.clock, **wanted).pk


def _remove(window_id: UUID, edit: Edit) -> None:
    services.withdraw_window(window_id=window_id, by=None, clock=edit.clock)


def _restore(window_id: UUID, values: MappingType[str, Any], edit: Edit) -> None:
    """Saving a withdrawn window opens it again."""
    wanted = {k: v for k, v in values.items() if k in ("Starts", "Ends", "Max Slots", "Location")}
    _apply(window_id, {k: v for k, v in wanted.items() if v is not None}, edit)


def _is_active(window: AvailabilityWindow) -> bool:
    return window.is_active


WINDOW = Mapping(
    subject="window",
    table="Availability",
    model=AvailabilityWindow,
    fields=(
        Field(
            "Mentor",
            codecs.link("Mentors"),
            SHARED,
            "mentor_id",
            columns=("mentor",),
            links="mentor",
            required=True,
        ),
        Field("Starts", codecs.moment, SHARED, "starts_at", unit="period", required=True),
        Field("Ends", codecs.moment, SHARED, "ends_at", unit="period", required=True),
        Field("Location", codecs.text, SHARED, "location"),
        Field("Max Slots", codecs.integer, SHARED, "capacity", required=True),
    ),
    objects=_objects,
    owned_by=(
        "SELECT {row}.id AS id WHERE NOT EXISTS "
        "(SELECT 1 FROM mentors_mentor WHERE id = {row}.mentor_id AND is_synthetic)"
    ),
    apply=_apply,
    admit=_admit,
    remove=_remove,
    restore=_restore,
    present=_is_active,
    presence=("is_active",),
    alive=_is_active,
)
