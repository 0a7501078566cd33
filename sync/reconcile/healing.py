"""Bringing one record and its object together, and saying what that changed on which side.

A rehearsal is the same thing rolled back: what it foretells is what would happen, refusals and all,
because no rule is written down twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import models, transaction

from sync import other_ends
from sync.airtable import Airtable, Record
from sync.inbound import Applier, Stale
from sync.intake import RecordChange, moment_of
from sync.mappings import Mapping
from sync.mappings.base import PLATFORM_ID, Values
from sync.models import OutboxRow, RecordLink
from sync.planning import Step, Task, plan
from sync.reconcile.comparing import Pair, key_of, pairs_of
from sync.reconcile.models import ReconcileDifference
from sync.records import LINKED, local_values, note, remember_hint
from sync.schema import OURS, TableSchema, usable

logger = logging.getLogger(__name__)

Kind = ReconcileDifference.Kind
Side = ReconcileDifference.Side
Clock = Callable[[], datetime]


@dataclass
class Outcome:
    """What came of one record."""

    count: str
    """Under which name it is counted."""
    differences: list[ReconcileDifference] = field(default_factory=list)


@dataclass(frozen=True)
class Healer:
    """Brings differing records of one table together, or rehearses it."""

    base: Airtable
    mapping: Mapping
    table: TableSchema
    dry_run: bool
    clock: Clock

    def heal(self, records: Sequence[Record]) -> list[Outcome]:
        """Look at these records once more, all in one request, and bring each together.

        The second look tells a difference from a change on its way, and its time is known: whatever
        has moved since is left for the next comparison instead of being undone.
        """
        ids = [record.id for record in records]
        moved = dict(
            RecordLink.objects.filter(table=self.mapping.table, record_id__in=ids).values_list(
                "record_id", "synced_at"
            )
        )
        read_at = self.clock()
        rows = self.base.rows(self.mapping.table, ids)
        ends = other_ends.look(self.base, self.mapping, rows, self._names)
        ready = [row for row in rows.values() if row.id not in ends.waiting]
        put_off = set(ids) - {row.id for row in ready}
        for record_id in put_off if not self.dry_run else ():
            remember_hint(self.mapping.table, record_id)
        outcomes = [Outcome("put_off") for _ in put_off]
        outcomes.extend(
            self._attempt(pair, moved.get(pair.record.id), read_at, ends.there)
            for pair in pairs_of(self.mapping, ready)
        )
        return outcomes

    def remove(self, links: Iterable[RecordLink]) -> list[Outcome]:
        """Records that a whole list and a second look did not show: deleted there, so withdrawn here."""
        return [self._remove(link) for link in links]

    def _attempt(
        self, pair: Pair, moved: datetime | None, read_at: datetime, there: frozenset[str]
    ) -> Outcome:
        change = self._change(pair.record, read_at)
        change.there = there
        try:
            with transaction.atomic():
                outcome = self._bring_together(pair, change, moved or read_at)
                if self.dry_run:
                    transaction.set_rollback(True)
            return outcome
        except Stale:
            return Outcome("put_off")
        except Exception as error:
            # One odd record must not stop the comparison of all the others.
            logger.exception("%s %s could not be compared.", self.mapping.table, pair.record.id)
            reason = f"{type(error).__name__}: {error}"[:500]
            kind = Kind.FIELD if pair.is_known else Kind.NEW_THERE
            return Outcome("failed", [self._said(pair, kind, Side.NOBODY, reason)])

    def _bring_together(self, pair: Pair, change: RecordChange, moved: datetime) -> Outcome:
        before = self._values(pair.found) if pair.found is not None else {}
        if pair.is_known and self._is_on_its_way(pair, before):
            return Outcome("on_its_way")
        match = self._match_of(pair.record) if pair.link is None else ""
        Applier(clock=self.clock).apply(change, read_after=moved)
        link = RecordLink.objects.filter(table=self.mapping.table, record_id=pair.record.id).first()
        if link is None:
            return Outcome("same")
        if not pair.is_known:
            return self._came(pair, link, match)
        task = self._task(link.object_id)
        if task.step is Step.DELETE:
            return Outcome("gone_here", [self._said(pair, Kind.GONE_HERE, Side.AIRTABLE, "")])
        return self._differed(pair, link, before, task)

    @property
    def _names(self) -> frozenset[str]:
        return frozenset(usable(self.mapping, self.table) | (OURS.keys() & self.table.names))

    def _change(self, record: Record, read_at: datetime) -> RecordChange:
        names = self._names
        return RecordChange(
            self.mapping,
            record.id,
            read_at,
            {name: value for name, value in record.fields.items() if name in names},
            complete=True,
            names=names,
            # The invitation of somebody whose row is older than the connection is the program's to send.
            made_at=moment_of(record.created_time),
            seen=True,
            again=True,
        )

    def _is_on_its_way(self, pair: Pair, before: Values) -> bool:
        """Nothing but our own change, which the outbox holds already: sent next, or refused and told there."""
        if pair.link is None or not self._row_of(pair.link.object_id).exists():
            return False
        there = self.mapping.canonical(pair.record.fields, names=usable(self.mapping, self.table))
        by_name = self.mapping.by_name
        return bool(before) and all(
            value == pair.link.ancestor.get(name, by_name[name].codec.empty)
            for name, value in there.items()
        )

    def _row_of(self, object_id: UUID) -> models.QuerySet[OutboxRow]:
        return OutboxRow.objects.filter(subject=self.mapping.subject, object_id=object_id)

    def _values(self, found: models.Model) -> Values:
        return local_values(self.mapping, found).values

    def _task(self, object_id: UUID) -> Task:
        """What the sender is going to do about the object. Whatever is left to do is put in its queue."""
        row = OutboxRow(subject=self.mapping.subject, object_id=object_id)
        task = plan(self.mapping, [row], self.table, self.clock())[0]
        if task.step is not Step.SETTLE:
            note(self.mapping.subject, object_id)
        return task

    # Known on both sides

    def _differed(self, pair: Pair, link: RecordLink, before: Values, task: Task) -> Outcome:
        there = self.mapping.canonical(pair.record.fields, names=usable(self.mapping, self.table))
        found = self.mapping.objects().get(pk=link.object_id)
        after = self._values(found)
        agreed = pair.link.ancestor if pair.link is not None else {}
        rows = []
        for name, value in there.items():
            mapped = self.mapping.by_name[name]
            if mapped.rides or name not in before or value == before[name]:
                continue
            side = Side.HERE if after.get(name) != before[name] else _sent(name, task)
            row = self._said(pair, Kind.FIELD, side, _why(side, link))
            row.field, row.here, row.there = name, before[name], value
            row.agreed = agreed.get(name, mapped.codec.empty)
            rows.append(row)
        if not rows and task.step is Step.SETTLE:
            return Outcome("same")
        if not rows:
            ours = ", ".join(sorted(task.fields))
            rows.append(self._said(pair, Kind.KEY, Side.AIRTABLE, f"Written again: {ours}."))
        return Outcome("differing", rows)

    # New, waiting, or back

    def _came(self, pair: Pair, link: RecordLink, match: str) -> Outcome:
        task = self._task(link.object_id)
        if link.state == LINKED:
            kind = Kind.BACK_THERE if pair.is_back else Kind.NEW_THERE
            said = match or ("Back from the trash." if pair.is_back else "Made here from this row.")
            return Outcome(
                "matched" if match else "admitted", [self._said(pair, kind, Side.HERE, said)]
            )
        waited = pair.link is not None and pair.link.state == RecordLink.State.WAITING
        if waited and task.step is Step.SETTLE:
            return Outcome("still_waiting")
        side = Side.NOBODY if task.step is Step.SETTLE else Side.AIRTABLE
        return Outcome("waiting", [self._said(pair, Kind.NEW_THERE, side, link.message)])

    def _match_of(self, record: Record) -> str:
        """Whom the record means, in words, if they are here already."""
        key = key_of(record)
        if key is not None and self.mapping.objects().filter(pk=key).exists():
            return "Known by its Platform ID."
        email = self.mapping.by_name.get("Email")
        address = email.codec.canonical(record.fields.get("Email")) if email else ""
        if address and self.mapping.objects().filter(user__email__iexact=address).exists():
            return "Known by its e-mail address."
        return ""

    # Gone

    def _remove(self, link: RecordLink) -> Outcome:
        record = Record(link.record_id, {})
        pair = Pair(record, link, self.mapping.objects().filter(pk=link.object_id).first())
        change = RecordChange(self.mapping, link.record_id, self.clock(), destroyed=True)
        with transaction.atomic():
            Applier(clock=self.clock).apply(change)
            fresh = RecordLink.objects.filter(pk=link.pk).first()
            said = fresh.message if fresh is not None else ""
            side = Side.AIRTABLE if said else Side.HERE
            outcome = Outcome("gone_there", [self._said(pair, Kind.GONE_THERE, side, said)])
            if self.dry_run:
                transaction.set_rollback(True)
        return outcome

    def _said(self, pair: Pair, kind: str, side: str, note: str) -> ReconcileDifference:
        link = pair.link
        object_id = link.object_id if link is not None else key_of(pair.record)
        return ReconcileDifference(
            table=self.mapping.table,
            record_id=pair.record.id,
            subject=self.mapping.subject,
            object_id=object_id,
            label=label_of(self.mapping, pair.record, pair.found),
            kind=kind,
            side=side,
            note=note,
        )


def _sent(name: str, task: Task) -> Side:
    """Whether our value goes there. Behind a link that has no record yet, everything waits to go."""
    return Side.AIRTABLE if name in task.fields or task.step is Step.WAIT else Side.NOBODY


def _why(side: str, link: RecordLink) -> str:
    if side == Side.NOBODY:
        return "Airtable cannot hold this value; see sync_check_schema."
    return link.message if side == Side.AIRTABLE else ""


def label_of(mapping: Mapping, record: Record | None, found: models.Model | None) -> str:
    """What a person calls it."""
    text: Any = ""
    if record is not None and mapping.primary != PLATFORM_ID:
        text = record.fields.get(mapping.primary) or ""
    if not text and found is not None:
        user = getattr(found, "user", None)
        text = str(user.name) if user is not None else ""
    return str(text)[:200]
