"""Listing records: filter, order, pages, and offsets that do not live for ever."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sync.sandbox.base import Base
from sync.sandbox.errors import ApiError, invalid_request, unknown_field
from sync.sandbox.formulas import Formula
from sync.sandbox.ids import random_id
from sync.sandbox.model import Field, Json, Record, Table
from sync.sandbox.values import as_text, read

PAGE_SIZE = 100
MOST_ITERATORS = 200


@dataclass
class Query:
    """What a list request asks for, whichever way it was sent."""

    page_size: int = PAGE_SIZE
    max_records: int | None = None
    offset: str | None = None
    view: str | None = None
    formula: str | None = None
    fields: list[str] = field(default_factory=list)
    sort: list[tuple[str, bool]] = field(default_factory=list)
    by_id: bool = False


@dataclass
class Iterator:
    """A list under way: which records, in which order. Their values are read when shown."""

    table_id: str
    record_ids: list[str]
    used_at: datetime


class Lists:
    """The list requests under way. They do not outlive the process, as Airtable's do not."""

    def __init__(self, base: Base) -> None:
        self._base = base
        self._iterators: dict[str, Iterator] = {}

    def clear(self) -> None:
        """Forget all offsets."""
        self._iterators.clear()

    def page(self, table: Table, query: Query) -> Json:
        """One page; called under the base's lock."""
        if not 1 <= query.page_size <= PAGE_SIZE:
            raise invalid_request("pageSize must be between 1 and 100.")
        columns = [self._column(table, name) for name in query.fields]
        if query.offset:
            key, ids, start = self._resume(table, query.offset)
        else:
            key, ids, start = random_id("itr"), self._select(table, query), 0
        page = ids[start : start + query.page_size]
        shown = [
            self._shown(table.records[record_id], columns, by_id=query.by_id)
            for record_id in page
            # Deleted since the first page was made: it is passed over.
            if record_id in table.records
        ]
        answer: Json = {"records": shown}
        end = start + query.page_size
        if end < len(ids):
            self._keep(key, Iterator(table.id, ids, self._base.clock.now()))
            answer["offset"] = f"{key}/{ids[end]}"
        else:
            self._iterators.pop(key, None)
        return answer

    def _column(self, table: Table, name: str) -> Field:
        column = table.find_field(name)
        if column is None:
            raise unknown_field(name)
        return column

    def _shown(self, record: Record, columns: list[Field], *, by_id: bool) -> Json:
        shown = self._base.shown(record, by_id=by_id)
        if columns:
            wanted = {column.id if by_id else column.name for column in columns}
            shown["fields"] = {name: v for name, v in shown["fields"].items() if name in wanted}
        return shown

    def _select(self, table: Table, query: Query) -> list[str]:
        if query.view and query.view not in (table.view_id, table.view["name"]):
            raise ApiError(422, "VIEW_NAME_NOT_FOUND", f"View {query.view} not found")
        # Without a view the order is arbitrary: by random id, so that nobody relies on age.
        records = sorted(table.records.values(), key=lambda row: row.id)
        if query.view:
            records.sort(key=lambda row: row.number)
        if query.formula:
            formula = Formula(query.formula, table, self._base.name_of)
            records = [record for record in records if formula.keeps(record)]
        for name, descending in reversed(query.sort):
            column = self._column(table, name)
            records.sort(key=lambda row: self._sort_key(column, row), reverse=descending)
        if query.max_records is not None:
            records = records[: query.max_records]
        return [record.id for record in records]

    def _sort_key(self, column: Field, record: Record) -> tuple[bool, float, str]:
        value = read(column, record)
        if isinstance(value, int | float):
            return (True, float(value), "")
        text = as_text(column, value, self._base.name_of)
        return (bool(text), 0.0, text.casefold())

    def _resume(self, table: Table, offset: str) -> tuple[str, list[str], int]:
        key, _, record_id = offset.partition("/")
        iterator = self._iterators.get(key)
        if iterator is None or iterator.table_id != table.id or self._is_stale(iterator):
            self._iterators.pop(key, None)
            raise ApiError(422, "LIST_RECORDS_ITERATOR_NOT_AVAILABLE")
        if record_id not in iterator.record_ids:
            raise ApiError(422, "LIST_RECORDS_ITERATOR_NOT_AVAILABLE")
        return key, iterator.record_ids, iterator.record_ids.index(record_id)

    def _is_stale(self, iterator: Iterator) -> bool:
        idle = (self._base.clock.now() - iterator.used_at).total_seconds()
        return idle > self._base.switches.iterator_seconds

    def _keep(self, key: str, iterator: Iterator) -> None:
        self._iterators[key] = iterator
        while len(self._iterators) > MOST_ITERATORS:
            self._iterators.pop(next(iter(self._iterators)))


def from_params(pairs: list[tuple[str, str]]) -> Query:
    """A query as GET sends it: `fields[]=..`, `sort[0][field]=..`."""
    query = Query()
    sort: dict[str, dict[str, str]] = {}
    for name, value in pairs:
        if name == "fields" or name.startswith("fields["):
            query.fields.append(value)
        elif name.startswith("sort["):
            index, _, part = name.removeprefix("sort[").partition("]")
            sort.setdefault(index, {})[part.strip("[]")] = value
        else:
            _set(query, name, value)
    query.sort = [_sorting(sort[index]) for index in sorted(sort)]
    return query


def from_json(body: Json) -> Query:
    """A query as POST /listRecords sends it."""
    query = Query()
    for name, value in body.items():
        if name == "fields":
            query.fields = [str(item) for item in _list(name, value)]
        elif name == "sort":
            query.sort = [_sorting(item) for item in _list(name, value)]
        elif value is not None:
            _set(query, name, value)
    return query


def _list(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise invalid_request(f"{name} must be an array.")
    return value


def _sorting(entry: Any) -> tuple[str, bool]:
    if not isinstance(entry, dict) or not isinstance(entry.get("field"), str):
        raise invalid_request("sort needs a field.")
    direction = entry.get("direction", "asc")
    if direction not in ("asc", "desc"):
        raise invalid_request("sort direction is asc or desc.")
    return entry["field"], direction == "desc"


def truthy(value: Any) -> bool:
    """A boolean as it comes in a query string or in JSON."""
    return value is True or str(value).lower() in {"1", "true"}


def _set(query: Query, name: str, value: Any) -> None:
    match name:
        case "pageSize":
            query.page_size = _whole(name, value)
        case "maxRecords":
            query.max_records = max(1, _whole(name, value))
        case "offset":
            query.offset = str(value)
        case "view":
            query.view = str(value)
        case "filterByFormula":
            query.formula = str(value)
        case "returnFieldsByFieldId":
            query.by_id = truthy(value)
        case "cellFormat" if value != "json":
            raise invalid_request("the sandbox speaks cellFormat json only.")
        case _:
            pass


def _whole(name: str, value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError) as error:
        raise invalid_request(f"{name} must be a whole number.") from error
