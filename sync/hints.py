"""Single records that somebody asked us to look at: Automation posts, and second looks of our own.

A paste of a thousand rows makes a thousand posts. So hints are claimed together and read together:
up to a hundred rows of a table with one request, beyond that by the pages of the table. Claiming
moves a hint's time ahead, so that two workers do not read the same and a dead one gives it back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from sync import guard, limiter, other_ends
from sync.airtable import PAGE_SIZE, Airtable, Record
from sync.errors import AirtableError
from sync.inbound import Applier, Stale
from sync.intake import RecordChange, moment_of
from sync.limiter import Lane
from sync.mappings import BY_TABLE, Mapping
from sync.mappings.people import PEOPLE
from sync.models import InboundChange, RecordLink
from sync.records import HINTS

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=60)
MOST = 1000
MOST_LOOKS = 8
PAUSED_FOR = timedelta(seconds=60)
# A record that is gone is believed to be at the second miss, two seconds after the first.
OTHER_END_IN = timedelta(seconds=3)


@dataclass(frozen=True)
class Group:
    """Hints about rows of one table."""

    mapping: Mapping
    rows: tuple[InboundChange, ...]

    @property
    def by_record(self) -> dict[str, list[InboundChange]]:
        """Several hints about one record need one look."""
        found: dict[str, list[InboundChange]] = {}
        for row in self.rows:
            found.setdefault(str(row.payload.get("recordId")), []).append(row)
        return found

    @property
    def lane(self) -> Lane:
        """Whom these are for: nobody waits for a second look of our own."""
        if all(row.webhook == InboundChange.AGAIN for row in self.rows):
            return Lane.SYNC
        return Lane.PEOPLE if self.mapping.subject in PEOPLE else Lane.INTERACTIVE


class Looks:
    """One run over the hints whose time has come."""

    def __init__(
        self, base: Airtable | None, applier: Applier, *, clock: Callable[[], datetime]
    ) -> None:
        self._base = base
        self._applier = applier
        self._clock = clock
        self.done = 0
        self.failed = 0

    def run(self, *, table: str | None = None) -> int:
        """Look at them; how many records. Those that fail come again later."""
        while rows := claim(now=self._clock(), table=table):
            paused = guard.paused_tables()
            for group in groups(rows):
                if group.mapping.table in paused:
                    _wait(group.rows, until=self._clock() + PAUSED_FOR, reason="Paused.")
                elif self._base is None:
                    self._take_as_told(group)
                else:
                    self._look(self._base, group)
            _settle(
                [row for row in rows if row.payload.get("table") not in BY_TABLE], self._clock()
            )
        return self.done

    def _look(self, base: Airtable, group: Group) -> None:
        asked_at, moved = self._clock(), _moved_at(group)
        try:
            with limiter.lane(group.lane):
                names = base.schema().tables[group.mapping.table].names
                found = _read(base, group)
                ends = other_ends.look(base, group.mapping, found, names)
        except (AirtableError, KeyError) as error:
            # Airtable's trouble, and not the records': these are not given up for it.
            _wait(group.rows, until=self._clock() + LEASE, reason=str(error))
            return
        for record_id, rows in group.by_record.items():
            record = found.get(record_id)
            if record is None and all(row.attempts == 0 for row in rows):
                # A row may take a moment to appear in reads; only the second miss counts.
                put_off(rows, "Not found; looked for once more.", now=self._clock())
                continue
            if record_id in ends.waiting:
                until = self._clock() + OTHER_END_IN
                _wait(rows, until=until, reason="The record it links to is looked at first.")
                continue
            change = _change(group.mapping, record_id, rows, record, names, asked_at)
            change.there = ends.there
            self._apply(change, rows, moved.get(record_id, asked_at))

    def _take_as_told(self, group: Group) -> None:
        """Without a token nothing can be read: the signed bodies are applied, in their order."""
        for row in group.rows:
            change = RecordChange(
                group.mapping,
                str(row.payload["recordId"]),
                moment_of(row.payload.get("timestamp")) or row.received_at,
                dict(row.payload.get("fields") or {}),
                is_all_there_is=True,
            )
            self._apply(change, [row], None)

    def _apply(
        self, change: RecordChange, rows: Sequence[InboundChange], read_after: datetime | None
    ) -> None:
        try:
            self._applier.apply(change, read_after=read_after)
        except Stale:
            put_off(rows, "It changed while it was read.", now=self._clock())
        except Exception as error:
            # One odd record must not stop the others. It is kept, counted and tried again.
            logger.exception("%s %s could not be applied.", change.mapping.table, change.record_id)
            self.failed += 1
            put_off(rows, f"{type(error).__name__}: {error}", now=self._clock())
        else:
            _settle(rows, self._clock())
            self.done += 1


def claim(*, now: datetime, table: str | None = None) -> list[InboundChange]:
    """Take the hints whose time has come, oldest first; without a table of every one."""
    with transaction.atomic():
        due = InboundChange.objects.select_for_update(skip_locked=True).filter(
            webhook__in=HINTS, applied_at=None, next_attempt_at__lte=now
        )
        if table is not None:
            due = due.filter(payload__table=table)
        rows = list(due.order_by("received_at", "id")[:MOST])
        _wait(rows, until=now + LEASE)
    return rows


def due_now(table: str) -> None:
    """Let what was told of a table while it was paused be looked at with the next run."""
    InboundChange.objects.filter(webhook__in=HINTS, applied_at=None, payload__table=table).update(
        next_attempt_at=timezone.now()
    )


def groups(rows: Iterable[InboundChange]) -> Iterator[Group]:
    """Hints by table, people first. Hints about tables that nobody maps are left out."""
    found: dict[str, list[InboundChange]] = {}
    for row in rows:
        found.setdefault(str(row.payload.get("table")), []).append(row)
    for table, mapping in BY_TABLE.items():
        if table in found:
            yield Group(mapping, tuple(found[table]))


def put_off(rows: Sequence[InboundChange], reason: str, *, now: datetime) -> None:
    """Try again later, each time twice as long; given up after a while, with the reason kept."""
    for row in rows:
        row.attempts += 1
        row.error = reason[:2000]
        row.next_attempt_at = now + timedelta(seconds=2 * 2 ** min(row.attempts - 1, 8))
        if row.attempts >= MOST_LOOKS:
            row.applied_at = now
    names = ["attempts", "error", "next_attempt_at", "applied_at"]
    InboundChange.objects.bulk_update(rows, names)


def _wait(rows: Sequence[InboundChange], *, until: datetime, reason: str | None = None) -> None:
    changes = {"error": reason[:2000]} if reason is not None else {}
    InboundChange.objects.filter(pk__in=[row.pk for row in rows]).update(
        next_attempt_at=until, **changes
    )


def _settle(rows: Sequence[InboundChange], now: datetime) -> None:
    InboundChange.objects.filter(pk__in=[row.pk for row in rows]).update(applied_at=now, error="")


def _moved_at(group: Group) -> dict[str, datetime]:
    """When each record's link last moved. Asked before the read: a later move makes the read stale."""
    links = RecordLink.objects.filter(
        table=group.mapping.table, record_id__in=list(group.by_record)
    )
    return dict(links.values_list("record_id", "synced_at"))


def _read(base: Airtable, group: Group) -> dict[str, Record]:
    """The rows as they are now, by record id; those that are not there are left out."""
    wanted = set(group.by_record)
    if len(wanted) <= PAGE_SIZE:
        return base.rows(group.mapping.table, sorted(wanted))
    return {
        record.id: record
        for page in base.pages(group.mapping.table)
        for record in page
        if record.id in wanted
    }


def _change(
    mapping: Mapping,
    record_id: str,
    rows: Sequence[InboundChange],
    record: Record | None,
    names: frozenset[str],
    asked_at: datetime,
) -> RecordChange:
    if record is None:
        return RecordChange(mapping, record_id, asked_at, destroyed=True)
    told_at = [moment_of(row.payload.get("timestamp")) or row.received_at for row in rows]
    return RecordChange(
        mapping,
        record_id,
        max(told_at),
        dict(record.fields),
        complete=True,
        names=names,
        made_at=moment_of(record.created_time),
        seen=True,
        again=any(row.payload.get("again") for row in rows),
    )
