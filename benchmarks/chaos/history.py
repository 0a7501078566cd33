"""The record of a violation: all that is known of it, to find out how it came about."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.chaos.checks import Violation
from benchmarks.chaos.ledger import Ledger
from sync.models import OutboxRow, RecordLink, SyncConflict, SyncEvent

_EDITS, _EVENTS = 12, 24


def history(violation: Violation, ledger: Ledger) -> Iterator[str]:
    """A violation in lines."""
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
