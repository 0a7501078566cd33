"""The pages of the grid. Whatever comes from a cell goes through `escape`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from html import escape
from urllib.parse import urlencode

from sync.sandbox.base import Base
from sync.sandbox.grid_cells import OURS, control, label, show, show_text
from sync.sandbox.grid_style import SCRIPT, STYLE
from sync.sandbox.model import LINK, Field, Record, Table
from sync.sandbox.values import read

ROWS = 50
ROOMY = frozenset({"multilineText", "richText", "email", "url", "multipleSelects", LINK})
BANNER = (
    "This stands in for Airtable on your machine. Edit a cell as a program manager would; "
    "Office Hours follows within ten seconds."
)


@dataclass(frozen=True)
class Place:
    """Where in a table one is: the search, the page, the cell being edited."""

    search: str = ""
    number: int = 1
    edit: str = ""

    @classmethod
    def of(cls, params: dict[str, str]) -> Place:
        """From a query string, or from a form's hidden fields."""
        number = params.get("page", "1")
        return cls(
            search=params.get("q", "")[:200],
            number=int(number) if number.isdecimal() and len(number) < 8 else 1,
            edit=params.get("edit", ""),
        )

    def url(self, table: Table, *, edit: str = "") -> str:
        """The way back here."""
        params = {
            "q": self.search,
            "page": str(self.number) if self.number > 1 else "",
            "edit": edit,
        }
        query = urlencode({name: value for name, value in params.items() if value})
        return f"/t/{table.id}" + (f"?{query}" if query else "") + ("#edit" if edit else "")


def _layout(base: Base, table: Table | None, title: str, body: str) -> str:
    tabs = "".join(
        f'<a href="/t/{escape(other.id)}"{" aria-current=page" if other is table else ""}>'
        f"{escape(other.name)} <small>{len(other.records)}</small></a>"
        for other in base.tables.values()
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} · {escape(base.name)} base</title>"
        f'<style>{STYLE}</style></head><body><a class="skip" href="#main">To the table</a>'
        f'<header><div class="bar"><a class="brand" href="/">{escape(base.name)}</a>'
        f"<span>the base of the program team, {escape(base.id)}</span></div>"
        f'<p class="banner">{escape(BANNER)}</p>'
        f'<nav class="tabs" aria-label="Tables">{tabs}</nav></header>'
        f'<main id="main">{body}</main><script>{SCRIPT}</script></body></html>'
    )


def _alert(why: str) -> str:
    return f'<p class="alert wide" role="alert">{escape(why)}</p>' if why else ""


