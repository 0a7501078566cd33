"""Which edits nobody can have known of: written over before any answer had shown or told them.

Airtable takes a write without asking what stood there. A client that reads first and then writes loses an
edit made in between; it hears of that from a webhook, unless the webhook goes before it has told. What is
left on this list no client can answer for, and nothing else is on it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sync.sandbox.model import Json
from sync.sandbox.values import read

if TYPE_CHECKING:
    from sync.sandbox.action import Action, CellChange
    from sync.sandbox.base import Base

MOST_KEPT = 1000


@dataclass
class Edit:
    """A value that somebody gave a cell in Airtable itself."""

    table: str
    record_id: str
    field: str
    value: Any
    at: str
    transaction: int
    covered_at: str = ""
    is_known: bool = False
    """An answer with it has reached a client."""

    def shown(self) -> Json:
        """As the control plane tells it."""
        hidden = ("transaction", "is_known")
        return {name: value for name, value in vars(self).items() if name not in hidden}


class Witness:
    """Follows every edit until it is known or written over. Called under the base's lock."""

    def __init__(self, base: Base) -> None:
        self._base = base
        self._standing: dict[tuple[str, str], Edit] = {}
        self._covered: deque[Edit] = deque(maxlen=MOST_KEPT)

    def clear(self) -> None:
        """Nothing was edited."""
        self._standing.clear()
        self._covered.clear()

    def note(self, action: Action, changes: Iterable[CellChange]) -> None:
        """What an action has changed."""
        is_client = action.source.kind == "publicApi"
        for change in changes:
            table = self._base.tables[change.record.table_id]
            for column in table.fields:
                if column.id not in change.field_ids:
                    continue
                key = change.record.id, column.id
                before = self._standing.pop(key, None)
                if not is_client:
                    self._standing[key] = Edit(
                        table.name, change.record.id, column.name, read(column, change.record),
                        action.at, self._base.transaction,
                    )  # fmt: skip
                elif before is not None:
                    before.covered_at = action.at
                    self._covered.append(before)

    def shown_in(self, record_ids: Iterable[str]) -> list[Edit]:
        """The edits that an answer with these rows shows."""
        wanted = set(record_ids)
        return [edit for edit in self._unknown() if edit.record_id in wanted]

    def told_in(self, transactions: Iterable[int]) -> list[Edit]:
        """The edits that payloads of these transactions tell, whatever became of them."""
        wanted = set(transactions)
        every = [*self._unknown(), *self._covered]
        return [edit for edit in every if edit.transaction in wanted]

    def untold(self) -> list[Json]:
        """What was written over, and no client can have known."""
        return [edit.shown() for edit in self._covered if not edit.is_known]

    def _unknown(self) -> list[Edit]:
        known = [key for key, edit in self._standing.items() if edit.is_known]
        for key in known:
            del self._standing[key]
        return list(self._standing.values())
