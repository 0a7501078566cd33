"""Fetching what Airtable reports, and putting it into the shape the merge wants.

Payloads are stored raw together with the cursor, in one transaction, before anything is done with
them: a crash repeats work, it loses none. Payloads expire over there after seven days; here they
wait until they are understood.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping as MappingType
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils.dateparse import parse_datetime

from sync.airtable import Airtable, PayloadPage
from sync.errors import Gone
from sync.mappings import BY_TABLE, REGISTRY, Mapping
from sync.mappings.people import PEOPLE
from sync.models import InboundChange, RecordLink, WebhookRegistration
from sync.overwritten import Edit
from sync.records import json_of
from sync.schema import Schema, TableSchema

logger = logging.getLogger(__name__)

# More at once would be held in memory together.
MOST_PAYLOADS = 500

# One parameter: payloads are large, and the ORM would encode and quote each of them by itself.
_KEEP = """
INSERT INTO sync_inboundchange
    (webhook, position, payload, received_at, attempts, next_attempt_at, error)
SELECT %s, v.position, v.payload, %s, 0, %s, ''
FROM jsonb_to_recordset(%s::jsonb) AS v(position bigint, payload jsonb)
ON CONFLICT DO NOTHING
"""


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
    seen: bool = False
    """Read from the base itself, not told by a payload."""
    by: str = ""
    """Who changed it there, where that is told."""
    there: frozenset[str] = frozenset()
    """Records at the other end of a cell that was emptied, which were looked for and are there."""
    again: bool = False
    """Try again although nothing changed: its reason to wait may be gone."""
    webhook: str = ""
    places: dict[str, int] = field(default_factory=dict)
    """Of a webhook's news: by field, the place in its log where its value was told."""
    edits: dict[str, Edit] = field(default_factory=dict)
    """By field, the last value that somebody gave it, if an API client has given it another since."""

    @property
    def is_whole(self) -> bool:
        """Whether what was told of the record before does not matter any more."""
        return self.complete or self.destroyed

    def then(self, later: RecordChange) -> RecordChange:
        """This change and a later one of the same record, as one."""
        self.cells.update(later.cells)
        self.places.update(later.places)
        # Whoever edited a cell last has the say; what an API client wrote only leaves a trace.
        self.edits.update(later.edits)
        self.at, self.webhook = later.at, later.webhook
        return self


def fetch(base: Airtable, registration: WebhookRegistration, *, now: datetime) -> int:
    """Store everything the webhook holds from our cursor on; how many payloads.

    Two workers may do this at once: the cursor moves only from where it was asked, so what one of
    them has read already is stored once, and read on from there.

    Raises:
        Gone: the webhook does not exist any more.
    """
    fetched = 0
    while True:
        page = base.payloads(registration.webhook_id, registration.cursor)
        moved = _store(registration, page, now)
        fetched += len(page.payloads) if moved else 0
        if any(payload.get("error") for payload in page.payloads):
            # A watched table or field is gone; such a webhook never works again.
            raise Gone("INVALID_HOOK", "The webhook reports an error.")
        if moved and not page.more:
            return fetched


