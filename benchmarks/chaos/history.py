"""The record of a violation: all that is known of it, to find out how it came about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from benchmarks.chaos.base import Json
from benchmarks.chaos.checks import Violation
from benchmarks.chaos.ledger import THERE, Edit, Ledger
from sync.models import OutboxRow, RecordLink, SyncConflict, SyncEvent

_EDITS, _EVENTS, _SECONDS = 12, 24, 4.0


def history(violation: Violation, ledger: Ledger, requests: Sequence[Json]) -> Iterator[str]:
    """A violation in lines.

    Args:
        requests: the sandbox's log, of which the seconds after the last edit there are shown.
    """
    yield f"[{violation.rule}] {violation.subject} {violation.object_id or ''} {violation.record_id}"
    yield f"    {violation.what}"
    object_id = violation.object_id
    if object_id is None:
        return
    for edit in ledger.by_object().get(object_id, [])[-_EDITS:]:
        yield f"    {edit}"
    for link in RecordLink.objects.filter(object_id=object_id):
        yield f"    link {link.record_id} {link.state} at {link.synced_at.timestamp():.2f} {link.message}"
    for row in OutboxRow.objects.filter(object_id=object_id):
        yield f"    outbox {row.status} generation {row.generation} {row.last_error}"
    for conflict in SyncConflict.objects.filter(object_id=object_id).order_by("at"):
        yield (
            f"    conflict {conflict.at.timestamp():.2f} {conflict.field}: here {conflict.local!r}, "
            f"there {conflict.remote!r}, {conflict.winner} won: {conflict.reason}"
        )
    events = SyncEvent.objects.filter(object_id=object_id).order_by("-at")[:_EVENTS]
    for event in reversed(events):
        yield (
            f"    event {event.at.timestamp():.2f} {event.direction} {event.kind} {event.fields} "
            f"{event.detail}"
        )
    yield from _asked(ledger.by_object().get(object_id, []), requests)


def _asked(edits: Sequence[Edit], requests: Sequence[Json]) -> Iterator[str]:
    last = max((edit.at for edit in edits if edit.side == THERE), default=None)
    if last is None:
        return
    for entry in requests:
        at = datetime.fromisoformat(entry["time"]).timestamp()
        if last - _SECONDS < at < last + 3 * _SECONDS:
            yield f"    request {at:.2f} {entry['method']} {entry['path']} {entry['status']}"
