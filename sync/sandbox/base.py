"""The base itself: tables and rows in memory, and the one way to change them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any

from sync.sandbox import links
from sync.sandbox.action import Action
from sync.sandbox.clock import Clock, iso
from sync.sandbox.errors import ApiError, model_not_found
from sync.sandbox.ids import random_id
from sync.sandbox.model import CLIENT, LINK, Field, Json, Record, Source, Table
from sync.sandbox.schema import BASE_ID, BASE_NAME, default_tables
from sync.sandbox.store import Key, Store
from sync.sandbox.switches import Switches
from sync.sandbox.values import as_text, read
from sync.sandbox.webhooks import Webhooks
from sync.sandbox.witness import Witness

Listener = Callable[[Action], None]


class Base:
    """One Airtable base. All reading and writing happens under `lock`."""

    def __init__(self, store: Store, clock: Clock, switches: Switches) -> None:
        self.id = BASE_ID
        self.name = BASE_NAME
        self.lock = RLock()
        self.clock = clock
        self.switches = switches
        self.store = store
        self.tables: dict[str, Table] = {}
        self.rows: dict[str, Record] = {}
        self.transaction = 0
        self.numbers = 0
        self.webhooks = Webhooks(self)
        self.witness = Witness(self)
        self.listeners: list[Listener] = []
        self._load()

    # Reading

    def find_table(self, reference: str) -> Table | None:
        """By id, or by exact name."""
        found = self.tables.get(reference)
        if found is not None:
            return found
        return next((table for table in self.tables.values() if table.name == reference), None)

    def table(self, reference: str) -> Table:
        """The table; an unknown one looks like a forbidden one."""
        found = self.find_table(reference)
        if found is None:
            raise model_not_found()
        return found

    def name_of(self, record_id: str) -> str:
        """What a link to this record shows."""
        record = self.rows.get(record_id)
        if record is None:
            return ""
        primary = self.tables[record.table_id].primary
        # A primary field cannot be a link, so this never goes round in a circle.
        text = as_text(primary, read(primary, record), str)
        return text or "Unnamed record"

    def shown(self, record: Record, *, by_id: bool = False) -> Json:
        """A record as the REST API answers it."""
        fields: Json = {}
        for column in self.tables[record.table_id].fields:
            value = read(column, record)
            if value is not None:
                fields[column.id if by_id else column.name] = value
        return {"id": record.id, "createdTime": record.created_time, "fields": fields}

    def records(self, table: str) -> list[Json]:
        """All rows of a table as the REST API shows them, oldest first."""
        with self.lock:
            rows = sorted(self.table(table).records.values(), key=lambda row: row.number)
            return [self.shown(record) for record in rows]

    # Changing

    @contextmanager
    def action(self, source: Source = CLIENT) -> Iterator[Action]:
        """All changes inside are one transaction: stored and announced together, or undone."""
        with self.lock:
            action = Action(source=source, at=iso(self.clock.now()))
            try:
                yield action
            except ApiError:
                if self.switches.batch_atomic:
                    action.undo(self)
                else:
                    self._commit(action)
                raise
            except BaseException:
                action.undo(self)
                raise
            self._commit(action)
        for listener in self.listeners:
            listener(action)

    def add(self, action: Action, table: Table) -> Record:
        """A new, empty row."""
        self.numbers += 1
        record = Record(random_id("rec"), table.id, self.numbers, action.at, action.at)
        action.created[record.id] = record
        self.remember(record)
        return record

    def write(self, action: Action, record: Record, column: Field, value: Any) -> None:
        """Put a cleaned value into a cell, and keep the other end of a link in step."""
        previous = record.cells.get(column.id)
        if previous == value:
            return
        action.touch(record)
        if value is None:
            record.cells.pop(column.id, None)
        else:
            record.cells[column.id] = value
        if column.type == LINK:
            links.follow(self, action, column, record, previous or [], value or [])

    def remove(self, action: Action, record: Record) -> None:
        """Delete a row; nothing links to it any more."""
        links.unlink(self, action, record)
        action.touch(record)
        action.destroyed[record.id] = record
        self.forget(record)

    def remember(self, record: Record) -> None:
        """Put a row where it is looked up."""
        self.rows[record.id] = record
        self.tables[record.table_id].records[record.id] = record

    def forget(self, record: Record) -> None:
        """Take a row from where it is looked up."""
        self.rows.pop(record.id, None)
        self.tables[record.table_id].records.pop(record.id, None)

    # Keeping

    def reset(self, *, empty: bool = False) -> None:
        """Back to the default tables without rows or webhooks, or to no tables at all."""
        with self.lock:
            self.store.clear()
            self.rows.clear()
            self.webhooks.hooks.clear()
            self.witness.clear()
            self.transaction = self.numbers = 0
            self.tables = {} if empty else default_tables()
            self._save_everything()

    def _commit(self, action: Action) -> None:
        puts: dict[Key, Json] = {}
        deletes: set[Key] = {("record", record_id) for record_id in action.destroyed}
        changes = action.changes()
        for change in changes:
            change.record.modified_time = action.at
        touched = [change.record for change in changes] + list(action.created.values())
        for record in touched:
            puts["record", record.id] = record.document()
        if action.schema_changed:
            for table in self.tables.values():
                puts["table", table.id] = table.document()
        if not puts and not deletes:
            return
        self.transaction += 1
        self.webhooks.note(action, changes, puts, deletes)
        self.witness.note(action, changes)
        puts["base", self.id] = self._counters()
        self.store.write(puts, deletes)

    def _counters(self) -> Json:
        return {"transaction": self.transaction, "numbers": self.numbers}

    def _save_everything(self) -> None:
        puts: dict[Key, Json] = {("base", self.id): self._counters()}
        for table in self.tables.values():
            puts["table", table.id] = table.document()
        self.store.write(puts, set())

    def _load(self) -> None:
        kept: dict[str, list[Json]] = {}
        for kind, _, body in self.store.load():
            kept.setdefault(kind, []).append(body)
        if not kept:
            self.reset()
            return
        for body in kept.get("base", []):
            self.transaction, self.numbers = body["transaction"], body["numbers"]
        for body in kept.get("table", []):
            self.tables[body["id"]] = Table.from_document(body)
        self._order_tables()
        for body in sorted(kept.get("record", []), key=lambda body: int(body["number"])):
            self.remember(Record(**body))
        self.webhooks.load(kept.get("hook", []), kept.get("payload", []))

    def _order_tables(self) -> None:
        """The default tables in their own order, later ones behind them."""
        order = {table_id: index for index, table_id in enumerate(default_tables())}
        ranked = sorted(self.tables.values(), key=lambda table: order.get(table.id, len(order)))
        self.tables = {table.id: table for table in ranked}
