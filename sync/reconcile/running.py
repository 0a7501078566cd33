"""A comparison from its beginning to its end, a page at a time.

After each page the place in the list, the counts and what was found are written in one transaction, so
a worker that dies costs one page. Airtable forgets a list after some minutes; the table is then
read from its beginning again. What was healed by then is equal, and is passed over.
"""

from __future__ import annotations

import itertools
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.db.models.expressions import RawSQL

from sync import guard, history, limiter, riders
from sync.airtable import ITERATOR_IS_GONE, Airtable, Record
from sync.errors import Permanent
from sync.mappings import BY_TABLE, Mapping
from sync.mappings.base import PLATFORM_ID
from sync.models import OutboxRow, RecordLink
from sync.nudges import after_mentor_change
from sync.reconcile.comparing import differing
from sync.reconcile.duplicates import duplicates, namesakes
from sync.reconcile.healing import Clock, Healer, Kind, Outcome, Side, label_of
from sync.reconcile.models import ReconcileDifference, ReconcilePage, ReconcileRun
from sync.records import LINKED, json_of, note
from sync.schema import TableSchema

logger = logging.getLogger(__name__)

MOST_RESTARTS = 3
# Of one table; beyond that only the count goes on. Nobody reads more, and a first load has as many as records.
MOST_KEPT = 5_000
AT_ONCE = 100
# A record that this run may take for deleted was agreed upon long before: clocks of workers differ.
CLOCKS_DIFFER = timedelta(minutes=1)
FEWEST_GONE, SHARE_GONE = 10, 0.05

Progress = Callable[[ReconcileRun, str], None]


@dataclass
class Place:
    """Where a comparison stands in one table; kept as JSON in the run."""

    expected: int = 0
    began_at: str = ""
    offset: str = ""
    pages: int = 0
    restarts: int = 0
    read: bool = False
    done: bool = False
    note: str = ""
    counts: dict[str, int] = field(default_factory=dict)

    def count(self, outcomes: Iterable[Outcome], **more: int) -> None:
        """Add what came of some records."""
        found = Counter(self.counts) + Counter(outcome.count for outcome in outcomes)
        self.counts = dict(found + Counter(more))


class Stopped(Exception):
    """An operator has ended the run."""


