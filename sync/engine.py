"""The two directions together: what a run of the engine does, in which order.

One run at a time per base. Sending and receiving share the lock, because each moves the ancestors
that the other measures against.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError

from sync import guard, intake, limiter, poll, webhooks
from sync.airtable import Airtable, Record
from sync.drain import Drain
from sync.echoes import without_echoes
from sync.errors import AirtableError, AuthOrQuota, Gone, Permanent
from sync.hints import Looks, put_off
from sync.inbound import Applier, NeedsRead, Stale
from sync.intake import RecordChange
from sync.limiter import Lane
from sync.lookups import OneOf
from sync.mappings import REGISTRY, Mapping
from sync.models import InboundChange, WebhookRegistration
from sync.records import remember_hint
from sync.sent import Sent

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]
RUN_FOR = timedelta(seconds=40)


@dataclass
class Received:
    """What one pull did."""

    payloads: int = 0
    records: int = 0
    hints: int = 0
    failed: int = 0
    stopped: str = ""


class Engine:
    """One run against one base; without a base only what was posted to us is applied."""

    def __init__(self, base: Airtable | None, *, clock: Clock) -> None:
        self._base = base
        self._clock = clock
        self._applier = Applier(clock=clock)
        self._pulled_at: datetime | None = None
        self.received = Received()

    def drain(self) -> Sent:
        """Send what changed here, after looking at what changed there."""
        if self._base is None:
            return Sent()
        drain = Drain(
            self._base,
            catch_up=self._catch_up,
            look=lambda table: self.look_at_hints(table=table),
            meet=self._meet,
            clock=self._clock,
        )
        return drain.run(until=self._clock() + RUN_FOR)

    def pull(self) -> Received:
        """Fetch and apply what changed there."""
        try:
            if self._base is not None:
                self._pull(self._base)
        except AirtableError as error:
            self.received.stopped = str(error)
        except guard.NotBound as unbound:
            self.received.stopped = str(unbound)
        self.look_at_hints()
        return self.received

    def poll(self) -> Received:
        """Ask for what was modified lately, in case nobody told us."""
        base = self._base
        if base is None:
            return self.received
        asked_at = self._clock()
        try:
            for table, changes in poll.due(base, now=asked_at):
                for change in without_echoes(changes):
                    self._apply(change)
                poll.done(table, until=asked_at)
        except AirtableError as error:
            self.received.stopped = str(error)
        return self.received

    def look_at_hints(self, *, table: str | None = None) -> Received:
        """Read and apply the records that somebody asked us to look at; without a table, of all."""
        looks = Looks(self._base, self._applier, clock=self._clock)
        self.received.hints += looks.run(table=table)
        self.received.failed += looks.failed
        return self.received

    def admit_newcomers(self) -> Received:
        """Admit people whose rows are new, and leave everything else to the next pull.

        Runs beside a worker that is sending: nothing was ever written to a row that is new to us, so
        there is nothing to be merged with what is under way.
        """
        base = self._base
        registration = webhooks.live(base.base_id) if base is not None else None
        if base is None or registration is None:
            return self.received
        try:
            self.received.payloads += intake.fetch(base, registration, now=self._clock())
            schema = base.schema()
        except AirtableError as error:
            self.received.stopped = str(error)
            return self.received
        for change in intake.newcomers(registration, schema, paused=guard.paused_tables()):
            with suppress(NeedsRead, IntegrityError):  # the regular pull sees to it, or has done it
                self._applier.apply(change)
                self.received.records += 1
        return self.received

    # Fetching

    def _catch_up(self, fresh: timedelta | None) -> bool:
        """Pull before writing, unless that was done so lately; whether anything may have changed.

        Args:
            fresh: with None, only where the base is to be read before the log can be relied on.
        """
        base = self._base
        if base is None or self._is_caught_up(base, fresh):
            return False
        before = self.received.records
        try:
            self._pull_whatever_it_takes(base)
        except (Permanent, AuthOrQuota) as error:
            # What changed here must not wait for a webhook that Airtable will not give us.
            logger.warning("Nothing tells what changed in Airtable, and we write: %s", error)
        return self.received.records > before

    def _is_caught_up(self, base: Airtable, fresh: timedelta | None) -> bool:
        if fresh is not None and self._pulled_at and self._clock() - self._pulled_at < fresh:
            return True
        known = WebhookRegistration.objects.filter(base_id=base.base_id)
        live = known.filter(is_live=True).first()
        if live is not None:
            return fresh is None and not live.needs_scan
        # Before the first webhook nothing was ever agreed on, and the first load makes one.
        return not known.exists()

    def _pull_whatever_it_takes(self, base: Airtable) -> None:
        """Pull; where the webhook is dead, through another, which begins with reading everything.

        Edits made while nothing listened are in no log. Written over unread, they would be gone
        without a trace.
        """
        try:
            self._pull(base)
        except Gone:
            self._pull(base)

    def _meet(self, mapping: Mapping, record: Record, known_at: datetime | None) -> None:
        """Merge a record that the sender has come upon, unless it was merged after that moment."""
        assert self._base is not None
        names = self._base.schema().tables[mapping.table].names
        cells = dict(record.fields)
        self._apply(
            RecordChange(
                mapping, record.id, self._clock(), cells, complete=True, names=names, seen=True
            ),
            read_after=known_at,
        )

    def _pull(self, base: Airtable) -> None:
        registration = webhooks.ensure(base, now=self._clock())
        if registration.needs_scan:
            # What an earlier webhook told is older than what the base says now.
            self._apply_stored(base, registration)
            with limiter.lane(Lane.BACKFILL):
                self.scan(REGISTRY)
            registration.needs_scan = False
            registration.save(update_fields=["needs_scan"])
        try:
            self.received.payloads += intake.fetch(base, registration, now=self._clock())
        except Gone as error:
            webhooks.retire(registration, str(error))
            raise
        finally:
            self._apply_stored(base, registration)
        self._pulled_at = self._clock()

    def _apply_stored(self, base: Airtable, registration: WebhookRegistration) -> None:
        """Everything stored and not applied, also what a predecessor left behind."""
        known = WebhookRegistration.objects.filter(base_id=registration.base_id)
        ids = list(known.values_list("webhook_id", flat=True))
        while rows := intake.stored(ids):
            schema = base.schema(fresh=intake.tell_of_schema(rows))
            paused = guard.paused_tables()
            for change in without_echoes(intake.changes_in(rows, schema)):
                if change.mapping.table in paused:
                    told_at = change.at.isoformat()
                    remember_hint(change.mapping.table, change.record_id, timestamp=told_at)
                else:
                    self._apply(change)
            InboundChange.objects.filter(OneOf("pk", [row.pk for row in rows])).update(
                applied_at=self._clock()
            )

    def scan(
        self, mappings: Iterable[Mapping], *, seen: Callable[[str, list[str]], None] | None = None
    ) -> None:
        """Read whole tables and merge every record; deletions are not inferred from this."""
        base = self._base
        if base is None:
            return
        for mapping in mappings:
            table = base.schema().tables.get(mapping.table)
            if table is None:
                continue
            for page in base.pages(mapping.table):
                if seen:
                    seen(mapping.table, [record.id for record in page])
                for record in page:
                    self._apply(
                        RecordChange(
                            mapping,
                            record.id,
                            self._clock(),
                            dict(record.fields),
                            complete=True,
                            names=table.names,
                            made_at=intake.moment_of(record.created_time),
                            seen=True,
                        )
                    )

    # Applying

    def _apply(self, change: RecordChange, *, read_after: datetime | None = None) -> None:
        """Merge one record; what fails is looked at again by itself, and nothing waits for it."""
        self.received.records += 1
        try:
            self._applier.apply(change, read_after=read_after)
        except (NeedsRead, Stale):
            remember_hint(change.mapping.table, change.record_id)
        except Exception as error:
            logger.exception("%s %s could not be applied.", change.mapping.table, change.record_id)
            self.received.failed += 1
            # Not forgiven where even this fails (the database went away): the payloads are then not marked
            # as applied, and are read again.
            row = remember_hint(change.mapping.table, change.record_id)
            put_off([row], f"{type(error).__name__}: {error}", now=self._clock())
