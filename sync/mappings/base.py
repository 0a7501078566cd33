"""The grammar of a mapping: one line per field, and who decides when both sides have changed it."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping as MappingType, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from operator import attrgetter
from typing import Any, Protocol
from uuid import UUID

from django.db.models import F, Model, QuerySet
from django.db.models.expressions import Combinable

from accounts.refusals import Refusal
from sync.mappings.codecs import Canonical, Codec

PLATFORM_ID = "Platform ID"
LAST_SYNCED = "Last Synced"
SYNC_MESSAGE = "Sync Message"

Values = dict[str, Canonical]


class Authority(enum.Enum):
    """Who decides about a field."""

    AIRTABLE = "airtable"
    PLATFORM = "platform"
    SHARED = "shared"


class Direction(enum.Enum):
    """Which way the values of a field travel."""

    BOTH = "both"
    OUT = "out"
    """Written by us; what is typed over it in Airtable is not an edit, and goes with the next write."""


AIRTABLE, PLATFORM, SHARED = Authority.AIRTABLE, Authority.PLATFORM, Authority.SHARED
OUT = Direction.OUT


@dataclass(frozen=True)
class Many:
    """How a computed field is read off thousands of objects at once, without loading them.

    Says the same as `Field.read` says of one object; a test holds the two together.
    """

    selected: str | Callable[[], Combinable]
    """What to select: a path of the ORM, or what makes an expression (models are not ready before)."""
    then: Callable[[Any], Any] | None = None
    """From what was selected to what `read` would have given."""

    @property
    def expression(self) -> Combinable:
        """For the ORM."""
        return F(self.selected) if isinstance(self.selected, str) else self.selected()


@dataclass(frozen=True)
class Field:
    """One column of an Airtable table and where its value lives here."""

    name: str
    codec: Codec
    authority: Authority
    read: str | Callable[[Any], Any]
    """A dotted attribute, or a function of the object."""
    many: Many | None = None
    """For a function of the object: the same for many at once. A path needs none."""
    key: str = ""
    """What the domain service calls it; the attribute's name if left out."""
    columns: tuple[str, ...] | None = None
    """The object's own columns that feed it, watched by a trigger."""
    unit: str = ""
    """Fields with one unit are merged together, all or none."""
    links: str = ""
    """For a link: the subject on the other end. `read` then gives that object's id."""
    direction: Direction = Direction.BOTH
    rides: bool = False
    """Sent along with other changes, a reason to send only once a night. Read off what `Mapping.riders` gives."""
    required: bool = False
    """Cannot be cleared in Airtable."""
    accepts: tuple[Canonical, ...] = ()
    """Values that Airtable may set although the platform decides: they run a command."""

    @cached_property
    def value_of(self) -> Callable[[Any], Any]:
        """Reads the value off an object."""
        return attrgetter(self.read) if isinstance(self.read, str) else self.read

    @cached_property
    def of_many(self) -> Many | None:
        """How it is read off many objects; None where each has to be loaded."""
        if self.many is None and isinstance(self.read, str):
            return Many(self.read.replace(".", "__"))
        return self.many

    @property
    def watched(self) -> tuple[str, ...]:
        """The object's own columns whose change makes the record stale."""
        if self.columns is not None:
            return self.columns
        return (self.read,) if isinstance(self.read, str) and "." not in self.read else ()

    @property
    def is_heard(self) -> bool:
        """Whether an edit in Airtable means anything to us."""
        return self.direction is Direction.BOTH

    @property
    def argument(self) -> str:
        """The name under which a service takes it."""
        return self.key or (self.read if isinstance(self.read, str) else self.name)


@dataclass(frozen=True)
class Watch:
    """Another table whose rows feed this record. `ids` selects the objects of the row at hand.

    `ids` is SQL with `{row}` for NEW or OLD and must exclude synthetic objects itself.
    """

    model: type[Model]
    columns: tuple[str, ...]
    ids: str
    insert: bool = True
    delete: bool = True


