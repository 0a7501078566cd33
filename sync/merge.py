"""Who wins. Pure: values in, a decision out; nothing is read or written here.

Per field (or unit of fields), against the ancestor, the value last known to stand in Airtable:
a side that still has it has not changed. Afterwards the remote values are the ancestor, whoever won,
because that is what stands there now; a local value that won then differs from it and is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sync.mappings.base import AIRTABLE, PLATFORM, Field, Values


@dataclass(frozen=True)
class Conflict:
    """Both sides changed a field, to different values."""

    field: str
    ancestor: Any
    local: Any
    remote: Any
    winner: str


@dataclass(frozen=True)
class Decision:
    """What to do about a record as it was read."""

    take: tuple[Values, ...]
    """Remote values to apply here, unit by unit."""
    push: bool
    """A value of ours has to be put back."""
    undone: tuple[str, ...]
    """Fields changed in Airtable alone that are not decided there."""
    conflicts: tuple[Conflict, ...]


def merge(
    fields: Iterable[Field],
    *,
    ancestor: Mapping[str, Any],
    local: Mapping[str, Any],
    remote: Mapping[str, Any],
    remote_at: datetime,
    local_at: datetime | None,
) -> Decision:
    """Decide for every field that `remote` speaks of; a field it leaves out is as it was."""
    take: list[Values] = []
    conflicts: list[Conflict] = []
    undone: list[str] = []
    push = False
    for unit in _units(field for field in fields if field.is_heard):
        case = _Case(unit, ancestor, local, remote)
        # A change made here alone is in the outbox already.
        if not case.remote_changed or case.same:
            continue
        if case.remote_wins(later=local_at is None or remote_at > local_at):
            take.append({field.name: case.remote[field.name] for field in unit})
        else:
            push = True
            if not case.local_changed:
                undone.extend(case.differing)
        if case.local_changed:
            conflicts.extend(case.conflicts(later=local_at is None or remote_at > local_at))
    return Decision(tuple(take), push, tuple(undone), tuple(conflicts))


class _Case:
    """One unit and the three values of each of its fields."""

    def __init__(
        self,
        unit: list[Field],
        ancestor: Mapping[str, Any],
        local: Mapping[str, Any],
        remote: Mapping[str, Any],
    ) -> None:
        self.fields = unit
        self.ancestor = {f.name: ancestor.get(f.name, f.codec.empty) for f in unit}
        self.local = {f.name: local.get(f.name, self.ancestor[f.name]) for f in unit}
        self.remote = {f.name: remote.get(f.name, self.ancestor[f.name]) for f in unit}

    @property
    def remote_changed(self) -> bool:
        return self.remote != self.ancestor

    @property
    def local_changed(self) -> bool:
        return self.local != self.ancestor

    @property
    def same(self) -> bool:
        return self.remote == self.local

    @property
    def differing(self) -> list[str]:
        return [name for name in self.remote if self.remote[name] != self.local[name]]

    def remote_wins(self, *, later: bool) -> bool:
        field = self.fields[0]
        if self.remote[field.name] in field.accepts:
            return True
        if field.authority is AIRTABLE:
            return True
        if field.authority is PLATFORM:
            return False
        return later or not self.local_changed

    def conflicts(self, *, later: bool) -> Iterable[Conflict]:
        winner = "remote" if self.remote_wins(later=later) else "local"
        for name in self.differing:
            yield Conflict(name, self.ancestor[name], self.local[name], self.remote[name], winner)


def _units(fields: Iterable[Field]) -> list[list[Field]]:
    units: dict[str, list[Field]] = {}
    for field in fields:
        units.setdefault(field.unit or field.name, []).append(field)
    return list(units.values())


def first_ancestor(
    fields: Iterable[Field], *, local: Mapping[str, Any], remote: Mapping[str, Any]
) -> Values:
    """The ancestor of a pair that meets for the first time.

    Airtable's word counts where Airtable may decide, except that an empty cell does not wipe out
    what is known here: nobody cleared it. So the ancestor is set such that `merge` sees a change in
    Airtable for the former, and one here for everything else.
    """
    ancestor: Values = {}
    for unit in _units(fields):
        read = all(field.name in remote for field in unit)
        blank = any(remote.get(field.name) == field.codec.empty for field in unit)
        keeps_local = not read or blank or unit[0].authority is PLATFORM
        for field in unit:
            source = remote if keeps_local else local
            if field.name in source:
                ancestor[field.name] = source[field.name]
    return ancestor
