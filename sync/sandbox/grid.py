"""The grid: tables, rows and columns as a program manager sees them in Airtable."""

from __future__ import annotations

from sync.sandbox import rows
from sync.sandbox.base import Base
from sync.sandbox.errors import ApiError, not_found
from sync.sandbox.grid_cells import sent
from sync.sandbox.grid_pages import Place, grid_page, record_page
from sync.sandbox.grid_style import POLICY
from sync.sandbox.model import CLIENT, Table
from sync.sandbox.web import Reply, Request, redirect


def page(html: str, status: int = 200) -> Reply:
    """A page that loads nothing from anywhere and runs nothing but its own script."""
    headers = {
        "Content-Security-Policy": POLICY,
        # With "no-referrer" a browser would send `Origin: null`, and our own forms be refused.
        "Referrer-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
    return Reply(status, html.encode(), "text/html; charset=utf-8", headers)


class Grid:
    """Everything outside /v0 and /_sandbox."""

    def __init__(self, base: Base) -> None:
        self._base = base

    def handle(self, request: Request) -> Reply:
        """Show a page, or carry out what its form asks."""
        parts = request.segments
        with self._base.lock:
            if parts == ["version"]:
                return Reply(200, str(self._base.transaction).encode(), "text/plain; charset=utf-8")
            if not parts:
                return self._first(request)
            if parts[0] != "t" or len(parts) < 2 or len(parts) > 4:
                raise not_found()
            table = self._base.find_table(parts[1])
            if table is None:
                raise not_found()
            if request.method == "GET":
                return self._show(request, table, parts[2:])
        if request.method == "POST":
            return self._act(request, table, parts[2:])
        raise not_found()

    def _first(self, request: Request) -> Reply:
        if request.method != "GET":
            raise not_found()
        table = next(iter(self._base.tables.values()), None)
        if table is None:
            return page(grid_page(self._base, None, Place()))
        return self._show(request, table, [])

    def _show(self, request: Request, table: Table, rest: list[str]) -> Reply:
        match rest:
            case []:
                return page(grid_page(self._base, table, Place.of(dict(request.pairs))))
            case ["new"]:
                return page(record_page(self._base, table, None))
            case [record_id] if record_id in table.records:
                return page(record_page(self._base, table, table.records[record_id]))
        raise not_found()

    def _act(self, request: Request, table: Table, rest: list[str]) -> Reply:
        form = request.form()
        place = Place.of({name: values[-1] for name, values in form.items()})
        record_id = rest[0] if rest else ""
        try:
            match rest:
                case ["new"]:
                    self._create(table, form)
                case ["cell"]:
                    record_id = form.get("record", [""])[0]
                    self._edit(table, record_id, form)
                case [record_id, "delete"]:
                    self._delete(table, record_id)
                case [_]:
                    self._edit(table, record_id, form)
                case _:
                    raise not_found()
        except ApiError as error:
            return self._refused(table, record_id, place, error)
        return redirect(place.url(table))

    def _refused(self, table: Table, record_id: str, place: Place, error: ApiError) -> Reply:
        """The same page again, with the reason on top."""
        why = error.message or "That row is gone."
        with self._base.lock:
            record = table.records.get(record_id)
            if record is not None or record_id == "new":
                return page(record_page(self._base, table, record, why), error.status)
            return page(grid_page(self._base, table, place, why), error.status)

    def _create(self, table: Table, form: dict[str, list[str]]) -> None:
        with self._base.action(CLIENT) as action:
            rows.create(self._base, action, table, sent(table, form), typecast=False)

    def _edit(self, table: Table, record_id: str, form: dict[str, list[str]]) -> None:
        with self._base.action(CLIENT) as action:
            record = rows.in_table(table, record_id)
            changed = sent(table, form)
            rows.update(self._base, action, table, record, changed, typecast=False)

    def _delete(self, table: Table, record_id: str) -> None:
        with self._base.action(CLIENT) as action:
            self._base.remove(action, rows.in_table(table, record_id))
