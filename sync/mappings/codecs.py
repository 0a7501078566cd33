"""One canonical form for each kind of cell.

A value reaches us in three spellings: from the REST API (V1: empty cells are absent, a select is its
name), from webhooks (V2: null, `{"id", "name"}`) and from our own models. Each codec turns all three
into one JSON value, in which equality means that nobody changed anything; otherwise the two sides
would correct each other for ever.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from django.utils.dateparse import parse_datetime

from accounts.refusals import Invalid

Canonical = Any
"""str, bool, int, float, None or a list of str: what JSON keeps as it is."""


# Of these an empty one is null, although we keep it as an empty list.
_SINGLE = frozenset({"singleCollaborator"})
COMPUTED = (
    "formula", "rollup", "count", "multipleLookupValues", "autoNumber", "createdTime",
    "lastModifiedTime", "createdBy", "lastModifiedBy", "button", "aiText", "externalSyncSource",
    "manualSort",
)  # fmt: skip


@dataclass(frozen=True)
class Codec:
    """How one kind of cell is read, written and compared."""

    type: str
    """The field type in Airtable's schema."""
    empty: Canonical
    """What an absent cell means."""
    canonical: Callable[[Any], Canonical]
    """From either of Airtable's formats, or from a Python value."""
    python: Callable[[Canonical], Any]
    """For the domain's services. May raise a Refusal for what the domain cannot hold."""
    options: dict[str, Any] = field(default_factory=dict)
    """For creating the field."""
    choices: tuple[str, ...] = ()
    """The values of a select that are ours to add to the schema."""
    open_choices: bool = False
    """Whether a value outside the schema's choices may be added by writing it."""
    linked_table: str = ""
    write: Callable[[Canonical], Any] = lambda value: value
    """The canonical value, never empty, as Airtable takes it."""
    is_computed: bool = False
    """Airtable works it out and refuses to be told."""

    def outgoing(self, value: Canonical) -> Any:
        """What to send. An empty value clears the cell: as null, or a list as an empty list."""
        if value in ("", None):
            return None
        if value == []:
            return None if self.type in _SINGLE else []
        return self.write(value)


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):  # a select shown where text is expected
        value = value.get("name", "")
    # Airtable's editors end lines in several ways, and trim or do not trim: neither is an edit.
    return str(value).replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "").strip()


def _names(value: Any) -> list[str]:
    items = value if isinstance(value, Iterable) and not isinstance(value, str | dict) else [value]
    return sorted(
        {name for name in map(_text, items) if name}, key=lambda name: (name.casefold(), name)
    )


def _number(value: Any) -> int | float | None:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None  # absent, or an error object of a broken formula
    if not math.isfinite(value):
        return None
    return int(value) if value == int(value) else round(float(value), 6)


def _whole(value: Canonical) -> int | None:
    if value is None or isinstance(value, int):
        return value
    raise Invalid("This must be a whole number.")


