"""One worker at a time for the things that must not run twice at once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection
from django.db.backends.utils import CursorWrapper


@contextmanager
def only_one(name: str, *, patience: float = 0.0) -> Iterator[bool]:
    """Hold a lock across network calls; False when another process keeps it for that long.

    A session-level advisory lock on a connection of its own. A transaction-level one would keep a
    transaction open while Airtable answers; a row with an expiry would have to guess how long a
    dead worker is to be waited for. This one goes with the connection, so a killed worker frees it
    at once, and the ordinary connection may be closed or reconnected in between.
    """
    own = connection.copy()
    try:
        with own.cursor() as cursor:
            until = time.monotonic() + patience
            while not (mine := _try(cursor, name)) and time.monotonic() < until:
                time.sleep(0.1)
            yield mine
    finally:
        own.close()


def _try(cursor: CursorWrapper, name: str) -> bool:
    cursor.execute("SELECT pg_try_advisory_lock(hashtext('sync'), hashtext(%s))", [name])
    row = cursor.fetchone()
    return bool(row and row[0])
