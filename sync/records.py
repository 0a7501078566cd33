"""What sync knows about our own objects: their values, their records, and that they are stale."""

from __future__ import annotations

import json
import math
import re
import secrets
from collections.abc import Collection, Iterable, Mapping as MappingType
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, models

from sync.lookups import OneOf
from sync.mappings import BY_SUBJECT, Mapping
from sync.mappings.base import Values
from sync.models import InboundChange, RecordLink

LINKED = RecordLink.State.LINKED
UNLINKED = (RecordLink.State.TOMBSTONE, RecordLink.State.DELETED_REMOTE)


class Links:
    """Which record stands for whom."""

    def __init__(self) -> None:
        self._records: dict[tuple[str, UUID], str | None] = {}

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
        if (subject, object_id) not in self._records:
            self.look_up(subject, [object_id])
        return self._records[subject, object_id]

    def look_up(self, subject: str, object_ids: Iterable[UUID]) -> None:
        """Ask for the records of many objects at once."""
        ids = set(object_ids)
        found = RecordLink.objects.filter(OneOf("object_id", ids), subject=subject).values_list(
            "object_id", "record_id", "state"
        )
        deleted = {object_id for object_id, _, state in found if state != LINKED}
        if deleted:
            mapping = BY_SUBJECT[subject]
            living = {
                item.pk for item in mapping.objects().filter(pk__in=deleted) if mapping.alive(item)
            }
            deleted -= living
        known = {object_id: record_id for object_id, record_id, state in found if state == LINKED}
        for object_id in ids:
            self._records[subject, object_id] = known.get(
                object_id, "" if object_id in deleted else None
            )


@dataclass(frozen=True)
class Local:
    """An object's values in canonical form."""

    values: Values
    missing: tuple[tuple[str, UUID], ...]
    """Objects it links to that have no record yet."""


def local_values(mapping: Mapping, found: models.Model, links: Links | None = None) -> Local:
    """Everything that may be a reason to send.

    Args:
        links: with the records looked up already, where there are many objects.
    """
    links = links or Links()
    values: Values = {}
    missing: list[tuple[str, UUID]] = []
    for field in mapping.fields:
        if field.rides:
            continue
        value: Any = field.value_of(found)
        if field.links and value is not None:
            record_id = links.record_of(field.links, value)
            if record_id is None:
                missing.append((field.links, value))
                continue
            value = [record_id]
        values[field.name] = field.codec.canonical(value)
    return Local(values, tuple(missing))


def local_values_of(mapping: Mapping, objects: Collection[models.Model]) -> dict[Any, Local]:
    """`local_values` of many, by primary key, in as many queries as of one."""
    links = Links()
    for field in mapping.fields:
        if field.links:
            links.look_up(field.links, {field.value_of(item) for item in objects} - {None})
    return {item.pk: local_values(mapping, item, links) for item in objects}


def riding_values(mapping: Mapping, found: models.Model) -> Values:
    """What goes along once there is a reason. Asked for late, because it costs queries."""
    return {
        field.name: field.codec.canonical(field.value_of(found))
        for field in mapping.fields
        if field.rides
    }


def note(subject: str, *object_ids: UUID) -> None:
    """Have the sender look at objects that nobody changed: something must be put right there.

    An existing row keeps its `changed_at`, which says when a person here last edited the object.
    """
    note_many((subject, object_id) for object_id in object_ids)


_NOTE = """
INSERT INTO sync_outboxrow AS o
    (subject, object_id, generation, changed_at, status, attempts, next_attempt_at, last_error, error_kind)
SELECT v.subject, v.object_id, 1, clock_timestamp(), 'pending', 0, clock_timestamp(), '', ''
FROM unnest(%s::text[], %s::uuid[]) AS v(subject, object_id)
ON CONFLICT (subject, object_id) DO """
_AGAIN = "UPDATE SET generation = o.generation + 1, status = 'pending'"


def note_many(pairs: Iterable[tuple[str, UUID]], *, unless_noted: bool = False) -> None:
    """`note` for many objects at once.

    Args:
        unless_noted: leave those alone that are in the queue already, dead letters among them.
    """
    # In one order everywhere: two transactions that note the same objects must not wait in a circle.
    wanted = sorted({(subject, str(object_id)) for subject, object_id in pairs})
    with connection.cursor() as cursor:
        cursor.execute(
            _NOTE + ("NOTHING" if unless_noted else _AGAIN),
            [[subject for subject, _ in wanted], [object_id for _, object_id in wanted]],
        )


def heard_up_to(mark: str, webhook: str) -> int:
    """The position in that webhook's log up to which a record's news were merged; 0 for none of it.

    Args:
        mark: `RecordLink.heard`.
    """
    known, _, position = mark.partition(":")
    return int(position) if known and known == webhook else 0


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


# How JSON spells what PostgreSQL does not keep: NUL, lone surrogates (pairs of them are fine), infinity.
_DOUBTFUL = re.compile(r"\\u0000|\\ud|\bNaN\b|\bInfinity\b")


def json_of(value: Any) -> str:
    """As JSON that PostgreSQL can store. What is `storable` already is looked through only once."""
    text = json.dumps(value)
    return json.dumps(storable(value)) if _DOUBTFUL.search(text) else text


def remember_hint(
    table: str, record_id: str, *, source: str = InboundChange.AGAIN, **more: Any
) -> InboundChange:
    """Keep the wish to look at one record. Hints have no order among themselves."""
    payload = storable({"table": table, "recordId": record_id, **more})
    return InboundChange.objects.create(
        webhook=source, position=secrets.randbits(62), payload=payload
    )
