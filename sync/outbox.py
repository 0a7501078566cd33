"""Sending what changed here.

A row is claimed in a short transaction that moves its next attempt a minute ahead; a worker that
dies gives it back by saying nothing. Airtable is called with no transaction open. What is sent is
the object's state at that moment, compared with what Airtable was last known to hold, so the same
row may be handled twice without harm, and a change that is none costs no request.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction

from sync import guard, limiter
from sync.airtable import MOST_RECORDS, Airtable, Record
from sync.errors import AirtableError, Ambiguous, AuthOrQuota, Permanent, SchemaDrift
from sync.mappings import REGISTRY, Mapping
from sync.mappings.base import LAST_SYNCED, PLATFORM_ID, Values
from sync.models import OutboxRow, RecordLink, SyncLag
from sync.planning import Step, Task, batches, plan
from sync.records import note, remember_hint
from sync.schema import TableSchema

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
FIRST_PAUSE = 2.0
LONGEST_PAUSE = 300.0
Clock = Callable[[], datetime]


@dataclass
class Sent:
    """What one run did."""

    settled: int = 0
    written: int = 0
    deleted: int = 0
    dead: int = 0
    stopped: str = ""


class _Stop(Exception):
    """No more requests in this run. The text says why."""


class Drain:
    """One run of the sender. Only one runs per base at a time (`sync.services`)."""

    def __init__(self, base: Airtable, *, catch_up: Callable[[], bool], clock: Clock) -> None:
        self._base = base
        self._catch_up = catch_up
        self._clock = clock
        self.sent = Sent()

    def run(self, *, until: datetime) -> Sent:
        """Send what is due, people before the hours and sessions that link to them."""
        try:
            guard.check()
            if held := limiter.for_base().held():
                raise _Stop(str(held))
            while self._round() and self._clock() < until:
                pass
        except (_Stop, guard.NotBound) as stop:
            self.sent.stopped = str(stop)
        except AirtableError as error:  # the schema could not be read
            self.sent.stopped = str(error)
        return self.sent

    def _round(self) -> bool:
        """A batch of every kind; whether there was any."""
        busy = False
        paused = guard.paused_tables()
        for mapping in REGISTRY:
            if mapping.table in paused or not _is_due(mapping, self._clock()):
                continue
            table = self._base.schema().tables.get(mapping.table)
            if table is None or PLATFORM_ID not in table.columns:
                logger.warning("The table %s does not fit; run sync_check_schema.", mapping.table)
                continue
            rows = claim(mapping.subject, now=self._clock())
            busy = busy or bool(rows)
            if rows:
                self._process(mapping, rows, table)
        return busy

    def _process(self, mapping: Mapping, rows: Sequence[OutboxRow], table: TableSchema) -> None:
        tasks = plan(mapping, rows, table, self._clock())
        if any(task.step not in (Step.SETTLE, Step.WAIT) for task in tasks) and self._look(rows):
            tasks = plan(mapping, rows, table, self._clock())
        undone = list(tasks)
        try:
            for task in tasks:
                if task.step is Step.SETTLE:
                    finish(task.row)
                    self.sent.settled += 1
                elif task.step is Step.WAIT:
                    self._wait(task)
                elif task.step is Step.DELETE:
                    self._delete(task)
                else:
                    continue
                undone.remove(task)
            for batch in batches(tasks):
                self._send(batch)
                undone = [task for task in undone if task not in batch]
        except _Stop:
            self._give_back([task.row for task in undone])
            raise

    def _look(self, rows: Sequence[OutboxRow]) -> bool:
        """Before writing: an edit made there meanwhile must meet the merge, not be overwritten."""
        try:
            return self._catch_up()
        except (AirtableError, guard.NotBound) as error:
            self._give_back(rows)
            raise _Stop(str(error)) from error

    def _send(self, batch: list[Task]) -> None:
        """Write a batch; a refused one is halved until the record at fault stands alone."""
        _extend([task.row for task in batch], self._clock())
        mapping = batch[0].mapping
        try:
            records = self._base.write(
                mapping.table, [task.entry for task in batch], typecast=batch[0].typecast
            )
        except Permanent as error:
            if len(batch) == 1:
                self._refused(batch[0], error)
                return
            middle = len(batch) // 2
            self._send(batch[:middle])
            self._send(batch[middle:])
        except guard.NotBound as error:
            raise _Stop(str(error)) from error
        except AirtableError as error:
            self._failed([task.row for task in batch], error)
        else:
            self._store(batch, records)

    def _store(self, batch: list[Task], records: Sequence[Record]) -> None:
        by_id = {record.id: record for record in records}
        by_key = {record.fields.get(PLATFORM_ID): record for record in records}
        for task in batch:
            record = (
                by_id.get(task.link.record_id)
                if task.link is not None and task.step is Step.UPDATE
                else by_key.get(str(task.row.object_id))
            )
            if record is None:
                self._failed([task.row], Ambiguous("Airtable's answer left this record out."))
                continue
            try:
                self._agree(task, record)
            except IntegrityError:
                reason = f"The record {record.id} stands for something else already."
                self._bury(task.row, Permanent("LINKED_ELSEWHERE", reason))

    def _agree(self, task: Task, record: Record) -> None:
        """Remember what Airtable now holds, as it came back, and settle the row."""
        now = self._clock()
        with transaction.atomic():
            keep_link(task, record, now)
            finish(task.row)
            seconds = max(0.0, (now - task.row.changed_at).total_seconds())
            SyncLag.objects.create(direction=SyncLag.Direction.OUT, seconds=seconds, at=now)
        self.sent.written += 1

    def _delete(self, task: Task) -> None:
        if task.link is None:
            finish(task.row)
            return
        _extend([task.row], self._clock())
        try:
            self._base.delete(task.mapping.table, task.link.record_id)
        except guard.NotBound as error:
            raise _Stop(str(error)) from error
        except AirtableError as error:
            self._failed([task.row], error)
            return
        with transaction.atomic():
            RecordLink.objects.filter(pk=task.link.pk).update(
                state=RecordLink.State.DELETED_REMOTE, ancestor={}, synced_at=self._clock()
            )
            finish(task.row)
        self.sent.deleted += 1

    def _refused(self, task: Task, error: Permanent) -> None:
        """A single record that Airtable does not take."""
        if task.step is Step.CREATE and self._found_by_key(task):
            return
        # It, or something it links to, was deleted there: a look at the record itself tells.
        if error.type == "ROW_DOES_NOT_EXIST" and task.link is not None and self._is_gone(task):
            return
        self._bury(task.row, error)

    def _found_by_key(self, task: Task) -> bool:
        """An upsert fails where somebody copied the row with our key: the oldest is the original."""
        try:
            records = self._base.with_key(task.mapping.table, str(task.row.object_id))
        except AirtableError as error:
            self._failed([task.row], error)
            return True
        if len(records) < 2:
            return False
        with transaction.atomic():
            keep_link(
                Task(task.row, task.mapping, Step.CREATE, task.link), records[0], self._clock()
            )
            for copy in records[1:]:
                remember_hint(task.mapping.table, copy.id)
        self._give_back([task.row])
        return True

    def _is_gone(self, task: Task) -> bool:
        assert task.link is not None
        try:
            if self._base.row(task.mapping.table, task.link.record_id) is not None:
                return False
        except AirtableError as error:
            self._failed([task.row], error)
            return True
        remember_hint(task.mapping.table, task.link.record_id)
        self._put_off(task.row, "The record is gone from Airtable.", "gone", FIRST_PAUSE)
        return True

    # What becomes of rows

    def _wait(self, task: Task) -> None:
        """What it links to goes first, and is put in the queue in case it never was."""
        for subject, object_id in task.waits_for:
            if not OutboxRow.objects.filter(subject=subject, object_id=object_id).exists():
                note(subject, object_id)
        subjects = ", ".join(subject for subject, _ in task.waits_for)
        self._put_off(task.row, f"Waits for the record of its {subjects}.", "waiting", None)

    def _failed(self, rows: Sequence[OutboxRow], error: AirtableError) -> None:
        if isinstance(error, AuthOrQuota):
            for row in rows:
                self._put_off(row, str(error), error.kind, LEASE.total_seconds())
            raise _Stop(str(error))
        retry_after = getattr(error, "retry_after", None)
        for row in rows:
            self._put_off(row, str(error), error.kind, retry_after)
        if retry_after is not None or isinstance(error, SchemaDrift):
            raise _Stop(str(error))

    def _put_off(self, row: OutboxRow, reason: str, kind: str, pause: float | None) -> None:
        if pause is None:
            pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(row.attempts, 10))
            pause *= random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, guards nothing
        OutboxRow.objects.filter(pk=row.pk).update(
            attempts=row.attempts + 1,
            next_attempt_at=self._clock() + timedelta(seconds=pause),
            last_error=reason[:2000],
            error_kind=kind,
        )

    def _bury(self, row: OutboxRow, error: Permanent) -> None:
        """Out of the way until the object changes again or somebody replays it."""
        buried = OutboxRow.objects.filter(pk=row.pk, generation=row.generation).update(
            status=OutboxRow.Status.DEAD,
            attempts=row.attempts + 1,
            last_error=str(error)[:2000],
            error_kind=error.kind,
        )
        if buried:
            self.sent.dead += 1
            logger.warning("Airtable refuses %s %s: %s", row.subject, row.object_id, error)
        else:
            self._give_back([row])

    def _give_back(self, rows: Sequence[OutboxRow]) -> None:
        """Due again at once: nothing was tried."""
        OutboxRow.objects.filter(pk__in=[row.pk for row in rows], status="pending").update(
            next_attempt_at=self._clock()
        )


def _is_due(mapping: Mapping, now: datetime) -> bool:
    return OutboxRow.objects.filter(
        subject=mapping.subject, status=OutboxRow.Status.PENDING, next_attempt_at__lte=now
    ).exists()


def claim(subject: str, *, now: datetime, limit: int = MOST_RECORDS) -> list[OutboxRow]:
    """Take rows that are due, each by one worker only. A claim lapses by itself after a minute."""
    with transaction.atomic():
        rows = list(
            OutboxRow.objects.select_for_update(skip_locked=True)
            .filter(subject=subject, status=OutboxRow.Status.PENDING, next_attempt_at__lte=now)
            .order_by("next_attempt_at", "id")[:limit]
        )
        _extend(rows, now)
    return rows


def _extend(rows: Sequence[OutboxRow], now: datetime) -> None:
    OutboxRow.objects.filter(pk__in=[row.pk for row in rows]).update(next_attempt_at=now + LEASE)


def finish(row: OutboxRow) -> None:
    """Done with the row as it was claimed; if the object changed since, it is due again at once."""
    deleted, _ = OutboxRow.objects.filter(pk=row.pk, generation=row.generation).delete()
    if not deleted:  # `row` is as it was before the claim moved its time
        OutboxRow.objects.filter(pk=row.pk).update(
            next_attempt_at=row.next_attempt_at, attempts=0, last_error="", error_kind=""
        )


def keep_link(task: Task, record: Record, now: datetime) -> None:
    """Tie object and record, and note the values that came back for what was sent.

    Only for what was sent: the answer shows the other cells too, and one of them may hold an edit
    that we have not read yet; to call that agreed would lose it.
    """
    ancestor: Values = {}
    if task.link is not None and task.step is Step.UPDATE:
        fresh = RecordLink.objects.select_for_update().filter(pk=task.link.pk).first()
        ancestor = dict(fresh.ancestor) if fresh is not None else {}
    for name in task.fields:
        field = task.mapping.by_name.get(name)
        if field is not None:
            ancestor[name] = field.codec.canonical(record.fields.get(name))
        elif name != LAST_SYNCED:
            ancestor[name] = str(record.fields.get(name) or "")
    state = RecordLink.State.LINKED
    if task.link is not None and task.link.state == RecordLink.State.WAITING:
        state = RecordLink.State.WAITING
    RecordLink.objects.update_or_create(
        subject=task.mapping.subject,
        object_id=task.row.object_id,
        defaults={
            "table": task.mapping.table,
            "record_id": record.id,
            "ancestor": ancestor,
            "state": state,
            "synced_at": now,
        },
    )
