"""Our own writes come back as changes. Most of what a webhook tells while we send is that.

Told by the values alone, never by who wrote them or when: what says the same as the ancestor is no
change. Many are compared in one query, because a bulk change of ours would otherwise cost a transaction
for each of its records a second time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import connection

from sync.intake import RecordChange
from sync.lookups import OneOf
from sync.mappings.base import PLATFORM_ID, SYNC_MESSAGE
from sync.models import RecordLink
from sync.records import LINKED, heard_up_to


def without_echoes(changes: Sequence[RecordChange]) -> list[RecordChange]:
    """The changes that may be news: the others say what both sides agreed on already."""
    links = _links(changes)
    news, echoes = [], []
    for change in changes:
        link = links.get((change.mapping.table, change.record_id))
        if link is not None and _is_echo(change, link):
            echoes.append((change, link))
        else:
            news.append(change)
    _remember_heard(echoes)
    return news


def _remember_heard(echoes: Sequence[tuple[RecordChange, Mapping[str, Any]]]) -> None:
    """Read again after a worker died, an echo would be news: what we wrote since is another value."""
    heard = [
        (link["id"], link["heard"], f"{change.webhook}:{max(change.places.values())}")
        for change, link in echoes
        if change.webhook
        and change.places
        and max(change.places.values()) > heard_up_to(link["heard"], change.webhook)
    ]
    if not heard:
        return
    ids, before, after = (list(column) for column in zip(*heard, strict=True))
    with connection.cursor() as cursor:
        # Only forward: where another worker has read on meanwhile, its mark stays.
        cursor.execute(
            "UPDATE sync_recordlink SET heard = mark.after"
            " FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS mark (id, before, after)"
            " WHERE sync_recordlink.id = mark.id AND heard = mark.before",
            [ids, before, after],
        )


def _links(changes: Iterable[RecordChange]) -> dict[tuple[str, str], Mapping[str, Any]]:
    by_table: dict[str, list[str]] = {}
    for change in changes:
        by_table.setdefault(change.mapping.table, []).append(change.record_id)
    return {
        (table, link["record_id"]): link
        for table, record_ids in by_table.items()
        for link in RecordLink.objects.filter(
            OneOf("record_id", record_ids), table=table, state=LINKED
        ).values("id", "record_id", "object_id", "ancestor", "message", "heard")
    }


def _is_echo(change: RecordChange, link: Mapping[str, Any]) -> bool:
    # What somebody edited is never one, though we have written over it meanwhile.
    if change.destroyed or change.again or change.edits:
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
