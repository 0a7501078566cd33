"""A base of Airtable: its records, its schema and its webhooks, in our words. `sync/wire.py` sends."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.utils import timezone

from sync import addresses, guard
from sync.errors import (
    Gone,
    Permanent,
    SchemaDrift,
)
from sync.mappings.base import PLATFORM_ID
from sync.schema import Schema, TableSchema
from sync.wire import Wire

MOST_RECORDS = 10
PAGE_SIZE = 100
ITERATOR_IS_GONE = "LIST_RECORDS_ITERATOR_NOT_AVAILABLE"
SCHEMA_LIFE = 900.0
# Fields go by their ids on the wire, so that renaming one in Airtable breaks nothing.
_BY_ID = {"returnFieldsByFieldId": True}
# Refusals for which a field of another type may be the cause.
_OF_ITS_TYPE = frozenset({"INVALID_VALUE_FOR_COLUMN", "INVALID_MULTIPLE_CHOICE_OPTIONS"})


@dataclass(frozen=True)
class Record:
    """A row as the REST API shows it, keyed by field name. Empty cells are absent."""

    id: str
    fields: Mapping[str, Any]
    created_time: str = ""


@dataclass(frozen=True)
class Entry:
    """A row to write: by its id, or, without one, by the Platform ID among its fields."""

    fields: Mapping[str, Any]
    id: str | None = None


@dataclass(frozen=True)
class PayloadPage:
    """Webhook payloads from a cursor on."""

    payloads: Sequence[Mapping[str, Any]]
    cursor: int
    more: bool


class Airtable(Wire):
    """One base."""

    def __init__(self, *, token: str, base_id: str, api_url: str) -> None:
        super().__init__(token=token, base_id=base_id, api_url=api_url)
        self._schema: tuple[float, Schema] | None = None

    # Records

    def page(self, table: str, offset: str | None = None) -> tuple[list[Record], str | None]:
        """A page of rows, and where the list goes on; None at its end.

        Raises:
            Permanent: of type `ITERATOR_IS_GONE` where Airtable has forgotten where we were.
        """
        params = {"pageSize": PAGE_SIZE, **_BY_ID, **({"offset": offset} if offset else {})}
        answer = self._request("GET", self._table_path(table), params=params)
        return self._records(table, answer), answer.get("offset")

    def pages(self, table: str) -> Iterator[list[Record]]:
        """Every row of a table. Starts anew when Airtable has forgotten where we were."""
        offset, restarts = None, 0
        while True:
            try:
                records, offset = self.page(table, offset)
            except Permanent as error:
                if error.type != ITERATOR_IS_GONE or restarts >= 3:
                    raise
                offset, restarts = None, restarts + 1
                continue
            yield records
            if not offset:
                return

    def rows(self, table: str, record_ids: Sequence[str]) -> dict[str, Record]:
        """These rows as they are now, at most a hundred, by id; those the table lacks are left out."""
        if not record_ids:
            return {}
        wanted = ",".join(f"RECORD_ID()='{record_id}'" for record_id in record_ids)
        return {record.id: record for record in self._matching(table, f"OR({wanted})")}

    def row(self, table: str, record_id: str) -> Record | None:
        """One row as it is now, or None if this table does not have it.

        By a filter instead of the single-record route: that one answers with rows of other tables
        too, and says 403 both for what is deleted and for what we may not see.
        """
        return self.rows(table, [record_id]).get(record_id)

    def with_keys(self, table: str, keys: Sequence[str]) -> dict[str, list[Record]]:
        """The rows that carry these Platform IDs, oldest first. More than one means copies.

        Args:
            keys: at most a hundred; what the answer does not have stands there with no row.
        """
        found: dict[str, list[Record]] = {key: [] for key in keys}
        column = self._table(table).columns.get(PLATFORM_ID)
        name = column.id if column else PLATFORM_ID
        wanted = ", ".join(f"{{{name}}} = '{key}'" for key in keys)
        rows = self._matching(table, f"OR({wanted})")
        for row in sorted(rows, key=lambda row: row.created_time):
            key = str(row.fields.get(PLATFORM_ID) or "")
            if key in found:
                found[key].append(row)
        return found

    def modified_since(self, table: str, field: str, moment: datetime) -> list[Record]:
        """The rows that this last-modified field says were modified after that moment."""
        formula = f"IS_AFTER({{{field}}}, DATETIME_PARSE('{moment.isoformat()}'))"
        found: list[Record] = []
        offset: str | None = None
        while True:
            params = {
                "filterByFormula": formula,
                **_BY_ID,
                **({"offset": offset} if offset else {}),
            }
            answer = self._request("GET", self._table_path(table), params=params)
            found += self._records(table, answer)
            offset = answer.get("offset")
            if not offset:
                return found

    def with_text(self, table: str, field: str, text: str) -> list[Record]:
        """The rows in whose field that text stands, whatever its case and the blanks around it."""
        column = self._table(table).columns.get(field)
        name = column.id if column else field
        quoted = text.strip().lower().replace("\\", "\\\\").replace("'", "\\'")
        return self._matching(table, f"LOWER(TRIM({{{name}}})) = '{quoted}'")

    def _matching(self, table: str, formula: str) -> list[Record]:
        params = {"filterByFormula": formula, **_BY_ID}
        return self._records(table, self._request("GET", self._table_path(table), params=params))

    def write(
        self, table: str, entries: Sequence[Entry], *, typecast: bool = False
    ) -> list[Record]:
        """Write at most ten rows, all with ids or none. Without ids they are upserted on our key.

        The answer holds the rows as Airtable now has them, in no promised order.
        """
        schema = self._table(table)
        records = [
            {"fields": schema.outward(entry.fields), **({"id": entry.id} if entry.id else {})}
            for entry in entries
        ]
        body: dict[str, Any] = {"records": records, "typecast": typecast, **_BY_ID}
        if not entries[0].id:
            column = schema.columns.get(PLATFORM_ID)
            body["performUpsert"] = {"fieldsToMergeOn": [column.id if column else PLATFORM_ID]}
        try:
            answer = self._request("PATCH", self._table_path(table), json=body, table=table)
        except Permanent as error:
            if error.type in _OF_ITS_TYPE and self._has_moved(table):
                raise SchemaDrift(str(error)) from error
            raise
        return self._records(table, answer)

    def delete(self, table: str, *record_ids: str) -> None:
        """Delete at most ten rows; those that are gone already are fine."""
        path = self._table_path(table)
        if len(record_ids) > 1:
            try:
                self._request("DELETE", path, params={"records[]": list(record_ids)}, table=table)
                return
            except Permanent:
                pass  # one of them is gone, and refuses the others with it
        for record_id in record_ids:
            try:
                self._request("DELETE", f"{path}/{record_id}", missing_is_gone=True, table=table)
            except Gone:
                pass

    # Schema

    def schema(self, *, fresh: bool = False) -> Schema:
        """The tables and fields, read again every quarter of an hour, and when a change is told."""
        kept = self._schema
        if kept and not fresh and time.monotonic() - kept[0] < SCHEMA_LIFE:
            return kept[1]
        answer = self._request("GET", f"meta/bases/{self.base_id}/tables")
        schema = addresses.take_in(self.base_id, answer, now=timezone.now())
        self._schema = (time.monotonic(), schema)
        return schema

    def _drifted(self) -> None:
        self._schema = None

    def _table(self, table: str) -> TableSchema:
        return self.schema().tables.get(table) or TableSchema(table, table, {})

    def _records(self, table: str, answer: Mapping[str, Any]) -> list[Record]:
        schema = self._table(table)
        return [_record(body, schema) for body in answer["records"]]

    def _has_moved(self, table: str) -> bool:
        """Whether a field was changed since we looked: then the value is not to blame."""
        before = self._table(table)
        return self.schema(fresh=True).tables.get(table) != before

    def create_table(self, name: str, fields: Sequence[Mapping[str, Any]]) -> None:
        """A new table; the first field becomes its primary one."""
        body = {"name": name, "fields": [dict(field) for field in fields]}
        self._request("POST", f"meta/bases/{self.base_id}/tables", json=body)

    def create_field(self, table_id: str, field: Mapping[str, Any]) -> None:
        """A new field."""
        path = f"meta/bases/{self.base_id}/tables/{table_id}/fields"
        self._request("POST", path, json=dict(field))

    # Webhooks

    def webhooks(self) -> list[Mapping[str, Any]]:
        """All webhooks of the base, also those of others."""
        return list(self._request("GET", self._hooks_path())["webhooks"])

    def create_webhook(self, url: str | None) -> Mapping[str, Any]:
        """Watch all records and fields of the base; the answer shows the MAC secret this once."""
        kinds = ["tableData", "tableFields", "tableMetadata"]
        body: dict[str, Any] = {"specification": {"options": {"filters": {"dataTypes": kinds}}}}
        if url:
            body["notificationUrl"] = url
        answer: Mapping[str, Any] = self._request("POST", self._hooks_path(), json=body)
        return answer

    def refresh_webhook(self, webhook_id: str) -> str:
        """Another seven days; the new expiry."""
        answer = self._request("POST", f"{self._hooks_path()}/{webhook_id}/refresh")
        return str(answer.get("expirationTime") or "")

    def enable_notifications(self, webhook_id: str) -> None:
        """Have pings sent again after Airtable gave up on us."""
        path = f"{self._hooks_path()}/{webhook_id}/enableNotifications"
        self._request("POST", path, json={"enable": True})

    def delete_webhook(self, webhook_id: str) -> None:
        """Forget a webhook; one that is gone already is fine."""
        try:
            self._request("DELETE", f"{self._hooks_path()}/{webhook_id}", missing_is_gone=True)
        except Gone:
            pass

    def payloads(self, webhook_id: str, cursor: int) -> PayloadPage:
        """What happened from that position on. Asking also keeps the webhook alive.

        Raises:
            Gone: the webhook does not exist any more.
        """
        path = f"{self._hooks_path()}/{webhook_id}/payloads"
        answer = self._request("GET", path, params={"cursor": cursor}, missing_is_gone=True)
        return PayloadPage(answer["payloads"], int(answer["cursor"]), bool(answer["mightHaveMore"]))

    # Requests

    def _table_path(self, table: str) -> str:
        return f"{self.base_id}/{quote(self._table(table).id, safe='')}"

    def _hooks_path(self) -> str:
        return f"bases/{self.base_id}/webhooks"


def _record(body: Mapping[str, Any], table: TableSchema) -> Record:
    cells = table.inward(body.get("fields") or {})
    return Record(str(body["id"]), cells, str(body.get("createdTime") or ""))


_kept: dict[tuple[str, str, str], Airtable] = {}


def connect() -> Airtable | None:
    """The configured base; None when there is none, and then sync has nothing to do."""
    if not guard.is_configured():
        return None
    key = (
        str(settings.AIRTABLE_API_KEY),
        str(settings.AIRTABLE_BASE_ID),
        str(settings.AIRTABLE_API_URL),
    )
    if key not in _kept:
        _kept.clear()
        _kept[key] = Airtable(token=key[0], base_id=key[1], api_url=key[2])
    return _kept[key]
