"""Which records of a page differ from what is here. A page is a few queries and pure comparison.

Nothing is decided here: whoever differs is read once more and goes the way of every other change
(`sync/reconcile/healing.py`).
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Mapping as MappingType, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db.models import Model, TextField
from django.db.models.functions import Cast

from sync.airtable import Record
from sync.lookups import GIVEN, OneOf, Prepared
from sync.mappings import BY_SUBJECT, Mapping
from sync.mappings.base import PLATFORM_ID, SYNC_MESSAGE
from sync.mappings.codecs import Codec
from sync.models import RecordLink
from sync.records import LINKED, UNLINKED, values_of
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
class _Columns:
    """The fields that are compared, with what is asked of each for every record taken apart beforehand."""

    names: tuple[str, ...]
    canonical: tuple[Callable[[Any], Any], ...]
    empty: Kept
    absent: Kept
    """What a cell that is not there means: what an empty value is, read as a cell."""
    links: tuple[tuple[int, str], ...]
    """Which of them are links, and to what."""

    def of_ancestor(self, kept: Kept) -> tuple[Any, ...]:
        """What was last agreed on."""
        return tuple(map({**self.empty, **kept}.get, self.names))

    def of_cells(self, cells: Kept) -> tuple[Any, ...]:
        """What a record says, as Airtable spells it."""
        return tuple(map({**self.absent, **cells}.get, self.names))

    def say(self, values: tuple[Any, ...], agreed: tuple[Any, ...]) -> bool:
        """Whether values, of either side, are what was agreed on.

        A canonical form of what is canonical is itself, so what is equal already need not be read. That
        is nearly everything, and compared as a whole.
        """
        if values == agreed:
            return True
        for canonical, value, wanted in zip(self.canonical, values, agreed, strict=True):
            if value != wanted and canonical(value) != wanted:
                return False
        return True


@lru_cache(maxsize=32)
def _columns(subject: str, names: frozenset[str]) -> _Columns:
    fields = [
        field
        for name, field in BY_SUBJECT[subject].by_name.items()
        if name in names and not field.rides and field.is_heard
    ]
    return _Columns(
        tuple(field.name for field in fields),
        tuple(_quickly(field.codec) for field in fields),
        {field.name: field.codec.empty for field in fields},
        {field.name: field.codec.canonical(None) for field in fields},
        tuple((number, field.links) for number, field in enumerate(fields) if field.links),
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
    links = _links(mapping.table, records)
    here = _here(mapping, columns, [object_id for object_id, _, _ in links.values()])
    says = SYNC_MESSAGE in table.columns

    def is_as_agreed(record: Record) -> bool:
        link = links.get(record.id)
        if link is None:
            return False
        object_id, ancestor, message = link
        values = here.get(object_id)
        if values is None:
            return False
        agreed = columns.of_ancestor(ancestor)
        return (
            _are_ours_in_place(record.fields, object_id, message if says else None)
            and columns.say(columns.of_cells(record.fields), agreed)
            and columns.say(values, agreed)
        )

    return [record for record in records if not is_as_agreed(record)]


def _links(table: str, records: Sequence[Record]) -> dict[str, tuple[UUID, Kept, str]]:
    """By record: the object, what was last agreed on, and what Sync Message should say."""
    found = _links_in(table).of([record.id for record in records])
    # Read together, because then the names of the fields are made only once.
    ancestors = json.loads(f"[{','.join([ancestor for *_, ancestor in found])}]")
    return {
        record_id: (object_id, ancestor, message)
        for (record_id, object_id, message, _), ancestor in zip(found, ancestors, strict=True)
    }


@lru_cache(maxsize=32)
def _links_in(table: str) -> Prepared:
    return Prepared(
        RecordLink.objects.filter(OneOf("record_id", GIVEN), table=table, state=LINKED)
        .annotate(text=Cast("ancestor", TextField()))
        .values_list("record_id", "object_id", "message", "text")
    )


def _are_ours_in_place(cells: Kept, object_id: UUID, message: str | None) -> bool:
    if cells.get(PLATFORM_ID) != str(object_id):
        return False
    return message is None or str(cells.get(SYNC_MESSAGE) or "").strip() == message.strip()


def _here(
    mapping: Mapping, columns: _Columns, object_ids: Sequence[UUID]
) -> dict[UUID, tuple[Any, ...]]:
    """What the objects say, with the records of what they link to: a query for each kind."""
    found = values_of(mapping, object_ids, columns.names)
    if not columns.links:
        return found
    wanted: dict[str, set[UUID]] = {}
    for number, subject in columns.links:
        ids = {values[number] for values in found.values() if values[number] is not None}
        wanted.setdefault(subject, set()).update(ids)
    ends = {subject: _records_of(subject, ids) for subject, ids in wanted.items()}
    linked: dict[UUID, tuple[Any, ...]] = {}
    for object_id, values in found.items():
        row = list(values)
        for number, subject in columns.links:
            record_id = ends[subject].get(row[number])
            row[number] = None if record_id is None else [record_id]
        linked[object_id] = tuple(row)
    return linked


def _records_of(subject: str, object_ids: Iterable[UUID]) -> dict[UUID, str]:
    return dict(
        RecordLink.objects.filter(
            OneOf("object_id", object_ids), subject=subject, state=LINKED
        ).values_list("object_id", "record_id")
    )


def key_of(record: Record) -> UUID | None:
    """The Platform ID that the record carries, if it is one."""
    with suppress(ValueError):
        return uuid.UUID(str(record.fields.get(PLATFORM_ID) or "").strip())
    return None
