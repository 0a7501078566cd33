"""What has to be written for an object, worked out before anything is sent."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import models

from sync.airtable import Entry
from sync.mappings import Mapping
from sync.mappings.base import LAST_SYNCED, PLATFORM_ID, SYNC_MESSAGE, Values
from sync.mappings.codecs import moment
from sync.models import OutboxRow, RecordLink
from sync.records import UNLINKED, local_values, riding_values
from sync.schema import TableSchema, usable


class Step(enum.Enum):
    """What is to happen with an outbox row."""

    SETTLE = "settle"
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    WAIT = "wait"


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
    waits_for: tuple[tuple[str, UUID], ...] = ()

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
    ids = [row.object_id for row in rows]
    found = {item.pk: item for item in mapping.objects().filter(pk__in=ids)}
    links = {
        link.object_id: link
        for link in RecordLink.objects.filter(subject=mapping.subject, object_id__in=ids)
    }
    return [
        _plan_one(mapping, row, found.get(row.object_id), links.get(row.object_id), table, now)
        for row in rows
    ]


def _plan_one(
    mapping: Mapping,
    row: OutboxRow,
    found: models.Model | None,
    link: RecordLink | None,
    table: TableSchema,
    now: datetime,
) -> Task:
    if link is not None and link.state == RecordLink.State.WAITING:
        return _with_changes(Task(row, mapping, Step.UPDATE, link), {}, table, now)
    linked = link is not None and link.state not in UNLINKED
    if found is None or not mapping.present(found):
        return Task(row, mapping, Step.DELETE if linked else Step.SETTLE, link)
    if link is not None and not linked and not mapping.alive(found):
        return Task(row, mapping, Step.SETTLE, link)
    local = local_values(mapping, found)
    if local.missing:
        return Task(row, mapping, Step.WAIT, link, waits_for=local.missing)
    ancestor = link.ancestor if link is not None and linked else {}
    changes = _sendable(mapping, local.values, ancestor, table)
    task = Task(row, mapping, Step.UPDATE if linked else Step.CREATE, link)
    task = _with_changes(task, changes, table, now)
    if task.step is Step.SETTLE:
        return task
    riding = _sendable(mapping, riding_values(mapping, found), ancestor, table)
    fields = {**task.fields, **riding}
    return Task(
        row, mapping, task.step, link, fields, typecast=_needs_typecast(mapping, fields, table)
    )


def _with_changes(task: Task, changes: Values, table: TableSchema, now: datetime) -> Task:
    """Add what every record carries; without any reason to send, settle."""
    link = task.link
    kept = link.ancestor if link is not None and task.step is Step.UPDATE else {}
    fields = dict(changes)
    key = str(task.row.object_id)
    if kept.get(PLATFORM_ID) != key:
        fields[PLATFORM_ID] = key
    message = link.message if link is not None else ""
    if SYNC_MESSAGE in table.columns and kept.get(SYNC_MESSAGE, "") != message:
        fields[SYNC_MESSAGE] = message
    if not fields:
        return Task(task.row, task.mapping, Step.SETTLE, link)
    if LAST_SYNCED in table.columns:
        fields[LAST_SYNCED] = moment.canonical(now)
    return Task(task.row, task.mapping, task.step, link, fields)


def _sendable(mapping: Mapping, values: Values, ancestor: Values, table: TableSchema) -> Values:
    """The values that differ and that the base can hold."""
    names = usable(mapping, table)
    return {
        name: value
        for name, value in values.items()
        if name in names
        and value != ancestor.get(name, mapping.by_name[name].codec.empty)
        and not _unknown_choice(mapping, name, value, table)
    }


def _unknown_choice(mapping: Mapping, name: str, value: Any, table: TableSchema) -> bool:
    """A single select takes only the words its schema has; typecast would invent new ones."""
    column = table.columns[name]
    if column.type != "singleSelect" or not value:
        return False
    return value not in column.choices


def _needs_typecast(mapping: Mapping, fields: Values, table: TableSchema) -> bool:
    """Only a multi-select with a word of ours that the base does not have yet."""
    return any(
        set(value) - table.columns[name].choices
        for name, value in fields.items()
        if name in mapping.by_name and table.columns[name].type == "multipleSelects"
    )


def batches(tasks: Iterable[Task]) -> list[list[Task]]:
    """Tasks that can share a request: all creations or all updates, with or without typecast."""
    groups: dict[tuple[Step, bool], list[Task]] = {}
    for task in tasks:
        if task.step in (Step.CREATE, Step.UPDATE):
            groups.setdefault((task.step, task.typecast), []).append(task)
    return list(groups.values())
