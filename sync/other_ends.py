"""Link cells that changed because of what became of the record at their other end.

Whoever deletes a row in Airtable empties every cell that links to it, and whoever takes it out of the
trash fills them again. Neither is an edit of these cells, but that shows only once the other end is
known, and the cells may be told first: by a part of the log, by an Automation, by the pages of a
comparison. So such a cell says nothing until the record at its other end was looked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping as MappingType, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sync.airtable import PAGE_SIZE, Airtable, Record
from sync.mappings import BY_SUBJECT, REGISTRY, Mapping
from sync.mappings.base import Values
from sync.models import RecordLink
from sync.records import LINKED, UNLINKED, note_many, remember_hint, unread


@dataclass(frozen=True)
class End:
    """A record at the other end of a link cell, of which the two sides may know different things."""

    field: str
    table: str
    record_id: str
    is_known: bool
    """Whether it stands for something here: then its cell was emptied. Else the cell was filled."""


def in_doubt(mapping: Mapping, ancestor: Values, values: Values) -> list[End]:
    """The cells of a record that may have changed by what happened to their other ends.

    Args:
        ancestor: what the record last was. values: what is told of it now.
    """
    changed = list(_changed(mapping, ancestor, values))
    if not changed:
        return []
    states = dict(
        RecordLink.objects.filter(record_id__in=[end.record_id for end in changed]).values_list(
            "record_id", "state"
        )
    )
    doubtful = {True: (LINKED,), False: UNLINKED}
    return [end for end in changed if states.get(end.record_id) in doubtful[end.is_known]]


def _changed(mapping: Mapping, ancestor: Values, values: Values) -> Iterator[End]:
    for field in mapping.fields:
        if field.links and field.name in values:
            before, now = ancestor.get(field.name) or [], values[field.name] or []
            table = BY_SUBJECT[field.links].table
            ends = now or before
            for record_id in ends:
                if not now or record_id not in before:
                    yield End(field.name, table, record_id, is_known=not now)


@dataclass(frozen=True)
class Looked:
    """What became of other ends."""

    there: frozenset[str]
    """Ends that are there still: emptying the cell was an edit."""
    waiting: frozenset[str]
    """Records that have to wait until what became of their other end is known here."""


def look(
    base: Airtable, mapping: Mapping, records: MappingType[str, Record], names: frozenset[str]
) -> Looked:
    """Look for the other ends that these records, as they were just read, leave in doubt.

    One request for a table of ends, however many records; none where nothing is in doubt.

    Raises:
        AirtableError: they could not be read.
    """
    ends = _ends_of(mapping, records, names)
    there: set[str] = set()
    for table in {end.table for found in ends.values() for end in found}:
        wanted = {e.record_id for found in ends.values() for e in found if e.table == table}
        ids = sorted(wanted)
        for start in range(0, len(ids), PAGE_SIZE):
            there |= base.rows(table, ids[start : start + PAGE_SIZE]).keys()
    waiting = {
        record_id
        for record_id, found in ends.items()
        if any(not end.is_known or end.record_id not in there for end in found)
    }
    _ask_about({end for record_id in waiting for end in ends[record_id]})
    return Looked(frozenset(there), frozenset(waiting))


def _ends_of(
    mapping: Mapping, records: MappingType[str, Record], names: frozenset[str]
) -> dict[str, list[End]]:
    if not any(field.links for field in mapping.fields):
        return {}
    links = RecordLink.objects.filter(
        table=mapping.table, record_id__in=list(records), state=LINKED
    )
    found = {
        record_id: in_doubt(
            mapping, ancestor, mapping.canonical(records[record_id].fields, names=names)
        )
        for record_id, ancestor in links.values_list("record_id", "ancestor")
    }
    return {record_id: ends for record_id, ends in found.items() if ends}


def _ask_about(ends: Iterable[End]) -> None:
    """Have them looked at like any record that somebody asked about: what is gone, is gone at the second miss."""
    for table in {end.table for end in ends}:
        for record_id in {end.record_id for end in ends if end.table == table} - unread(table):
            remember_hint(table, record_id)


def note_what_links_to(subject: str, object_ids: Sequence[UUID]) -> None:
    """Their records are new ones: the cells that linked to the old ones are empty, and are filled again."""
    pairs: list[tuple[str, Any]] = []
    for mapping in REGISTRY:
        for field in mapping.fields:
            if field.links == subject:
                assert isinstance(field.read, str)
                found = mapping.objects().filter(**{f"{field.read}__in": list(object_ids)})
                pairs += [
                    (mapping.subject, object_id) for object_id in found.values_list("pk", flat=True)
                ]
    note_many(pairs)
