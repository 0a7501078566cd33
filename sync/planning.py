"""What has to be written for objects, worked out before anything is sent.

Many at once: the objects, their records, and the records of what they link to are each asked for in
one query, whatever the number.
"""

from __future__ import annotations

import enum
import json
from collections import Counter
from collections.abc import Iterable, Mapping as MappingType, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Count

from sync.airtable import MOST_RECORDS, Entry
from sync.history import LONGEST_VALUE
from sync.lookups import OneOf
from sync.mappings import Mapping
from sync.mappings.base import LAST_SYNCED, PLATFORM_ID, SYNC_MESSAGE, Values
from sync.mappings.codecs import moment
from sync.models import OutboxRow, RecordLink, SyncEvent
from sync.records import UNLINKED, Local, local_values_of, riding_values
from sync.schema import TableSchema, usable

# The same value written this often within this time: something there keeps changing it back.
LOOP_WRITES = 5
LOOP_TIME = timedelta(minutes=10)
# How often a row waits for the record of what it links to, before it goes without the link.
MOST_WAITS = 3


class Step(enum.Enum):
    """What is to happen with an outbox row."""

    SETTLE = "settle"
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    WAIT = "wait"
    LOOK = "look"
    """A creation whose answer never came: find out by the key whether there is a record."""


@dataclass(frozen=True)
class Task:
    """One claimed row and what to send for it."""

    row: OutboxRow
    mapping: Mapping
    step: Step
    link: RecordLink | None = None
    fields: Values = field(default_factory=dict)
    """By Airtable name, canonical."""
    typecast: bool = False
    missing: tuple[tuple[str, UUID], ...] = ()
    """What it links to and has no record yet. Such a link is written in a second pass."""
    frozen: Values = field(default_factory=dict)
    """Left out, because something in Airtable keeps changing these back: what would be written."""

    @property
    def is_sent(self) -> bool:
        """Whether it is part of a request that writes."""
        return self.step in (Step.CREATE, Step.UPDATE)

    @property
    def is_riders_alone(self) -> bool:
        """Whether nobody changed anything: what rides along is sent by itself."""
        by_name = self.mapping.by_name
        return all(by_name[name].rides for name in self.fields if name in by_name)

    @property
    def lasting(self) -> Values:
        """What is sent, but for the time of sending."""
        return {name: value for name, value in self.fields.items() if name != LAST_SYNCED}

    @property
    def entry(self) -> Entry:
        """As it is sent."""
        by_name = self.mapping.by_name
        cells: dict[str, Any] = {
            name: by_name[name].codec.outgoing(value) if name in by_name else value
            for name, value in self.fields.items()
        }
        record_id = self.link.record_id if self.link and self.step is Step.UPDATE else None
        return Entry(cells, record_id)


def plan(
    mapping: Mapping, rows: Sequence[OutboxRow], table: TableSchema, now: datetime
) -> list[Task]:
    """Compare each object's current state with what Airtable is known to hold."""
    return _Plan(mapping, rows, table, now).tasks()