class Comparison:
    """The work of one run in one process."""

    def __init__(
        self, base: Airtable, run: ReconcileRun, *, clock: Clock, told: Progress | None = None
    ) -> None:
        self._base = base
        self._run = run
        self._clock = clock
        self._told = told or (lambda run, table: None)

    def work(self, *, until: datetime) -> bool:
        """Go on from where the run stands; whether it is finished.

        Raises:
            AirtableError, guard.NotBound: it stands where it stood and can go on later.
            Stopped: an operator has ended it.
        """
        with (
            limiter.lane(limiter.Lane.BACKFILL),
            history.running(f"comparison {self._run.pk}"),
            guard.asked_once_a_second(),
        ):
            return self._work(until)

    def _work(self, until: datetime) -> bool:
        for name in self._run.tables:
            place = Place(**(self._run.progress.get(name) or {}))
            while not place.done:
                if self._clock() >= until:
                    return False
                self._step(BY_TABLE[name], place)
        return True

    def _step(self, mapping: Mapping, place: Place) -> None:
        table = self._base.schema().tables.get(mapping.table)
        if reason := _why_not(mapping, table):
            place.done, place.note = True, reason
            self._keep(mapping, place)
        elif table is not None and place.read:
            self._finish(mapping, place, table)
        elif table is not None:
            self._page(mapping, place, table)
        self._told(self._run, mapping.table)

    # Reading

    def _page(self, mapping: Mapping, place: Place, table: TableSchema) -> None:
        if not place.began_at:
            place.began_at = self._clock().isoformat()
            place.expected = RecordLink.objects.filter(table=mapping.table, state=LINKED).count()
        try:
            records, offset = self._base.page(mapping.table, place.offset or None)
        except Permanent as error:
            if error.type != ITERATOR_IS_GONE or place.restarts >= MOST_RESTARTS:
                raise
            self._start_again(mapping, place)
            return
        changed = differing(mapping, records, table)
        outcomes = self._healer(mapping, table).heal(changed) if changed else []
        place.pages, place.offset, place.read = place.pages + 1, offset or "", not offset
        place.count(outcomes, records=len(records), same=len(records) - len(changed))
        self._keep(mapping, place, outcomes, records)

    def _start_again(self, mapping: Mapping, place: Place) -> None:
        """Airtable has forgotten the list: what it would have shown next is not known."""
        with transaction.atomic():
            self._forget(mapping)
            ReconcileDifference.objects.filter(run=self._run, table=mapping.table).delete()
            fresh = Place(restarts=place.restarts + 1, expected=place.expected)
            vars(place).update(vars(fresh), began_at=self._clock().isoformat())
            self._keep(mapping, place)

    def _forget(self, mapping: Mapping) -> None:
        ReconcilePage.objects.filter(run=self._run, table=mapping.table).delete()

    # Once a table was read to its end

    def _finish(self, mapping: Mapping, place: Place, table: TableSchema) -> None:
        outcomes = self._gone(mapping, place, table)
        outcomes += [Outcome("duplicates", [row]) for row in duplicates(self._run, mapping)]
        place.count(outcomes)
        if self._run.purpose == ReconcileRun.Purpose.NIGHT and not self._run.dry_run:
            riders.note_differing(mapping, now=self._clock())
        with transaction.atomic():
            self._write(mapping, outcomes)
            self._only_here(mapping, place)
            self._forget(mapping)
            place.done = True
            self._keep(mapping, place)
        if not self._run.dry_run and mapping.subject == "mentor":
            after_mentor_change()  # what was taken over is embedded anew

    def _gone(self, mapping: Mapping, place: Place, table: TableSchema) -> list[Outcome]:
        """Whom the whole list did not show, each looked for once more; too many at once is a mistake."""
        if self._run.purpose == ReconcileRun.Purpose.LOAD:
            return []
        healer = self._healer(mapping, table)
        links = list(self._unseen(mapping, place))
        missing: list[RecordLink] = []
        for start in range(0, len(links), AT_ONCE):
            some = links[start : start + AT_ONCE]
            there = self._base.rows(mapping.table, [link.record_id for link in some])
            missing += [link for link in some if link.record_id not in there]
        too_many = len(missing) > max(FEWEST_GONE, SHARE_GONE * place.expected)
        if too_many and not self._run.may_delete:
            place.note = (
                f"{len(missing)} of {place.expected} records are gone. That many are not "
                "withdrawn here unless an operator allows it."
            )
            return [_left(mapping, link) for link in missing]
        return healer.remove(missing)

    def _unseen(self, mapping: Mapping, place: Place) -> QuerySet[RecordLink]:
        seen = RawSQL(
            'SELECT unnest(record_ids) FROM sync_reconcilepage WHERE run_id = %s AND "table" = %s',
            [self._run.pk, mapping.table],
        )
        before = datetime.fromisoformat(place.began_at) - CLOCKS_DIFFER
        return (
            RecordLink.objects.filter(
                table=mapping.table,
                state__in=[LINKED, RecordLink.State.WAITING],
                synced_at__lt=before,
            )
            .exclude(record_id__in=seen)
            .order_by("pk")
        )

    def _only_here(self, mapping: Mapping, place: Place) -> None:
        """Objects without a record are put in the sender's queue."""
        here: list[Any] = []
        for found in only_here(mapping).iterator(chunk_size=500):
            if mapping.present(found) and mapping.alive(found):
                here.append(found)
                if len(here) >= AT_ONCE:
                    self._queue(mapping, place, here)
                    here = []
        if here:
            self._queue(mapping, place, here)

    def _queue(self, mapping: Mapping, place: Place, found: Sequence[Any]) -> None:
        if not self._run.dry_run:
            note(mapping.subject, *(item.pk for item in found))
        alike = namesakes(self._run, mapping, found)
        rows = [
            ReconcileDifference(
                table=mapping.table,
                subject=mapping.subject,
                object_id=item.pk,
                label=label_of(mapping, None, item),
                kind=Kind.NEW_HERE,
                side=Side.AIRTABLE,
                note=alike.get(item.pk, ""),
            )
            for item in found
        ]
        outcomes = [Outcome("only_here", [row]) for row in rows]
        place.count(outcomes)
        self._write(mapping, outcomes)

    # Keeping

    def _healer(self, mapping: Mapping, table: TableSchema) -> Healer:
        return Healer(self._base, mapping, table, self._run.dry_run, self._clock)

    def _keep(
        self,
        mapping: Mapping,
        place: Place,
        outcomes: Sequence[Outcome] = (),
        page: Sequence[Record] = (),
    ) -> None:
        run = self._run
        run.progress[mapping.table] = asdict(place)
        # Of nearly every page there is nothing to say: then it is one statement.
        with transaction.atomic() if outcomes else nullcontext():
            self._write(mapping, outcomes)
            if not _goes_on(run, mapping, page, now=self._clock()):
                raise Stopped

    def _write(self, mapping: Mapping, outcomes: Iterable[Outcome]) -> None:
        rows = [row for outcome in outcomes for row in outcome.differences]
        if not rows:
            return
        if not self._run.dry_run:
            history.record(map(_event, _by_record(rows), itertools.repeat(self._clock())))
        kept = ReconcileDifference.objects.filter(run=self._run, table=mapping.table).count()
        for row in rows:
            row.run = self._run
        ReconcileDifference.objects.bulk_create(rows[: max(0, MOST_KEPT - kept)])