def _store(registration: WebhookRegistration, page: PayloadPage, now: datetime) -> bool:
    """The payloads and the cursor, together; whether nobody else had read on from here."""
    asked, first = registration.cursor, page.cursor - len(page.payloads)
    # Payloads live seven days over there. What begins after the place we asked for has a gap before it.
    has_gap = bool(page.payloads) and first > asked
    rows = json_of(
        [
            {"position": first + index, "payload": payload}
            for index, payload in enumerate(page.payloads)
        ]
    )
    with transaction.atomic():
        moved = WebhookRegistration.objects.filter(pk=registration.pk, cursor=asked).update(
            cursor=page.cursor,
            last_success_at=now,
            last_error="",
            **({"needs_scan": True} if has_gap else {}),
        )
        if moved and page.payloads:
            with connection.cursor() as cursor:
                cursor.execute(_KEEP, [registration.webhook_id, now, now, rows])
    registration.refresh_from_db(fields=["cursor", "last_success_at", "last_error", "needs_scan"])
    return bool(moved)


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
    overwritten meanwhile would otherwise be applied after all, and undone by its successor. Such an
    edit is kept beside the values (`RecordChange.edits`), to be decided as the conflict it is.
    """
    found: dict[tuple[str, str], RecordChange] = {}
    for row in rows:
        news = _News(row)
        for table_id, body in (row.payload.get("changedTablesById") or {}).items():
            table = schema.table_of(table_id)
            mapping = BY_TABLE.get(table.name) if table is not None else None
            if table is not None and mapping is not None:
                for change in news.of(body, mapping, table):
                    key = (table_id, change.record_id)
                    before = found.get(key)
                    found[key] = (
                        change if before is None or change.is_whole else before.then(change)
                    )
    return in_order(found.values())


class _News:
    """One payload: when it happened, where in the log, and whether an API client did it."""

    def __init__(self, row: InboundChange) -> None:
        self.at = moment_of(row.payload.get("timestamp")) or row.received_at
        self.webhook, self.position = row.webhook, row.position
        action = row.payload.get("actionMetadata") or {}
        self.by_api = action.get("source") == "publicApi"
        user = (action.get("sourceMetadata") or {}).get("user") or {}
        self.by = str(user.get("name") or user.get("email") or "")

    def of(
        self, body: MappingType[str, Any], mapping: Mapping, table: TableSchema
    ) -> Iterator[RecordChange]:
        """What it tells of the rows of a table."""
        for record_id, created in (body.get("createdRecordsById") or {}).items():
            cells = table.inward(created.get("cellValuesByFieldId") or {})
            change = self._change(mapping, record_id, cells)
            change.complete, change.names = True, table.names
            change.places = dict.fromkeys(table.names, self.position)
            change.made_at = moment_of(created.get("createdTime"))
            yield change
        for record_id, changed in (body.get("changedRecordsById") or {}).items():
            current = (changed.get("current") or {}).get("cellValuesByFieldId") or {}
            yield self._change(mapping, record_id, table.inward(current))
        for record_id in body.get("destroyedRecordIds") or ():
            change = self._change(mapping, record_id, {})
            change.destroyed, change.by = True, self.by
            yield change

    def _change(self, mapping: Mapping, record_id: str, cells: dict[str, Any]) -> RecordChange:
        change = RecordChange(mapping, record_id, self.at, cells)
        change.webhook = self.webhook
        change.places = dict.fromkeys(cells, self.position)
        if not self.by_api:
            change.edits = {
                name: Edit(value, self.at, self.position) for name, value in cells.items()
            }
        return change


def in_order(changes: Iterable[RecordChange]) -> list[RecordChange]:
    """People first, so that what links to them finds them."""
    rank = {mapping.subject: index for index, mapping in enumerate(REGISTRY)}
    return sorted(changes, key=lambda change: rank[change.mapping.subject])


def newcomers(
    registration: WebhookRegistration, schema: Schema, *, paused: frozenset[str]
) -> list[RecordChange]:
    """Of the payloads not applied yet, what concerns people whose rows stand for nobody here."""
    rows = (
        InboundChange.objects.filter(webhook=registration.webhook_id, applied_at=None)
        .exclude(payload__actionMetadata__source="publicApi")
        .order_by("position")[:MOST_PAYLOADS]
    )
    people = [
        change
        for change in changes_in(rows, schema)
        if change.mapping.subject in PEOPLE
        and change.mapping.table not in paused
        and not change.destroyed
    ]
    known = set(
        RecordLink.objects.filter(record_id__in=[change.record_id for change in people])
        .exclude(state=RecordLink.State.WAITING)
        .values_list("record_id", flat=True)
    )
    return [change for change in people if change.record_id not in known]


def moment_of(value: Any) -> datetime | None:
    """An instant as Airtable writes it; None for anything else."""
    try:
        moment = parse_datetime(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return moment if moment is not None and moment.tzinfo is not None else None
