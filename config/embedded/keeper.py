"""Stops the embedded services when nobody uses them any more, however their users ended.

Whoever leaves last stops them. But a user that is killed outright cannot do that, so whoever starts
the services also starts this file as a small process of its own. It waits until the lease is free,
makes sure that it stays free, stops the services, and goes.

Standard library only, and run by path: importing the package `config` would load the application
for a process that does nothing but wait.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import time
from pathlib import Path

# SIGINT is what Postgres calls a fast shutdown: sessions are ended, everything is written down.
GENTLE_SIGNAL = {"postgres": signal.SIGINT, "redis": signal.SIGTERM}

_POLL = 0.02


def is_held(lock: Path) -> bool:
    """Whether some process holds that lock."""
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    else:
        return False
    finally:
        os.close(descriptor)


def wait_until_free(lock: Path, *, seconds: float) -> bool:
    """Whether the lock came free in time."""
    deadline = time.monotonic() + seconds
    while is_held(lock):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL)
    return True


def _signal(pid_file: Path, number: signal.Signals) -> None:
    try:
        os.kill(int(pid_file.read_text()), number)
    except (FileNotFoundError, ValueError, ProcessLookupError):
        pass  # gone already, or going: the lock tells


def stop_server(run: Path, server: str) -> bool:
    """Stops one server, first gently, then by force; True when it is gone."""
    lock, pid_file = run / f"{server}.lock", run / f"{server}.pid"
    for number, seconds in (
        (GENTLE_SIGNAL[server], 60.0),
        (signal.SIGQUIT if server == "postgres" else signal.SIGTERM, 10.0),
        (signal.SIGKILL, 10.0),
    ):
        if not is_held(lock):
            break
        _signal(pid_file, number)
        if wait_until_free(lock, seconds=seconds):
            break
    if is_held(lock):
        return False
    pid_file.unlink(missing_ok=True)
    return True


def stop_servers(run: Path) -> None:
    """Stops both services. The caller holds the start lock and the lease, both exclusively."""
    for server in GENTLE_SIGNAL:
        stop_server(run, server)


def stop_keeper(run: Path) -> None:
    """Ends the waiting process: the caller has done its work."""
    lock = run / "keeper.lock"
    if is_held(lock):
        _signal(run / "keeper.pid", signal.SIGTERM)
        wait_until_free(lock, seconds=10.0)


def main(run: Path) -> None:
    with (run / "lease.lock").open("a") as lease, (run / "start.lock").open("a") as start:
        while True:
            # Wait for the lease alone: holding it while waiting for the start lock would lock out
            # somebody who holds the start lock and waits for the lease.
            fcntl.flock(lease, fcntl.LOCK_EX)
            fcntl.flock(lease, fcntl.LOCK_UN)
            fcntl.flock(start, fcntl.LOCK_EX)
            try:
                fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                fcntl.flock(start, fcntl.LOCK_UN)  # somebody came in between; wait for them too
                continue
            stop_servers(run)
            return


if __name__ == "__main__":
    # A terminal that closes must not end the one process that cleans up after it.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    main(Path(sys.argv[1]))
