"""The file the base is kept in.

A small SQLite database: every answer the sandbox gives is preceded by a commit, so whatever a
client was told survives even a killed process. The file is held exclusively; two sandboxes on one
file would each believe the other's writes had never happened.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from sync.sandbox.model import Json

Key = tuple[str, str]


class UnableToOpenState(Exception):
    """The state file is not ours, or in use."""


class Store:
    """Documents by kind and id; without a path nothing is written and nothing is found."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = None
        if path is not None:
            self._connection = self._open(path)

    @staticmethod
    def _open(path: Path) -> sqlite3.Connection:
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=1)
        try:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(
                "CREATE TABLE IF NOT EXISTS document"
                " (kind TEXT, id TEXT, body TEXT NOT NULL, PRIMARY KEY (kind, id)) WITHOUT ROWID"
            )
            # The first write takes the exclusive lock, so a second sandbox fails here and now.
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            connection.close()
            raise UnableToOpenState(f"{path} cannot be used as sandbox state: {error}") from error
        return connection

    def load(self) -> Iterator[tuple[str, str, Json]]:
        """Everything kept, as kind, id and document."""
        if self._connection is None:
            return
        for kind, key, body in self._connection.execute("SELECT kind, id, body FROM document"):
            yield kind, key, json.loads(body)

    def write(self, puts: dict[Key, Json], deletes: set[Key]) -> None:
        """Apply all of it or nothing."""
        connection = self._connection
        if connection is None or not (puts or deletes):
            return
        rows = [(kind, key, json.dumps(body)) for (kind, key), body in puts.items()]
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.executemany("DELETE FROM document WHERE kind = ? AND id = ?", deletes)
            connection.executemany("INSERT OR REPLACE INTO document VALUES (?, ?, ?)", rows)
        except sqlite3.Error:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def clear(self) -> None:
        """Forget everything."""
        if self._connection is not None:
            self._connection.execute("DELETE FROM document")

    def close(self) -> None:
        """Let the file go."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
