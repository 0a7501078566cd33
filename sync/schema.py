"""The base's tables and fields as Airtable describes them, and how far they fit the mappings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping as MappingType
from dataclasses import dataclass
from typing import Any

from sync.mappings import REGISTRY, Mapping
from sync.mappings.base import LAST_SYNCED, PLATFORM_ID, SYNC_MESSAGE, Field

OURS: dict[str, dict[str, Any]] = {
    PLATFORM_ID: {"type": "singleLineText"},
    LAST_SYNCED: {
        "type": "dateTime",
        "options": {
            "timeZone": "utc",
            "dateFormat": {"name": "iso"},
            "timeFormat": {"name": "24hour"},
        },
    },
    SYNC_MESSAGE: {"type": "multilineText"},
}


@dataclass(frozen=True)
class Column:
    """A field as the base has it."""

    id: str
    name: str
    type: str
    choices: frozenset[str]


@dataclass(frozen=True)
class TableSchema:
    """A table as the base has it."""

    id: str
    name: str
    columns: MappingType[str, Column]

    @property
    def names(self) -> frozenset[str]:
        """The names of its fields."""
        return frozenset(self.columns)


@dataclass(frozen=True)
class Schema:
    """The whole base. Names are resolved here, because webhooks speak in ids alone."""

    tables: MappingType[str, TableSchema]

    @classmethod
    def from_api(cls, answer: MappingType[str, Any]) -> Schema:
        """From the metadata API."""
        return cls({body["name"]: _table(body) for body in answer["tables"]})

    def table_of(self, table_id: str) -> TableSchema | None:
        """The table with that id."""
        return next((table for table in self.tables.values() if table.id == table_id), None)

    def by_name(self, table: TableSchema, cells: MappingType[str, Any]) -> dict[str, Any]:
        """Cells keyed by field id, keyed by name instead; those of unknown fields are left out."""
        names = {column.id: column.name for column in table.columns.values()}
        return {names[field_id]: value for field_id, value in cells.items() if field_id in names}


def _table(body: MappingType[str, Any]) -> TableSchema:
    columns = {}
    for field in body["fields"]:
        choices = (field.get("options") or {}).get("choices") or ()
        columns[field["name"]] = Column(
            field["id"],
            field["name"],
            field["type"],
            frozenset(choice["name"] for choice in choices),
        )
    return TableSchema(body["id"], body["name"], columns)


@dataclass(frozen=True)
class Gap:
    """One way in which the base does not fit."""

    table: str
    field: str
    sentence: str
    can_create: bool


def gaps(schema: Schema) -> Iterator[Gap]:
    """Everything the mappings need and the base lacks."""
    for mapping in REGISTRY:
        table = schema.tables.get(mapping.table)
        if table is None:
            yield Gap(mapping.table, "", "The table is missing.", can_create=True)
            continue
        for name, spec in OURS.items():
            if name not in table.columns:
                yield Gap(
                    mapping.table, name, f"The field ({spec['type']}) is missing.", can_create=True
                )
        for field in mapping.fields:
            yield from _field_gaps(mapping, field, table)


# Kinds of text hold each other's values, so a base that chose another one is left alone.
_ALIKE = ({"singleLineText", "multilineText", "richText", "email", "url", "phoneNumber"},)


def _field_gaps(mapping: Mapping, field: Field, table: TableSchema) -> Iterator[Gap]:
    column = table.columns.get(field.name)
    if column is None:
        sentence = f"The field ({field.codec.type}) is missing; its values stay as they are."
        yield Gap(mapping.table, field.name, sentence, can_create=True)
    elif not _fits(field.codec.type, column.type):
        sentence = f"The field is {column.type}; {field.codec.type} is needed."
        yield Gap(mapping.table, field.name, sentence, can_create=False)
    elif field.codec.choices and not field.codec.open_choices:
        missing = [name for name in field.codec.choices if name not in column.choices]
        if missing:
            sentence = f"Add the choices {', '.join(missing)} in Airtable; they are not sent."
            yield Gap(mapping.table, field.name, sentence, can_create=False)


def _fits(wanted: str, found: str) -> bool:
    return wanted == found or any(wanted in kinds and found in kinds for kinds in _ALIKE)


def usable(mapping: Mapping, table: TableSchema) -> frozenset[str]:
    """The mapping's fields that exist here with a type that can hold them.

    A renamed or retyped field blocks itself, not the table: its values stay as they are on both
    sides until `sync_check_schema` is clean again.
    """
    return frozenset(
        field.name
        for field in mapping.fields
        if (column := table.columns.get(field.name)) and _fits(field.codec.type, column.type)
    )


def definition(field: Field, table_ids: MappingType[str, str]) -> dict[str, Any]:
    """How to create the field."""
    spec: dict[str, Any] = {"name": field.name, "type": field.codec.type}
    if field.codec.options:
        spec["options"] = field.codec.options
    if field.codec.type in ("singleSelect", "multipleSelects"):
        spec["options"] = {"choices": [{"name": name} for name in field.codec.choices]}
    if field.codec.linked_table:
        spec["options"] = {"linkedTableId": table_ids[field.codec.linked_table]}
    return spec