def grid_page(base: Base, table: Table | None, place: Place, why: str = "") -> str:
    """One table, fifty rows at a time."""
    if table is None:
        empty = '<div class="empty"><h2>No tables yet</h2><p>Create them over the API.</p></div>'
        return _layout(base, None, "Empty", empty)
    found = _found(base, table, place.search)
    last = max(1, -(-len(found) // ROWS))
    place = replace(place, number=min(max(1, place.number), last))
    shown = found[(place.number - 1) * ROWS : place.number * ROWS]
    body = _alert(why) + _tools(table, place, len(found))
    body += _sheet(base, table, place, shown) if shown else _nothing(table, place)
    body += _pages(table, place, last)
    return _layout(base, table, table.name, f'<div data-version="{base.transaction}">{body}</div>')


def _found(base: Base, table: Table, search: str) -> list[Record]:
    records = sorted(table.records.values(), key=lambda row: row.number)
    wanted = search.strip().casefold()
    if not wanted:
        return records
    return [
        record
        for record in records
        if any(
            wanted in show_text(base, column, read(column, record)).casefold()
            for column in table.fields
        )
    ]


def _tools(table: Table, place: Place, count: int) -> str:
    noun = "row" if count == 1 else "rows"
    return (
        f'<h1 class="vh">{escape(table.name)}</h1><div class="tools">'
        f'<form method="get" action="/t/{escape(table.id)}" role="search">'
        '<label class="vh" for="q">Find in this table</label>'
        f'<input id="q" type="search" name="q" value="{escape(place.search)}" '
        'placeholder="Find in this table"><button class="btn ghost">Find</button></form>'
        f'<a class="btn" href="/t/{escape(table.id)}/new">Add a row</a>'
        f'<span class="count">{count} {noun} · times in UTC</span></div>'
    )


def _nothing(table: Table, place: Place) -> str:
    if place.search:
        back = f'<a href="/t/{escape(table.id)}">Show all rows</a>'
        return f'<div class="empty"><h2>Nothing matches</h2><p>{back}</p></div>'
    return (
        '<div class="empty"><h2>No rows yet</h2>'
        "<p>Add one here, or let Office Hours send its own.</p></div>"
    )


def _pages(table: Table, place: Place, last: int) -> str:
    if last == 1:
        return ""
    links = ""
    if place.number > 1:
        back = replace(place, number=place.number - 1).url(table)
        links += f'<a class="btn ghost" rel="prev" href="{escape(back)}">Earlier rows</a>'
    if place.number < last:
        on = replace(place, number=place.number + 1).url(table)
        links += f'<a class="btn ghost" rel="next" href="{escape(on)}">Later rows</a>'
    return f'<nav class="pages" aria-label="Pages">{links}</nav>'


def _sheet(base: Base, table: Table, place: Place, records: list[Record]) -> str:
    heads = "".join(f'<th scope="col">{escape(column.name)}</th>' for column in table.fields)
    lines = "".join(_line(base, table, place, record) for record in records)
    return (
        f'<div class="sheet" role="region" aria-label="{escape(table.name)}" tabindex="0">'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{lines}</tbody></table></div>"
    )


def _line(base: Base, table: Table, place: Place, record: Record) -> str:
    name = label(base, record)
    cells = []
    for column in table.fields:
        inner = _cell(base, table, place, record, column, name)
        if column is table.primary:
            opened = (
                f'<a class="open" href="/t/{escape(table.id)}/{escape(record.id)}">Open'
                f'<span class="vh"> {escape(name)}</span></a>'
            )
            cells.append(f'<th scope="row">{inner}{opened}</th>')
        else:
            cells.append(f'<td class="{_kind(column)}">{inner}</td>')
    return f"<tr>{''.join(cells)}</tr>"


def _kind(column: Field) -> str:
    """How much room a column needs, and how loudly it speaks."""
    if column.name == "Sync Message":
        return "message roomy"
    if column.name in OURS:
        return "ours"
    return "roomy" if column.type in ROOMY else "plain"


def _cell(base: Base, table: Table, place: Place, record: Record, column: Field, name: str) -> str:
    value = read(column, record)
    if column.is_computed or column.type == "multipleAttachments":
        return f'<span class="cell">{show(base, column, value)}</span>'
    if column.type == "checkbox":
        return _tick(table, place, record, column, name)
    here = f"{record.id}.{column.id}"
    if place.edit == here:
        return _editor(base, table, place, record, column, name)
    target = escape(place.url(table, edit=here))
    hint = f'<span class="vh">Edit {escape(column.name)} of {escape(name)}: </span>'
    return f'<a class="cell" href="{target}">{hint}{show(base, column, value)}</a>'


def _hidden(record: Record, place: Place) -> str:
    return (
        f'<input type="hidden" name="record" value="{escape(record.id)}">'
        f'<input type="hidden" name="q" value="{escape(place.search)}">'
        f'<input type="hidden" name="page" value="{place.number}">'
    )


def _tick(table: Table, place: Place, record: Record, column: Field, name: str) -> str:
    """A box that one press ticks or clears."""
    ticked = bool(record.cells.get(column.id))
    field = escape(column.id)
    value = "" if ticked else f'<input type="hidden" name="f:{field}" value="on">'
    was = "true" if ticked else "null"
    return (
        f'<form method="post" action="/t/{escape(table.id)}/cell">{_hidden(record, place)}{value}'
        f'<input type="hidden" name="was:{field}" value="{was}">'
        f'<button class="tick" aria-pressed="{str(ticked).lower()}">'
        f'<b aria-hidden="true">{"☑" if ticked else "☐"}</b>'
        f'<span class="vh">{escape(column.name)} of {escape(name)}</span></button></form>'
    )


def _editor(
    base: Base, table: Table, place: Place, record: Record, column: Field, name: str
) -> str:
    inner = _labelled(base, column, record, f"{column.name} of {name}", focus=True)
    back = escape(place.url(table))
    return (
        f'<form class="editor" id="edit" method="post" action="/t/{escape(table.id)}/cell">'
        f'{_hidden(record, place)}{inner}<div class="go"><button class="btn">Save</button>'
        f'<a class="btn ghost cancel" href="{back}">Cancel</a></div></form>'
    )


def _labelled(
    base: Base, column: Field, record: Record | None, words: str, *, focus: bool = False
) -> str:
    """A control with its label; several boxes share a legend."""
    value = read(column, record) if record is not None else None
    inner = control(base, column, value, focus=focus)
    several = column.type == "multipleSelects" or (
        column.type == LINK and "<select data-more" in inner
    )
    if several:
        return f"<fieldset><legend>{escape(words)}</legend>{inner}</fieldset>"
    hint = ' <span class="hint">UTC</span>' if column.type == "dateTime" else ""
    return f'<label class="field"><span>{escape(words)}{hint}</span>{inner}</label>'


def record_page(base: Base, table: Table, record: Record | None, why: str = "") -> str:
    """One row with all its cells: to read on a phone, to fill in a new one."""
    name = label(base, record) if record is not None else f"New row in {table.name}"
    fields = "".join(
        _labelled(base, column, record, column.name, focus=index == 0 and record is None)
        for index, column in enumerate(table.fields)
        if not column.is_computed and column.type != "multipleAttachments"
    )
    where = f"/t/{escape(table.id)}/{escape(record.id) if record is not None else 'new'}"
    words = "Save" if record is not None else "Add the row"
    body = (
        f'{_alert(why)}<div class="wide record"><h1>{escape(name)}</h1>'
        f'<form method="post" action="{where}">{fields}<div class="row">'
        f'<button class="btn">{words}</button>'
        f'<a class="btn ghost" href="/t/{escape(table.id)}">Back to {escape(table.name)}</a>'
        f"</div></form>{_removal(table, record)}</div>"
    )
    return _layout(base, table, name, body)


def _removal(table: Table, record: Record | None) -> str:
    if record is None:
        return ""
    return (
        "<details><summary>Delete this row</summary><p>It goes from every row that links to it. "
        "Office Hours hears of it as it would from Airtable.</p>"
        f'<form method="post" action="/t/{escape(table.id)}/{escape(record.id)}/delete">'
        '<div class="row"><button class="btn stop">Delete the row</button></div></form></details>'
    )
