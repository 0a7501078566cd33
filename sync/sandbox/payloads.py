"""What a webhook tells of an action: which parts it asked for, in the format it gets them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sync.sandbox.ids import is_id
from sync.sandbox.model import Field, Json, Record, Table
from sync.sandbox.values import in_webhook_format, read

if TYPE_CHECKING:
    from sync.sandbox.action import Action, CellChange
    from sync.sandbox.base import Base

DATA_TYPES = frozenset({"tableData", "tableFields", "tableMetadata"})
CHANGE_TYPES = frozenset({"add", "remove", "update"})
SOURCES = frozenset(
    {
        "client", "publicApi", "formSubmission", "formPageSubmission", "automation", "system",
        "sync", "anonymousUser", "unknown",
    }
)  # fmt: skip


@dataclass(frozen=True)
class News:
    """One record's part of a payload."""

    table_id: str
    kind: str
    record_id: str
    body: Any = None


class Wish:
    """A webhook's specification, as questions."""

    def __init__(self, specification: Json) -> None:
        options = specification.get("options", {})
        self.filters: Json = options.get("filters", {})
        self.includes: Json = options.get("includes", {})

    def data(self, kind: str) -> bool:
        """Whether this data type is watched."""
        return kind in self.filters.get("dataTypes", ())

    def change(self, kind: str) -> bool:
        """Whether additions, removals or updates are watched."""
        return kind in self.filters.get("changeTypes", CHANGE_TYPES)

    def source(self, kind: str) -> bool:
        """Whether actions from there are watched."""
        return kind in self.filters.get("fromSources", SOURCES)

    @property
    def scope(self) -> str | None:
        """The table or view that alone is watched."""
        scope: str | None = self.filters.get("recordChangeScope")
        return scope

    def table(self, table: Table) -> bool:
        """Whether rows of this table are watched."""
        return self.scope in (None, table.id, table.view_id)

    def watches(self, field_ids: list[str]) -> bool:
        """Whether a change in these fields is worth telling."""
        watched = self.filters.get("watchDataInFieldIds")
        return not watched or any(field_id in watched for field_id in field_ids)

    def included(self, field_id: str) -> bool:
        """Whether the cell is shown though it has not changed."""
        wanted = self.includes.get("includeCellValuesInFieldIds") or ()
        return wanted == "all" or field_id in wanted


def build(base: Base, action: Action, changes: list[CellChange], specification: Json) -> list[Json]:
    """The payloads of one action for one webhook: none, one, or several when it is large."""
    wish = Wish(specification)
    if not wish.source(action.source.kind):
        return []
    news = _record_news(base, action, changes, wish) if wish.data("tableData") else []
    schema = _schema_news(base, action, wish)
    if not news and not schema:
        return []
    size = max(1, base.switches.payload_split_at)
    parts = [news[start : start + size] for start in range(0, len(news), size)] or [[]]
    payloads = []
    for index, part in enumerate(parts):
        payload: Json = {
            "timestamp": action.at,
            "baseTransactionNumber": base.transaction,
            "payloadFormat": "v0",
            "actionMetadata": action.source.action_metadata(),
        }
        changed = _tables(part, wish.scope)
        if index == 0:
            for table_id, body in schema.get("changedTablesById", {}).items():
                changed.setdefault(table_id, {}).update(body)
            if "createdTablesById" in schema:
                payload["createdTablesById"] = schema["createdTablesById"]
        if changed:
            payload["changedTablesById"] = changed
        payloads.append(payload)
    return payloads


def _record_news(base: Base, action: Action, changes: list[CellChange], wish: Wish) -> list[News]:
    new_tables = {table.id for table in action.created_tables}

    def watched(record: Record) -> bool:
        return record.table_id not in new_tables and wish.table(base.tables[record.table_id])

    news: list[News] = []
    if wish.change("add"):
        for record in filter(watched, action.created.values()):
            body = {
                "createdTime": record.created_time,
                "cellValuesByFieldId": _cells(base, record),
            }
            news.append(News(record.table_id, "createdRecordsById", record.id, body))
    if wish.change("update"):
        told = [c for c in changes if watched(c.record) and wish.watches(c.field_ids)]
        news += [_update_news(base, change, wish) for change in told]
    if wish.change("remove"):
        gone = filter(watched, action.destroyed.values())
        news += [News(record.table_id, "destroyedRecordIds", record.id) for record in gone]
    return news


