"""Uses the embedded services from a process of its own; driven by test_embedded.py.

`python -m tests.config.embedded_user VAR_DIR [--durable]` takes a lease, prints a line when it has used both
services, and leaves at end of input.
"""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg

from config import embedded


def use(var_dir: Path) -> None:
    settings = embedded.database_settings(var_dir)
    with psycopg.connect(
        host=settings["HOST"], user=settings["USER"], dbname=settings["NAME"], autocommit=True
    ) as connection:
        # One after the other, to the end of the connection: each counts as many as came before.
        connection.execute("SELECT pg_advisory_lock(1)")
        connection.execute("CREATE TABLE IF NOT EXISTS visit (at timestamptz)")
        connection.execute("INSERT INTO visit VALUES (now())")
        row = connection.execute(
            "SELECT count(*), '[1,2]'::vector <-> '[1,2]' FROM visit"
        ).fetchone()
        assert row is not None
    # One line of the protocol: this also runs under an interpreter other than the tests' own.
    address = unquote(urlsplit(embedded.redis_url(var_dir)).path)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(address)
        client.sendall(b"INCR visits\r\n")
        assert client.recv(64).startswith(b":")
    sys.stdout.write(f"used {row[0]}\n")
    sys.stdout.flush()


def main() -> None:
    var_dir = Path(sys.argv[1])
    with embedded.lease(var_dir, durable="--durable" in sys.argv):
        use(var_dir)
        sys.stdin.read()


if __name__ == "__main__":
    main()
