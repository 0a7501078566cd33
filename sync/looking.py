"""A look at what is about to be written over.

Airtable takes a write without asking what stood there: an edit that nobody has read yet is gone with it.
Its log tells of the edit later, in seconds, unless the webhook whose log it is goes down before that. So
rows that somebody waits for are read first, with one request however many they are. Where one differs from
what we know it is written only once the log has told of the edit, or, if it will not, once the row has been
merged as it was read. A bulk change cannot afford that within its pace: of it the log alone is asked, and
seldom.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sync.airtable import Airtable, Record
from sync.errors import Permanent
from sync.lookups import OneOf
from sync.mappings import Mapping
from sync.mappings.base import Field, Values
from sync.models import RecordLink
from sync.planning import MOST_WAITS, Step, Task
from sync.records import LINKED

logger = logging.getLogger(__name__)

# How old the last look at Airtable's log may be when rows are made, or written in bulk. Looking before
# every request would take half of the pace. What a bulk change overwrites unread stands in the log all
# the same, and becomes a conflict with both values.
FRESH = timedelta(seconds=2)
FRESH_IN_BULK = timedelta(seconds=9)


@dataclass(frozen=True)
class Seen:
    """What a look brought."""

    is_news: bool = False
    """Whether anything was learnt, so that what is to be sent must be worked out anew."""
    not_told: tuple[Task, ...] = ()
    """Those whose row was edited, and the log does not say when. They wait for it, a few times."""


class Looking:
    """Reads before writing, for one run of the sender."""

    def __init__(
        self,
        base: Airtable,
        *,
        catch_up: Callable[[timedelta | None], bool],
        meet: Callable[[Mapping, Record, datetime | None], None],
    ) -> None:
        """
        Args:
            catch_up: read the log unless that was done so lately, with None only where it cannot be
                relied on; whether there was anything.
            meet: merge a record as it was read now, unless it was merged after that moment.
        """
        self._base = base
        self._catch_up = catch_up
        self._meet = meet

    def look(self, mapping: Mapping, tasks: Sequence[Task], *, in_bulk: bool) -> Seen:
        """Before these are sent.

        Raises AirtableError.
        """
        requests = {task.step for task in tasks} - {Step.SETTLE, Step.WAIT}
        if not requests:
            return Seen()
        if in_bulk:
            return Seen(self._catch_up(FRESH_IN_BULK))
        # Of a row that is to be made there is none to read, but somebody may just have made it there.
        is_making = not requests <= {Step.UPDATE, Step.DELETE}
        caught = self._catch_up(FRESH if is_making else None)
        seen = self._rows(mapping, [task for task in tasks if _is_there(task)])
        return Seen(caught or seen.is_news, seen.not_told)

    def _rows(self, mapping: Mapping, tasks: Sequence[Task]) -> Seen:
        try:
            rows = self._read(mapping, tasks)
            if not self._edited(mapping, rows) and len(rows) == len(tasks):
                return Seen()
            # The log knows when an edit was made, and with that whether it was the later one; and what
            # was deleted.
            self._catch_up(timedelta(0))
            rows = self._read(mapping, [row.task for row in self._edited(mapping, rows)])
            if self._edited(mapping, rows):
                # A field that was removed or retyped looks as if somebody had emptied its cells.
                self._base.schema(fresh=True)
        except Permanent as error:
            logger.warning("%s is written without a look at it: %s", mapping.table, error)
            return Seen()
        return Seen(True, tuple(self._wait_or_meet(mapping, self._edited(mapping, rows))))

    def _wait_or_meet(self, mapping: Mapping, rows: Sequence[_Row]) -> Iterator[Task]:
        """Those that wait until the log tells; the others are merged as they were read."""
        names = self._names(mapping)
        for row in rows:
            if row.task.row.attempts < MOST_WAITS and not row.is_as_sent(names):
                yield row.task
            else:
                self._meet(mapping, row.record, row.link.synced_at)

    def _read(self, mapping: Mapping, tasks: Sequence[Task]) -> list[_Row]:
        """The rows of these as they are now; one that was deleted is left out."""
        by_id = {task.link.record_id: task for task in tasks if task.link is not None}
        links = RecordLink.objects.filter(
            OneOf("record_id", by_id), table=mapping.table, state=LINKED
        )
        # Before the rows: what is merged after this moment is not undone by what was read.
        known = {link.record_id: link for link in links} if by_id else {}
        found = self._base.rows(mapping.table, sorted(known))
        return [_Row(by_id[key], known[key], record) for key, record in found.items()]

    def _edited(self, mapping: Mapping, rows: Sequence[_Row]) -> list[_Row]:
        """Those that differ from what is known of them, where a write would hide it."""
        names = self._names(mapping)
        return [row for row in rows if row.differs_from(row.link.ancestor, names)]

    def _names(self, mapping: Mapping) -> frozenset[str]:
        """The fields whose cells can be believed."""
        table = self._base.schema().tables.get(mapping.table)
        return table.names if table is not None else frozenset()


@dataclass(frozen=True)
class _Row:
    """A row as it was read, beside what is known of it."""

    task: Task
    link: RecordLink
    record: Record

    def is_as_sent(self, names: frozenset[str]) -> bool:
        """Whether it only holds what was sent and got no answer: that has arrived, and is nobody's edit."""
        return not self.differs_from({**self.link.ancestor, **(self.task.row.sent or {})}, names)

    def differs_from(self, values: Values, names: frozenset[str]) -> bool:
        """In any of these fields that is at stake."""
        cells = self.record.fields
        return any(
            field.codec.canonical(cells.get(field.name))
            != values.get(field.name, field.codec.empty)
            for field in _at_stake(self.task)
            if field.name in names
        )


def _is_there(task: Task) -> bool:
    is_linked = task.link is not None and task.link.state == LINKED
    return is_linked and task.step in (Step.UPDATE, Step.DELETE) and bool(_at_stake(task))


def _at_stake(task: Task) -> list[Field]:
    """What an edit of would be lost: the fields that are written, and those merged together with them.

    Links are left out: a cell that its other end may have emptied is looked at by itself.
    """
    written = [field for field in task.mapping.fields if field.is_heard and not field.links]
    if task.step is Step.DELETE:
        return written
    units = {field.unit or field.name for field in written if field.name in task.fields}
    return [field for field in written if (field.unit or field.name) in units]
