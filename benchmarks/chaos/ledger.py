"""Every edit that was made on either side, in order: what the end is measured against."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

HERE, THERE, BOTH = "here", "there", "both"
WHOLE_ROW = "(the whole row)"


@dataclass(frozen=True)
class Edit:
    """One value of one field, as somebody set it."""

    number: int
    at: float
    side: str
    subject: str
    object_id: UUID | None
    record_id: str
    field: str
    value: Any
    """Canonical. None for a row that was deleted."""
    how: str
    duel: int = 0
    """The number that it shares with the edit of the other side that was made in the same moment."""

    def __str__(self) -> str:
        value = str(self.value)
        shown = value if len(value) < 60 else value[:57] + "..."
        return f"#{self.number} {self.at:.2f} {self.side} {self.how}: {self.field} = {shown}"


class Ledger:
    """The edits, by object. What is known of a row only by its record is found by that."""

    def __init__(self) -> None:
        self.edits: list[Edit] = []
        self.duels = 0
        self._object_of: dict[str, UUID] = {}

    def note(
        self,
        side: str,
        subject: str,
        values: Mapping[str, Any],
        *,
        at: float,
        how: str,
        object_id: UUID | None = None,
        record_id: str = "",
        duel: int = 0,
    ) -> None:
        """Write down an edit that has been made.

        Args:
            at: when; epoch seconds.
        """
        if record_id and object_id is not None:
            self._object_of[record_id] = object_id
        for name, value in values.items():
            number = len(self.edits) + 1
            self.edits.append(
                Edit(number, at, side, subject, object_id, record_id, name, value, how, duel)
            )

    def stands_for(self, record_id: str, object_id: UUID) -> None:
        """What a record turned out to be."""
        self._object_of.setdefault(record_id, object_id)

    def by_object(self) -> dict[UUID, list[Edit]]:
        """The edits of each object, in order. Those of records that nobody ever knew are left out."""
        found: dict[UUID, list[Edit]] = {}
        for edit in self.edits:
            object_id = edit.object_id or self._object_of.get(edit.record_id)
            if object_id is not None:
                found.setdefault(object_id, []).append(edit)
        return found


def of_field(edits: Iterable[Edit], name: str) -> list[Edit]:
    """The edits of one field, in order."""
    return [edit for edit in edits if edit.field == name]


def deletions(edits: Iterable[Edit]) -> list[Edit]:
    """The deletions of the row, in order."""
    return [edit for edit in edits if edit.field == WHOLE_ROW]
