"""The queue of what changed here: taking rows from it and saying what became of them.

A row is claimed in a short transaction that moves its next attempt a minute ahead; a worker that
dies gives it back by saying nothing. `generation` is the fence: who finishes a row that changed
meanwhile only makes it due again. Everything here works on many rows in one statement, because a
statement per record would be what limits the pace.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping as MappingType, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import F

from sync.errors import AirtableError
from sync.lookups import OneOf
from sync.mappings import REGISTRY, Mapping
from sync.models import OutboxRow

LEASE = timedelta(seconds=60)
FIRST_PAUSE = 2.0
LONGEST_PAUSE = 300.0
# What is planned together: two seconds' worth of requests.
MOST_CLAIMED = 100
# Of these, the changes that go ahead of a queue that is longer.
NEWEST = 20

# What is due in turn, and of a longer queue what changed last. One statement, so nothing stays locked.
_CLAIM = """
WITH in_turn AS (
    SELECT id FROM sync_outboxrow
    WHERE subject = %(subject)s AND status = 'pending' AND next_attempt_at <= %(now)s
    ORDER BY next_attempt_at, id LIMIT %(in_turn)s FOR UPDATE SKIP LOCKED
), newest AS (
    SELECT id FROM sync_outboxrow
    WHERE subject = %(subject)s AND status = 'pending' AND next_attempt_at <= %(now)s
    AND (SELECT count(*) FROM in_turn) >= %(in_turn)s AND id NOT IN (SELECT id FROM in_turn)
    ORDER BY changed_at DESC LIMIT %(newest)s FOR UPDATE SKIP LOCKED
)
UPDATE sync_outboxrow SET next_attempt_at = %(until)s
WHERE id IN (SELECT id FROM in_turn UNION ALL SELECT id FROM newest)
RETURNING *
"""

# Of what `claimed` holds. Who has changed since stays: the generation is not the claimed one.
FINISH = """
DELETE FROM sync_outboxrow o USING claimed
WHERE o.id = claimed.id AND o.generation = claimed.generation
"""
_CLAIMED = """
WITH claimed AS (
    SELECT * FROM jsonb_to_recordset(%s::jsonb) AS row(id bigint, generation bigint)
)
"""


def due(*, now: datetime) -> list[Mapping]:
    """The kinds of which something is due, people before what links to them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT s FROM unnest(%s::text[]) AS s WHERE EXISTS (SELECT 1 FROM sync_outboxrow"
            " WHERE subject = s AND status = 'pending' AND next_attempt_at <= %s)",
            [[mapping.subject for mapping in REGISTRY], now],
        )
        subjects = {subject for (subject,) in cursor.fetchall()}
    return [mapping for mapping in REGISTRY if mapping.subject in subjects]


def claim(subject: str, *, now: datetime, limit: int = MOST_CLAIMED) -> list[OutboxRow]:
    """Take rows that are due, each by one worker only. A claim lapses by itself after a minute.

    Of a long queue most rows come in turn, and some are what changed last: somebody may be waiting
    to see that, while nobody waits for the middle of a bulk change.
    """
    newest = min(NEWEST, limit // 2)
    values = {
        "subject": subject, "now": now, "until": now + LEASE,
        "in_turn": limit - newest, "newest": newest,
    }  # fmt: skip
    return sorted(OutboxRow.objects.raw(_CLAIM, values), key=lambda row: (row.changed_at, row.pk))


def extend(rows: Sequence[OutboxRow], now: datetime) -> None:
    """Keep a claim for another minute."""
    OutboxRow.objects.filter(OneOf("pk", _ids(rows))).update(next_attempt_at=now + LEASE)


def about_to_send(
    rows: Sequence[OutboxRow], sent: Sequence[MappingType[str, Any]], now: datetime
) -> None:
    """Note what creations are about to say, before they are sent; it also keeps the claim."""
    _update(
        rows,
        "sent = v.sent, next_attempt_at = %s",
        [now + LEASE],
        "sent jsonb",
        [{"sent": values} for values in sent],
    )


def not_sent(rows: Sequence[OutboxRow]) -> None:
    """What was about to be sent surely did not arrive."""
    OutboxRow.objects.filter(OneOf("pk", _ids(rows)), sent__isnull=False).update(sent=None)


def finish(rows: Sequence[OutboxRow]) -> None:
    """Done with rows as they were claimed; what changed since is due again at once."""
    if not rows:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _CLAIMED + FINISH,
            [json.dumps([{"id": row.pk, "generation": row.generation} for row in rows])],
        )
        finished = cursor.rowcount
    if finished < len(rows):
        due_again(rows)