class Instead(Refusal):
    """Not done, and something else done instead, outside of what the refusal rolls back."""

    def __init__(self, sentence: str, instead: Callable[[], None]) -> None:
        super().__init__(sentence)
        self.instead = instead


class Linked(Protocol):
    """Who is behind a record, and which record stands for whom."""

    def object_of(self, subject: str, record_id: str) -> UUID | None: ...


@dataclass(frozen=True)
class Edit:
    """What an edit in Airtable is applied with."""

    links: Linked
    now: datetime
    clock: Callable[[], datetime]


@dataclass(frozen=True)
class Mapping:
    """One table of the base, the model behind it, and the services that apply what changes there."""

    subject: str
    table: str
    model: type[Model]
    fields: tuple[Field, ...]
    objects: Callable[[], QuerySet[Any]]
    """The objects that belong in the base: synthetic ones do not."""
    owned_by: str
    """SQL: a query for the object's id, empty for a synthetic one; `{row}` is NEW or OLD."""
    apply: Callable[[UUID, MappingType[str, Canonical], Edit], None]
    admit: Callable[[MappingType[str, Canonical], Edit], UUID]
    """Make the object that a new record describes, or find it; raises a Refusal otherwise."""
    remove: Callable[[UUID, Edit], None]
    """The record was deleted: deactivate the object, never destroy it."""
    present: Callable[[Any], bool] = lambda _: True
    """Whether the object should have a record."""
    presence: tuple[str, ...] = ()
    """The columns that `present` reads, watched like the fields'."""
    alive: Callable[[Any], bool] = lambda _: True
    """Whether a record that was deleted in Airtable should be put back."""
    restore: Callable[[UUID, MappingType[str, Canonical], Edit], None] | None = None
    """The record came back from the trash; without this an ordinary merge does it."""
    after_removal: MappingType[str, Canonical] | None = None
    """What a deleted record counts as having agreed to, so that restoring it is a change."""
    watches: tuple[Watch, ...] = ()
    riders: Callable[[Sequence[UUID]], MappingType[UUID, Any]] = lambda _: {}
    """Of many objects, by id, what the riding fields are read off. Asked for only where one is sent."""
    primary: str = PLATFORM_ID
    """The table's first column, where we create it."""

    @cached_property
    def by_name(self) -> dict[str, Field]:
        """Fields by their Airtable name."""
        return {field.name: field for field in self.fields}

    @cached_property
    def own_fields(self) -> tuple[Field, ...]:
        """Those that may be a reason to send."""
        return tuple(field for field in self.fields if not field.rides)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The model's columns that the trigger watches."""
        names = dict.fromkeys([n for field in self.fields for n in field.watched])
        names |= dict.fromkeys(self.presence)
        meta = self.model._meta
        return tuple(str(meta.get_field(name).column) for name in names)  # type: ignore[union-attr]

    def canonical(self, cells: MappingType[str, Any], *, names: frozenset[str]) -> Values:
        """Cells of a complete read, in canonical form. Of the columns read, absent means empty."""
        return {
            field.name: field.codec.canonical(cells.get(field.name))
            for field in self.fields
            if field.name in names
        }

    def partial(self, cells: MappingType[str, Any]) -> Values:
        """Cells that are told to have changed; the others are unknown."""
        return {
            name: self.by_name[name].codec.canonical(value)
            for name, value in cells.items()
            if name in self.by_name
        }


def arguments(mapping: Mapping, changes: MappingType[str, Canonical]) -> dict[str, Any]:
    """Canonical values as keyword arguments of a domain service."""
    found = {}
    for name, value in changes.items():
        field = mapping.by_name[name]
        if field.required and value == field.codec.empty:
            raise Refusal(f"{name} cannot be empty.")
        try:
            found[field.argument] = field.codec.python(value)
        except Refusal as refusal:
            raise Refusal(f"{name}: {refusal}") from refusal
    return found


def filled(mapping: Mapping, values: MappingType[str, Canonical]) -> Values:
    """What a new row says: its cells that are not empty, and its checkboxes, unticked ones too."""
    return {
        name: value
        for name, value in values.items()
        if value != mapping.by_name[name].codec.empty or value is False
    }
