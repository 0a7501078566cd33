"""What program managers do in Airtable: edits, pasted columns, copies of rows, deletions, and mistakes."""

from __future__ import annotations

import random
import time
from typing import Any
from uuid import UUID

from django.db import transaction

from benchmarks.chaos import here, words
from benchmarks.chaos.base import Base, Json, Refused
from benchmarks.chaos.ledger import HERE, THERE, WHOLE_ROW, Ledger
from sync.mappings import BY_SUBJECT, MENTOR, WINDOW, Mapping
from sync.mappings.base import Authority
from sync.models import RecordLink
from sync.records import LINKED, local_values

# Cells that a duplicated row brings along and that are the other end of links.
_OTHER_ENDS = frozenset({"Office Hours Slots", "Sessions", "Saved By", "Saved Mentors"})
_OFTEN = (
    "mentor", "mentor", "mentor", "mentor", "mentee", "mentee", "window", "window", "template",
    "prompt",
)  # fmt: skip


class There:
    """The program managers."""

    def __init__(
        self, chance: random.Random, ledger: Ledger, hours: words.Hours, base: Base
    ) -> None:
        self._chance = chance
        self._ledger = ledger
        self._hours = hours
        self._base = base
        self._copies: list[tuple[Mapping, str]] = []
        self._told: list[tuple[Mapping, Json]] = []
        self.deletions_rest_until = 0.0

    @property
    def may_delete(self) -> bool:
        """Not while nothing listens."""
        return time.monotonic() > self.deletions_rest_until

    def edit(self) -> None:
        """One to three cells of one row."""
        mapping = BY_SUBJECT[self._chance.choice(_OFTEN)]
        row = self._any_row(mapping)
        makers = words.BOTH_SIDES[mapping.subject]
        names = self._chance.sample(sorted(makers), min(len(makers), self._chance.randint(1, 3)))
        if row is not None:
            self._set(
                mapping, row, {name: makers[name](self._chance, self._next()) for name in names}
            )

    def move_window(self) -> None:
        """Other times for some hours; now and then an end before the beginning."""
        row = self._any_row(WINDOW)
        if row is None:
            return
        starts, ends = self._hours.next((row["fields"].get("Mentor") or ["nobody"])[0] + "there")
        if self._chance.random() < 0.15:
            starts, ends = ends, starts
        self._set(WINDOW, row, {"Starts": words.moment(starts), "Ends": words.moment(ends)})

    def edit_in_vain(self) -> None:
        """Something that is decided elsewhere, or that no rule allows."""
        subject = self._chance.choice(sorted(words.IN_VAIN))
        mapping = BY_SUBJECT[subject]
        row = self._any_row(mapping)
        # A row that is not known yet may well say too little: what it lacks is set when it is admitted.
        if row is not None and row["id"] in self._objects(mapping):
            name = self._chance.choice(sorted(words.IN_VAIN[subject]))
            maker = words.IN_VAIN[subject][name]
            self._set(mapping, row, {name: maker(self._chance, self._next())})

    def paste(self) -> None:
        """A column of more than a hundred rows at once."""
        rows = self._base.rows(MENTOR.table)
        name = self._chance.choice(("Company", "Headline"))
        edits = [(row["id"], {name: f"E{self._next()} pasted {n}"}) for n, row in enumerate(rows)]
        known = self._objects(MENTOR)
        at = time.time()
        self._base.fill(MENTOR.table, edits)
        for record_id, values in edits:
            self._ledger.note(
                THERE, "mentor", values, at=at, how="pasted", object_id=known.get(record_id),
                record_id=record_id,
            )  # fmt: skip

    def cancel(self) -> None:
        """A session's Status set to Cancelled, which runs the command."""
        session = BY_SUBJECT["session"]
        row = self._any_row(session)
        if row is not None and row["fields"].get("Status") == "Booked":
            self._set(session, row, {"Status": "Cancelled"})

    # Coming

    def create(self) -> None:
        """A row for a person, for hours, for a template; sometimes one that lacks something."""
        number = self._next()
        subject = self._chance.choice(
            ("mentor", "mentee", "window", "window", "template", "prompt")
        )
        fields = self._new(subject, number)
        if fields is not None:
            self._create(BY_SUBJECT[subject], fields)

    def _new(self, subject: str, number: int) -> Json | None:
        person = {
            "Name": f"{subject.title()} There{number}",
            "Email": f"there{number}@example.com",
            "Is Active": True,
        }
        if subject == "window":
            row = self._any_row(MENTOR)
            if row is None:
                return None
            starts, ends = self._hours.next(row["id"] + "there")
            return {
                "Mentor": [row["id"]],
                "Starts": words.moment(starts),
                "Ends": words.moment(ends),
                "Max Slots": 2,
            }
        rows: dict[str, Json] = {
            "mentor": {**person, "Headline": f"E{number}", "Weekly Load Cap": 5},
            "mentee": {**person, "Company": f"E{number}"},
            "template": {
                "Template Name": f"There {number}",
                "Channel Type": "email",
                "Active Status": True,
            },
            "prompt": {"Category": "Chaos", "Topic": f"There {number}", "Active Status": True},
        }
        return rows[subject]

    def copy(self) -> None:
        """A row duplicated with everything it holds, its key too."""
        subject = self._chance.choice(
            ("mentor", "mentee", "window", "template", "prompt", "session", "saved")
        )
        mapping = BY_SUBJECT[subject]
        row = self._any_row(mapping)
        if row is None:
            return
        with_ends = self._chance.random() < 0.3
        fields = {
            name: value
            for name, value in row["fields"].items()
            if with_ends or name not in _OTHER_ENDS
        }
        self._copies.append((mapping, self._create(mapping, fields)["id"]))

    def mend_copy(self) -> None:
        """A copy becomes something of its own, or goes."""
        if not self._copies:
            return
        mapping, record_id = self._copies.pop(self._chance.randrange(len(self._copies)))
        row = next((row for row in self._base.rows(mapping.table) if row["id"] == record_id), None)
        if row is None:
            return
        fields = self._new(mapping.subject, self._next()) if mapping.subject in _OFTEN else None
        if fields is None or (self.may_delete and self._chance.random() < 0.4):
            self._delete(mapping, record_id)
        else:
            self._set(mapping, row, fields)

    def _create(self, mapping: Mapping, fields: Json) -> Json:
        at = time.time()
        row = self._base.create(mapping.table, fields)
        values = {
            name: mapping.by_name[name].codec.canonical(value)
            for name, value in fields.items()
            if name in mapping.by_name and not mapping.by_name[name].links
        }
        self._ledger.note(THERE, mapping.subject, values, at=at, how="made", record_id=row["id"])
        self._tell(mapping, row)
        return row

    # Going

    def delete(self) -> None:
        """Some row."""
        mapping = BY_SUBJECT[self._chance.choice((*_OFTEN[3:], "session", "saved"))]
        row = self._any_row(mapping)
        if row is not None and self.may_delete:
            self._delete(mapping, row["id"])

    def _delete(self, mapping: Mapping, record_id: str) -> None:
        object_id = self._objects(mapping).get(record_id)
        at = time.time()
        self._base.delete(mapping.table, record_id)
        values = {WHOLE_ROW: None, **(mapping.after_removal or {})}
        self._ledger.note(
            THERE, mapping.subject, values, at=at, how="deleted", object_id=object_id,
            record_id=record_id,
        )  # fmt: skip

    # Both at once

    def duel(self) -> None:
        """The same field, edited on both sides in one moment.

        The edit here is not committed before the one there is made, and holds the object's lock until
        then: neither side can have seen the other's.
        """
        mapping = BY_SUBJECT[
            self._chance.choice(("mentor", "mentor", "mentee", "window", "template"))
        ]
        row = self._any_row(mapping)
        object_id = self._objects(mapping).get(row["id"]) if row else None
        if row is None or object_id is None:
            return
        makers = words.BOTH_SIDES[mapping.subject]
        name = self._chance.choice(sorted(makers))
        ours, theirs = (makers[name](self._chance, self._next() + n) for n in (0, 1))
        before = local_values(mapping, mapping.objects().get(pk=object_id)).values.get(name)
        if ours in (theirs, before) or theirs == row["fields"].get(name):
            return
        at = time.time()
        with transaction.atomic():
            here.write(mapping, object_id, {name: ours})
            self._base.edit(mapping.table, row["id"], {name: theirs})
        self._ledger.duels += 1
        known: dict[str, Any] = {"object_id": object_id, "duel": self._ledger.duels, "how": "duel"}
        self._ledger.note(HERE, mapping.subject, {name: ours}, at=at, **known)
        self._ledger.note(
            THERE, mapping.subject, {name: theirs}, at=at, record_id=row["id"], **known
        )

    # Automation

    def repeat_post(self) -> None:
        """A post that comes twice, and out of its turn."""
        if self._told:
            mapping, row = self._told.pop(self._chance.randrange(len(self._told)))
            self._base.announce(mapping.table, row)

    def _tell(self, mapping: Mapping, row: Json) -> None:
        if self._chance.random() < 0.25:
            self._base.announce(mapping.table, row)
            self._told = [*self._told[-9:], (mapping, row)]

    # What is there

    def _any_row(self, mapping: Mapping) -> Json | None:
        rows = self._base.rows(mapping.table)
        return self._chance.choice(rows) if rows else None

    def _set(self, mapping: Mapping, row: Json, values: Json) -> None:
        changes = {
            name: value
            for name, value in values.items()
            if mapping.by_name[name].codec.canonical(row["fields"].get(name))
            != mapping.by_name[name].codec.canonical(value)
        }
        if not changes:
            return
        object_id = self._objects(mapping).get(row["id"])
        at = time.time()
        try:
            edited = self._base.edit(mapping.table, row["id"], changes)
        except Refused:
            return  # the engine has deleted the row in this moment
        self._ledger.note(
            THERE, mapping.subject,
            {name: mapping.by_name[name].codec.canonical(value) for name, value in changes.items()},
            at=at, how="edited", object_id=object_id, record_id=row["id"],
        )  # fmt: skip
        self._tell(mapping, edited)

    def _objects(self, mapping: Mapping) -> dict[str, UUID]:
        """The objects behind the records of a table, as far as they are linked by now."""
        rows = RecordLink.objects.filter(table=mapping.table, state=LINKED)
        return dict(rows.values_list("record_id", "object_id"))

    def _next(self) -> int:
        return len(self._ledger.edits) + 1


def wins_a_duel(mapping: Mapping, name: str) -> str:
    """Which side the merge table gives the field to, when the edit there came a moment later."""
    return HERE if mapping.by_name[name].authority is Authority.PLATFORM else THERE
