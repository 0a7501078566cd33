"""What happened to a record: appended where it happens, read by operators.

An event is told in a sentence of its kind and the fields it was about, with the values before and
after. It is written in one statement for as many events as a batch has, in the transaction of what
happened where there is one, so that the history never tells of what was rolled back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping as MappingType, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection

from sync.models import SyncEvent
from sync.records import json_of

Kind = SyncEvent.Kind
IN, OUT = SyncEvent.Direction.IN, SyncEvent.Direction.OUT

KEPT: Final = timedelta(days=90)
LONGEST_VALUE: Final = 200  # characters of a text; the rest is of no use to the reader
LONGEST_DETAIL: Final = 500
MOST_AT_ONCE: Final = 1000

_run: ContextVar[str] = ContextVar("run", default="")

# One parameter, whatever the number of events: an insert of the ORM's costs five times the time.
INSERT: Final = """
INSERT INTO sync_syncevent
    (subject, object_id, record_id, direction, kind, fields, detail, run, at)
SELECT subject, object_id, record_id, direction, kind, fields, detail, run, at
FROM jsonb_to_recordset(%(events)s::jsonb) AS event
    (subject text, object_id uuid, record_id text, direction text, kind text, fields jsonb,
     detail text, run text, at timestamptz)
"""


@dataclass(frozen=True)
class Event:
    """One thing that happened to one record."""

    kind: SyncEvent.Kind
    direction: SyncEvent.Direction
    subject: str
    object_id: UUID | None
    at: datetime
    record_id: str = ""
    fields: MappingType[str, Sequence[Any]] = field(default_factory=dict)
    """By Airtable name: the canonical values before and after. See `changes`."""
    detail: str = ""
    """Why, in a sentence for an operator."""


def record(events: Iterable[Event]) -> None:
    """Append events; one insert for all of them."""
    rows = list(events)
    with connection.cursor() as cursor:
        for start in range(0, len(rows), MOST_AT_ONCE):
            cursor.execute(INSERT, {"events": as_json(rows[start : start + MOST_AT_ONCE])})


def as_json(events: Iterable[Event]) -> str:
    """What `INSERT` asks for, where it is part of a larger statement."""
    return json_of([_row(event) for event in events])


def changes(
    before: MappingType[str, Any], after: MappingType[str, Any], names: Iterable[str] | None = None
) -> dict[str, list[Any]]:
    """The fields in which two sets of canonical values differ, with both values.

    Args:
        names: only these; without it every field of `after`.
    """
    return {
        name: [before.get(name), after.get(name)]
        for name in (after if names is None else names)
        if before.get(name) != after.get(name)
    }


@contextmanager
def running(name: str) -> Iterator[None]:
    """Events recorded inside carry this name of a run, such as that of a reconcile."""
    token = _run.set(name[:64])
    try:
        yield
    finally:
        _run.reset(token)


def forget(*, before: datetime) -> int:
    """Delete older events; how many."""
    deleted, _ = SyncEvent.objects.filter(at__lt=before).delete()
    return deleted


def _row(event: Event) -> dict[str, Any]:
    return {
        "subject": event.subject,
        "object_id": str(event.object_id) if event.object_id else None,
        "record_id": event.record_id,
        "direction": str(event.direction),
        "kind": str(event.kind),
        "fields": {
            name: [kept(value) for value in values] for name, values in event.fields.items()
        },
        "detail": event.detail[:LONGEST_DETAIL],
        "run": _run.get(),
        "at": event.at.isoformat(),
    }


def kept(value: Any) -> Any:
    """A value as an event keeps it."""
    if isinstance(value, str) and len(value) > LONGEST_VALUE:
        return f"{value[: LONGEST_VALUE - 1]}…"
    return value