def _why_not(mapping: Mapping, table: TableSchema | None) -> str:
    if table is None or PLATFORM_ID not in table.columns:
        return "The table does not fit; see sync_check_schema."
    if mapping.table in guard.paused_tables():
        return "Passed over: an operator has paused the table."
    return ""


def only_here(mapping: Mapping) -> QuerySet[Any]:
    """Objects that no record stands for and that are not waiting to be sent."""
    mine = {"subject": mapping.subject, "object_id": OuterRef("pk")}
    links = RecordLink.objects.filter(state__in=[LINKED, RecordLink.State.WAITING], **mine)
    found: QuerySet[Any] = mapping.objects().filter(
        ~Exists(links), ~Exists(OutboxRow.objects.filter(**mine))
    )
    return found.order_by("pk")


# The rows are one parameter: the ORM would prepare each of the three hundred texts by itself.
_GO_ON = """
WITH run AS (
    UPDATE sync_reconcilerun SET progress = %s, active_at = %s, attempts = 0
    WHERE id = %s AND state = ANY(%s) RETURNING id
), page AS (
    INSERT INTO sync_reconcilepage (run_id, "table", record_ids, keys, emails)
    SELECT run.id, %s, array_agg(record_id), array_agg(key), array_agg(email)
    FROM run, jsonb_to_recordset(%s::jsonb) AS record(record_id text, key text, email text)
    GROUP BY run.id
)
SELECT count(*) FROM run
"""


def _goes_on(
    run: ReconcileRun, mapping: Mapping, records: Sequence[Record], *, now: datetime
) -> bool:
    """Keep where the run stands, and what the page had; False where an operator has ended it."""
    has_email = "Email" in mapping.by_name
    page = [
        {
            "record_id": record.id,
            "key": str(record.fields.get(PLATFORM_ID) or ""),
            "email": str(record.fields.get("Email") or "").strip().lower() if has_email else "",
        }
        for record in records
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            _GO_ON,
            [
                json_of(run.progress), now, run.pk, list(ReconcileRun.OPEN),
                mapping.table, json_of(page),
            ],
        )  # fmt: skip
        return bool(cursor.fetchone()[0])


def _by_record(rows: Iterable[ReconcileDifference]) -> list[list[ReconcileDifference]]:
    found: dict[tuple[str, Any], list[ReconcileDifference]] = {}
    for row in rows:
        if row.side != Side.NOBODY:
            found.setdefault((row.record_id, row.object_id), []).append(row)
    return list(found.values())


def _event(rows: Sequence[ReconcileDifference], now: datetime) -> history.Event:
    """What was healed of one record, for its history."""
    first = rows[0]
    incoming = any(row.side == Side.HERE for row in rows)
    return history.Event(
        history.Kind.RECONCILED,
        history.IN if incoming else history.OUT,
        first.subject,
        first.object_id,
        now,
        record_id=first.record_id,
        fields={
            row.field: [row.here, row.there] if row.side == Side.HERE else [row.there, row.here]
            for row in rows
            if row.field
        },
        detail=f"{first.get_kind_display()}. {first.note}".strip(),
    )


def _left(mapping: Mapping, link: RecordLink) -> Outcome:
    row = ReconcileDifference(
        table=mapping.table,
        record_id=link.record_id,
        subject=link.subject,
        object_id=link.object_id,
        label=str(link.ancestor.get(mapping.primary) or "")[:200],
        kind=Kind.GONE_THERE,
        side=Side.NOBODY,
        note="Too many at once; not withdrawn.",
    )
    return Outcome("gone_there_left", [row])
