"""The base's tables and fields as Airtable describes them, and how far they fit the mappings.

Everything above this module speaks in the mappings' names. Here they are tied to the base's ids, so
that a program manager may rename a table, a field or a choice and nothing stops: what was seen once
(`Memory`) is found again by its id, whatever it is called by now.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping as MappingType, Sequence
from dataclasses import dataclass, field as attribute
from functools import cached_property
from typing import Any

from sync.mappings import BY_TABLE, REGISTRY, Mapping
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
Place = tuple[str, str]
"""A table and one of its fields, by the mappings' names; an empty field means the table itself."""


@dataclass(frozen=True)
class Memory:
    """The ids under which things were seen before."""

    ids: MappingType[Place, str] = attribute(default_factory=dict)
    words: MappingType[Place, MappingType[str, str]] = attribute(default_factory=dict)
    """Of a select with a vocabulary of ours: the word that each choice id stands for."""


@dataclass(frozen=True)
class Column:
    """A field as the base has it."""

    id: str
    name: str
    """What the mappings call it."""
    type: str
    choices: frozenset[str]
    """In our words."""
    name_there: str = ""
    choice_ids: MappingType[str, str] = attribute(default_factory=dict)
    """Choice ids and the words of ours they stand for."""
    renamed: MappingType[str, str] = attribute(default_factory=dict)
    """Choices that are called something else there: their name there, and our word."""

    def inward(self, value: Any) -> Any:
        """A cell in either of Airtable's formats, with its choices in our words."""
        if not self.renamed:
            return value
        if isinstance(value, list):
            return [self.inward(item) for item in value]
        name = value.get("name") if isinstance(value, dict) else value
        return self.renamed.get(name, value) if isinstance(name, str) else value

    def outward(self, value: Any) -> Any:
        """A value of ours, with its choices as the base calls them."""
        if not self.renamed or not isinstance(value, str):
            return value
        return next((there for there, ours in self.renamed.items() if ours == value), value)


@dataclass(frozen=True)
class TableSchema:
    """A table as the base has it."""

    id: str
    name: str
    columns: MappingType[str, Column]
    name_there: str = ""

    @cached_property
    def names(self) -> frozenset[str]:
        """The fields whose values can be believed: not those of another type than is needed.

        Changing a field's type in Airtable empties cells. Read as edits, they would be applied here.
        """
        mapping = BY_TABLE.get(self.name)
        unfit = mapping.by_name.keys() - usable(mapping, self) if mapping is not None else set()
        return frozenset(self.columns.keys() - unfit)

    @cached_property
    def by_id(self) -> MappingType[str, Column]:
        """Its fields by their ids."""
        return {column.id: column for column in self.columns.values()}

    @cached_property
    def _readable(self) -> MappingType[str, str]:
        """The names of the fields that can be used, by their ids."""
        return {column.id: name for name, column in self.columns.items() if name in self.names}

    @cached_property
    def _with_renamed_choices(self) -> Sequence[Column]:
        return [column for column in self.columns.values() if column.renamed]

    def inward(self, cells: MappingType[str, Any]) -> dict[str, Any]:
        """Cells keyed by field id, keyed by name instead; those that cannot be used are left out."""
        names = self._readable
        found = {names[key]: value for key, value in cells.items() if key in names}
        for column in self._with_renamed_choices:
            if column.name in found:
                found[column.name] = column.inward(found[column.name])
        return found

    def outward(self, fields: MappingType[str, Any]) -> dict[str, Any]:
        """Values keyed by name, keyed by field id instead."""
        found: dict[str, Any] = {}
        for name, value in fields.items():
            column = self.columns.get(name)
            if column is None:
                found[name] = value  # Airtable's refusal names it better than ours would
            else:
                found[column.id] = column.outward(value)
        return found


@dataclass(frozen=True)
class Schema:
    """The whole base."""

    tables: MappingType[str, TableSchema]
    replaced: MappingType[Place, str] = attribute(default_factory=dict)
    """Known ones that are gone while another of that name stands there, with the other's id."""

    @classmethod
    def from_api(cls, answer: MappingType[str, Any], memory: Memory | None = None) -> Schema:
        """From the metadata API."""
        memory = memory or Memory()
        bodies = {body["id"]: body for body in answer["tables"]}
        replaced: dict[Place, str] = {}
        names = _resolve({m.table: memory.ids.get((m.table, "")) for m in REGISTRY}, bodies)
        tables = {}
        for table_id, body in bodies.items():
            name = names.get(table_id, body["name"])
            known = memory.ids.get((name, ""))
            if name in BY_TABLE and known is not None and known != table_id:
                # The rows that our links speak of went with the old one.
                replaced[name, ""] = table_id
                continue
            tables[name] = _table(name, body, memory, replaced)
        return cls(tables, replaced)

    def table_of(self, table_id: str) -> TableSchema | None:
        """The table with that id."""
        return next((table for table in self.tables.values() if table.id == table_id), None)

    def by_name(self, table: TableSchema, cells: MappingType[str, Any]) -> dict[str, Any]:
        """Cells of a webhook payload, keyed by name; those of unknown fields are left out."""
        return table.inward(cells)


