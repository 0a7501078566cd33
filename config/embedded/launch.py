"""Starts a server as a process of its own and knows whether it still runs."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from config.embedded import keeper
from config.embedded.paths import Paths
from config.embedded.reach import Account

_LARGEST_LOG = 5_000_000

# Servers that this process started; kept so that they are reaped when they end before we do.
_children: list[subprocess.Popen[bytes]] = []


def is_running(paths: Paths, server: str) -> bool:
    """Whether the server, or any process it left behind, is alive.

    The server inherits a lock at birth and holds it until its last process is gone, so a process id
    that now belongs to somebody else, a stale postmaster.pid or a reboot cannot mislead us.
    """
    return keeper.is_held(paths.server_lock(server))


def start(
    paths: Paths, server: str, command: Sequence[str], *, account: Account, folder: Path
) -> subprocess.Popen[bytes]:
    """Starts the server under its lock, away from our terminal, writing to its own log."""
    lock = os.open(paths.server_lock(server), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        paths.pid_file(server).unlink(missing_ok=True)
        with _log(paths.log_file(server)).open("ab") as log:
            process = subprocess.Popen(  # noqa: S603  the wheels' own programs
                command,
                cwd=folder,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the terminal is for the supervisor
                pass_fds=(lock,),
                **account.popen_arguments(),
            )
        _children.append(process)
        paths.pid_file(server).write_text(f"{process.pid}\n")
        return process
    finally:
        os.close(lock)


def start_keeper(paths: Paths) -> None:
    """Starts the process that stops the services once nobody uses them, unless it waits already."""
    lock = os.open(paths.keeper_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        process = subprocess.Popen(  # noqa: S603  this package's own file
            [sys.executable, "-I", "-S", keeper.__file__, str(paths.run)],
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=(lock,),
        )
        _children.append(process)
        (paths.run / "keeper.pid").write_text(f"{process.pid}\n")
    finally:
        os.close(lock)


def reap() -> None:
    """Collects the servers we started and that have ended, so that no zombie is left behind."""
    for process in list(_children):
        if process.poll() is not None:
            _children.remove(process)


def let_go() -> None:
    """Leaves our servers to the others who use them."""
    reap()
    for process in _children:
        # Python warns about a child that outlives its Popen object; this one is meant to.
        process.returncode = 0
    _children.clear()


def environment() -> dict[str, str]:
    """A clean environment: PGDATA, PGPORT and the like must not reach the server."""
    kept = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR")
    return {
        "PATH": os.defpath,
        "LC_ALL": "C",
        "TZ": "UTC",
        **{name: os.environ[name] for name in kept if name in os.environ},
    }


def log_tail(paths: Paths, server: str, *, lines: int = 12) -> str:
    """The end of the server's log, for an error message."""
    try:
        content = paths.log_file(server).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return "(no log was written)"
    return "\n".join(content.splitlines()[-lines:])


def _log(path: Path) -> Path:
    if path.exists() and path.stat().st_size > _LARGEST_LOG:
        path.replace(path.with_suffix(".log.old"))
    return path
