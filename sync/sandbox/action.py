"""One action on the base: an undo log while it runs, the news for webhooks once it is done."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sync.sandbox.model import Field, Json, Record, Source, Table

if TYPE_CHECKING:
    from sync.sandbox.base import Base


@dataclass
class Before:
    """A record as it was when the action first touched it."""

    record: Record
    cells: dict[str, Any]


@dataclass
class CellChange:
    """A record that ends different from how it began, and in which fields."""

    record: Record
    previous: dict[str, Any]
    field_ids: list[str]


@dataclass
class Action:
    """Everything one request, or one edit in the grid, changes."""

    source: Source
    at: str
    created: dict[str, Record] = field(default_factory=dict)
    destroyed: dict[str, Record] = field(default_factory=dict)
    before: dict[str, Before] = field(default_factory=dict)
    choices: list[tuple[Field, Json]] = field(default_factory=list)
    created_tables: list[Table] = field(default_factory=list)
    created_fields: list[tuple[Table, Field]] = field(default_factory=list)
    changed_fields: list[tuple[Table, Field, Json]] = field(default_factory=list)
    changed_tables: list[tuple[Table, Json]] = field(default_factory=list)

    def touch(self, record: Record) -> None:
        """Remember the record as it is now, unless this action made it or knows it already."""
        if record.id not in self.created and record.id not in self.before:
            self.before[record.id] = Before(record, copy.deepcopy(record.cells))

    def new_choice(self, column: Field, name: str) -> None:
        """Add a select option, as typecast does."""
        self.choices.append((column, column.add_choice(name)))

    def changes(self) -> list[CellChange]:
        """Records whose cells differ; writing a value that was already there is no news."""
        found = []
        for record_id, before in self.before.items():
            if record_id in self.destroyed:
                continue
            now = before.record.cells
            names = [*before.cells, *(key for key in now if key not in before.cells)]
            differing = [key for key in names if before.cells.get(key) != now.get(key)]
            if differing:
                found.append(CellChange(before.record, before.cells, differing))
        return found

    @property
    def schema_changed(self) -> bool:
        """Whether any table must be written anew."""
        return bool(
            self.choices
            or self.created_tables
            or self.created_fields
            or self.changed_fields
            or self.changed_tables
        )

    def undo(self, base: Base) -> None:
        """Leave the base as if the action had never begun."""
        for record in self.created.values():
            base.forget(record)
        for record in self.destroyed.values():
            if record.id not in self.created:
                base.remember(record)
        for before in self.before.values():
            before.record.cells = before.cells
        self._undo_schema(base)

    def _undo_schema(self, base: Base) -> None:
        for column, choice in self.choices:
            column.choices.remove(choice)
        for table, column in self.created_fields:
            table.fields.remove(column)
        for table in self.created_tables:
            base.tables.pop(table.id, None)
        for _, column, previous in self.changed_fields:
            column.name, column.description = previous["name"], previous["description"]
        for table, previous in self.changed_tables:
            table.name, table.description = previous["name"], previous["description"]
