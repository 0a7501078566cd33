"""Cell values: what each column accepts, what it keeps, and how the two formats show it.

Kept values are in the REST format ("V1"), canonical, and never empty: an empty cell has no entry
at all, as Airtable leaves it out of every answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, Protocol

from sync.sandbox.clock import iso
from sync.sandbox.errors import ApiError, computed_field, invalid_value
from sync.sandbox.ids import random_id
from sync.sandbox.model import LINK, Field, Json, Record

NewChoice = Callable[[Field, str], None]


class Reader(Protocol):
    """Turns what was sent into what is kept, for one kind of column."""

    def __call__(self, field: Field, value: Any, *, typecast: bool) -> Any: ...


TEXTS = frozenset({"singleLineText", "multilineText", "richText", "email", "url", "phoneNumber"})
NUMBERS = frozenset({"number", "currency", "percent", "duration"})


def is_empty(value: object) -> bool:
    """What Airtable calls empty: nothing, no text, no items, an unticked box."""
    return value is None or value is False or value in ("", [])


def clean(field: Field, value: Any, *, typecast: bool, new_choice: NewChoice) -> Any:
    """The value as the cell will keep it, or None where that is empty.

    Links are not handled here: they need the other tables (see `links`).
    """
    if field.is_computed:
        raise computed_field(field.name)
    if is_empty(value):
        return _cleared(field, value)
    if field.type == "singleSelect":
        return _choice(field, value, typecast=typecast, new_choice=new_choice)
    if field.type == "multipleSelects":
        return _choices(field, value, typecast=typecast, new_choice=new_choice)
    reader = _READERS.get(field.type, _anything)
    kept = reader(field, value, typecast=typecast)
    return None if is_empty(kept) else kept


def _cleared(field: Field, value: Any) -> None:
    """Accept an empty value of any kind that suits the column."""
    if value is False and field.type != "checkbox":
        raise invalid_value(field.name)


def _text(field: Field, value: Any, *, typecast: bool) -> str:
    if isinstance(value, str):
        return value
    if typecast and isinstance(value, int | float):
        return str(value)
    raise invalid_value(field.name)


def _number(field: Field, value: Any, *, typecast: bool) -> int | float | None:
    if typecast and isinstance(value, str):
        try:
            value = float(value.replace(",", "").strip())
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise invalid_value(field.name)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _rating(field: Field, value: Any, *, typecast: bool) -> int | None:
    number = _number(field, value, typecast=typecast)
    if number is None:
        return None
    if not isinstance(number, int) or not 1 <= number <= int(field.options.get("max", 5)):
        raise invalid_value(field.name)
    return number


def _checkbox(field: Field, value: Any, *, typecast: bool) -> bool:
    if isinstance(value, bool):
        return value
    if typecast and isinstance(value, str | int):
        return str(value).strip().lower() in {"true", "checked", "yes", "1"}
    raise invalid_value(field.name)


def parse_moment(text: str) -> datetime | None:
    """An ISO date or instant; without an offset it is read as UTC, the zone of our columns."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _moment(field: Field, value: Any, *, typecast: bool) -> str | None:
    moment = parse_moment(value) if isinstance(value, str) else None
    if moment is not None:
        return iso(moment)
    if typecast:
        return None
    raise invalid_value(field.name)


def _date(field: Field, value: Any, *, typecast: bool) -> str | None:
    try:
        return date.fromisoformat(value[:10]).isoformat()
    except (ValueError, TypeError) as error:
        if typecast:
            return None
        raise invalid_value(field.name) from error


def _attachments(field: Field, value: Any, *, typecast: bool) -> list[Json]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise invalid_value(field.name)
    kept = []
    for item in value:
        if "id" not in item and not isinstance(item.get("url"), str):
            raise invalid_value(field.name)
        name = str(item.get("filename") or str(item.get("url", "file")).rsplit("/", 1)[-1])
        kept.append({"id": item.get("id") or random_id("att"), **item, "filename": name})
    return kept


def _anything(field: Field, value: Any, *, typecast: bool) -> Any:
    return value


def _choice(field: Field, value: Any, *, typecast: bool, new_choice: NewChoice) -> str:
    if not isinstance(value, str):
        if not typecast or isinstance(value, list | dict):
            raise invalid_value(field.name)
        value = str(value)
    if typecast:
        value = value.strip()
    if field.choice(value) is None:
        if not typecast:
            raise ApiError(
                422,
                "INVALID_MULTIPLE_CHOICE_OPTIONS",
                f'Insufficient permissions to create new select option "\\"{value}\\""',
            )
        new_choice(field, value)
    return str(value)


def _choices(
    field: Field, value: Any, *, typecast: bool, new_choice: NewChoice
) -> list[str] | None:
    if typecast and isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    if not isinstance(value, list):
        raise invalid_value(field.name)
    kept: list[str] = []
    for item in value:
        name = _choice(field, item, typecast=typecast, new_choice=new_choice)
        if name not in kept:
            kept.append(name)
    return kept or None


_READERS: dict[str, Reader] = {
    **dict.fromkeys(TEXTS, _text),
    **dict.fromkeys(NUMBERS, _number),
    "rating": _rating,
    "checkbox": _checkbox,
    "dateTime": _moment,
    "date": _date,
    "multipleAttachments": _attachments,
}


def read(field: Field, record: Record) -> Any:
    """The cell in the REST format; None where the answer leaves it out."""
    if field.type == "createdTime":
        return record.created_time
    if field.type == "lastModifiedTime":
        return record.modified_time
    if field.type == "autoNumber":
        return record.number
    value = record.cells.get(field.id)
    if value is not None and field.type == "multipleAttachments":
        return [_with_fresh_url(item) for item in value]
    return list(value) if isinstance(value, list) else value


def _with_fresh_url(attachment: Json) -> Json:
    """Airtable gives a new address on every read; whoever compares addresses sees changes."""
    url = str(attachment.get("url", ""))
    mark = "&" if "?" in url else "?"
    return {**attachment, "url": f"{url}{mark}sandbox={random_id('url')}"}


def in_webhook_format(field: Field, value: Any, name_of: Callable[[str], str]) -> Any:
    """The cell in the webhooks' format ("V2"): selects and links as objects, empty as null."""
    if value is None:
        return None
    if field.type == "singleSelect":
        return _choice_object(field, value)
    if field.type == "multipleSelects":
        return [_choice_object(field, name) for name in value]
    if field.type == LINK:
        return [{"id": record_id, "name": name_of(record_id)} for record_id in value]
    return value


def _choice_object(field: Field, name: str) -> Json:
    choice = field.choice(name)
    return dict(choice) if choice else {"name": name}


def as_text(field: Field, value: Any, name_of: Callable[[str], str]) -> str:
    """The cell as formulas and names see it."""
    if value is None:
        return ""
    if field.type == LINK:
        return ", ".join(name_of(record_id) for record_id in value)
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    if value is True:
        return "1"
    return str(value)