def due_again(rows: Sequence[OutboxRow]) -> None:
    """Those of them that are still there because they changed since they were claimed."""
    OutboxRow.objects.filter(OneOf("pk", _ids(rows))).update(
        next_attempt_at=F("changed_at"), attempts=0, last_error="", error_kind="", sent=None
    )


def put_off(
    rows: Sequence[OutboxRow], *, reason: str, kind: str, now: datetime, pause: float | None = None
) -> None:
    """Try again later.

    Args:
        pause: seconds; twice as long each time if left out.
    """
    _update(
        rows,
        "attempts = o.attempts + 1, next_attempt_at = v.at, last_error = %s, error_kind = %s",
        [reason[:2000], kind],
        "at timestamptz",
        [
            {"at": (now + timedelta(seconds=_pause(row) if pause is None else pause)).isoformat()}
            for row in rows
        ],
    )


def bury(row: OutboxRow, error: AirtableError) -> bool:
    """Out of the way until the object changes again or somebody replays it.

    False where it has changed meanwhile: then the change may be the repair.
    """
    return bool(
        OutboxRow.objects.filter(pk=row.pk, generation=row.generation).update(
            status=OutboxRow.Status.DEAD,
            attempts=row.attempts + 1,
            last_error=str(error)[:2000],
            error_kind=error.kind,
            sent=None,
        )
    )


def give_back(rows: Sequence[OutboxRow], now: datetime) -> None:
    """Due again at once: nothing was tried."""
    if rows:
        OutboxRow.objects.filter(OneOf("pk", _ids(rows)), status=OutboxRow.Status.PENDING).update(
            next_attempt_at=now
        )


# An object that is in the queue already keeps its place and its trouble.
_NOTE_RIDERS = """
INSERT INTO sync_outboxrow
    (subject, object_id, generation, changed_at, status, attempts, next_attempt_at, last_error, error_kind,
    with_riders)
SELECT %s, object_id, 1, %s, 'pending', 0, %s, '', '', true FROM unnest(%s::uuid[]) AS object_id
ON CONFLICT (subject, object_id) DO UPDATE SET with_riders = true
"""


def note_riders(subject: str, object_ids: Sequence[UUID], now: datetime) -> None:
    """Have what rides along sent for these, whether anything else of them changed or not."""
    if object_ids:
        with connection.cursor() as cursor:
            cursor.execute(_NOTE_RIDERS, [subject, now, now, sorted(map(str, object_ids))])


def wake_waiting(subjects: Sequence[str], now: datetime) -> None:
    """What waited for the record of another may go on."""
    OutboxRow.objects.filter(
        subject__in=subjects, status=OutboxRow.Status.PENDING, error_kind="waiting"
    ).update(next_attempt_at=now)


def _pause(row: OutboxRow) -> float:
    pause: float = min(LONGEST_PAUSE, FIRST_PAUSE * 2.0 ** min(row.attempts, 10))
    return pause * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing


def _ids(rows: Sequence[OutboxRow]) -> list[int]:
    return [row.pk for row in rows]


def _update(
    rows: Sequence[OutboxRow],
    what: str,
    arguments: list[Any],
    columns: str,
    values: Sequence[MappingType[str, Any]],
) -> None:
    """A value of its own for each row, in one statement."""
    if not rows:
        return
    body = [{"id": row.pk, **more} for row, more in zip(rows, values, strict=True)]
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE sync_outboxrow o SET {what}"  # noqa: S608 - made of constants
            f" FROM jsonb_to_recordset(%s::jsonb) AS v(id bigint, {columns}) WHERE o.id = v.id",
            [*arguments, json.dumps(body)],
        )