def _moment(value: Any) -> str | None:
    if value is None or value == "":
        return None
    if isinstance(value, str):
        try:
            value = parse_datetime(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    moment = value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def to_datetime(value: Canonical) -> datetime | None:
    """The instant behind a canonical dateTime."""
    return parse_datetime(value) if value else None


def to_date(value: Canonical) -> date | None:
    """The day behind a canonical date."""
    return date.fromisoformat(value) if value else None


def _records(value: Any) -> list[str]:
    if not isinstance(value, list | tuple):
        return []
    found = [item.get("id") if isinstance(item, dict) else item for item in value]
    return sorted({str(item) for item in found if item})


def _text_within(value: Any) -> str:
    """A barcode's text; a plain text is one too."""
    return _text(value.get("text")) if isinstance(value, dict) else _text(value)


def _date(value: Any) -> str | None:
    """A day, whatever is said of the time: Airtable's dates have none."""
    if isinstance(value, datetime):
        return value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    try:
        return date.fromisoformat(str(value)[:10]).isoformat() if value else None
    except ValueError:
        return None


def _ids(value: Any) -> list[str]:
    """Attachments or collaborators, by what stays: an attachment has another address at every reading."""
    items = value if isinstance(value, list | tuple) else [value]
    found = [item.get("id") if isinstance(item, dict) else item for item in items]
    return sorted({str(item) for item in found if item})


def _computed(value: Any) -> Canonical:
    """What Airtable works out: shown, never compared with a value of ours.

    A lookup comes as a list from the REST API and by linked record from a webhook; an error comes as
    an object in place of the value.
    """
    if isinstance(value, dict):
        if "valuesByLinkedRecordId" in value:
            order = value.get("linkedRecordIds") or sorted(value["valuesByLinkedRecordId"])
            each = (value["valuesByLinkedRecordId"].get(record_id) or [] for record_id in order)
            return [_plain(item) for items in each for item in items] or None
        if "error" in value or "specialValue" in value:
            return None
        return _plain(value)
    if isinstance(value, list):
        return [_plain(item) for item in value] or None
    return None if value == "" else value


def _plain(item: Any) -> Any:
    """Of an object what names it."""
    if isinstance(item, dict):
        return next((item[key] for key in ("name", "text", "value", "id") if item.get(key)), None)
    return item


_DATE_TIME = {
    "timeZone": "utc",
    "dateFormat": {"name": "iso"},
    "timeFormat": {"name": "24hour"},
}

text = Codec("singleLineText", "", _text, str)
long_text = Codec("multilineText", "", _text, str)
email = Codec("email", "", lambda value: _text(value).lower(), str)
url = Codec("url", "", _text, str)
checkbox = Codec(
    "checkbox",
    False,
    lambda value: value is True,
    bool,
    options={"icon": "check", "color": "greenBright"},
)
integer = Codec("number", None, _number, _whole, options={"precision": 0})
ratio = Codec("number", None, _number, lambda value: value, options={"precision": 2})
rating = Codec(
    "rating",
    None,
    lambda value: _number(value) or None,
    _whole,
    options={"icon": "star", "max": 5, "color": "yellowBright"},
)
moment = Codec("dateTime", None, _moment, to_datetime, options=_DATE_TIME)
day = Codec("date", None, _date, to_date, options={"dateFormat": {"name": "iso"}})
rich_text = Codec("richText", "", _text, str)
phone = Codec("phoneNumber", "", _text, str)
currency = Codec(
    "currency", None, _number, lambda value: value, options={"precision": 2, "symbol": "$"}
)
percent = Codec("percent", None, _number, lambda value: value, options={"precision": 0})
duration = Codec("duration", None, _number, lambda value: value, options={"durationFormat": "h:mm"})
barcode = Codec("barcode", "", _text_within, str, write=lambda value: {"text": value})
attachments = Codec(
    "multipleAttachments",
    [],
    _ids,
    list,
    write=lambda value: [{"id": item} for item in value],
)
collaborator = Codec("singleCollaborator", [], _ids, list, write=lambda value: {"id": value[0]})
collaborators = Codec("multipleCollaborators", [], _ids, list)


def select(*choices: str) -> Codec:
    """One of a few words. A word that the schema lacks is not sent: typecast would invent it."""
    return Codec("singleSelect", "", _text, str, choices=choices)


def selects(*choices: str) -> Codec:
    """Several words, whose order says nothing. New ones of ours are added by writing them."""
    return Codec("multipleSelects", [], _names, list, choices=choices, open_choices=True)


def link(table: str) -> Codec:
    """Records of another table. Canonical are their record ids; the mapping knows the objects."""
    return Codec("multipleRecordLinks", [], _records, list, linked_table=table)


def computed(type_: str) -> Codec:
    """A field that Airtable fills. It can be read; a mapping of it has no say."""
    return Codec(type_, None, _computed, lambda value: value, is_computed=True)


EVERY: dict[str, Codec] = {
    codec.type: codec
    for codec in (
        text, long_text, rich_text, email, url, phone, integer, currency, percent, duration, rating,
        checkbox, select(), selects(), link(""), day, moment, attachments, collaborator,
        collaborators, barcode, *map(computed, COMPUTED),
    )
}  # fmt: skip
"""A codec for every type of field there is, by its name in the schema."""
