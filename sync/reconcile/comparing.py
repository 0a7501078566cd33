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
from typing import Any
from uuid import UUID

from django.db.models import Model

from sync.airtable import Record
from sync.mappings import BY_SUBJECT, Mapping
from sync.mappings.base import PLATFORM_ID, SYNC_MESSAGE
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
    value_of: Callable[[Any], Any]
    links: str


@lru_cache(maxsize=64)
def _columns(mapping_subject: str, names: frozenset[str]) -> tuple[_Column, ...]:
    return tuple(
        _Column(
            field.name,
            field.codec.canonical,
            field.codec.empty,
            field.codec.canonical(None),
            field.value_of,
            field.links,
        )
        for field in BY_SUBJECT[mapping_subject].fields
        if field.name in names and not field.rides
    )


def pairs_of(mapping: Mapping, records: Sequence[Record]) -> list[Pair]:
    """The records of a page with their links and objects: two queries, and those of the mapping."""
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


def differing(mapping: Mapping, pairs: Sequence[Pair], table: TableSchema) -> list[Pair]:
    """Those in which anything is not as it was last agreed, on either side."""
    columns = _columns(mapping.subject, usable(mapping, table))
    ends = _ends(columns, pairs)
    says = SYNC_MESSAGE in table.columns
    return [pair for pair in pairs if not _is_as_agreed(pair, columns, ends, says=says)]


def _is_as_agreed(
    pair: Pair,
    columns: tuple[_Column, ...],
    ends: MappingType[str, dict[UUID, str]],
    *,
    says: bool,
) -> bool:
    link, cells = pair.link, pair.record.fields
    if link is None or pair.is_back:
        return False
    if not _are_ours_in_place(cells, link, says=says):
        return False
    if not _same_there(columns, cells, link.ancestor):
        return False
    if link.state != LINKED:
        return False  # it waits: its reason may be gone
    return pair.found is not None and _same_here(columns, pair.found, link.ancestor, ends)


def _are_ours_in_place(cells: Kept, link: RecordLink, *, says: bool) -> bool:
    if cells.get(PLATFORM_ID, "") != str(link.object_id):
        return False
    return not says or str(cells.get(SYNC_MESSAGE) or "").strip() == link.message.strip()


def _same_there(columns: tuple[_Column, ...], cells: Kept, kept: Kept) -> bool:
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
    columns: tuple[_Column, ...], found: Model, kept: Kept, ends: MappingType[str, dict[UUID, str]]
) -> bool:
    for column in columns:
        value = column.value_of(found)
        if column.links and value is not None:
            record_id = ends[column.links].get(value)
            value = None if record_id is None else [record_id]
        agreed = kept.get(column.name, column.empty)
        if value != agreed and column.canonical(value) != agreed:
            return False
    return True


def _ends(columns: Iterable[_Column], pairs: Sequence[Pair]) -> dict[str, dict[UUID, str]]:
    """The records at the other end of every link on the page: a query for each kind."""
    ends: dict[str, dict[UUID, str]] = {}
    for column in columns:
        if column.links:
            ids = {column.value_of(pair.found) for pair in pairs if pair.found is not None}
            ends.setdefault(column.links, {}).update(_records_of(column.links, ids - {None}))
    return ends


def _records_of(subject: str, object_ids: Iterable[UUID]) -> dict[UUID, str]:
    return dict(
        RecordLink.objects.filter(
            subject=subject, object_id__in=list(object_ids), state=LINKED
        ).values_list("object_id", "record_id")
    )


def key_of(record: Record) -> UUID | None:
    """The Platform ID that the record carries, if it is one."""
    with suppress(ValueError):
        return uuid.UUID(str(record.fields.get(PLATFORM_ID) or "").strip())
    return None
