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
from collections.abc import Callable, Mapping as MappingType, Sequence
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
        catch_up: Callable[[timedelta], bool],
        meet: Callable[[Mapping, Record, datetime | None], None],
    ) -> None:
        """
        Args:
            catch_up: read the log unless that was done so lately; whether there was anything.
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
        caught = is_making and self._catch_up(FRESH)
        seen = self._rows(mapping, tasks)
        return Seen(caught or seen.is_news, seen.not_told)

    def _rows(self, mapping: Mapping, tasks: Sequence[Task]) -> Seen:
        stakes = {
            task.link.record_id: (task, _at_stake(task))
            for task in tasks
            if task.link is not None and task.link.state == LINKED
        }
        stakes = {record_id: stake for record_id, stake in stakes.items() if stake[1]}
        try:
            edited, is_any_gone = self._read(mapping, stakes)
            if not edited and not is_any_gone:
                return Seen()
            # The log knows when an edit was made, and with that whether it was the later one.
            self._catch_up(timedelta(0))
            untold = self._read(mapping, stakes)[0] if edited else []
        except Permanent as error:
            logger.warning("%s is written without a look at it: %s", mapping.table, error)
            return Seen()
        waiting = []
        for record, link in untold:
            task, fields = stakes[record.id]
            # What was sent and got no answer has arrived, and is nobody's edit.
            is_edited = _differs(fields, record, {**link.ancestor, **(task.row.sent or {})})
            if is_edited and task.row.attempts < MOST_WAITS:
                waiting.append(task)
            else:
                self._meet(mapping, record, link.synced_at)
        return Seen(True, tuple(waiting))

    def _read(
        self, mapping: Mapping, stakes: MappingType[str, tuple[Task, Sequence[Field]]]
    ) -> tuple[list[tuple[Record, RecordLink]], bool]:
        """Of these records those that differ from what is known of them; and whether one was deleted."""
        if not stakes:
            return [], False
        links = {
            link.record_id: link
            for link in RecordLink.objects.filter(
                OneOf("record_id", stakes), table=mapping.table, state=LINKED
            )
        }
        found = self._base.rows(mapping.table, sorted(links))
        edited = [
            (record, links[record_id])
            for record_id, record in found.items()
            if _differs(stakes[record_id][1], record, links[record_id].ancestor)
        ]
        return edited, found.keys() < links.keys()


def _at_stake(task: Task) -> list[Field]:
    """What an edit of would be lost: the fields that are written, and those merged together with them.

    Links are left out: a cell that its other end may have emptied is looked at by itself.
    """
    written = [field for field in task.mapping.fields if field.is_heard and not field.links]
    if task.step is Step.DELETE:
        return written
    units = {field.unit or field.name for field in written if field.name in task.fields}
    return [field for field in written if (field.unit or field.name) in units]


def _differs(fields: Sequence[Field], record: Record, ancestor: Values) -> bool:
    return any(
        field.codec.canonical(record.fields.get(field.name))
        != ancestor.get(field.name, field.codec.empty)
        for field in fields
    )
