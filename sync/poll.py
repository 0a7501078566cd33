"""The safety net under webhooks and posts: what was modified lately, asked of Airtable itself.

Only where a table has a field of the type "last modified time", which no API can add; a program
manager can, and `sync_check_schema` says so. Without one the nightly comparison is the net. Each time
a little is asked twice (`OVERLAP`), because a clock may differ and a row may appear in reads late; what
is not news changes nothing. Deletions cannot be seen this way.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from sync import guard
from sync.airtable import Airtable
from sync.intake import RecordChange, moment_of
from sync.mappings import REGISTRY
from sync.models import TableState
from sync.schema import TableSchema

EVERY = timedelta(minutes=30)
OVERLAP = timedelta(minutes=5)
FIRST_LOOK = timedelta(hours=2)
LAST_MODIFIED = "lastModifiedTime"


def modified_field(table: TableSchema) -> str | None:
    """The id of the field that tells when a row was last modified, if there is one."""
    found = [column.id for column in table.columns.values() if column.type == LAST_MODIFIED]
    return found[0] if found else None


def due(base: Airtable, *, now: datetime) -> Iterator[tuple[str, list[RecordChange]]]:
    """The tables whose time has come, each with the rows that were modified since the last time.

    Whoever takes them notes with `done` that they were applied.
    """
    states = TableState.objects.values_list("table", "polled_until")
    polled = {table: until for table, until in states if until is not None}
    paused = guard.paused_tables()
    for mapping in REGISTRY:
        table = base.schema().tables.get(mapping.table)
        field = modified_field(table) if table is not None else None
        until = polled.get(mapping.table) or now - FIRST_LOOK
        if table is None or field is None or mapping.table in paused or now - until < EVERY:
            continue
        records = base.modified_since(mapping.table, field, until - OVERLAP)
        yield (
            mapping.table,
            [
                RecordChange(
                    mapping,
                    record.id,
                    now,
                    dict(record.fields),
                    complete=True,
                    names=table.names,
                    made_at=moment_of(record.created_time),
                )
                for record in records
            ],
        )


def done(table: str, *, until: datetime) -> None:
    """Everything modified before that moment has been merged."""
    TableState.objects.update_or_create(table=table, defaults={"polled_until": until})
