"""Work of the product's own that no request starts, in processes of its own, at one moment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.servers import ROOT, environment

# Starts up, says so, waits for the starting gun (end of file), and does it.
_WORKER = """
import os, sys
import django
django.setup()
from django.db import connection
connection.ensure_connection()
print("ready", flush=True)
os.read(int(sys.argv[1]), 1)
exec(sys.argv[2])
"""


@contextmanager
def waiting(statement: str, *, workers: int) -> Iterator[None]:
    """Processes, started up and connected, that run the statement as the block begins.

    When the block ends all of them have ended well.
    """
    gun, trigger = os.pipe()
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _WORKER, str(gun), statement],
            cwd=ROOT,
            env=environment(),
            stdout=subprocess.PIPE,
            text=True,
            pass_fds=[gun],
        )
        for _ in range(workers)
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == "ready"
        os.close(trigger)
        yield
        assert [process.wait(60) for process in processes] == [0] * workers
    finally:
        os.close(gun)
        for process in processes:
            process.kill()
            process.communicate()
