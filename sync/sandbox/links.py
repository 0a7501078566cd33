"""Linked records: checking what is linked, and keeping both ends in step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sync.sandbox.errors import ApiError, invalid_value, row_does_not_exist
from sync.sandbox.ids import is_id
from sync.sandbox.model import LINK, Field, Record, Table

if TYPE_CHECKING:
    from sync.sandbox.action import Action
    from sync.sandbox.base import Base


def clean(
    base: Base, action: Action, column: Field, value: Any, *, typecast: bool
) -> list[str] | None:
    """The record ids a link cell will hold, or None where that is none."""
    if value in (None, "", []):
        return None
    if typecast and isinstance(value, str):
        value = [value] if is_id(value, "rec") else [part.strip() for part in value.split(",")]
    if not isinstance(value, list):
        raise invalid_value(column.name)
    linked = base.tables[column.options["linkedTableId"]]
    kept: list[str] = []
    for item in value:
        record_id = _record_id(base, action, linked, column, item, typecast=typecast)
        if record_id not in kept:
            kept.append(record_id)
    return kept or None


def _record_id(
    base: Base, action: Action, linked: Table, column: Field, item: Any, *, typecast: bool
) -> str:
    if isinstance(item, dict):
        item = item.get("id")
    if not isinstance(item, str):
        raise invalid_value(column.name)
    if not is_id(item, "rec"):
        if typecast:
            return _named(base, action, linked, item)
        raise ApiError(422, "INVALID_RECORD_ID", f'Value "{item}" is not a valid record ID.')
    record = base.rows.get(item)
    if record is None:
        raise row_does_not_exist(item)
    if record.table_id != linked.id:
        raise ApiError(
            422,
            "ROW_TABLE_DOES_NOT_MATCH_LINKED_TABLE",
            f"Record ID {item} belongs to table {record.table_id}, "
            f"but the field links to table {linked.id}",
        )
    return item


def _named(base: Base, action: Action, linked: Table, name: str) -> str:
    """The record with that name, made if need be: what typecast does with text in a link."""
    for record_id in linked.records:
        if base.name_of(record_id) == name:
            return record_id
    record = base.add(action, linked)
    base.write(action, record, linked.primary, name or None)
    return record.id


def inverse_of(base: Base, column: Field) -> Field | None:
    """The field that shows the same link from the other table."""
    linked = base.tables.get(str(column.options.get("linkedTableId")))
    inverse_id = column.options.get("inverseLinkFieldId")
    return linked.find_field(inverse_id) if linked is not None and inverse_id else None


def follow(
    base: Base,
    action: Action,
    column: Field,
    record: Record,
    previous: list[str],
    current: list[str],
) -> None:
    """Bring the other end in step with a changed link cell."""
    inverse = inverse_of(base, column)
    if inverse is None:
        return
    for gone in (record_id for record_id in previous if record_id not in current):
        _set(base, action, gone, inverse, record.id, present=False)
    for added in (record_id for record_id in current if record_id not in previous):
        _set(base, action, added, inverse, record.id, present=True)


def unlink(base: Base, action: Action, record: Record) -> None:
    """Take a record that is about to go out of every cell that links to it."""
    for table in base.tables.values():
        for column in table.fields:
            if column.type == LINK and column.options.get("linkedTableId") == record.table_id:
                for holder in list(table.records.values()):
                    if record.id in holder.cells.get(column.id, ()) and holder is not record:
                        _set(base, action, holder.id, column, record.id, present=False)


def _set(
    base: Base, action: Action, holder_id: str, column: Field, record_id: str, *, present: bool
) -> None:
    """Add or take one id at one end, without following it back to the end it came from."""
    holder = base.rows.get(holder_id)
    if holder is None:
        return
    action.touch(holder)
    kept = [item for item in holder.cells.get(column.id, []) if item != record_id]
    if present:
        kept.append(record_id)
    if kept:
        holder.cells[column.id] = kept
    else:
        holder.cells.pop(column.id, None)