def _update_news(base: Base, change: CellChange, wish: Wish) -> News:
    body = _changed(base, change, wish)
    return News(change.record.table_id, "changedRecordsById", change.record.id, body)


def _cells(base: Base, record: Record) -> Json:
    cells: Json = {}
    for column in base.tables[record.table_id].fields:
        value = read(column, record)
        if value is not None:
            cells[column.id] = in_webhook_format(column, value, base.name_of)
    return cells


def _changed(base: Base, change: CellChange, wish: Wish) -> Json:
    table = base.tables[change.record.table_id]
    columns = {column.id: column for column in table.fields}
    body: Json = {"current": {"cellValuesByFieldId": {}}}
    for field_id in change.field_ids:
        value = read(columns[field_id], change.record)
        shown = in_webhook_format(columns[field_id], value, base.name_of)
        body["current"]["cellValuesByFieldId"][field_id] = shown
    if wish.includes.get("includePreviousCellValues"):
        body["previous"] = {
            "cellValuesByFieldId": {
                field_id: in_webhook_format(
                    columns[field_id], change.previous.get(field_id), base.name_of
                )
                for field_id in change.field_ids
            }
        }
    unchanged = {
        field_id: value
        for field_id, value in _cells(base, change.record).items()
        if field_id not in change.field_ids and wish.included(field_id)
    }
    if unchanged:
        body["unchanged"] = {"cellValuesByFieldId": unchanged}
    return body


def _tables(news: list[News], scope: str | None) -> dict[str, Json]:
    """Sort the news by table, one level deeper where the scope is a view."""
    tables: dict[str, Json] = {}
    for item in news:
        place = tables.setdefault(item.table_id, {})
        if is_id(scope, "viw"):
            place = place.setdefault("changedViewsById", {}).setdefault(scope, {})
        if item.kind == "destroyedRecordIds":
            place.setdefault(item.kind, []).append(item.record_id)
        else:
            place.setdefault(item.kind, {})[item.record_id] = item.body
    return tables


def _definition(column: Field) -> Json:
    return {"name": column.name, "type": column.type}


def _schema_news(base: Base, action: Action, wish: Wish) -> Json:
    found: Json = {}
    if wish.data("tableFields") or wish.data("tableMetadata"):
        for table in action.created_tables:
            found.setdefault("createdTablesById", {})[table.id] = {
                "metadata": {"name": table.name, "description": table.description},
                "fieldsById": {column.id: _definition(column) for column in table.fields},
                "recordsById": {},
            }
    changed: dict[str, Json] = {}
    if wish.data("tableFields"):
        _field_news(action, wish, changed)
    if wish.data("tableMetadata"):
        for table, previous in action.changed_tables:
            current = {"name": table.name, "description": table.description}
            changed.setdefault(table.id, {})["changedMetadata"] = {
                "current": current,
                "previous": previous,
            }
    if changed:
        found["changedTablesById"] = changed
    return found


def _field_news(action: Action, wish: Wish, changed: dict[str, Json]) -> None:
    for table, column in action.created_fields:
        if wish.change("add"):
            place = changed.setdefault(table.id, {}).setdefault("createdFieldsById", {})
            place[column.id] = _definition(column)
    for table, column, previous in action.changed_fields:
        if wish.change("update"):
            body: Json = {"current": _definition(column)}
            if wish.includes.get("includePreviousFieldDefinitions"):
                body["previous"] = {"name": previous["name"]}
            place = changed.setdefault(table.id, {}).setdefault("changedFieldsById", {})
            place[column.id] = body
