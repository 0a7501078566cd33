"""Applying what changed in Airtable, one record and one transaction at a time."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from django.db import connection, models, transaction

from accounts import acting
from accounts.refusals import Refusal
from sync import deletions, history, invitations
from sync.intake import RecordChange
from sync.mappings import BY_SUBJECT
from sync.mappings.base import PLATFORM_ID, Edit, Values
from sync.mappings.people import PEOPLE
from sync.merge import first_ancestor
from sync.merging import Merging
from sync.models import OutboxRow, RecordLink, SyncConflict, SyncEvent
from sync.nudges import after_mentor_change
from sync.other_ends import note_what_links_to
from sync.records import LINKED, UNLINKED, Links, local_values, note, remember_hint

State = RecordLink.State
Kind = SyncEvent.Kind
EMPTY: Final[tuple[Any, ...]] = (None, "", [])


class NeedsRead(Exception):
    """The change tells too little of a record that is new to us."""


class Stale(Exception):
    """The record was written or merged after it was read."""


class Applier:
    """Merges record changes into the domain."""

    def __init__(self, *, clock: Callable[[], datetime]) -> None:
        self._clock = clock

    def apply(self, change: RecordChange, *, read_after: datetime | None = None) -> None:
        """Merge one record.

        Args:
            read_after: when the link had last moved before the record was read.

        Raises:
            NeedsRead: the record is new and the change is not complete.
            Stale: the link has moved since the record was read.
        """
        now = self._clock()
        edit = Edit(links=Links(), now=now, clock=self._clock)
        with transaction.atomic():
            link = _locked_link(change)
            if link is None:
                # There is no row to lock yet. A post, a look-up at sign-in and the webhook may bring
                # the same new row at the same moment; who comes second finds what the first made.
                _lock_record(change)
                link = _locked_link(change)
            if read_after is not None and link is not None and link.synced_at > read_after:
                raise Stale
            with acting.through(f"Airtable, {change.mapping.table}, {change.record_id}"):
                RecordMerge(change, edit).run(link)


def _locked_link(change: RecordChange) -> RecordLink | None:
    links = RecordLink.objects.select_for_update()
    return links.filter(table=change.mapping.table, record_id=change.record_id).first()


def _lock_record(change: RecordChange) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtext('sync.record'), hashtext(%s))",
            [change.record_id],
        )


class RecordMerge(Merging):
    """A record whatever it is to us: known, new, waiting, deleted, or back again."""

    def run(self, link: RecordLink | None) -> None:
        if self.change.destroyed:
            self._destroyed(link)
        elif link is None:
            self._unknown()
        elif link.state == State.WAITING:
            self._still_waiting(link)
        elif link.state in UNLINKED:
            self._restored(link)
        else:
            self.merge(link)

    # A record that comes

    def _unknown(self) -> None:
        if not (self.change.complete or self.change.is_all_there_is):
            raise NeedsRead
        key = _uuid(self.change.cells.get(PLATFORM_ID))
        if key is not None and self.mapping.objects().filter(pk=key).exists():
            link = RecordLink.objects.select_for_update().filter(
                subject=self.mapping.subject, object_id=key
            ).first()  # fmt: skip
            if link is None or link.state in UNLINKED:
                self._adopt(key, link)
                return
            # Somebody duplicated the row, key and all. The original keeps the key.
        self._admit(None)

    def _adopt(self, object_id: uuid.UUID, link: RecordLink | None) -> None:
        """Object and record belong together and meet for the first time."""
        found = self.mapping.objects().get(pk=object_id)
        local = local_values(self.mapping, found).values
        was_gone = link is not None
        link = link or RecordLink(subject=self.mapping.subject, object_id=object_id)
        link.table, link.record_id = self.mapping.table, self.change.record_id
        link.state = LINKED
        # Where its creation is our own and only the answer is missing, we know what it was given.
        link.ancestor = _about_to_be_sent(link) or first_ancestor(
            self.mapping.fields, local=local, remote=self.values
        )
        link.synced_at = self.edit.now
        link.save()
        history.record([self.event(link, Kind.LINKED)])
        if was_gone:
            note_what_links_to(link.subject, [object_id])
        self.merge(link)
        note(link.subject, link.object_id)
        self._wake_waiting()

    def _admit(self, waiting: RecordLink | None) -> None:
        """Make what the row describes; if that is refused, say so on the row and wait."""
        admitted: list[uuid.UUID] = []

        def command() -> None:
            object_id = self.mapping.admit(self.values, self.edit)
            taken = RecordLink.objects.filter(
                subject=self.mapping.subject, object_id=object_id, state=LINKED
            )
            if taken.exists():
                # Raised inside the savepoint, so what the admission changed is undone with it.
                raise Refusal("Another row stands for this one already. Delete one of the two.")
            admitted.append(object_id)

        sentence = self.attempt(command)
        if sentence is None and admitted:
            self._welcome(admitted[0], waiting)
        else:
            self._keep_waiting(waiting, sentence or "")

    def _welcome(self, object_id: uuid.UUID, waiting: RecordLink | None) -> None:
        earlier = RecordLink.objects.filter(subject=self.mapping.subject, object_id=object_id)
        if waiting is not None:
            OutboxRow.objects.filter(subject=waiting.subject, object_id=waiting.object_id).delete()
            earlier.exclude(pk=waiting.pk).delete()
        link = waiting or earlier.first() or RecordLink(subject=self.mapping.subject)
        # A withdrawn one of ours may have been entered there again.
        kind = Kind.LINKED if link.pk and waiting is None else Kind.CREATED
        link.object_id = object_id
        link.table, link.record_id = self.mapping.table, self.change.record_id
        link.state, link.message = LINKED, ""
        link.ancestor = {**link.ancestor, **self.values, **self.ours()}
        link.synced_at = self.edit.now
        link.save()
        note(link.subject, object_id)
        given = {name: [None, value] for name, value in self.values.items() if value not in EMPTY}
        detail = f"Entered in Airtable{self.change.by and f' by {self.change.by}'}."
        history.record([self.event(link, kind, fields=given, detail=detail)])
        self.arrived()
        self._invite(link)
        if link.subject == "mentor":
            after_mentor_change()
        self._wake_waiting()

    def _invite(self, link: RecordLink) -> None:
        user = invitations.user_of(link) if link.subject in PEOPLE else None
        if user is not None:
            invitations.invite(
                user=user,
                subject=link.subject,
                appeared_at=self.change.at,
                now=self.edit.now,
                row_made_at=self.change.made_at,
                by_themselves=self.change.at_sign_in,
            )

    def _keep_waiting(self, waiting: RecordLink | None, sentence: str) -> None:
        link = waiting or RecordLink(
            subject=self.mapping.subject,
            # A fresh key: the one it carries, if any, belongs to the row it was copied from.
            object_id=uuid.uuid4(),
            table=self.mapping.table,
            record_id=self.change.record_id,
            state=State.WAITING,
        )
        link.ancestor = {**link.ancestor, **self.values, **self.ours()}
        if sentence and sentence != link.message:
            history.record([self.event(link, Kind.REFUSED, detail=sentence)])
        link.message = sentence
        link.synced_at = self.edit.now
        link.save()
        note(link.subject, link.object_id)

    def _still_waiting(self, link: RecordLink) -> None:
        known = {**self.values}
        if not self.change.again and all(
            link.ancestor.get(name) == value for name, value in known.items()
        ):
            link.ancestor = {**link.ancestor, **self.ours()}
            link.save(update_fields=["ancestor"])
            return
        self.values = {
            name: value for name, value in {**link.ancestor, **known}.items()
            if name in self.mapping.by_name
        }  # fmt: skip
        self._admit(link)

    def _wake_waiting(self) -> None:
        """Rows that link to this one may have waited for it."""
        for field, subject in _links_to(self.mapping.subject):
            for waiting in RecordLink.objects.filter(
                subject=subject,
                state=State.WAITING,
                **{f"ancestor__{field}__contains": [self.change.record_id]},
            ):
                remember_hint(waiting.table, waiting.record_id, again=True)

    # A record that goes, and one that comes back

    def _destroyed(self, link: RecordLink | None) -> None:
        if link is None or link.state in UNLINKED:
            return
        if link.state == State.WAITING:
            OutboxRow.objects.filter(subject=link.subject, object_id=link.object_id).delete()
            link.delete()
            return
        sentence = None
        found = self.mapping.objects().filter(pk=link.object_id).first()
        edited = self._edited_here(link, found)
        if found is not None:
            sentence = self.attempt(lambda: self.mapping.remove(link.object_id, self.edit))
        if sentence is None:
            deletions.overtaken(
                link,
                edited=edited,
                winner=SyncConflict.Winner.REMOTE,
                reason="It was deleted in Airtable when it had been changed here.",
                now=self.edit.now,
            )
        else:
            SyncConflict.objects.create(
                subject=link.subject,
                object_id=link.object_id,
                field=deletions.WHOLE_ROW,
                winner=SyncConflict.Winner.LOCAL,
                reason=sentence,
                at=self.edit.now,
            )
        link.state = State.TOMBSTONE
        link.ancestor = {**link.ancestor, **(self.mapping.after_removal or {})}
        link.message = sentence or ""
        link.synced_at = self.edit.now
        link.save()
        kind = Kind.DELETED if sentence is None else Kind.REFUSED
        detail = sentence or f"Deleted in Airtable{self.change.by and f' by {self.change.by}'}."
        history.record([self.event(link, kind, detail=detail)])
        note(link.subject, link.object_id)  # what may not go is put back
        if link.subject == "mentor":
            after_mentor_change()

    def _edited_here(self, link: RecordLink, found: models.Model | None) -> Values:
        """What somebody here changed, and Airtable has not been told yet."""
        if found is None or not (self.mapping.present(found) and self.mapping.alive(found)):
            return {}
        if not OutboxRow.objects.filter(subject=link.subject, object_id=link.object_id).exists():
            return {}
        return {
            name: value
            for name, value in local_values(self.mapping, found).values.items()
            if value != link.ancestor.get(name, self.mapping.by_name[name].codec.empty)
        }

    def _restored(self, link: RecordLink) -> None:
        """Taken out of Airtable's trash.

        Only a look at the record itself proves that: a payload of before the deletion may be told
        late or twice, and would bring back to life what is gone.
        """
        if not (self.change.complete and self.change.seen):
            raise NeedsRead
        link.state = LINKED
        history.record([self.event(link, Kind.RESTORED)])
        note_what_links_to(link.subject, [link.object_id])
        if self.mapping.restore is not None:
            restore = self.mapping.restore
            sentence = self.attempt(lambda: restore(link.object_id, self.values, self.edit))
            link.message = sentence or ""
            link.ancestor = {**self.values, **self.ours()}
            link.synced_at = self.edit.now
            link.save()
            note(link.subject, link.object_id)
            return
        link.save(update_fields=["state"])
        self.merge(link)


def _about_to_be_sent(link: RecordLink) -> Values:
    rows = OutboxRow.objects.filter(subject=link.subject, object_id=link.object_id)
    return rows.values_list("sent", flat=True).first() or {}


def _links_to(subject: str) -> list[tuple[str, str]]:
    return [
        (field.name, mapping.subject)
        for mapping in BY_SUBJECT.values()
        for field in mapping.fields
        if field.links == subject
    ]


def _uuid(value: Any) -> uuid.UUID | None:
    with suppress(ValueError, AttributeError):
        return uuid.UUID(str(value).strip()) if value else None
    return None
