"""Sending what changed here.

A portion of rows is claimed, compared with what Airtable is known to hold, and sent ten records a
request, with no transaction open. What is sent is the objects' state at that moment, so the same row
may be handled twice without harm, and a change that is none costs no request.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError

from sync import guard, limiter, outbox
from sync.airtable import Airtable, Record
from sync.errors import AirtableError, Ambiguous, AuthOrQuota, Permanent, SchemaDrift
from sync.limiter import Lane
from sync.looking import Looking
from sync.mappings import BY_SUBJECT, REGISTRY, Mapping
from sync.mappings.base import PLATFORM_ID
from sync.models import OutboxRow, RecordLink, SyncEvent
from sync.outbox import FIRST_PAUSE, LEASE, MOST_CLAIMED
from sync.planning import Step, Task, batches, in_tens, plan
from sync.records import note_many, remember_hint, unread
from sync.schema import TableSchema
from sync.sent import Sent, happened, settle, settle_deleted, tie

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]
Kind = SyncEvent.Kind

RENEW_AFTER = timedelta(seconds=20)
READ_FIRST = "An edit made in Airtable is read first."


class _Stop(Exception):
    """No more requests in this run. The text says why."""


class Drain:
    """One run of the sender. Only one runs per base at a time (`sync.services`)."""

    def __init__(
        self,
        base: Airtable,
        *,
        catch_up: Callable[[timedelta | None], bool],
        look: Callable[[str], object],
        meet: Callable[[Mapping, Record, datetime | None], None],
        clock: Clock,
    ) -> None:
        """
        Args:
            catch_up, meet: see `Looking`.
            look: read the records of a table that somebody asked us to look at.
        """
        self._base = base
        self._looking = Looking(base, catch_up=catch_up, meet=meet)
        self._look_at_hints = look
        self._meet = meet
        self._clock = clock
        self._open: dict[int, OutboxRow] = {}
        self._in_bulk = False
        self._claimed_at = clock()
        self.sent = Sent()

    def run(self, *, until: datetime) -> Sent:
        """Send what is due, people before the hours and sessions that link to them."""
        try:
            with guard.asked_once_a_second():
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
        """A portion of every kind; whether there was any."""
        busy = False
        paused = guard.paused_tables()
        for mapping in outbox.due(now=self._clock()):
            if mapping.table in paused:
                continue
            table = self._base.schema().tables.get(mapping.table)
            if table is None or PLATFORM_ID not in table.columns:
                logger.warning("The table %s does not fit; run sync_check_schema.", mapping.table)
                continue
            self._claimed_at = self._clock()
            rows = outbox.claim(mapping.subject, now=self._claimed_at)
            busy = busy or bool(rows)
            if rows:
                self._portion(mapping, rows, table)
        return busy

    def _portion(self, mapping: Mapping, rows: Sequence[OutboxRow], table: TableSchema) -> None:
        self._open = {row.pk: row for row in rows}
        self._in_bulk = len(rows) >= MOST_CLAIMED
        try:
            with limiter.lane(Lane.SYNC if self._in_bulk else Lane.INTERACTIVE):
                rows = self._read_first(mapping, rows)
                tasks = plan(mapping, rows, table, self._clock())
                if self._look(mapping, tasks):
                    rows = [row for row in rows if row.pk in self._open]
                    table = self._base.schema().tables.get(mapping.table, table)
                    tasks = plan(mapping, rows, table, self._clock())
                self._handle(mapping, tasks)
        except guard.TablePaused:
            logger.info("%s was paused; what is left of it waits.", mapping.table)
        finally:
            # Nothing was tried with these.
            outbox.give_back(list(self._open.values()), self._clock())

    def _read_first(self, mapping: Mapping, rows: Sequence[OutboxRow]) -> Sequence[OutboxRow]:
        """Leave out what is to be read before it is written; of most tables nothing is.

        While a table was paused, edits there were noted and not kept: sent now, ours would erase them
        without a conflict.
        """
        if not self._to_be_read(mapping, rows):
            return rows
        self._look_at_hints(mapping.table)
        waiting = self._to_be_read(mapping, rows)
        held = [row for row in rows if row.object_id in waiting]
        outbox.put_off(held, reason=READ_FIRST, kind="unread", now=self._clock(), pause=FIRST_PAUSE)
        for row in held:
            self._open.pop(row.pk, None)
        return [row for row in rows if row.object_id not in waiting]

    def _to_be_read(self, mapping: Mapping, rows: Sequence[OutboxRow]) -> set[UUID]:
        asked = unread(mapping.table)
        if not asked:
            return set()
        links = RecordLink.objects.filter(
            subject=mapping.subject,
            object_id__in=[row.object_id for row in rows],
            record_id__in=asked,
        )
        return set(links.values_list("object_id", flat=True))

    def _handle(self, mapping: Mapping, tasks: list[Task]) -> None:
        by_step: dict[Step, list[Task]] = {}
        for task in tasks:
            by_step.setdefault(task.step, []).append(task)
        settled = by_step.get(Step.SETTLE, [])
        settle(settled, self._clock())
        self._closed(settled)
        self.sent.settled += len(settled)
        self._wait(by_step.get(Step.WAIT, []))
        self._look_by_key(mapping, by_step.get(Step.LOOK, []))
        for tens in in_tens(by_step.get(Step.DELETE, [])):
            self._delete(tens)
        for batch in batches(tasks):
            self._send(batch)
        if Step.CREATE in by_step:
            outbox.wake_waiting(_linking_to(mapping), self._clock())

    def _look(self, mapping: Mapping, tasks: Sequence[Task]) -> bool:
        """Before writing: an edit made there meanwhile must meet the merge, not be overwritten."""
        try:
            seen = self._looking.look(mapping, tasks, in_bulk=self._in_bulk)
        except (AirtableError, guard.NotBound) as error:
            raise _Stop(str(error)) from error
        if seen.not_told:
            self._put_off(seen.not_told, READ_FIRST, "unread", FIRST_PAUSE)
        return seen.is_news

    def _send(self, batch: list[Task]) -> None:
        """Write a batch; a refused one is halved until the record at fault stands alone."""
        rows = [task.row for task in batch]
        self._claim_again(batch)
        mapping = batch[0].mapping
        try:
            records = self._base.write(
                mapping.table, [task.entry for task in batch], typecast=batch[0].typecast
            )
        except Permanent as error:
            outbox.not_sent(rows)
            if len(batch) == 1:
                self._refused(batch[0], error)
                return
            middle = len(batch) // 2
            self._send(batch[:middle])
            self._send(batch[middle:])
        except guard.NotBound:
            outbox.not_sent(rows)
            raise
        except AirtableError as error:
            self._failed(batch, error)
        else:
            self._store(batch, records)

    def _claim_again(self, batch: Sequence[Task]) -> None:
        """The claim must outlast the request; what is about to be sent must be known by then.

        Of an update in bulk it is noted only once its answer got lost, which spares a statement.
        """
        rows, now = [task.row for task in batch], self._clock()
        if batch[0].step is Step.CREATE or not self._in_bulk:
            outbox.about_to_send(rows, [task.lasting for task in batch], now)
        elif now - self._claimed_at > RENEW_AFTER:
            outbox.extend(list(self._open.values()), now)
            self._claimed_at = now

    def _store(self, batch: list[Task], records: Sequence[Record]) -> None:
        by_id = {record.id: record for record in records}
        by_key = {record.fields.get(PLATFORM_ID): record for record in records}
        pairs: list[tuple[Task, Record]] = []
        for task in batch:
            record = (
                by_id.get(task.link.record_id)
                if task.link is not None and task.step is Step.UPDATE
                else by_key.get(str(task.row.object_id))
            )
            if record is None:
                self._failed([task], Ambiguous("Airtable's answer left this record out."))
            else:
                pairs.append((task, record))
        try:
            self._agree(pairs)
        except IntegrityError:
            for pair in pairs:
                self._agree_alone(*pair)

    def _agree(self, pairs: Sequence[tuple[Task, Record]]) -> None:
        """Remember what Airtable now holds, as it came back, and settle the rows."""
        tie(pairs, self._clock())
        self._closed([task for task, _ in pairs])
        self.sent.written += len(pairs)

    def _agree_alone(self, task: Task, record: Record) -> None:
        try:
            self._agree([(task, record)])
        except IntegrityError:
            reason = f"The record {record.id} stands for something else already."
            self._bury(task, Permanent("LINKED_ELSEWHERE", reason))

    def _delete(self, tasks: Sequence[Task]) -> None:
        self._claim_again(tasks)
        record_ids = [task.link.record_id for task in tasks if task.link is not None]
        try:
            self._base.delete(tasks[0].mapping.table, *record_ids)
        except AirtableError as error:
            self._failed(tasks, error)
            return
        settle_deleted(tasks, self._clock())
        self._closed(tasks)
        self.sent.deleted += len(tasks)

    # What is unclear

    def _look_by_key(self, mapping: Mapping, tasks: list[Task]) -> None:
        """Creations whose answer never came: is there a record? Asked before anything is sent again.

        If there is, it is ours, and what it was sent is what both sides last agreed on.
        """
        if not tasks:
            return
        keys = [str(task.row.object_id) for task in tasks]
        try:
            found = self._base.with_keys(mapping.table, keys)
        except AirtableError as error:
            self._failed(tasks, error)
            return
        for task, key in zip(tasks, keys, strict=True):
            if found[key]:
                self._meet_again(task, found[key])
        outbox.not_sent([task.row for task in tasks])
        outbox.give_back([task.row for task in tasks], self._clock())
        self._closed(tasks)

    def _meet_again(self, task: Task, records: Sequence[Record]) -> None:
        """Tie to the oldest, and merge: it may have been edited in between. Others are copies."""
        first, *copies = records
        tie([(task, first)], self._clock(), sent=task.row.sent or {}, keep_row=True)
        self._meet(task.mapping, first, None)
        for copy in copies:
            remember_hint(task.mapping.table, copy.id)

    def _refused(self, task: Task, error: Permanent) -> None:
        """A single record that Airtable does not take."""
        if task.step is Step.CREATE and self._has_copies(task):
            return
        if error.type == "ROW_DOES_NOT_EXIST" and self._is_anything_gone(task):
            return
        self._bury(task, error)

    def _has_copies(self, task: Task) -> bool:
        """An upsert fails where somebody copied the row with our key: the oldest is the original."""
        key = str(task.row.object_id)
        try:
            records = self._base.with_keys(task.mapping.table, [key])[key]
        except AirtableError as error:
            self._failed([task], error)
            return True
        if len(records) < 2:
            return False
        self._meet(task.mapping, records[0], None)
        for copy in records[1:]:
            remember_hint(task.mapping.table, copy.id)
        outbox.give_back([task.row], self._clock())
        self._closed([task])
        return True

    def _is_anything_gone(self, task: Task) -> bool:
        """Whether the record, or one that it links to, was deleted there and we do not know it yet.

        Each is then looked at as if somebody had asked for it, and this waits for what comes of that.
        """
        gone: list[tuple[str, str]] = []
        try:
            for table, record_ids in _named_in(task):
                there = self._base.rows(table, record_ids)
                gone += [(table, record_id) for record_id in record_ids if record_id not in there]
        except AirtableError as error:
            self._failed([task], error)
            return True
        for table, record_id in gone:
            remember_hint(table, record_id)
        if gone:
            tables = ", ".join(dict.fromkeys(table for table, _ in gone))
            reason = f"A record of {tables} is gone from Airtable."
            self._put_off([task], reason, "gone", outbox.FIRST_PAUSE)
        return bool(gone)

    # What becomes of rows

    def _closed(self, tasks: Sequence[Task]) -> None:
        for task in tasks:
            self._open.pop(task.row.pk, None)

    def _wait(self, tasks: Sequence[Task]) -> None:
        """What they link to goes first, and is put in the queue in case it never was."""
        if not tasks:
            return
        note_many({pair for task in tasks for pair in task.missing}, unless_noted=True)
        subjects = ", ".join(dict.fromkeys(s for task in tasks for s, _ in task.missing))
        self._put_off(tasks, f"Waits for the record of its {subjects}.", "waiting", None)

    def _failed(self, tasks: Sequence[Task], error: AirtableError) -> None:
        sent = [task for task in tasks if task.is_sent]
        if not isinstance(error, Ambiguous):
            outbox.not_sent([task.row for task in sent])
        elif self._in_bulk:
            outbox.about_to_send(
                [task.row for task in sent], [task.lasting for task in sent], self._clock()
            )
        if isinstance(error, AuthOrQuota):
            self._put_off(tasks, str(error), error.kind, LEASE.total_seconds())
            raise _Stop(str(error))
        retry_after = getattr(error, "retry_after", None)
        self._put_off(tasks, str(error), error.kind, retry_after)
        if retry_after is not None or isinstance(error, SchemaDrift):
            raise _Stop(str(error))

    def _put_off(self, tasks: Sequence[Task], reason: str, kind: str, pause: float | None) -> None:
        now = self._clock()
        rows = [task.row for task in tasks]
        outbox.put_off(rows, reason=reason, kind=kind, now=now, pause=pause)
        # Told once, not with every attempt.
        happened(Kind.PUT_OFF, [t for t in tasks if t.row.last_error != reason], now, reason)
        self._closed(tasks)

    def _bury(self, task: Task, error: Permanent) -> None:
        if outbox.bury(task.row, error):
            self.sent.dead += 1
            happened(Kind.DEAD, [task], self._clock(), str(error))
            logger.warning(
                "Airtable refuses %s %s: %s", task.row.subject, task.row.object_id, error
            )
        else:
            outbox.give_back([task.row], self._clock())
        self._closed([task])


def _named_in(task: Task) -> Iterator[tuple[str, list[str]]]:
    """The records that a request for this task speaks of, by table."""
    if task.link is not None and task.step is Step.UPDATE:
        yield task.mapping.table, [task.link.record_id]
    for field in task.mapping.fields:
        if field.links and task.fields.get(field.name):
            yield BY_SUBJECT[field.links].table, list(task.fields[field.name])


def _linking_to(mapping: Mapping) -> list[str]:
    return [
        other.subject
        for other in REGISTRY
        if any(field.links == mapping.subject for field in other.fields)
    ]
