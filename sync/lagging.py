"""What Airtable's log tells late: a cell as it was before we wrote it, by itself, our write only later.

It stands there no more. Taken for news it would be taken over, and undone by the echo of our own write a
moment after (trap 4). Which it is, the history of what was sent to this record tells.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sync import history
from sync.models import SyncEvent
from sync.records import storable

Kind = SyncEvent.Kind
# How far Airtable's clock may be ahead of ours, for our own writes to be known again.
CLOCKS_DIFFER = timedelta(minutes=1)
# Airtable tells whole milliseconds, and cuts what is beyond them.
TOLD_TO = timedelta(milliseconds=1)
_MERGED = (Kind.APPLIED, Kind.REFUSED, Kind.CONFLICT)


def sort_out(
    object_id: UUID, told: MappingType[str, Any], at: datetime
) -> tuple[frozenset[str], frozenset[str]]:
    """Of values that a payload told, those we have overwritten since, and those that were our own.

    Args:
        told: canonical, by field. at: when it was, by Airtable's clock.
    """
    events = SyncEvent.objects.filter(
        object_id=object_id,
        direction=SyncEvent.Direction.OUT,
        kind__in=[Kind.SENT, Kind.CREATED, Kind.LINKED],
        at__gt=at - CLOCKS_DIFFER,
    ).values_list("at", "fields")
    later = {name for sent_at, fields in events if sent_at > at + TOLD_TO for name in fields}
    ours = {
        name
        for name, value in told.items()
        if any(
            fields[name][1] == history.kept(storable(value))
            for _, fields in events
            if name in fields
        )
    }
    covered = later & told.keys()
    return frozenset(covered - ours), frozenset(covered & ours)


def read_before(object_id: UUID, told: MappingType[str, tuple[Any, datetime]]) -> frozenset[str]:
    """Of edits that the log tells, those that were merged already because somebody had read the row.

    What came of them is decided; told late, one would be taken for an edit that we overwrote, and undo
    what has been changed here since.

    Args:
        told: by field, the canonical value and when it was set, by Airtable's clock.
    """
    if not told:
        return frozenset()
    events = list(
        SyncEvent.objects.filter(
            object_id=object_id, at__gt=min(at for _, at in told.values()) - CLOCKS_DIFFER
        )
        .order_by("at", "pk")
        .values_list("direction", "kind", "at", "fields")
    )
    found = set()
    for name, (value, set_at) in told.items():
        merged = [
            (at, fields[name][1])
            for direction, kind, at, fields in events
            if direction == SyncEvent.Direction.IN and kind in _MERGED and name in fields
        ]
        if not merged or merged[-1][1] != history.kept(storable(value)):
            continue
        # Set again after we had written something else, it is another edit.
        is_another = any(
            direction == SyncEvent.Direction.OUT and name in fields and merged[-1][0] < at < set_at
            for direction, _, at, fields in events
        )
        if not is_another:
            found.add(name)
    return frozenset(found)
