"""What must be true once all is quiet, whatever went wrong before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import models

from benchmarks.chaos.base import Base, Json
from benchmarks.chaos.ledger import HERE, THERE, Edit, Ledger, deletions, of_field
from benchmarks.chaos.there import wins_a_duel
from sync import history, overwritten
from sync.mappings import BY_SUBJECT, REGISTRY, Mapping
from sync.mappings.base import PLATFORM_ID, SYNC_MESSAGE, Authority, Field
from sync.models import InboundChange, OutboxRow, RecordLink, SyncConflict, SyncEvent
from sync.records import LINKED, UNLINKED, local_values_of

WAITING = RecordLink.State.WAITING
TOLD_NOBODY = "edits that Airtable told nobody of"


@dataclass(frozen=True)
class Violation:
    """One thing that is not as it must be."""

    rule: str
    what: str
    subject: str = ""
    object_id: UUID | None = None
    record_id: str = ""


@dataclass
class Sight:
    """Both sides of one table, read at rest."""

    mapping: Mapping
    rows: dict[str, Json]
    links: dict[str, RecordLink]
    here: dict[UUID, Any]
    """Canonical values of every object that should have a record, by key."""
    objects: dict[UUID, models.Model]

    @classmethod
    def of(cls, mapping: Mapping, base: Base) -> Sight:
        objects = {item.pk: item for item in mapping.objects()}
        links = RecordLink.objects.filter(table=mapping.table)
        return cls(
            mapping,
            {row["id"]: row["fields"] for row in base.rows(mapping.table)},
            {link.record_id: link for link in links},
            {
                key: local.values
                for key, local in local_values_of(mapping, list(objects), agreed={}).items()
            },
            objects,
        )

    def pairs(self) -> Iterator[tuple[RecordLink, Json]]:
        """What is in both places."""
        for record_id, cells in self.rows.items():
            link = self.links.get(record_id)
            if link is not None and link.state == LINKED and link.object_id in self.here:
                yield link, cells

    def there(self, cells: Json, name: str) -> Any:
        """A cell in canonical form."""
        return self.mapping.by_name[name].codec.canonical(cells.get(name))


@dataclass
class Checks:
    """All rules, over all tables."""

    base: Base
    ledger: Ledger
    found: list[Violation] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def run(self) -> list[Violation]:
        """Look at everything."""
        self.counts[TOLD_NOBODY] = 0
        self._untold = self.base.untold()
        self._queues()
        for mapping in REGISTRY:
            sight = Sight.of(mapping, self.base)
            for record_id, link in sight.links.items():
                self.ledger.stands_for(record_id, link.object_id)
            self._rows(sight)
            self._objects(sight)
            self._values(sight)
            self._edits(sight)
        return self.found

    def _say(self, rule: str, what: str, link: RecordLink | None = None, **more: Any) -> None:
        if link is not None:
            more = {
                "subject": link.subject,
                "object_id": link.object_id,
                "record_id": link.record_id,
            } | more
        self.found.append(Violation(rule, what, **more))

    # Nothing is left over

    def _queues(self) -> None:
        for row in OutboxRow.objects.all():
            self._say(
                "nothing is left to send", f"{row.status}, {row.attempts} tries: {row.last_error}",
                subject=row.subject, object_id=row.object_id,
            )  # fmt: skip
        for change in InboundChange.objects.exclude(error="", applied_at__isnull=False):
            given_up = change.applied_at is not None
            rule = "no record is given up" if given_up else "nothing is left to apply"
            if given_up and change.attempts < 8:
                continue
            self._say(
                rule, f"{change.webhook} {change.position}: {change.error}",
                record_id=str(change.payload.get("recordId", "")),
            )  # fmt: skip

    # Both sides have the same rows

    def _rows(self, sight: Sight) -> None:
        table = sight.mapping.table
        keys = Counter(str(cells.get(PLATFORM_ID) or "") for cells in sight.rows.values())
        for key, count in keys.items():
            if count > 1:
                self._say("no key is there twice", f"{table}: {count} rows have {key or 'no key'}")
        for record_id, cells in sight.rows.items():
            link = sight.links.get(record_id)
            if link is None or link.state in UNLINKED:
                what = f"{table} {record_id}: {cells}"
                self._say("every row is known", what, link, record_id=record_id)
                continue
            self._row(link, cells)

    def _row(self, link: RecordLink, cells: Json) -> None:
        if cells.get(PLATFORM_ID) != str(link.object_id):
            self._say("every row carries its key", f"{cells.get(PLATFORM_ID)}", link)
        if str(cells.get(SYNC_MESSAGE) or "").strip() != link.message.strip():
            said = f"{cells.get(SYNC_MESSAGE)!r} instead of {link.message!r}"
            self._say("a row says why it waits", said, link)
        if link.state == WAITING:
            self.counts["rows that wait, with their reason"] += 1
            if not link.message:
                self._say("a row says why it waits", "It waits without a word.", link)

    def _objects(self, sight: Sight) -> None:
        table = sight.mapping.table
        standing = {link.object_id: link for link in sight.links.values() if link.state == LINKED}
        for link in standing.values():
            if link.record_id not in sight.rows:
                self._say("no link leads nowhere", f"{table} has no {link.record_id}.", link)
            elif link.object_id not in sight.objects:
                self._say("no link leads nowhere", "There is no such object.", link)
        for key, found in sight.objects.items():
            wanted = sight.mapping.present(found) and sight.mapping.alive(found)
            if wanted and key not in standing:
                subject = sight.mapping.subject
                self._say("every object has its row", table, subject=subject, object_id=key)

    # The same values stand on both sides

    def _values(self, sight: Sight) -> None:
        for link, cells in sight.pairs():
            self.counts["records compared"] += 1
            if not sight.mapping.present(sight.objects[link.object_id]):
                self._say("what was withdrawn is gone there", sight.mapping.table, link)
            for name, ours in sight.here[link.object_id].items():
                theirs = sight.there(cells, name)
                if theirs != ours and name not in link.frozen:
                    self._say(
                        "both sides are equal", f"{name}: {ours!r} here, {theirs!r} there", link
                    )
                elif link.ancestor.get(name, sight.mapping.by_name[name].codec.empty) != theirs:
                    agreed = link.ancestor.get(name)
                    self._say(
                        "what is agreed stands there", f"{name}: {agreed!r}, {theirs!r}", link
                    )

    # No edit is lost

    def _edits(self, sight: Sight) -> None:
        links = {link.object_id: link for link in sight.links.values()}
        for object_id, edits in self.ledger.by_object().items():
            if edits[0].subject != sight.mapping.subject:
                continue
            link = links.get(object_id)
            if link is not None and link.state == WAITING:
                continue  # its row is the only place it is in
            values = sight.here.get(object_id)
            if values is not None:
                trial = Trial(sight.mapping, edits, values, link, self.counts, object_id)
                trial.untold = self._untold
                for name in {edit.field for edit in edits} & set(sight.mapping.by_name):
                    for what in trial.judge(name):
                        self._say(
                            what[0],
                            what[1],
                            link,
                            subject=sight.mapping.subject,
                            object_id=object_id,
                        )


class Trial:
    """Whether each edit of one object is accounted for."""

    def __init__(
        self,
        mapping: Mapping,
        edits: Sequence[Edit],
        values: dict[str, Any],
        link: RecordLink | None,
        counts: Counter[str],
        object_id: UUID,
    ) -> None:
        self._mapping = mapping
        self._edits = edits
        self._values = values
        self._counts = counts
        self._is_there = link is not None and link.state == LINKED
        self._deletions = deletions(edits)
        self._object_id = object_id
        self.untold: Sequence[Json] = ()
        self._conflicts = list(
            SyncConflict.objects.filter(subject=mapping.subject, object_id=object_id)
        )

    def judge(self, name: str) -> Iterator[tuple[str, str]]:
        """The rules that an edit of this field speaks against, with what it was."""
        spec = self._mapping.by_name[name]
        if spec.links or name not in self._values:
            return
        edits, final = of_field(self._edits, name), self._values[name]
        self._counts["edits"] += sum(edit.side in (HERE, THERE) for edit in edits)
        # What Office Hours alone decides begins with its own default, whatever the new row there says.
        is_default = edits[0].side == THERE and spec.authority is Authority.PLATFORM
        begins_known = edits[0].how in ("made", "at the start") and not is_default
        if begins_known and all(edit.value != final for edit in edits):
            yield "no value comes from nowhere", f"{name} is {final!r}; last {edits[-1]}"
        # What came before the edit that stands was followed by it, and of each side only the last counts.
        stands = max((edit.number for edit in edits if edit.value == final), default=0)
        last = {edit.side: edit for edit in edits if edit.number > stands}
        for edit in last.values():
            if edit.side in (HERE, THERE) and not self._is_told(edit, spec):
                yield "no edit is lost", f"{edit}; {name} is {final!r}"
        yield from self._duel(edits, final, spec)

    def _duel(self, edits: Sequence[Edit], final: Any, spec: Field) -> Iterator[tuple[str, str]]:
        """The last word, if it was spoken on both sides at once."""
        if len(edits) < 2 or not edits[-1].duel or edits[-1].duel != edits[-2].duel:
            return
        if not self._is_there or self._deletions:
            return
        ours, theirs = edits[-2], edits[-1]
        if self._is_known_to_nobody(theirs, spec):
            return
        self._counts["duels judged"] += 1
        loser = ours if theirs.value == final else theirs
        if not self._is_in_a_conflict(loser):
            yield "every conflict is recorded", f"{loser}; {spec.name} is {final!r}"
        winner = theirs if wins_a_duel(self._mapping, spec.name) == THERE else ours
        excused = self._is_later_here(spec, theirs) or self._is_refused(winner)
        if winner.value != final and not excused:
            self._counts["duels decided against the table"] += 1
            yield "who decides wins", f"{winner}; {spec.name} is {final!r}"

    def _is_later_here(self, spec: Field, theirs: Edit) -> bool:
        """Of what both may change the later edit counts, and ours is as late as the object's last."""
        return spec.authority is Authority.SHARED and any(
            edit.side == HERE and edit.number > theirs.number for edit in self._edits
        )

    def _is_refused(self, edit: Edit) -> bool:
        """Whether a rule spoke against it, whoever decides."""
        decided = ("Both sides changed it.", overwritten.REASON)
        return any(
            row.field == edit.field and row.remote == edit.value and row.reason not in decided
            for row in self._conflicts
        )

    def _is_told(self, edit: Edit, spec: Field) -> bool:
        """Whether what became of an edit that is not there stands somewhere."""
        if self._is_in_a_conflict(edit):
            self._counts["edits that lost, in a conflict"] += 1
            return True
        if edit.side == THERE and spec.authority is Authority.PLATFORM and self._is_history(edit):
            self._counts["edits undone, decided here"] += 1
            return True
        if edit.side == THERE and self._is_known_to_nobody(edit, spec):
            self._counts[TOLD_NOBODY] += 1
            return True
        if edit.side == HERE and self._is_taken_back(edit):
            self._counts["edits taken back before they were sent"] += 1
            return True
        # The row it was made in went, or was taken away under it.
        gone = edit.side == THERE and (not self._is_there or bool(self._deletions))
        if gone or any(deleted.number > edit.number for deleted in self._deletions):
            self._counts["edits of rows that were deleted"] += 1
            return True
        return False

    def _is_known_to_nobody(self, edit: Edit, spec: Field) -> bool:
        """Whether the sandbox swears that it was written over before any answer had it.

        Made after our look at the row and before our write, it could still be told by the webhook's log;
        if that went down first, no client can know of it.
        """
        return any(
            (row["record_id"], row["field"]) == (edit.record_id, edit.field)
            and spec.codec.canonical(row["value"]) == edit.value
            for row in self.untold
        )

    def _is_history(self, edit: Edit) -> bool:
        """Whether the record's history tells of it."""
        kinds = [SyncEvent.Kind.REFUSED, SyncEvent.Kind.CONFLICT]
        if edit.how == "made":
            kinds.append(SyncEvent.Kind.CREATED)
        told = SyncEvent.objects.filter(
            object_id=self._object_id, kind__in=kinds, fields__has_key=edit.field
        ).values_list("fields", flat=True)
        return any(fields[edit.field][1] == edit.value for fields in told)

    def _is_taken_back(self, edit: Edit) -> bool:
        """Whether it only put back what both sides had agreed on when an edit there was applied.

        Something else was set in between, and was never sent: for a merge of three values nothing was
        changed here.
        """
        kinds = [SyncEvent.Kind.SENT, SyncEvent.Kind.CREATED, SyncEvent.Kind.APPLIED]
        told = SyncEvent.objects.filter(
            object_id=self._object_id, kind__in=kinds, fields__has_key=edit.field
        ).order_by("at", "pk")
        agreed = None
        for event in told:
            before, after = event.fields[edit.field]
            if event.at.timestamp() > edit.at:
                is_applied = event.kind == SyncEvent.Kind.APPLIED
                return is_applied and bool(before == agreed == history.kept(edit.value))
            agreed = after
        return False

    def _is_in_a_conflict(self, edit: Edit) -> bool:
        return any(
            row.field == edit.field and edit.value in (row.local, row.remote)
            for row in self._conflicts
        )


def subject_name(subject: str) -> str:
    """The table of a subject, for people."""
    return BY_SUBJECT[subject].table if subject in BY_SUBJECT else ""
