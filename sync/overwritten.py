"""Edits that our own write overwrote before we had read them.

Between our last look and our write somebody may have edited the same cell. Airtable keeps our value,
and its log tells of both, theirs first. Their value is nowhere any more, but it was an edit: it is
decided like any other conflict, by the field's authority, and written down whoever wins.
"""

from __future__ import annotations

from collections.abc import Mapping as MappingType
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sync.mappings.base import Field, Values
from sync.merge import Decision, merge

REASON: Final = "It was overwritten from here before it had been read."


class _Unknown:
    """What stood there before both; equal to nothing, so that both sides count as changed."""

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return False

    def __ne__(self, other: object) -> bool:
        return True


@dataclass(frozen=True)
class Edit:
    """A value that somebody gave a cell, as the log has it."""

    value: Any
    at: datetime
    position: int


def lost(
    edits: MappingType[str, Edit],
    fields: MappingType[str, Field],
    *,
    heard: int,
    ancestor: Values,
    local: Values,
    stands: Values,
) -> dict[str, Edit]:
    """Of the edits that an API write came after, those that were lost to a write of ours.

    Args:
        edits: by field, the last one of somebody else's.
        heard: the position up to which this record's log was merged already.
        stands: what the log ends with, canonical.

    Returns:
        The edits with canonical values. The write was ours if what stands there now is what we last
        agreed on or have: who the API says it was would not tell, because another tool may use the
        same account.
    """
    found = {}
    for name, edit in edits.items():
        if name not in fields or name not in stands or edit.position <= heard:
            continue
        value = fields[name].codec.canonical(edit.value)
        ours = stands[name] in (ancestor.get(name), local.get(name))
        if ours and value not in (stands[name], local.get(name)):
            found[name] = Edit(value, edit.at, edit.position)
    return found


def decide(
    edits: MappingType[str, Edit],
    fields: tuple[Field, ...],
    *,
    ancestor: Values,
    local: Values,
    stands: Values,
    local_at: datetime | None,
) -> Decision:
    """The merge's answer for lost edits, each with the fields that are merged together with it."""
    units = {field.unit or field.name for field in fields if field.name in edits}
    concerned = [field for field in fields if (field.unit or field.name) in units]
    before = {**ancestor, **{name: _Unknown() for name in edits}}
    return merge(
        concerned,
        ancestor=before,
        local=local,
        remote={**stands, **{name: edit.value for name, edit in edits.items()}},
        remote_at=max(edit.at for edit in edits.values()),
        local_at=local_at,
    )


def merged(
    change_edits: MappingType[str, Edit],
    fields: tuple[Field, ...],
    *,
    heard: int,
    ancestor: Values,
    local: Values,
    remote: Values,
    remote_at: datetime,
    local_at: datetime | None,
    written_at: datetime | None,
) -> tuple[Decision, Values]:
    """The merge of what stands there now, and of what was lost there; and those lost values.

    Args:
        local_at: when somebody here last edited it, if that has not been sent.
        written_at: when somebody here made the edit that was sent last.
    """
    by_name = {field.name: field for field in fields}
    edits = lost(change_edits, by_name, heard=heard, ancestor=ancestor, local=local, stands=remote)
    units = {by_name[name].unit or name for name in edits}
    decision = merge(
        [field for field in fields if (field.unit or field.name) not in units],
        ancestor=ancestor,
        local=local,
        remote=remote,
        remote_at=remote_at,
        local_at=local_at,
    )
    if not edits:
        return decision, {}
    other = decide(
        edits,
        fields,
        ancestor=ancestor,
        local=local,
        stands=remote,
        local_at=local_at or written_at,
    )
    both = Decision(
        take=decision.take + other.take,
        push=decision.push or other.push,
        undone=decision.undone,
        conflicts=decision.conflicts + other.conflicts,
    )
    return both, {name: edit.value for name, edit in edits.items()}
