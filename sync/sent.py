"""What is remembered once Airtable has answered: links, ancestors, history, lag. A batch at a time."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from sync import deletions, history, other_ends, outbox
from sync.airtable import Record
from sync.history import Event
from sync.mappings.base import LAST_SYNCED, Values
from sync.models import RecordLink, SyncEvent
from sync.planning import Step, Task
from sync.records import UNLINKED, json_of, note

logger = logging.getLogger(__name__)

Kind = SyncEvent.Kind
OUT = SyncEvent.Direction.OUT

# Ancestors are merged by the database, because a merge may have moved other fields of them meanwhile.
_TIE = f"""
WITH claimed AS (
    SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb) AS row(
        id bigint, generation bigint, link bigint, record_id text, object_id uuid,
        edited_at timestamptz, values jsonb, is_awaited bool)
), updated AS (
    UPDATE sync_recordlink AS l
    SET ancestor = l.ancestor || claimed.values, synced_at = %(now)s, edited_at = claimed.edited_at,
        frozen = l.frozen - ARRAY(SELECT jsonb_object_keys(claimed.values))
    FROM claimed WHERE l.id = claimed.link RETURNING l.id
), made AS (
    INSERT INTO sync_recordlink
        ("table", record_id, subject, object_id, ancestor, message, state, synced_at, edited_at)
    SELECT %(table)s, record_id, %(subject)s, object_id, values, '', 'linked', %(now)s, edited_at
    FROM claimed WHERE link IS NULL
    ON CONFLICT (subject, object_id) DO UPDATE SET
        "table" = excluded."table", record_id = excluded.record_id, ancestor = excluded.ancestor,
        state = excluded.state, synced_at = excluded.synced_at, edited_at = excluded.edited_at
    RETURNING id
), told AS ({history.INSERT})
"""  # noqa: S608 - made of constants
# Links are locked before rows of the outbox are: in that order whoever merges locks them, too.
_FINISH = f"""{_TIE}, measured AS (
    INSERT INTO sync_synclag (direction, seconds, at)
    SELECT 'out', greatest(0, extract(epoch FROM %(now)s - edited_at)), %(now)s FROM claimed
    WHERE is_awaited
), finished AS (
    {outbox.FINISH}
    AND (SELECT count(*) FROM updated) + (SELECT count(*) FROM made) >= 0 RETURNING o.id
)
SELECT count(*) FROM finished
"""  # noqa: S608 - made of constants


@dataclass
class Sent:
    """What one run did."""

    settled: int = 0
    written: int = 0
    deleted: int = 0
    dead: int = 0
    stopped: str = ""


def tie(
    pairs: Sequence[tuple[Task, Record]],
    now: datetime,
    *,
    sent: Values | None = None,
    keep_row: bool = False,
) -> None:
    """Tie objects to the records that came back, with the values that were sent, and finish the rows.

    Only what was sent becomes the ancestor: the answer shows the other cells too, and one of them may
    hold an edit that we have not read yet; to call that agreed would lose it.

    Args:
        sent: take these as what both sides agreed on, whatever the record shows by now.
        keep_row: something remains to be done for them.

    Raises:
        IntegrityError: one of the records stands for something else already; nothing is stored.
    """
    if not pairs:
        return
    tasks = [task for task, _ in pairs]
    waiting = [task for task in tasks if task.missing]
    done = [task.row for task in tasks if not task.missing]
    frozen = [task for task in tasks if task.frozen]
    # Whose record had been deleted, and who has one again.
    again = [t.row.object_id for t in tasks if t.step is Step.CREATE and t.link is not None]
    # Nearly always it is one statement, which needs no transaction around it.
    with transaction.atomic() if waiting or frozen or again else nullcontext():
        finished = _store(_TIE + "SELECT 0" if keep_row else _FINISH, pairs, now, sent)
        if keep_row:
            return
        if finished < len(done):
            outbox.due_again(done)
        if waiting:
            _second_pass(waiting, now)
        freeze(frozen, now)
        if again:
            other_ends.note_what_links_to(tasks[0].mapping.subject, again)


def _store(
    statement: str, pairs: Sequence[tuple[Task, Record]], now: datetime, sent: Values | None
) -> int:
    """How many rows were finished."""
    rows = [
        {
            "id": task.row.pk,
            # What links to something that is not there yet is not finished with.
            "generation": None if task.missing else task.row.generation,
            "link": task.link.pk if task.link is not None and task.step is Step.UPDATE else None,
            "record_id": record.id,
            "object_id": str(task.row.object_id),
            "edited_at": task.row.changed_at.isoformat(),
            "values": sent if sent is not None else _agreed(task, record),
            # Nobody waits for what is sent once a night: how long that took is no lag.
            "is_awaited": not (task.row.with_riders and task.is_riders_alone),
        }
        for task, record in pairs
    ]
    mapping = pairs[0][0].mapping
    arguments: dict[str, Any] = {
        "rows": json_of(rows),
        "events": history.as_json(_event(task, record, now, sent) for task, record in pairs),
        "now": now,
        "table": mapping.table,
        "subject": mapping.subject,
    }
    with connection.cursor() as cursor:
        cursor.execute(statement, arguments)
        return int(cursor.fetchone()[0])


def _agreed(task: Task, record: Record) -> Values:
    by_name, cells = task.mapping.by_name, record.fields
    return {
        name: by_name[name].codec.canonical(cells.get(name))
        if name in by_name
        else str(cells.get(name) or "")
        for name in task.fields
        if name != LAST_SYNCED
    }


def _event(task: Task, record: Record, now: datetime, sent: Values | None) -> Event:
    kind = Kind.SENT if task.step is Step.UPDATE else Kind.CREATED
    detail = ""
    if sent is not None:
        kind, detail = Kind.LINKED, "Found by its key: the answer to its creation never came."
    before = task.link.ancestor if task.link is not None and task.step is Step.UPDATE else {}
    after = {name: value for name, value in task.fields.items() if name in task.mapping.by_name}
    return Event(
        kind,
        OUT,
        task.row.subject,
        task.row.object_id,
        now,
        record_id=record.id,
        fields=history.changes(before, after),
        detail=detail,
    )


def _second_pass(tasks: Sequence[Task], now: datetime) -> None:
    """They are there, without a link to what is not there yet: the link is written when it is."""
    rows = [task.row for task in tasks]
    outbox.put_off(rows, reason="Its link is written later.", kind="waiting", now=now)


def settle(tasks: Sequence[Task], now: datetime) -> None:
    """Nothing had to be sent for these."""
    outbox.finish([task.row for task in tasks])
    freeze(tasks, now)
    for task in tasks:
        if task.link is not None and task.link.state in UNLINKED:
            deletions.forget_erased(task.mapping, task.row.object_id, task.link.record_id)


def settle_deleted(tasks: Sequence[Task], now: datetime) -> None:
    """The records were deleted."""
    links = [task.link.pk for task in tasks if task.link is not None]
    with transaction.atomic():
        RecordLink.objects.filter(pk__in=links).update(
            state=RecordLink.State.DELETED_REMOTE, ancestor={}, frozen={}, synced_at=now
        )
        happened(Kind.DELETED, tasks, now, "")
        outbox.finish([task.row for task in tasks])
        for task in tasks:
            if task.link is not None:
                deletions.forget_erased(task.mapping, task.row.object_id, task.link.record_id)


def freeze(tasks: Sequence[Task], now: datetime) -> None:
    """Stop correcting what something in Airtable keeps changing back, and say so there and here."""
    for task in tasks:
        link = task.link
        fresh = [name for name in task.frozen if link is not None and name not in link.frozen]
        if link is None or not fresh:
            continue
        names = ", ".join(fresh)
        sentence = (
            f"{names}: Office Hours wrote this again and again, and something in Airtable keeps "
            "changing it back. It is left alone until it changes in Office Hours."
        )
        link.frozen |= {name: task.frozen[name] for name in fresh}
        RecordLink.objects.filter(pk=link.pk).update(frozen=link.frozen, message=sentence)
        note(task.row.subject, task.row.object_id)  # for the sentence
        happened(Kind.PUT_OFF, [task], now, sentence)
        logger.warning("%s %s: %s", task.mapping.table, link.record_id, sentence)


def happened(kind: SyncEvent.Kind, tasks: Sequence[Task], now: datetime, detail: str) -> None:
    """Tell it of each record."""
    history.record(
        Event(
            kind,
            OUT,
            task.row.subject,
            task.row.object_id,
            now,
            record_id=task.link.record_id if task.link is not None else "",
            detail=detail,
        )
        for task in tasks
    )
