"""Merging one record that both sides know, inside its transaction.

The domain's services apply what is taken over, so every rule holds for a PM in Airtable as it does
on our pages. A refusal leaves our value, is told on the record itself (Sync Message), and the sender
puts our value back. The link's ancestor moves to the received values in the same transaction;
nothing marks the write as foreign, because the sender's diff against that ancestor finds nothing to
echo.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, models, transaction

from accounts.refusals import Refusal
from sync import deletions, history, lagging, other_ends, overwritten
from sync.history import Event
from sync.intake import RecordChange
from sync.mappings import Mapping
from sync.mappings.base import PLATFORM_ID, SYNC_MESSAGE, Edit, Instead, Values
from sync.merge import Decision
from sync.models import OutboxRow, RecordLink, SyncConflict, SyncEvent, SyncLag
from sync.nudges import after_mentor_change
from sync.records import heard_up_to, local_values, note, remember_hint

logger = logging.getLogger(__name__)

Kind = SyncEvent.Kind


class Merging:
    """What a record says, and how it is brought together with the object behind it."""

    def __init__(self, change: RecordChange, edit: Edit) -> None:
        self.change = change
        self.mapping: Mapping = change.mapping
        self.edit = edit
        self.lost: Values = {}
        self.values: Values = (
            self.mapping.canonical(change.cells, names=change.names)
            if change.complete
            else self.mapping.partial(change.cells)
        )

    def merge(self, link: RecordLink) -> None:
        found = self.mapping.objects().filter(pk=link.object_id).first()
        if found is None or not self.mapping.present(found):
            self._overtaken_by_removal(link, found)
            return
        local = local_values(self.mapping, found).values
        changed_at, sent = _outbox_of(link)
        self._agree_to_what_arrived(link, sent)
        heard = self._leave_out_what_was_heard(link)
        self._leave_out_links_in_doubt(link)
        self._set_apart_what_we_covered(link)
        self._leave_out_what_was_read(link, local)
        decision, self.lost = overwritten.merged(
            self.change.edits,
            self.mapping.fields,
            heard=heard,
            ancestor=link.ancestor,
            local=local,
            remote=self.values,
            remote_at=self.change.at,
            local_at=changed_at,
            written_at=link.edited_at,
        )
        refused = self._apply(link.object_id, decision)
        self._record_conflicts(link, local, decision, refused)
        self._tell(link, local, decision, refused)
        self._settle(link, decision, refused)

    def _agree_to_what_arrived(self, link: RecordLink, sent: Values) -> None:
        """What was sent and got no answer: where it stands there it is ours, and nobody's edit."""
        arrived = {
            name: value
            for name, value in self.values.items()
            if name in sent and value == sent[name]
        }
        link.ancestor = {**link.ancestor, **arrived}

    def _leave_out_what_was_heard(self, link: RecordLink) -> int:
        """News may be read twice, after a worker died: what was merged before is not news.

        Returns the place in the webhook's log up to which it was.
        """
        heard = heard_up_to(link.heard, self.change.webhook)
        places = self.change.places
        self.values = {
            name: value
            for name, value in self.values.items()
            if places.get(name, heard + 1) > heard
        }
        if self.change.webhook and places:
            link.heard = f"{self.change.webhook}:{max(heard, *places.values())}"
        return heard

    def _leave_out_links_in_doubt(self, link: RecordLink) -> None:
        """An emptied link may tell of a deletion, and a filled one of its undoing: looked at by themselves."""
        if self.change.is_all_there_is:
            return  # nothing can be read
        ends = other_ends.in_doubt(self.mapping, link.ancestor, self.values)
        fields = {end.field for end in ends if end.record_id not in self.change.there}
        if fields:
            self.values = {n: value for n, value in self.values.items() if n not in fields}
            told_at = self.change.at.isoformat()
            remember_hint(link.table, link.record_id, timestamp=told_at)

    def _set_apart_what_we_covered(self, link: RecordLink) -> None:
        """What the log tells of before our last write is an edit that we overwrote unread, or our own.

        The record is read once more after the former, because the two clocks may differ.
        """
        told = {
            name: value
            for name, value in self.values.items()
            if name in link.ancestor and value != link.ancestor[name]
        }
        if not told or not self.change.webhook:
            return
        overwrote, own = lagging.sort_out(link.object_id, told, self.change.at)
        for name in overwrote:
            place = self.change.places.get(name, 0)
            self.change.edits[name] = overwritten.Edit(told[name], self.change.at, place)
        self.values |= {name: link.ancestor[name] for name in overwrote | own}
        if overwrote:
            remember_hint(link.table, link.record_id)

    def _leave_out_what_was_read(self, link: RecordLink, local: Values) -> None:
        """Edits that stand there no more and were merged when they did are not lost."""
        by_name, told = self.mapping.by_name, {}
        for name in self.change.edits.keys() & by_name.keys():
            edit = self.change.edits[name]
            value = by_name[name].codec.canonical(edit.value)
            if value not in (self.values.get(name, link.ancestor.get(name)), local.get(name)):
                told[name] = value, edit.at
        for name in lagging.read_before(link.object_id, told):
            del self.change.edits[name]

    def _overtaken_by_removal(self, link: RecordLink, found: models.Model | None) -> None:
        """Edited there while it was withdrawn here: the sender removes the record, edit and all."""
        edited = {
            name: value
            for name, value in self.values.items()
            if value != link.ancestor.get(name, self.mapping.by_name[name].codec.empty)
        }
        # Of what was erased here nothing is kept, not even the loser of a conflict.
        deletions.overtaken(
            link,
            edited=edited if found is not None else {},
            winner=SyncConflict.Winner.LOCAL,
            reason="It was withdrawn here when it was edited in Airtable.",
            now=self.edit.now,
        )
        link.ancestor = {**link.ancestor, **self.values, **self.ours()}
        link.save(update_fields=["ancestor"])
        note(link.subject, link.object_id)

    def _apply(self, object_id: uuid.UUID, decision: Decision) -> dict[str, str]:
        """Apply together, or, if that is refused, each by itself; the sentences by field."""
        if not decision.take:
            return {}
        together = {name: value for unit in decision.take for name, value in unit.items()}
        sentence = self.attempt(lambda: self.mapping.apply(object_id, together, self.edit))
        if sentence is None:
            return {}
        if len(decision.take) == 1:
            return dict.fromkeys(together, sentence)
        refused: dict[str, str] = {}
        for unit in decision.take:
            sentence = self.attempt(partial(self.mapping.apply, object_id, unit, self.edit))
            if sentence is not None:
                refused |= dict.fromkeys(unit, sentence)
        return refused

    @staticmethod
    def attempt(command: Callable[[], Any]) -> str | None:
        """Run it in a savepoint; None, or why it was refused."""
        try:
            with transaction.atomic():
                command()
        except Refusal as refusal:
            if isinstance(refusal, Instead):
                refusal.instead()
            return sentence_of(refusal)
        except (IntegrityError, DataError, ValidationError, ValueError) as error:
            logger.warning("An edit from Airtable cannot be stored: %s", error)
            return "This value cannot be stored in Office Hours."
        return None

    def _settle(self, link: RecordLink, decision: Decision, refused: dict[str, str]) -> None:
        """Move the ancestor to what stands in Airtable, and see to what has to be put right."""
        link.ancestor = {**link.ancestor, **self.values, **self.ours()}
        message = " ".join(dict.fromkeys(refused.values()))
        if not message and decision.undone:
            message = f"{', '.join(decision.undone)}: decided in Office Hours; the edit was undone."
        if message or decision.take:
            link.message = message
        link.synced_at = self.edit.now
        link.save()
        if (
            decision.push
            or refused
            or link.ancestor.get(PLATFORM_ID, "") != str(link.object_id)
            or link.ancestor.get(SYNC_MESSAGE, "") != link.message
        ):
            note(link.subject, link.object_id)
        if decision.take:
            self.arrived()
            if link.subject == "mentor":
                after_mentor_change()

    def arrived(self) -> None:
        """Note how long this took from there to here."""
        seconds = max(0.0, (self.edit.now - self.change.at).total_seconds())
        SyncLag.objects.create(direction=SyncLag.Direction.IN, seconds=seconds, at=self.edit.now)

    def ours(self) -> Values:
        """Our own columns as they stand there, as far as the change tells."""
        return {
            name: str(self.change.cells.get(name) or "").strip()
            for name in (PLATFORM_ID, SYNC_MESSAGE)
            if name in self.change.cells or (self.change.complete and name in self.change.names)
        }

    def event(self, link: RecordLink, kind: SyncEvent.Kind, **more: Any) -> Event:
        """Something that happened to this record because of what was read."""
        return Event(
            kind=kind,
            direction=history.IN,
            subject=link.subject,
            object_id=link.object_id,
            at=self.edit.now,
            record_id=link.record_id,
            **more,
        )

    def _tell(
        self, link: RecordLink, local: Values, decision: Decision, refused: dict[str, str]
    ) -> None:
        """Append to the record's history what was taken over, refused, put back and disputed."""
        taken = [name for unit in decision.take for name in unit if name not in refused]
        remote = {**self.values, **self.lost}
        events = []
        if taken:
            changed = history.changes(local, remote, taken)
            events.append(self.event(link, Kind.APPLIED, fields=changed))
        if refused:
            said = " ".join(dict.fromkeys(refused.values()))
            changed = history.changes(local, remote, refused)
            events.append(self.event(link, Kind.REFUSED, fields=changed, detail=said))
        if decision.undone:
            changed = history.changes(local, remote, decision.undone)
            said = "Decided in Office Hours; the edit is undone."
            events.append(self.event(link, Kind.REFUSED, fields=changed, detail=said))
        for conflict in decision.conflicts:
            if conflict.field in refused:
                continue  # who won it did not get their way
            winner = SyncConflict.Winner(conflict.winner).label
            events.append(
                self.event(
                    link,
                    Kind.CONFLICT,
                    fields={conflict.field: [conflict.local, conflict.remote]},
                    detail=f"Both sides changed {conflict.field}; {winner} won.",
                )
            )
        history.record(events)

    def _record_conflicts(
        self, link: RecordLink, local: Values, decision: Decision, refused: dict[str, str]
    ) -> None:
        rows = [
            SyncConflict(
                subject=link.subject,
                object_id=link.object_id,
                field=name,
                ancestor=link.ancestor.get(name),
                local=local.get(name),
                remote=self.lost.get(name, self.values.get(name)),
                winner=SyncConflict.Winner.LOCAL,
                reason=sentence,
                at=self.edit.now,
            )
            for name, sentence in refused.items()
        ]
        rows += [
            SyncConflict(
                subject=link.subject,
                object_id=link.object_id,
                field=conflict.field,
                ancestor=None if conflict.field in self.lost else conflict.ancestor,
                local=conflict.local,
                remote=conflict.remote,
                winner=conflict.winner,
                reason=(
                    overwritten.REASON if conflict.field in self.lost else "Both sides changed it."
                ),
                at=self.edit.now,
            )
            for conflict in decision.conflicts
            if conflict.field not in refused
        ]
        SyncConflict.objects.bulk_create(rows)


def sentence_of(refusal: Refusal) -> str:
    """The refusal in words, with what was said about single fields."""
    fields = refusal.extra.get("fields")
    if not isinstance(fields, dict):
        return str(refusal)
    said = [str(sentence) for sentences in fields.values() for sentence in sentences]
    return " ".join([str(refusal), *said])


def _outbox_of(link: RecordLink) -> tuple[datetime | None, Values]:
    """When somebody here last edited the object, if that has not been sent; and what was sent without
    an answer."""
    row = (
        OutboxRow.objects.filter(subject=link.subject, object_id=link.object_id)
        .values_list("changed_at", "sent")
        .first()
    )
    return (row[0], row[1] or {}) if row is not None else (None, {})
