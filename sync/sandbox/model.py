"""What a base is made of: tables, fields and records, and how each is written down."""

from __future__ import annotations

import copy
from dataclasses import asdict, dataclass, field
from typing import Any

from sync.sandbox.ids import is_id, random_id

Json = dict[str, Any]

LINK = "multipleRecordLinks"
SELECTS = frozenset({"singleSelect", "multipleSelects"})
COMPUTED = frozenset(
    {
        "formula", "rollup", "count", "autoNumber", "createdTime", "lastModifiedTime",
        "createdBy", "lastModifiedBy", "multipleLookupValues", "button", "aiText",
        "externalSyncSource", "manualSort",
    }
)  # fmt: skip


@dataclass
class Field:
    """A column."""

    id: str
    name: str
    type: str
    options: Json = field(default_factory=dict)
    description: str | None = None

    @property
    def is_computed(self) -> bool:
        """Whether Airtable alone may write it."""
        return self.type in COMPUTED

    @property
    def choices(self) -> list[Json]:
        """The options of a select, in the order shown."""
        found: list[Json] = self.options.setdefault("choices", [])
        return found

    def choice(self, name: str) -> Json | None:
        """The option with exactly that name."""
        return next((choice for choice in self.choices if choice["name"] == name), None)

    def add_choice(self, name: str) -> Json:
        """A further option, as typecast creates them."""
        choice = {"id": random_id("sel"), "name": name, "color": "grayLight2"}
        self.choices.append(choice)
        return choice

    def schema(self) -> Json:
        """The field as the metadata API shows it."""
        shown: Json = {"type": self.type, "id": self.id, "name": self.name}
        if self.description:
            shown["description"] = self.description
        if self.options:
            shown["options"] = copy.deepcopy(self.options)
        return shown


@dataclass
class Record:
    """A row. `cells` holds only what is not empty, by field id, in the REST format."""

    id: str
    table_id: str
    number: int
    created_time: str
    modified_time: str
    cells: dict[str, Any] = field(default_factory=dict)

    def document(self) -> Json:
        """The row as it is stored. It shares the cells: write it out at once."""
        return dict(vars(self))


@dataclass
class Table:
    """A table with its rows; the first field is the primary one."""

    id: str
    name: str
    fields: list[Field]
    view_id: str
    description: str | None = None
    records: dict[str, Record] = field(default_factory=dict)

    @property
    def primary(self) -> Field:
        """The column whose value names a row."""
        return self.fields[0]

    def find_field(self, reference: str) -> Field | None:
        """By id, or by exact name."""
        by_id = is_id(reference, "fld")
        for column in self.fields:
            if (by_id and column.id == reference) or column.name == reference:
                return column
        return None

    @property
    def view(self) -> Json:
        """The one grid view that every table has."""
        return {"id": self.view_id, "name": "Grid view", "type": "grid"}

    def schema(self, *, with_visible_fields: bool = False) -> Json:
        """The table as the metadata API shows it."""
        view = self.view
        if with_visible_fields:
            view["visibleFieldIds"] = [column.id for column in self.fields]
        shown: Json = {
            "id": self.id,
            "name": self.name,
            "primaryFieldId": self.primary.id,
            "fields": [column.schema() for column in self.fields],
            "views": [view],
        }
        if self.description:
            shown["description"] = self.description
        return shown

    def document(self) -> Json:
        """The table as it is stored, without its rows."""
        return {
            "id": self.id,
            "name": self.name,
            "description": self.description,
            "view_id": self.view_id,
            "fields": [asdict(column) for column in self.fields],
        }

    @classmethod
    def from_document(cls, document: Json) -> Table:
        """The table as it was stored."""
        fields = [Field(**column) for column in document["fields"]]
        return cls(
            id=document["id"],
            name=document["name"],
            description=document["description"],
            view_id=document["view_id"],
            fields=fields,
        )


@dataclass(frozen=True)
class Source:
    """Who did something, as a webhook payload tells it."""

    kind: str
    metadata: Json = field(default_factory=dict)

    def action_metadata(self) -> Json:
        """The `actionMetadata` of a payload."""
        if not self.metadata:
            return {"source": self.kind}
        return {"source": self.kind, "sourceMetadata": self.metadata}


API_USER: Json = {
    "id": "usrSandboxBot0001",
    "email": "office-hours-bot@example.com",
    "permissionLevel": "create",
    "name": "Office Hours",
}
PM_USER: Json = {
    "id": "usrSandboxPM00001",
    "email": "pat@example.com",
    "permissionLevel": "edit",
    "name": "Pat Morgan",
}
PUBLIC_API = Source("publicApi", {"user": API_USER})
CLIENT = Source("client", {"user": PM_USER})
