"""Fetching what Airtable reports, and putting it into the shape the merge wants.

Payloads are stored raw together with the cursor, in one transaction, before anything is done with
them: a crash repeats work, it loses none. Payloads expire over there after seven days; here they
wait until they are understood.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping as MappingType
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from sync.airtable import Airtable
from sync.errors import Gone
from sync.mappings import BY_TABLE, REGISTRY, Mapping
from sync.models import InboundChange, WebhookRegistration
from sync.records import storable
from sync.schema import Schema

logger = logging.getLogger(__name__)

# More at once would be held in memory together.
MOST_PAYLOADS = 500


@dataclass
class RecordChange:
    """What is known of one record, however many payloads spoke of it."""

    mapping: Mapping
    record_id: str
    at: datetime
    cells: dict[str, Any] = field(default_factory=dict)
    """By field name, in either of Airtable's formats."""
    complete: bool = False
    """Whether a cell that is not there is empty, rather than unknown."""
    names: frozenset[str] = frozenset()
    """Of a complete read: the columns that were read."""
    is_all_there_is: bool = False
    """Without a token a signed body cannot be completed; for a new record it has to do."""
    destroyed: bool = False
    made_at: datetime | None = None
    """When the row was made over there, where that is told."""
    at_sign_in: bool = False
    """Read because somebody gave this person's address at sign-in."""
    again: bool = False
    """Try again although nothing changed: its reason to wait may be gone."""


def fetch(base: Airtable, registration: WebhookRegistration, *, now: datetime) -> int:
    """Store everything the webhook holds from our cursor on; how many payloads.

    Raises:
        Gone: the webhook does not exist any more.
    """
    fetched = 0
    while True:
        page = base.payloads(registration.webhook_id, registration.cursor)
        rows = [
            InboundChange(
                webhook=registration.webhook_id,
                position=registration.cursor + index,
                payload=storable(payload),
                received_at=now,
            )
            for index, payload in enumerate(page.payloads)
        ]
        with transaction.atomic():
            InboundChange.objects.bulk_create(rows, ignore_conflicts=True)
            registration.cursor = page.cursor
            registration.last_success_at = now
            registration.last_error = ""
            registration.save(update_fields=["cursor", "last_success_at", "last_error"])
        fetched += len(rows)
        if any(payload.get("error") for payload in page.payloads):
            # A watched table or field is gone; such a webhook never works again.
            raise Gone("INVALID_HOOK", "The webhook reports an error.")
        if not page.more:
            return fetched


def stored(webhook_ids: Iterable[str]) -> list[InboundChange]:
    """Payloads not applied yet, in order."""
    return list(
        InboundChange.objects.filter(webhook__in=list(webhook_ids), applied_at=None).order_by(
            "webhook", "position"
        )[:MOST_PAYLOADS]
    )


def tell_of_schema(rows: Iterable[InboundChange]) -> bool:
    """Whether tables or fields changed: the values told here may be of the new ones."""
    about = ("createdFieldsById", "changedFieldsById", "destroyedFieldIds", "changedMetadata")
    return any(
        "createdTablesById" in row.payload
        or "destroyedTableIds" in row.payload
        or any(
            name in body
            for body in (row.payload.get("changedTablesById") or {}).values()
            for name in about
        )
        for row in rows
    )


def changes_in(rows: Iterable[InboundChange], schema: Schema) -> list[RecordChange]:
    """One change per record, latest values first in force, people before what links to them.

    Coalesced, because our own writes come back among the others: an edit of a PM's that we have
    overwritten meanwhile would otherwise be applied after all, and undone by its successor.
    """
    found: dict[tuple[str, str], RecordChange] = {}
    for row in rows:
        at = moment_of(row.payload.get("timestamp")) or row.received_at
        for table_id, body in (row.payload.get("changedTablesById") or {}).items():
            table = schema.table_of(table_id)
            mapping = BY_TABLE.get(table.name) if table is not None else None
            if table is None or mapping is None:
                continue
            for record_id, created in (body.get("createdRecordsById") or {}).items():
                cells = schema.by_name(table, created.get("cellValuesByFieldId") or {})
                found[table_id, record_id] = RecordChange(
                    mapping,
                    record_id,
                    at,
                    cells,
                    complete=True,
                    names=table.names,
                    made_at=moment_of(created.get("createdTime")),
                )
            for record_id, changed in (body.get("changedRecordsById") or {}).items():
                change = found.setdefault(
                    (table_id, record_id), RecordChange(mapping, record_id, at)
                )
                current = (changed.get("current") or {}).get("cellValuesByFieldId") or {}
                change.cells.update(schema.by_name(table, current))
                change.at = at
            for record_id in body.get("destroyedRecordIds") or ():
                found[table_id, record_id] = RecordChange(mapping, record_id, at, destroyed=True)
    return in_order(found.values())


def in_order(changes: Iterable[RecordChange]) -> list[RecordChange]:
    """People first, so that what links to them finds them."""
    rank = {mapping.subject: index for index, mapping in enumerate(REGISTRY)}
    return sorted(changes, key=lambda change: rank[change.mapping.subject])


def hints(*, now: datetime, limit: int = 50) -> list[InboundChange]:
    """Single records that somebody asked us to look at, and whose time has come."""
    return list(
        InboundChange.objects.filter(
            webhook__in=[InboundChange.AUTOMATION, InboundChange.AGAIN],
            applied_at=None,
            next_attempt_at__lte=now,
        ).order_by("received_at", "id")[:limit]
    )


def from_hint(row: InboundChange, base: Airtable | None) -> RecordChange | None:
    """The record a hint speaks of, read again; without a token, as the signed body told it."""
    payload: MappingType[str, Any] = row.payload
    mapping = BY_TABLE.get(str(payload.get("table")))
    if mapping is None:
        return None
    record_id = str(payload["recordId"])
    at = moment_of(payload.get("timestamp")) or row.received_at
    if base is None:
        cells = dict(payload.get("fields") or {})
        return RecordChange(mapping, record_id, at, cells, is_all_there_is=True)
    schema_table = base.schema().tables.get(mapping.table)
    if schema_table is None:
        return None
    read_at = timezone.now()
    record = base.row(mapping.table, record_id)
    if record is None:
        return RecordChange(mapping, record_id, read_at, destroyed=True)
    return RecordChange(
        mapping,
        record_id,
        at,
        dict(record.fields),
        complete=True,
        names=schema_table.names,
        made_at=moment_of(record.created_time),
        again=bool(payload.get("again")),
    )


def moment_of(value: Any) -> datetime | None:
    """An instant as Airtable writes it; None for anything else."""
    try:
        moment = parse_datetime(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None
