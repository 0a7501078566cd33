"""The metadata API: what is in the base, and the few changes to it that the API allows."""

from __future__ import annotations

import copy
from typing import Any

from sync.sandbox.action import Action
from sync.sandbox.base import Base
from sync.sandbox.errors import ApiError, invalid_request, model_not_found
from sync.sandbox.ids import random_id
from sync.sandbox.model import COMPUTED, LINK, SELECTS, Field, Json, Table
from sync.sandbox.schema import PLAIN_OPTIONS
from sync.sandbox.values import NUMBERS, TEXTS

PRIMARY = frozenset({*TEXTS, *NUMBERS, "date", "dateTime"})
CREATABLE = frozenset(
    {
        *TEXTS, *NUMBERS, *SELECTS, LINK, "rating", "checkbox", "date", "dateTime",
        "multipleAttachments", "singleCollaborator", "multipleCollaborators", "barcode",
    }
)  # fmt: skip
LONGEST_DESCRIPTION = 20_000


def schema(base: Base, *, with_visible_fields: bool) -> Json:
    """All tables with their fields and views."""
    tables = base.tables.values()
    return {"tables": [table.schema(with_visible_fields=with_visible_fields) for table in tables]}


def create_table(base: Base, action: Action, wanted: Json) -> Table:
    """A new table; its first field is the primary one."""
    name = _name(wanted)
    if any(table.name.lower() == name.lower() for table in base.tables.values()):
        raise ApiError(422, "DUPLICATE_TABLE_NAME", f"Table name {name} already exists")
    specs = wanted.get("fields")
    if not isinstance(specs, list) or not specs or not isinstance(specs[0], dict):
        raise invalid_request("a table needs at least one field.")
    if specs[0].get("type") not in PRIMARY:
        raise invalid_request("the first field cannot be the primary one: its type is not suited.")
    table = Table(
        id=random_id("tbl"),
        name=name,
        description=_description(wanted),
        view_id=random_id("viw"),
        fields=[],
    )
    base.tables[table.id] = table
    action.created_tables.append(table)
    for spec in specs:
        create_field(base, action, table, spec)
    return table


def create_field(base: Base, action: Action, table: Table, wanted: Any) -> Field:
    """A new column; a link gets its other end in the linked table."""
    if not isinstance(wanted, dict):
        raise invalid_request("a field is an object with a name and a type.")
    name, kind = _name(wanted), wanted.get("type")
    _refuse_duplicate(table, name)
    if kind not in CREATABLE or not isinstance(kind, str):
        computed = "UNSUPPORTED_FIELD_TYPE_FOR_CREATE" if kind in COMPUTED else "INVALID_FIELD_TYPE"
        raise ApiError(422, computed, f"Creating {kind} fields is not supported at this time")
    column = Field(
        id=random_id("fld"),
        name=name,
        type=kind,
        description=_description(wanted),
        options=_options(kind, wanted.get("options")),
    )
    _add(action, table, column)
    if kind == LINK:
        _add_inverse(base, action, table, column)
    return column


def update_field(action: Action, table: Table, field_id: str, wanted: Json) -> Field:
    """A new name or description; types and options cannot be changed here."""
    column = next((column for column in table.fields if column.id == field_id), None)
    if column is None:
        raise model_not_found()
    if not wanted or set(wanted) - {"name", "description"}:
        raise invalid_request("only name and description can be changed.")
    previous = {"name": column.name, "description": column.description}
    if "name" in wanted:
        name = _name(wanted)
        _refuse_duplicate(table, name, besides=column)
        column.name = name
    if "description" in wanted:
        column.description = _description(wanted)
    action.changed_fields.append((table, column, previous))
    return column


def update_table(action: Action, table: Table, wanted: Json) -> Table:
    """A new name or description."""
    if not wanted or set(wanted) - {"name", "description"}:
        raise invalid_request("only name and description can be changed.")
    previous = {"name": table.name, "description": table.description}
    if "name" in wanted:
        table.name = _name(wanted)
    if "description" in wanted:
        table.description = _description(wanted)
    action.changed_tables.append((table, previous))
    return table


def _name(wanted: Json) -> str:
    name = wanted.get("name")
    if not isinstance(name, str) or not name.strip():
        raise invalid_request("a name is required.")
    return name.strip()


def _description(wanted: Json) -> str | None:
    text = wanted.get("description")
    if text is not None and (not isinstance(text, str) or len(text) > LONGEST_DESCRIPTION):
        raise invalid_request("a description is text of at most 20,000 characters.")
    return text


def _refuse_duplicate(table: Table, name: str, *, besides: Field | None = None) -> None:
    for column in table.fields:
        if column is not besides and column.name.lower() == name.lower():
            raise ApiError(
                422, "DUPLICATE_OR_EMPTY_FIELD_NAME", f"Field name {name} is taken or empty"
            )


def _options(kind: str, options: Any) -> Json:
    if options is not None and not isinstance(options, dict):
        raise invalid_request("options must be an object.")
    given: Json = copy.deepcopy(options or {})
    if kind in SELECTS:
        choices = given.get("choices", [])
        if not all(isinstance(c, dict) and isinstance(c.get("name"), str) for c in choices):
            raise invalid_request("every choice needs a name.")
        made = [{"id": random_id("sel"), "color": "blueLight2", **choice} for choice in choices]
        return {"choices": made}
    return {**copy.deepcopy(PLAIN_OPTIONS.get(kind, {})), **given}


def _add(action: Action, table: Table, column: Field) -> None:
    table.fields.append(column)
    action.created_fields.append((table, column))


def _add_inverse(base: Base, action: Action, table: Table, column: Field) -> None:
    linked = base.tables.get(str(column.options.get("linkedTableId")))
    if linked is None:
        raise invalid_request("linkedTableId must be the id of a table of this base.")
    name, number = table.name, 1
    while linked.find_field(name) is not None:
        number += 1
        name = f"{table.name} {number}"
    inverse = Field(id=random_id("fld"), name=name, type=LINK)
    inverse.options = {
        "linkedTableId": table.id,
        "isReversed": False,
        "prefersSingleRecordLink": False,
        "inverseLinkFieldId": column.id,
    }
    column.options = {
        "isReversed": False,
        "prefersSingleRecordLink": False,
        **column.options,
        "inverseLinkFieldId": inverse.id,
    }
    _add(action, linked, inverse)
