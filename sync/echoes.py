"""Our own writes come back as changes. Most of what a webhook tells while we send is that.

Told by the values alone, never by who wrote them or when: what says the same as the ancestor is no
change. Many are compared in one query, because a bulk change of ours would otherwise cost a transaction
for each of its records a second time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sync.intake import RecordChange
from sync.mappings.base import PLATFORM_ID, SYNC_MESSAGE
from sync.models import RecordLink
from sync.records import LINKED


def without_echoes(changes: Sequence[RecordChange]) -> list[RecordChange]:
    """The changes that may be news: the others say what both sides agreed on already."""
    links = _links(changes)
    return [
        change
        for change in changes
        if not _is_echo(change, links.get((change.mapping.table, change.record_id)))
    ]


def _links(changes: Iterable[RecordChange]) -> dict[tuple[str, str], Mapping[str, Any]]:
    by_table: dict[str, list[str]] = {}
    for change in changes:
        by_table.setdefault(change.mapping.table, []).append(change.record_id)
    return {
        (table, link["record_id"]): link
        for table, record_ids in by_table.items()
        for link in RecordLink.objects.filter(
            table=table, record_id__in=record_ids, state=LINKED
        ).values("record_id", "object_id", "ancestor", "message")
    }


def _is_echo(change: RecordChange, link: Mapping[str, Any] | None) -> bool:
    # What somebody edited is never one, though we have written over it meanwhile.
    if link is None or change.destroyed or change.again or change.edits:
        return False
    mapping, ancestor = change.mapping, link["ancestor"]
    values = (
        mapping.canonical(change.cells, names=change.names)
        if change.complete
        else mapping.partial(change.cells)
    )
    return all(
        value == ancestor.get(name, mapping.by_name[name].codec.empty)
        for name, value in values.items()
    ) and all(
        str(change.cells.get(name) or "").strip() == wanted == ancestor.get(name, "")
        for name, wanted in ((PLATFORM_ID, str(link["object_id"])), (SYNC_MESSAGE, link["message"]))
        if name in change.cells or (change.complete and name in change.names)
    )
