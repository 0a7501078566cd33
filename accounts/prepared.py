"""Statements that are planned once for each connection and read once for each process.

For the few that a person waits for and that are long: planning one takes as long as running it.
"""

from __future__ import annotations

import functools
import re
from typing import Any

import psycopg
from django.db import connection


class _Prepared(psycopg.RawCursor[Any]):
    """psycopg looks for the parameters of a long statement anew every time, which takes longer than sending it."""

    def execute(self, query: Any, params: Any = None, **_: Any) -> Any:
        # Behind a pooler that lends connections by transaction there is nothing to keep a plan in.
        # Those who run one set this for the same reason, as Django's documentation says.
        pooled = connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS", False)
        raw, names = _numbered(query)
        return super().execute(raw, [params[name] for name in names], prepare=not pooled)


def prepared_cursor() -> Any:
    """A cursor for one statement whose parameters are named, as in `%(now)s`.

    In Django's own wrapper, so that its queries are logged and counted like all others.
    """
    connection.ensure_connection()
    cursor: Any = _Prepared(connection.connection)
    if connection.queries_logged:
        return connection.make_debug_cursor(cursor)
    return connection.make_cursor(cursor)


@functools.lru_cache(maxsize=64)
def _numbered(query: str) -> tuple[str, tuple[str, ...]]:
    """The statement with $1, $2, … for its named parameters, and their names in that order."""
    places: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        return f"${places.setdefault(found[1], len(places) + 1)}" if found[1] else "%"

    return re.sub(r"%(?:%|\((\w+)\)s)", number, query), tuple(places)