class _Plan:
    """A portion of rows of one kind, with everything known about them."""

    def __init__(
        self, mapping: Mapping, rows: Sequence[OutboxRow], table: TableSchema, now: datetime
    ) -> None:
        self._mapping, self._rows, self._table, self._now = mapping, rows, table, now
        self._names = usable(mapping, table)
        ids = [row.object_id for row in rows]
        self._links = {
            link.object_id: link
            for link in RecordLink.objects.filter(OneOf("object_id", ids), subject=mapping.subject)
        }
        agreed = {object_id: link.ancestor for object_id, link in self._links.items()}
        self._local = local_values_of(mapping, ids, agreed=agreed)
        self._alive = self._living()
        self._coming = _coming(self._local.values())
        lately = [id_ for id_, link in self._links.items() if link.synced_at > now - LOOP_TIME]
        self._written = _written(lately, now)

    def tasks(self) -> list[Task]:
        tasks = [self._task(row) for row in self._rows]
        sending = [task for task in tasks if task.is_sent or _may_send_riders(task)]
        riders = self._mapping.riders([task.row.object_id for task in sending]) if sending else {}
        return [self._complete(task, riders) for task in tasks]

    def _living(self) -> set[UUID]:
        """Of the objects whose record was deleted, those that should have one again."""
        deleted = [id_ for id_, link in self._links.items() if link.state in UNLINKED]
        if not deleted:
            return set()
        found = self._mapping.objects().filter(OneOf("pk", deleted))
        return {item.pk for item in found if self._mapping.alive(item)}

    def _task(self, row: OutboxRow) -> Task:
        mapping, link = self._mapping, self._links.get(row.object_id)
        if link is not None and link.state == RecordLink.State.WAITING:
            return self._with_changes(Task(row, mapping, Step.UPDATE, link), {})
        linked = link is not None and link.state not in UNLINKED
        if not linked and row.sent is not None:
            return Task(row, mapping, Step.LOOK, link)
        local = self._local.get(row.object_id)
        if local is None:
            return Task(row, mapping, Step.DELETE if linked else Step.SETTLE, link)
        if link is not None and not linked and row.object_id not in self._alive:
            return Task(row, mapping, Step.SETTLE, link)
        if self._waits(row, local):
            return Task(row, mapping, Step.WAIT, link, missing=local.missing)
        task = Task(
            row, mapping, Step.UPDATE if linked else Step.CREATE, link, missing=local.missing
        )
        changes = self._differing(local.values, link.ancestor if link and linked else {})
        if frozen := self._frozen(task, changes):
            task = replace(task, frozen={name: changes.pop(name) for name in frozen})
        return self._with_changes(task, changes)

    def _waits(self, row: OutboxRow, local: Local) -> bool:
        """Whether what it links to will have a record in a moment, so that one request does."""
        return row.attempts < MOST_WAITS and any(pair in self._coming for pair in local.missing)

    def _frozen(self, task: Task, changes: MappingType[str, Any]) -> tuple[str, ...]:
        """Of the changes, those that were made again and again to no effect."""
        link = task.link
        if link is None or task.step is not Step.UPDATE:
            return ()
        return tuple(
            name
            for name, value in changes.items()
            if (name in link.frozen and link.frozen[name] == value)
            or self._written[task.row.object_id, name, _key(value)] >= LOOP_WRITES
        )

    def _with_changes(self, task: Task, changes: Values) -> Task:
        """Add what every record carries; without any reason to send, settle."""
        link = task.link
        kept = link.ancestor if link is not None and task.step is Step.UPDATE else {}
        fields = dict(changes)
        key = str(task.row.object_id)
        if kept.get(PLATFORM_ID) != key:
            fields[PLATFORM_ID] = key
        message = link.message if link is not None else ""
        if SYNC_MESSAGE in self._table.columns and kept.get(SYNC_MESSAGE, "") != message:
            fields[SYNC_MESSAGE] = message
        if not fields:
            # A link that cannot be written yet keeps its row in the queue.
            step = Step.WAIT if task.missing else Step.SETTLE
            return replace(task, step=step)
        return replace(task, fields=fields)

    def _complete(self, task: Task, riders: MappingType[UUID, Any]) -> Task:
        """Add what rides along, and the time."""
        if _may_send_riders(task):
            task = replace(task, step=Step.UPDATE)
        if not task.is_sent:
            return task
        fields = dict(task.fields)
        rider = riders.get(task.row.object_id)
        waiting = task.link is not None and task.link.state == RecordLink.State.WAITING
        if rider is not None and not waiting:
            kept = task.link.ancestor if task.link and task.step is Step.UPDATE else {}
            fields |= self._differing(riding_values(self._mapping, rider), kept)
        if not fields:
            return replace(task, step=Step.SETTLE)
        if LAST_SYNCED in self._table.columns:
            fields[LAST_SYNCED] = moment.canonical(self._now)
        return replace(task, fields=fields, typecast=self._needs_typecast(fields))

    def _differing(self, values: Values, ancestor: Values) -> Values:
        """The values that differ and that the base can hold."""
        by_name = self._mapping.by_name
        return {
            name: value
            for name, value in values.items()
            if value != ancestor.get(name, by_name[name].codec.empty)
            and name in self._names
            and not self._unknown_choice(name, value)
        }

    def _unknown_choice(self, name: str, value: Any) -> bool:
        """A single select takes only the words its schema has; typecast would invent new ones."""
        column = self._table.columns[name]
        return column.type == "singleSelect" and bool(value) and value not in column.choices

    def _needs_typecast(self, fields: Values) -> bool:
        """Only a multi-select with a word of ours that the base does not have yet."""
        columns = self._table.columns
        return any(
            set(value) - columns[name].choices
            for name, value in fields.items()
            if name in self._mapping.by_name and columns[name].type == "multipleSelects"
        )


def _may_send_riders(task: Task) -> bool:
    """Nothing else is to be sent, and it is the night's turn of what rides along."""
    linked = task.link is not None and task.link.state == RecordLink.State.LINKED
    return task.step is Step.SETTLE and task.row.with_riders and linked


def _coming(values: Iterable[Local]) -> frozenset[tuple[str, UUID]]:
    """Of the objects without a record, those that are about to get one."""
    missing = {pair for local in values for pair in local.missing}
    if not missing:
        return frozenset()
    rows = OutboxRow.objects.filter(
        object_id__in=[object_id for _, object_id in missing], status=OutboxRow.Status.PENDING
    )
    return frozenset(rows.values_list("subject", "object_id")) & missing


def _written(ids: Sequence[UUID], now: datetime) -> Counter[tuple[UUID | None, str, str]]:
    """How often each value was written to each field lately."""
    written: Counter[tuple[UUID | None, str, str]] = Counter()
    if not ids:
        return written
    events = SyncEvent.objects.filter(
        OneOf("object_id", ids), kind=SyncEvent.Kind.SENT, at__gt=now - LOOP_TIME
    )
    # Of hardly any the values matter: those written so often that one value may have been.
    often = events.values("object_id").annotate(times=Count("pk")).filter(times__gte=LOOP_WRITES)
    again = [row["object_id"] for row in often]
    if not again:
        return written
    events = events.filter(OneOf("object_id", again))
    for object_id, fields in events.values_list("object_id", "fields"):
        for name, (_, after) in fields.items():
            written[object_id, name, _key(after)] += 1
    return written


def _key(value: Any) -> str:
    """To compare with what the history keeps, which cuts long texts."""
    if isinstance(value, str):
        return value[: LONGEST_VALUE - 1]
    return json.dumps(value, sort_keys=True)


def batches(tasks: Iterable[Task]) -> list[list[Task]]:
    """Tasks that can share a request: ten creations or ten updates, with or without typecast."""
    groups: dict[tuple[Step, bool], list[Task]] = {}
    for task in tasks:
        if task.is_sent:
            groups.setdefault((task.step, task.typecast), []).append(task)
    return [tens for group in groups.values() for tens in in_tens(group)]


def in_tens(tasks: Sequence[Task]) -> list[list[Task]]:
    """As many as a request takes."""
    return [
        list(tasks[start : start + MOST_RECORDS]) for start in range(0, len(tasks), MOST_RECORDS)
    ]
