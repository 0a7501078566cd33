"""A base full of rows as a process of its own, at Airtable's limits: `python -m benchmarks.airtable_base ROWS`.

ROWS holds a line of JSON for each row, `{"table", "fields"}`. Prints its address and then a line with the
record ids in the same order, and serves until its standard input ends.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.servers import ROOT


def main() -> None:
    from sync.sandbox import SandboxServer, rows

    with SandboxServer(rps=int(sys.argv[2])) as server:
        base = server.base
        ids = []
        with base.action() as action, Path(sys.argv[1]).open() as lines:
            for line in lines:
                row = json.loads(line)
                table = base.table(row["table"])
                ids.append(rows.create(base, action, table, row["fields"], typecast=True).id)
        sys.stdout.write(f"{server.url}\n{json.dumps(ids)}\n")
        sys.stdout.flush()
        sys.stdin.read()


@contextmanager
def base_of(rows: Iterable[dict[str, Any]], *, rps: int = 5) -> Iterator[tuple[str, list[str]]]:
    """The sandbox with these rows, as another process: its address, and the records' ids in order."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "rows.jsonl"
        with path.open("w") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.airtable_base", str(path), str(rps)],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            url = process.stdout.readline().strip()
            yield url, json.loads(process.stdout.readline())
        finally:
            process.stdin.close()
            process.wait(20)


if __name__ == "__main__":
    main()
