"""Which records of a page differ from what is here. A page is a few queries and pure comparison.

Nothing is decided here: whoever differs is read once more and goes the way of every other change
(`sync/reconcile/healing.py`).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping as MappingType, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace
from typing import Any
from uuid import UUID

from django.db.models import Model

from sync.airtable import Record
from sync.mappings import BY_SUBJECT, Mapping
from sync.mappings.base import PLATFORM_ID, SYNC_MESSAGE
from sync.mappings.codecs import Codec
from sync.models import RecordLink
from sync.records import LINKED, UNLINKED
from sync.schema import TableSchema, usable

Kept = MappingType[str, Any]


@dataclass(frozen=True)
class Pair:
    """A record and what is known of it here."""

    record: Record
    link: RecordLink | None
    found: Model | None
    """The object, if it is here and belongs in the base."""

    @property
    def is_known(self) -> bool:
        """Whether record and object are tied to each other."""
        return self.link is not None and self.link.state == LINKED

    @property
    def is_back(self) -> bool:
        """Whether it had been deleted, as far as we knew."""
        return self.link is not None and self.link.state in UNLINKED


@dataclass(frozen=True)
class _Column:
    """A field, with what is asked of it for each record taken apart beforehand."""

    name: str
    canonical: Callable[[Any], Any]
    empty: Any
    absent: Any
    links: str


@lru_cache(maxsize=32)
def _columns(subject: str, names: frozenset[str]) -> tuple[_Column, ...]:
    return tuple(
        _Column(name, _quickly(codec), codec.empty, codec.canonical(None), field.links)
        for name, field in BY_SUBJECT[subject].by_name.items()
        if name in names and not field.rides and field.is_heard
        for codec in [field.codec]
    )


def _quickly(codec: Codec) -> Callable[[Any], Any]:
    """The canonical form; of a choice of words remembered, because few choices are made by many."""
    if codec.type != "multipleSelects":
        return codec.canonical

    @lru_cache(maxsize=4096)
    def of_words(words: tuple[Any, ...]) -> Any:
        return codec.canonical(words)

    return lambda value: (
        of_words(tuple(value)) if isinstance(value, list) else codec.canonical(value)
    )


def pairs_of(mapping: Mapping, records: Sequence[Record]) -> list[Pair]:
    """These records with their links and objects, in full."""
    links = {
        link.record_id: link
        for link in RecordLink.objects.filter(
            table=mapping.table, record_id__in=[record.id for record in records]
        )
    }
    wanted = [link.object_id for link in links.values() if link.state == LINKED]
    found = {
        item.pk: item for item in mapping.objects().filter(pk__in=wanted) if mapping.present(item)
    }
    pairs = []
    for record in records:
        link = links.get(record.id)
        pairs.append(Pair(record, link, found.get(link.object_id) if link else None))
    return pairs


def differing(mapping: Mapping, records: Sequence[Record], table: TableSchema) -> list[Record]:
    """Those in which anything is not as it was last agreed, on either side, or that are not known."""
    columns = _columns(mapping.subject, usable(mapping, table))
    links = {
        link[0]: link
        for link in RecordLink.objects.filter(
            table=mapping.table, record_id__in=[record.id for record in records], state=LINKED
        ).values_list("record_id", "object_id", "ancestor", "message")
    }
    here = values_of(mapping, [link[1] for link in links.values()], [c.name for c in columns])
    ends = _ends(columns, here.values())
    says = SYNC_MESSAGE in table.columns

    def is_as_agreed(record: Record) -> bool:
        link = links.get(record.id)
        if link is None:
            return False
        _, object_id, agreed, message = link
        values = here.get(object_id)
        return (
            values is not None
            and _are_ours_in_place(record.fields, object_id, message if says else None)
            and _same_there(columns, record.fields, agreed)
            and _same_here(columns, values, agreed, ends)
        )

    return [record for record in records if not is_as_agreed(record)]


def _are_ours_in_place(cells: Kept, object_id: UUID, message: str | None) -> bool:
    if cells.get(PLATFORM_ID) != str(object_id):
        return False
    return message is None or str(cells.get(SYNC_MESSAGE) or "").strip() == message.strip()


def _same_there(columns: Sequence[_Column], cells: Kept, kept: Kept) -> bool:
    for column in columns:
        raw = cells.get(column.name)
        agreed = kept.get(column.name, column.empty)
        # A canonical form of what is canonical is itself, so what is equal already need not be read.
        if raw is None:
            if column.absent != agreed:
                return False
        elif raw != agreed and column.canonical(raw) != agreed:
            return False
    return True


def _same_here(
    columns: Sequence[_Column],
    values: Sequence[Any],
    kept: Kept,
    ends: MappingType[str, MappingType[UUID, str]],
) -> bool:
    for column, value in zip(columns, values, strict=True):
        if column.links and value is not None:
            record_id = ends[column.links].get(value)
            value = None if record_id is None else [record_id]
        agreed = kept.get(column.name, column.empty)
        if value != agreed and column.canonical(value) != agreed:
            return False
    return True


def _ends(columns: Sequence[_Column], rows: Iterable[Sequence[Any]]) -> dict[str, dict[UUID, str]]:
    """The records at the other end of every link on the page: a query for each kind."""
    wanted: dict[str, set[UUID]] = {}
    rows = list(rows)
    for number, column in enumerate(columns):
        if column.links:
            ids = {row[number] for row in rows if row[number] is not None}
            wanted.setdefault(column.links, set()).update(ids)
    return {subject: _records_of(subject, ids) for subject, ids in wanted.items()}


def _records_of(subject: str, object_ids: Iterable[UUID]) -> dict[UUID, str]:
    return dict(
        RecordLink.objects.filter(
            subject=subject, object_id__in=list(object_ids), state=LINKED
        ).values_list("object_id", "record_id")
    )


def values_of(
    mapping: Mapping, object_ids: Sequence[UUID], names: Sequence[str]
) -> dict[UUID, Sequence[Any]]:
    """What these fields read off objects that belong in the base, in this order, without loading them.

    Objects cost most of a comparison, and of nearly all of them nothing is asked but whether they
    are as they were. A mapping with a field that can only be read off an object has them loaded.
    """
    fields = [mapping.by_name[name] for name in names]
    many = [field.of_many for field in fields]
    found = mapping.objects().filter(pk__in=object_ids)
    if any(way is None for way in many):
        return {
            item.pk: [field.value_of(item) for field in fields]
            for item in found
            if mapping.present(item)
        }
    ways = [way for way in many if way is not None]
    aliases = {f"value_{number}": way.expression for number, way in enumerate(ways)}
    rows = (
        found.select_related(None)
        .prefetch_related(None)
        .annotate(**aliases)
        .values_list("pk", *mapping.presence, *aliases)
    )
    first = 1 + len(mapping.presence)
    return {
        row[0]: [way.then(value) for way, value in zip(ways, row[first:], strict=True)]
        for row in rows
        if mapping.present(SimpleNamespace(**dict(zip(mapping.presence, row[1:], strict=False))))
    }


def key_of(record: Record) -> UUID | None:
    """The Platform ID that the record carries, if it is one."""
    with suppress(ValueError):
        return uuid.UUID(str(record.fields.get(PLATFORM_ID) or "").strip())
    return None
