"""Statements that are planned once for each connection and read once for each process.

For the few that a person waits for and that are long: planning one takes as long as running it.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import psycopg
from django.db import connection


class _Prepared(psycopg.RawCursor[Any]):
    """psycopg looks for the parameters of a long statement anew every time, which takes longer than sending it."""

    def execute(self, query: Any, params: Any = None, **_: Any) -> Any:
        raw, names = _numbered(query)
        return super().execute(raw, [params[name] for name in names], prepare=not _is_pooled())


def prepared_cursor() -> Any:
    """A cursor for one statement whose parameters are named, as in `%(now)s`.

    In Django's own wrapper, so that its queries are logged and counted like all others.
    """
    connection.ensure_connection()
    cursor: Any = _Prepared(connection.connection)
    if connection.queries_logged:
        return connection.make_debug_cursor(cursor)
    return connection.make_cursor(cursor)


@contextmanager
def not_awaited() -> Iterator[None]:
    """A statement in here is sent, and runs in the database while Python goes on. Whoever reads its rows waits
    for it, and so does the end of the block, which raises what went wrong.

    Until then all of them are one transaction: nothing in here may take long, or ask the network.
    """
    connection.ensure_connection()
    can = psycopg.Pipeline.is_supported() and not _is_pooled()
    with (
        connection.wrap_database_errors,
        connection.connection.pipeline() if can else nullcontext(),
    ):
        yield


def _is_pooled() -> bool:
    """Behind a pooler that lends connections by transaction there is nothing to keep a plan in.

    Those who run one set this for the same reason, as Django's documentation says.
    """
    return bool(connection.settings_dict.get("DISABLE_SERVER_SIDE_CURSORS", False))


@functools.lru_cache(maxsize=64)
def _numbered(query: str) -> tuple[str, tuple[str, ...]]:
    """The statement with $1, $2, … for its named parameters, and their names in that order."""
    places: dict[str, int] = {}

    def number(found: re.Match[str]) -> str:
        return f"${places.setdefault(found[1], len(places) + 1)}" if found[1] else "%"

    return re.sub(r"%(?:%|\((\w+)\)s)", number, query), tuple(places)
