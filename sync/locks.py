"""One worker at a time for the things that must not run twice at once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.db import DatabaseError, connection
from django.db.backends.utils import CursorWrapper


@contextmanager
def only_one(name: str, *, patience: float = 0.0) -> Iterator[bool]:
    """Hold a lock across network calls; False when another process keeps it for that long.

    A session-level advisory lock on a connection of its own. A transaction-level one would keep a
    transaction open while Airtable answers; a row with an expiry would have to guess how long a
    dead worker is to be waited for. This one goes with the connection, so a killed worker frees it
    at once, and the ordinary connection may be closed or reconnected in between.
    """
    if not patience and _is_taken(name):
        yield False  # to ask is cheaper than a connection of one's own
        return
    own = connection.copy()
    try:
        with own.cursor() as cursor:
            until = time.monotonic() + patience
            while not (mine := _try(cursor, name)) and time.monotonic() < until:
                time.sleep(0.1)
            try:
                yield mine
            finally:
                if mine:
                    _give_back(cursor, name)
    finally:
        own.close()


def _give_back(cursor: CursorWrapper, name: str) -> None:
    """Said, because the server notices some time later that a connection has gone."""
    with suppress(DatabaseError):
        cursor.execute("SELECT pg_advisory_unlock(hashtext('sync'), hashtext(%s))", [name])


def _is_taken(name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2"
            " AND classid = hashtext('sync')::oid AND objid = hashtext(%s)::oid AND granted AND"
            " database = (SELECT oid FROM pg_database WHERE datname = current_database()))",
            [name],
        )
        row = cursor.fetchone()
    return bool(row and row[0])


def _try(cursor: CursorWrapper, name: str) -> bool:
    cursor.execute("SELECT pg_try_advisory_lock(hashtext('sync'), hashtext(%s))", [name])
    row = cursor.fetchone()
    return bool(row and row[0])
