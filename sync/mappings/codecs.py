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
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from django.utils.dateparse import parse_datetime

from accounts.refusals import Invalid

Canonical = Any
"""str, bool, int, float, None or a list of str: what JSON keeps as it is."""


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

    def outgoing(self, value: Canonical) -> Any:
        """What to send: an empty text or date clears the cell as null."""
        return None if value in ("", None) else value


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


def _records(value: Any) -> list[str]:
    if not isinstance(value, list | tuple):
        return []
    found = [item.get("id") if isinstance(item, dict) else item for item in value]
    return sorted({str(item) for item in found if item})


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


def select(*choices: str) -> Codec:
    """One of a few words. A word that the schema lacks is not sent: typecast would invent it."""
    return Codec("singleSelect", "", _text, str, choices=choices)


def selects(*choices: str) -> Codec:
    """Several words, whose order says nothing. New ones of ours are added by writing them."""
    return Codec("multipleSelects", [], _names, list, choices=choices, open_choices=True)


def link(table: str) -> Codec:
    """Records of another table. Canonical are their record ids; the mapping knows the objects."""
    return Codec("multipleRecordLinks", [], _records, list, linked_table=table)
