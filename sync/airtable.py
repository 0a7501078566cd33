"""The one module that talks to Airtable.

pyairtable builds the requests; retries are ours, because its own repeat a POST whose answer was
lost, which makes the same record twice. Every failure leaves here as one of `sync.errors`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import requests
from django.conf import settings
from django.db import connection
from django.utils import timezone
from pyairtable import Api

from sync import addresses, guard, limiter
from sync.errors import (
    AirtableError,
    Ambiguous,
    AuthOrQuota,
    Gone,
    Permanent,
    SchemaDrift,
    Transient,
)
from sync.limiter import OnHold
from sync.mappings.base import PLATFORM_ID
from sync.schema import Schema, TableSchema

TIMEOUT = (5, 30)
MOST_RECORDS = 10
PAGE_SIZE = 100
ITERATOR_IS_GONE = "LIST_RECORDS_ITERATOR_NOT_AVAILABLE"
SCHEMA_LIFE = 900.0
_READS = frozenset({"GET"})
# Fields go by their ids on the wire, so that renaming one in Airtable breaks nothing.
_BY_ID = {"returnFieldsByFieldId": True}
# Refusals for which a field of another type may be the cause.
_OF_ITS_TYPE = frozenset({"INVALID_VALUE_FOR_COLUMN", "INVALID_MULTIPLE_CHOICE_OPTIONS"})
_until: ContextVar[float | None] = ContextVar("airtable_until", default=None)


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


class Airtable:
    """One base."""

    def __init__(self, *, token: str, base_id: str, api_url: str) -> None:
        self.base_id = base_id
        self._token = token
        self._api_url = api_url
        self._limiter = limiter.for_base()
        self._local = threading.local()
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
            keys: at most fifty; what the answer does not have stands there with no row.
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

    def delete(self, table: str, record_id: str) -> None:
        """Delete a row; one that is gone already is fine."""
        try:
            path = f"{self._table_path(table)}/{record_id}"
            self._request("DELETE", path, missing_is_gone=True, table=table)
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

    def _api(self) -> Api:
        # A requests session is not promised to be safe between threads.
        api = getattr(self._local, "api", None)
        if api is None:
            api = Api(self._token, timeout=TIMEOUT, retry_strategy=None, endpoint_url=self._api_url)
            # A proxy for the outside world has no business with a base on this machine.
            api.session.trust_env = not guard.is_loopback(self._api_url)
            self._local.api = api
        found: Api = api
        return found

    def _request(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, Any] | None = None,
        json: dict[str, Any] | None = None,
        missing_is_gone: bool = False,
        table: str = "",
    ) -> Any:
        if method not in _READS:
            guard.check(table)
        try:
            with self._counted(), self._limiter.place(patience=_time_left()):
                url = f"{self._api_url}/v0/{path}"
                api = self._api()
                # Fractions of a second are fine with requests; its types say whole ones.
                api.timeout = (_at_most(TIMEOUT[0]), _at_most(TIMEOUT[1]))  # type: ignore[assignment]
                return api.request(method, url, params=params, json=json)
        except OnHold as hold:
            raise Transient(hold.reason, retry_after=hold.seconds) from hold
        except requests.HTTPError as error:
            raise self._refusal(method, error.response, missing_is_gone=missing_is_gone) from None
        except (requests.ConnectTimeout, requests.exceptions.ProxyError) as error:
            raise Transient(f"Airtable cannot be reached: {type(error).__name__}.") from None
        except requests.RequestException as error:
            raise _lost(method, error) from None

    @contextmanager
    def _counted(self) -> Iterator[None]:
        """Count a request that was made: after it, when its place is held for nobody any more."""
        try:
            yield
        except OnHold:
            raise
        except BaseException:
            _count(self.base_id)
            raise
        _count(self.base_id)

    def _refusal(
        self, method: str, response: requests.Response, *, missing_is_gone: bool
    ) -> AirtableError:
        type_, message = _error_of(response)
        status = response.status_code
        if status == 429:
            return self._limited(response, type_, message)
        if status == 401:
            self._limiter.hold(limiter.HOLD_AFTER_REFUSED_KEY, "Airtable refuses the key.")
            return AuthOrQuota("Airtable refuses the key in AIRTABLE_API_KEY (401).")
        if status >= 500:
            return _server_error(method, status, type_, response)
        if missing_is_gone and status in (403, 404):
            return Gone(type_, message, status=status)
        if status == 403:
            return AuthOrQuota(f"Airtable refuses access: {type_}. {message}".strip())
        if type_ == "UNKNOWN_FIELD_NAME":
            self._schema = None
            return SchemaDrift(message)
        return Permanent(type_, message, status=status)

    def _limited(self, response: requests.Response, type_: str, message: str) -> AirtableError:
        if type_ in ("RATE_LIMIT_REACHED", ""):
            asked = _seconds(response.headers.get("Retry-After"))
            pause = self._limiter.hold_after_429(max(limiter.HOLD_AFTER_429, asked or 0.0))
            return Transient("Airtable's rate limit was reached.", retry_after=pause)
        # Retrying a spent monthly quota only makes noise until the month ends.
        reason = f"Airtable's quota is spent: {type_}."
        self._limiter.hold(limiter.HOLD_AFTER_BILLING, reason)
        return AuthOrQuota(f"{reason} {message}".strip())


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Somebody is waiting: no request inside takes longer than what is left of so many seconds.

    A read that cannot be finished in that time raises `Transient`.
    """
    token = _until.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _until.reset(token)


def _time_left() -> float | None:
    """Of the time given by `within`; None without it."""
    until = _until.get()
    if until is None:
        return None
    left = until - time.monotonic()
    if left <= 0:
        raise Transient("There was no time left to ask Airtable.")
    return left


def _at_most(seconds: float) -> float:
    left = _time_left()
    return seconds if left is None else min(seconds, left)


def _lost(method: str, error: requests.RequestException) -> AirtableError:
    """The connection broke. Unless it was never made, a write may have arrived."""
    text = f"The connection to Airtable broke: {type(error).__name__}."
    never_sent = "NewConnectionError" in repr(error)
    return Transient(text) if method in _READS or never_sent else Ambiguous(text)


def _server_error(
    method: str, status: int, type_: str, response: requests.Response
) -> AirtableError:
    text = f"Airtable answered {status} {type_}".strip() + "."
    retry_after = _seconds(response.headers.get("Retry-After"))
    if method in _READS or retry_after is not None:
        return Transient(text, retry_after=retry_after)
    return Ambiguous(text)


def _error_of(response: requests.Response) -> tuple[str, str]:
    """Type and message out of the three shapes that Airtable uses."""
    try:
        error = response.json().get("error", "")
    except (ValueError, AttributeError):
        return "", ""
    if isinstance(error, dict):
        return str(error.get("type") or ""), str(error.get("message") or "")
    return str(error), ""


def _seconds(value: str | None) -> float | None:
    try:
        return float(value) if value else None
    except ValueError:
        return None


def _record(body: Mapping[str, Any], table: TableSchema) -> Record:
    cells = table.inward(body.get("fields") or {})
    return Record(str(body["id"]), cells, str(body.get("createdTime") or ""))


def _count(base_id: str) -> None:
    """One more request this minute."""
    minute = timezone.now().replace(second=0, microsecond=0)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO sync_apiusage (base_id, minute, requests) VALUES (%s, %s, 1)"
            " ON CONFLICT (base_id, minute) DO UPDATE SET requests = sync_apiusage.requests + 1",
            [base_id, minute],
        )


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