def _resolve(
    wanted: MappingType[str, str | None], bodies: MappingType[str, MappingType[str, Any]]
) -> dict[str, str]:
    """Our name of each thing there: by the id we know, else by its name, else whatever is unique."""
    found = {known: name for name, known in wanted.items() if known in bodies and known is not None}
    taken = set(found.values())
    for address, body in bodies.items():
        name = body["name"]
        if address in found:
            continue
        # Something else took over the name of one that was renamed: it goes by its id.
        found[address] = address if name in taken else name
    return found


def _table(
    name: str, body: MappingType[str, Any], memory: Memory, replaced: dict[Place, str]
) -> TableSchema:
    bodies = {field["id"]: field for field in body["fields"]}
    mapping = BY_TABLE.get(name)
    wanted = [*OURS, *mapping.by_name] if mapping is not None else []
    names = _resolve({field: memory.ids.get((name, field)) for field in wanted}, bodies)
    columns = {}
    for address, field in bodies.items():
        place = (name, names[address])
        known = memory.ids.get(place)
        if known is not None and known != address:
            replaced[place] = address
        mapped = mapping.by_name.get(place[1]) if mapping is not None else None
        columns[place[1]] = _column(place, field, mapped, memory.words.get(place, {}))
    return TableSchema(body["id"], name, columns, name_there=body["name"])


def _column(
    place: Place, body: MappingType[str, Any], mapped: Field | None, words: MappingType[str, str]
) -> Column:
    choices = {
        choice["id"]: choice["name"] for choice in (body.get("options") or {}).get("choices") or ()
    }
    is_closed = mapped is not None and mapped.codec.choices and not mapped.codec.open_choices
    ids: dict[str, str] = {}
    renamed: dict[str, str] = {}
    if mapped is not None and is_closed:
        for choice_id, there in choices.items():
            word = words.get(choice_id, there if there in mapped.codec.choices else "")
            if word:
                ids[choice_id] = word
            if word and word != there:
                renamed[there] = word
    shown = frozenset(renamed.get(there, there) for there in choices.values())
    return Column(body["id"], place[1], body["type"], shown, body["name"], ids, renamed)


@dataclass(frozen=True)
class Gap:
    """One way in which the base does not fit, or is not as it was."""

    table: str
    field: str
    sentence: str
    can_create: bool = False
    is_note: bool = False
    """It works all the same."""


def gaps(schema: Schema) -> Iterator[Gap]:
    """Everything the mappings need and the base lacks, and what it calls by another name."""
    for mapping in REGISTRY:
        table = schema.tables.get(mapping.table)
        if table is None:
            yield _no_table(mapping, schema)
            continue
        if table.name_there and table.name_there != table.name:
            sentence = f"The table is called {table.name_there} there; it goes on working."
            yield Gap(mapping.table, "", sentence, is_note=True)
        for name, spec in OURS.items():
            if name not in table.columns:
                yield Gap(
                    mapping.table, name, f"The field ({spec['type']}) is missing.", can_create=True
                )
        for field in mapping.fields:
            yield from _field_gaps(mapping, field, table)


def _no_table(mapping: Mapping, schema: Schema) -> Gap:
    if (mapping.table, "") in schema.replaced:
        sentence = (
            "The table we know is gone, and another of that name stands there; nothing is read from "
            "it or written to it. With --create it is taken up instead."
        )
        return Gap(mapping.table, "", sentence)
    return Gap(mapping.table, "", "The table is missing.", can_create=True)


# Kinds of text hold each other's values, and so do kinds of numbers: a base that chose another one
# is left alone.
_ALIKE = (
    {"singleLineText", "multilineText", "richText", "email", "url", "phoneNumber"},
    {"number", "currency", "percent"},
)


def _field_gaps(mapping: Mapping, field: Field, table: TableSchema) -> Iterator[Gap]:
    column = table.columns.get(field.name)
    if column is None:
        sentence = f"The field ({field.codec.type}) is missing; its values stay as they are."
        yield Gap(mapping.table, field.name, sentence, can_create=True)
    elif not _fits(field.codec.type, column.type):
        sentence = f"The field is {column.type}; {field.codec.type} is needed. Its values stay as they are."
        yield Gap(mapping.table, field.name, sentence)
    else:
        yield from _notes(mapping, field, column)


def _notes(mapping: Mapping, field: Field, column: Column) -> Iterator[Gap]:
    if column.name_there and column.name_there != field.name:
        sentence = f"The field is called {column.name_there} there; it goes on working."
        yield Gap(mapping.table, field.name, sentence, is_note=True)
    for there, ours in column.renamed.items():
        sentence = f"The choice {ours} is called {there} there; it goes on working."
        yield Gap(mapping.table, field.name, sentence, is_note=True)
    if field.codec.choices and not field.codec.open_choices:
        missing = [name for name in field.codec.choices if name not in column.choices]
        if missing:
            sentence = f"Add the choices {', '.join(missing)} in Airtable; they are not sent."
            yield Gap(mapping.table, field.name, sentence)


def _fits(wanted: str, found: str) -> bool:
    return wanted == found or any(wanted in kinds and found in kinds for kinds in _ALIKE)


def usable(mapping: Mapping, table: TableSchema) -> frozenset[str]:
    """The mapping's fields that exist here with a type that can hold them.

    A missing or retyped field blocks itself, not the table: its values stay as they are on both
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
