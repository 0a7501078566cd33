"""What sync knows about our own objects: their values, their records, and that they are stale."""

from __future__ import annotations

import math
import secrets
from collections.abc import Mapping as MappingType
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, models

from sync.mappings import BY_SUBJECT, Mapping
from sync.mappings.base import Values
from sync.models import InboundChange, RecordLink

LINKED = RecordLink.State.LINKED
UNLINKED = (RecordLink.State.TOMBSTONE, RecordLink.State.DELETED_REMOTE)


class Links:
    """Which record stands for whom."""

    def object_of(self, subject: str, record_id: str) -> UUID | None:
        """The object behind a record."""
        return (
            RecordLink.objects.filter(
                table=BY_SUBJECT[subject].table, record_id=record_id, state=LINKED
            )
            .values_list("object_id", flat=True)
            .first()
        )

    def record_of(self, subject: str, object_id: UUID) -> str | None:
        """The record of an object: "" where it was deleted for good, None where there is none yet."""
        link = RecordLink.objects.filter(subject=subject, object_id=object_id).first()
        if link is None:
            return None
        if link.state == LINKED:
            return link.record_id
        mapping = BY_SUBJECT[subject]
        target = mapping.objects().filter(pk=object_id).first()
        return None if target is not None and mapping.alive(target) else ""


@dataclass(frozen=True)
class Local:
    """An object's values in canonical form."""

    values: Values
    missing: tuple[tuple[str, UUID], ...]
    """Objects it links to that have no record yet."""


def local_values(mapping: Mapping, found: models.Model) -> Local:
    """Everything that may be a reason to send."""
    values: Values = {}
    missing: list[tuple[str, UUID]] = []
    for field in mapping.fields:
        if field.rides:
            continue
        value: Any = field.value_of(found)
        if field.links and value is not None:
            record_id = Links().record_of(field.links, value)
            if record_id is None:
                missing.append((field.links, value))
                continue
            value = [record_id]
        values[field.name] = field.codec.canonical(value)
    return Local(values, tuple(missing))


def riding_values(mapping: Mapping, found: models.Model) -> Values:
    """What goes along once there is a reason. Asked for late, because it costs queries."""
    return {
        field.name: field.codec.canonical(field.value_of(found))
        for field in mapping.fields
        if field.rides
    }


def note(subject: str, object_id: UUID) -> None:
    """Have the sender look at an object that nobody changed: something must be put right there.

    An existing row keeps its `changed_at`, which says when a person here last edited the object.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO sync_outboxrow AS o (subject, object_id, generation, changed_at, status,"
            " attempts, next_attempt_at, last_error, error_kind)"
            " VALUES (%s, %s, 1, clock_timestamp(), 'pending', 0, clock_timestamp(), '', '')"
            " ON CONFLICT (subject, object_id) DO UPDATE"
            " SET generation = o.generation + 1, status = 'pending'",
            [subject, object_id],
        )


def storable(value: Any) -> Any:
    """JSON as PostgreSQL keeps it: without NUL, lone surrogates and infinite numbers.

    One such character in a payload would otherwise stop everything behind it.
    """
    if isinstance(value, str):
        return value.replace("\x00", "").encode("utf-8", "replace").decode()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, MappingType):
        return {storable(key): storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [storable(item) for item in value]
    return value


def remember_hint(
    table: str, record_id: str, *, source: str = InboundChange.AGAIN, **more: Any
) -> InboundChange:
    """Keep the wish to look at one record. Hints have no order among themselves."""
    payload = storable({"table": table, "recordId": record_id, **more})
    return InboundChange.objects.create(
        webhook=source, position=secrets.randbits(62), payload=payload
    )
