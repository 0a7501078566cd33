"""What a deletion on one side means on the other.

A record deleted in Airtable deactivates or withdraws the object here; what the domain does not let
go (a session, a saved mentor, hours with a booking) comes back with the reason. An object withdrawn
or deleted here takes its record with it. The link stays behind as the tombstone: its state says which
side deleted it, `synced_at` when, the history who.

A deletion wins over an edit of the other side, whichever came first: the two are seconds apart, and
whoever deleted something meant all of it. The edit is kept as a conflict of the whole row, from
which "take the other" brings it back.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from datetime import datetime
from typing import Any
from uuid import UUID

from sync.mappings import Mapping
from sync.models import InboundChange, RecordLink, SyncConflict, SyncEvent

WHOLE_ROW = "(the whole row)"


def overtaken(
    link: RecordLink,
    *,
    edited: MappingType[str, Any],
    winner: str,
    reason: str,
    now: datetime,
) -> None:
    """Write down the edit that a deletion of the other side overtook.

    Args:
        edited: the fields it changed, with their new values; nothing is written for none.
    """
    if not edited:
        return
    here = winner == SyncConflict.Winner.REMOTE
    SyncConflict.objects.create(
        subject=link.subject,
        object_id=link.object_id,
        field=WHOLE_ROW,
        ancestor={name: link.ancestor.get(name) for name in edited},
        local=dict(edited) if here else None,
        remote=None if here else dict(edited),
        winner=winner,
        reason=reason,
        at=now,
    )


def forget_erased(mapping: Mapping, object_id: UUID, record_id: str) -> None:
    """Where the object itself is gone from here, let go of everything that was kept about it.

    Called once its record is gone too: a person erased here must not live on in what sync remembers.
    That something was deleted, and when, stays known.
    """
    if mapping.model._base_manager.filter(pk=object_id).exists():
        return
    SyncConflict.objects.filter(object_id=object_id).delete()
    SyncEvent.objects.filter(object_id=object_id).update(fields={}, detail="")
    RecordLink.objects.filter(object_id=object_id).update(message="", ancestor={})
    # Raw payloads name other records too; what is in them was applied, so they are no longer needed.
    InboundChange.objects.filter(applied_at__isnull=False).extra(
        where=["position(%s in payload::text) > 0"], params=[record_id]
    ).delete()
