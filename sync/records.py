"""What sync knows about our own objects: their values, their records, and that they are stale."""

from __future__ import annotations

import json
import math
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping as MappingType, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace
from typing import Any, Final
from uuid import UUID

from django.db import connection, models

from sync.lookups import GIVEN, OneOf, Prepared
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


def local_values(mapping: Mapping, found: models.Model) -> Local:
    """Everything that may be a reason to send."""
    return _local(mapping, [field.value_of(found) for field in mapping.own_fields], Links(), {})


def local_values_of(
    mapping: Mapping, object_ids: Collection[UUID], *, agreed: MappingType[UUID, Values]
) -> dict[UUID, Local]:
    """`local_values` of those that belong in the base, in as many queries as of one.

    Args:
        agreed: canonical values that most of them still have.
    """
    fields = mapping.own_fields
    found = values_of(mapping, object_ids, [field.name for field in fields])
    links = Links()
    for number, field in enumerate(fields):
        if field.links:
            links.look_up(field.links, {values[number] for values in found.values()} - {None})
    return {
        object_id: _local(mapping, values, links, agreed.get(object_id, {}))
        for object_id, values in found.items()
    }


def _local(mapping: Mapping, read: Iterable[Any], links: Links, agreed: Values) -> Local:
    values: Values = {}
    missing: list[tuple[str, UUID]] = []
    for field, value in zip(mapping.own_fields, read, strict=True):
        if field.links and value is not None:
            record_id = links.record_of(field.links, value)
            if record_id is None:
                missing.append((field.links, value))
                continue
            value = [record_id]
        # The canonical form of what is canonical is itself, so what is as agreed need not be worked out.
        known = agreed.get(field.name)
        same = known is not None and value == known
        values[field.name] = known if same else field.codec.canonical(value)
    return Local(values, tuple(missing))


def values_of(
    mapping: Mapping, object_ids: Iterable[UUID], names: Sequence[str]
) -> dict[UUID, tuple[Any, ...]]:
    """What these fields read off objects that belong in the base, in this order, without loading them.

    Objects cost most of a comparison, and of nearly all of them nothing is asked but whether they
    are as they were. A mapping with a field that can only be read off an object has them loaded.
    """
    asked = _asked(mapping.subject, tuple(names))
    if asked is None:
        fields = [mapping.by_name[name] for name in names]
        return {
            item.pk: tuple(field.value_of(item) for field in fields)
            for item in mapping.objects().filter(OneOf("pk", object_ids))
            if mapping.present(item)
        }
    query, thens = asked
    rows: Iterable[Any] = query.of(object_ids)
    first = 1 + len(mapping.presence)
    if mapping.presence:
        rows = (row for row in rows if _is_present(mapping, row[1:first]))
    return {row[0]: _then(thens, row[first:]) for row in rows}


_Thens = Sequence[tuple[int, Callable[[Any], Any]]]


@lru_cache(maxsize=64)
def _asked(subject: str, names: tuple[str, ...]) -> tuple[Prepared, _Thens] | None:
    """The query behind `values_of`, and what is then made of single values."""
    mapping = BY_SUBJECT[subject]
    many = [mapping.by_name[name].of_many for name in names]
    ways = [way for way in many if way is not None]
    if len(ways) < len(many):
        return None
    aliases = {f"value_{number}": way.expression for number, way in enumerate(ways)}
    query = Prepared(
        mapping.objects()
        .filter(OneOf("pk", GIVEN))
        .select_related(None)
        .prefetch_related(None)
        .annotate(**aliases)
        .values_list("pk", *mapping.presence, *aliases)
    )
    return query, [(number, way.then) for number, way in enumerate(ways) if way.then is not None]


def _is_present(mapping: Mapping, presence: Sequence[Any]) -> bool:
    return mapping.present(SimpleNamespace(**dict(zip(mapping.presence, presence, strict=True))))


def _then(ways: _Thens, selected: tuple[Any, ...]) -> tuple[Any, ...]:
    if not ways:
        return selected
    values = list(selected)
    for number, way in ways:
        values[number] = way(values[number])
    return tuple(values)


def riding_values(mapping: Mapping, rider: Any) -> Values:
    """What goes along once there is a reason.

    Args:
        rider: of `Mapping.riders`.
    """
    return {
        field.name: field.codec.canonical(field.value_of(rider))
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
# Searched for one by one: an expression of all four takes as long as everything else about a page.
_DOUBTFUL = ("\\u0000", "\\ud", "NaN", "Infinity")


def json_of(value: Any) -> str:
    """As JSON that PostgreSQL can store. What is `storable` already is looked through only once."""
    text = json.dumps(value)
    return json.dumps(storable(value)) if any(part in text for part in _DOUBTFUL) else text


HINTS: Final = (InboundChange.AUTOMATION, InboundChange.AGAIN)


def unread(table: str) -> set[str]:
    """The records of a table that somebody asked us to look at, and nobody has yet.

    A hint carries no values. Who writes to such a record writes over an edit that nothing else tells.
    """
    waiting = InboundChange.objects.filter(webhook__in=HINTS, applied_at=None, payload__table=table)
    return set(waiting.values_list("payload__recordId", flat=True))


def remember_hint(
    table: str, record_id: str, *, source: str = InboundChange.AGAIN, **more: Any
) -> InboundChange:
    """Keep the wish to look at one record. Hints have no order among themselves."""
    payload = storable({"table": table, "recordId": record_id, **more})
    return InboundChange.objects.create(
        webhook=source, position=secrets.randbits(62), payload=payload
    )
