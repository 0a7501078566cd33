"""A cell for people: how it is shown, how it is edited, and what its form sends back."""

from __future__ import annotations

import json
from datetime import UTC
from html import escape
from typing import Any

from sync.sandbox.base import Base
from sync.sandbox.errors import invalid_value
from sync.sandbox.model import LINK, Field, Record, Table
from sync.sandbox.values import NUMBERS, parse_moment, read

LONG = frozenset({"multilineText", "richText"})
INPUTS = {"email": "email", "url": "url", "date": "date", "dateTime": "datetime-local"}
OURS = frozenset({"Platform ID", "Last Synced"})


def label(base: Base, record: Record) -> str:
    """What a person calls this row.

    Where the primary field is our own key, the people and the time it is about say more.
    """
    table = base.tables[record.table_id]
    if table.primary.name != "Platform ID":
        return base.name_of(record.id)
    parts = [
        show_text(base, column, read(column, record))
        for column in table.fields
        if column.name in {"Mentor", "Mentee", "Starts"} and column.id in record.cells
    ]
    return " · ".join(parts) or base.name_of(record.id)


def show_text(base: Base, column: Field, value: Any) -> str:
    """The value as plain words."""
    if value is None:
        return ""
    if column.type == LINK:
        return ", ".join(label(base, base.rows[item]) for item in value if item in base.rows)
    if column.type == "dateTime":
        moment = parse_moment(value)
        return f"{moment:%d %b %Y, %H:%M} UTC" if moment else str(value)
    if isinstance(value, list):
        return ", ".join(str(_plain(item)) for item in value)
    return "Yes" if value is True else str(_plain(value))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return value.get("name") or value.get("filename") or value.get("email") or ""
    return value


def show(base: Base, column: Field, value: Any) -> str:
    """The value as HTML."""
    if value is None:
        return '<span class="vh">empty</span>'
    if column.type == LINK:
        shown = [label(base, base.rows[item]) for item in value[:6] if item in base.rows]
        if len(value) > 6:
            shown.append(f"{len(value) - 6} more")
        return "".join(f'<span class="pill link">{escape(name)}</span>' for name in shown)
    if column.type in ("singleSelect", "multipleSelects"):
        names = value if isinstance(value, list) else [value]
        return "".join(f'<span class="pill">{escape(str(name))}</span>' for name in names)
    kind = "text num" if column.type in NUMBERS or column.type == "dateTime" else "text"
    return f'<span class="{kind}">{escape(show_text(base, column, value))}</span>'


def control(base: Base, column: Field, value: Any, *, focus: bool = False) -> str:
    """The form control for a cell, with the value it showed, to tell later what was changed."""
    name = f"f:{column.id}"
    was = escape(json.dumps(value))
    hidden = f'<input type="hidden" name="was:{escape(column.id)}" value="{was}">'
    auto = " autofocus" if focus else ""
    attributes = f'name="{escape(name)}"{auto}'
    return hidden + _control(base, column, value, attributes)


def _control(base: Base, column: Field, value: Any, attributes: str) -> str:
    text = "" if value is None else str(value)
    if column.type == "checkbox":
        return f'<input type="checkbox" {attributes} value="on"{" checked" if value else ""}>'
    if column.type == "singleSelect":
        names = [(choice["name"], choice["name"]) for choice in column.choices]
        return f"<select {attributes}>{_options(names, [text], blank=True)}</select>"
    if column.type == "multipleSelects":
        names = [(choice["name"], choice["name"]) for choice in column.choices]
        return _boxes(names, value or [], attributes)
    if column.type == LINK:
        return _link_control(base, column, value or [], attributes)
    if column.type in LONG:
        return f"<textarea {attributes}>\n{escape(text)}</textarea>"
    if column.type in NUMBERS or column.type == "rating":
        return f'<input type="number" step="any" {attributes} value="{escape(text)}">'
    if column.type == "dateTime" and (moment := parse_moment(text)):
        text = f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M}"
    kind = INPUTS.get(column.type, "text")
    return f'<input type="{kind}" {attributes} value="{escape(text)}">'


def _options(names: list[tuple[str, str]], chosen: list[str], *, blank: bool) -> str:
    first = '<option value="">None</option>' if blank else ""
    return first + "".join(
        f'<option value="{escape(key)}"{" selected" if key in chosen else ""}>{escape(shown)}'
        "</option>"
        for key, shown in names
    )


def _boxes(names: list[tuple[str, str]], chosen: list[str], attributes: str) -> str:
    return "".join(
        f'<label class="option"><input type="checkbox" {attributes if index == 0 else ""}'
        f"{'' if index == 0 else attributes.replace(' autofocus', '')} "
        f'value="{escape(key)}"{" checked" if key in chosen else ""}>{escape(shown)}</label>'
        for index, (key, shown) in enumerate(names)
    )


def _link_control(base: Base, column: Field, value: list[str], attributes: str) -> str:
    """Links by name: one from a list, or those there are with room for another."""
    linked = base.tables[column.options["linkedTableId"]]
    names = sorted(
        ((record.id, label(base, record)) for record in linked.records.values()),
        key=lambda pair: pair[1].casefold(),
    )
    if column.options.get("prefersSingleRecordLink") and len(value) < 2:
        return f"<select {attributes}>{_options(names, value, blank=True)}</select>"
    there = [pair for pair in names if pair[0] in value]
    others = [pair for pair in names if pair[0] not in value]
    more = (
        f'<label class="option"><span>Add</span><select data-more {attributes}>'
        f"{_options(others, [], blank=True)}</select></label>"
    )
    return _boxes(there, value, attributes.replace(" autofocus", "")) + more


def sent(table: Table, form: dict[str, list[str]]) -> dict[str, Any]:
    """What a form changed, by field id.

    Only cells that differ from what the page showed: a page that stood open for an hour must not
    put back an hour-old value beside the one cell a person meant to change.
    """
    changed: dict[str, Any] = {}
    for column in table.fields:
        shown = form.get(f"was:{column.id}")
        if shown is None or column.is_computed:
            continue
        value = _value(column, form.get(f"f:{column.id}", []))
        before = _comparable(column, shown[0])
        if isinstance(value, list) and isinstance(before, list):
            # Boxes come in the order of the page. What was chosen before keeps its own.
            kept = [item for item in before if item in value]
            value = kept + [item for item in value if item not in kept]
        if value != before:
            changed[column.id] = value
    return changed


def _comparable(column: Field, shown: str) -> Any:
    try:
        value = json.loads(shown)
    except ValueError:
        return None
    if column.type == "dateTime" and isinstance(value, str):
        # The page shows whole minutes; what it did not show, it cannot have changed.
        moment = parse_moment(value)
        return f"{moment:%Y-%m-%dT%H:%M}" if moment else None
    return value


def _value(column: Field, values: list[str]) -> Any:
    if column.type == "checkbox":
        return True if values else None
    if column.type in ("multipleSelects", LINK):
        return [value for value in values if value] or None
    text = values[0].replace("\r\n", "\n") if values else ""
    if not text.strip():
        return None
    if column.type in NUMBERS or column.type == "rating":
        try:
            number = float(text)
        except ValueError as error:
            raise invalid_value(column.name, "takes a number") from error
        return int(number) if number.is_integer() else number
    if column.type in LONG or column.type == "singleSelect":
        return text
    return text.strip()
