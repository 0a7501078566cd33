"""Writing rows: create, update, replace, upsert, delete, with Airtable's refusals."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sync.sandbox import links
from sync.sandbox.action import Action
from sync.sandbox.base import Base
from sync.sandbox.errors import (
    ApiError,
    computed_field,
    invalid_request,
    not_found,
    row_does_not_exist,
    unknown_field,
)
from sync.sandbox.ids import is_id
from sync.sandbox.model import LINK, Field, Json, Record, Table
from sync.sandbox.values import clean, read

MERGEABLE = frozenset(
    {
        "number", "currency", "percent", "singleLineText", "multilineText", "richText",
        "singleSelect", "multipleSelects", "date", "dateTime",
    }
)  # fmt: skip
Cells = list[tuple[Field, Any]]


def missing_record(base: Base) -> ApiError:
    """The answer to a single record that is gone."""
    kind = base.switches.missing_record
    if kind == "403":
        return ApiError(
            403,
            "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND",
            "Invalid permissions, or the requested model was not found.",
        )
    if kind == "404-model":
        return ApiError(404, "MODEL_ID_NOT_FOUND", "Record not found")
    return not_found()


def cells(base: Base, action: Action, table: Table, fields: Any, *, typecast: bool) -> Cells:
    """Check all values before any is written, so that a refused record is left whole."""
    if not isinstance(fields, dict):
        raise invalid_request("parameter validation failed. Check your request data.")
    found: Cells = []
    for name, value in fields.items():
        column = table.find_field(name)
        if column is None:
            raise unknown_field(name)
        if column.type == LINK:
            kept: Any = links.clean(base, action, column, value, typecast=typecast)
        else:
            kept = clean(column, value, typecast=typecast, new_choice=action.new_choice)
        found.append((column, kept))
    return found


def create(base: Base, action: Action, table: Table, fields: Any, *, typecast: bool) -> Record:
    """A new row with these values."""
    ready = cells(base, action, table, fields, typecast=typecast)
    record = base.add(action, table)
    for column, value in ready:
        base.write(action, record, column, value)
    return record


def update(
    base: Base,
    action: Action,
    table: Table,
    record: Record,
    fields: Any,
    *,
    typecast: bool,
    replace: bool = False,
) -> Record:
    """Change the cells sent; with `replace` clear all the others, as PUT does."""
    ready = cells(base, action, table, fields, typecast=typecast)
    if replace:
        sent = {column.id for column, _ in ready}
        for column in table.fields:
            if column.id not in sent and not column.is_computed:
                base.write(action, record, column, None)
    for column, value in ready:
        base.write(action, record, column, value)
    return record


def in_table(table: Table, record_id: object) -> Record:
    """A record of this table, for the batch routes."""
    if not is_id(record_id, "rec"):
        raise ApiError(422, "INVALID_RECORD_ID", f'Value "{record_id}" is not a valid record ID.')
    record = table.records.get(str(record_id))
    if record is None:
        raise row_does_not_exist(str(record_id))
    return record


@dataclass
class Upserted:
    """What an upsert did, in the order of the request."""

    records: list[Record] = field(default_factory=list)
    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)


def merge_fields(table: Table, wanted: Any) -> list[Field]:
    """The fields that decide which row is meant."""
    names = wanted.get("fieldsToMergeOn") if isinstance(wanted, dict) else None
    if not isinstance(names, list) or not 1 <= len(names) <= 3:
        raise invalid_request("fieldsToMergeOn takes one to three field names or ids.")
    found = []
    for name in names:
        column = table.find_field(str(name))
        if column is None:
            raise unknown_field(str(name))
        if column.is_computed:
            raise computed_field(column.name)
        if column.type not in MERGEABLE:
            raise invalid_request(f'Field "{column.name}" cannot be used to merge on.')
        found.append(column)
    return found


def upsert(
    base: Base,
    action: Action,
    table: Table,
    entries: list[Json],
    merge_on: list[Field],
    *,
    typecast: bool,
    replace: bool = False,
) -> Upserted:
    """Update the row that each entry names or describes, or create it."""
    done = Upserted()
    for entry in entries:
        fields = entry.get("fields")
        record = _meant(base, action, table, entry, merge_on, typecast=typecast)
        if record is None:
            record = create(base, action, table, fields, typecast=typecast)
            done.created.append(record.id)
        else:
            update(base, action, table, record, fields, typecast=typecast, replace=replace)
            done.updated.append(record.id)
        done.records.append(record)
    if not base.switches.upsert_in_request_order:
        done.records.sort(key=lambda record: record.id in done.created)
    return done


def _meant(
    base: Base,
    action: Action,
    table: Table,
    entry: Json,
    merge_on: list[Field],
    *,
    typecast: bool,
) -> Record | None:
    if entry.get("id") is not None:
        return in_table(table, entry["id"])
    key = _key(base, action, table, entry.get("fields"), merge_on, typecast=typecast)
    matches = [
        record
        for record in table.records.values()
        if [_comparable(base, read(column, record)) for column in merge_on] == key
    ]
    if len(matches) > 1:
        names = ", ".join(column.name for column in merge_on)
        raise ApiError(
            422,
            base.switches.upsert_ambiguous_type,
            f"Cannot upsert: {len(matches)} records match the values of {names}.",
        )
    return matches[0] if matches else None


def _key(
    base: Base, action: Action, table: Table, fields: Any, merge_on: list[Field], *, typecast: bool
) -> list[Any]:
    sent = fields if isinstance(fields, dict) else {}
    key = []
    for column in merge_on:
        name = next((name for name in (column.name, column.id) if name in sent), None)
        if name is None:
            raise invalid_request(f'every record without an id needs a value for "{column.name}".')
        kept = clean(column, sent[name], typecast=typecast, new_choice=action.new_choice)
        key.append(_comparable(base, kept))
    return key


def _comparable(base: Base, value: Any) -> Any:
    if base.switches.upsert_ignores_case and isinstance(value, str):
        return value.lower()
    return value
