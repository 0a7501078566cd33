"""Who uses the embedded services: the first to come starts them, the last to leave stops them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from config.embedded import keeper, launch, postgres as postgres_server, redis as redis_server
from config.embedded.paths import Paths


@contextlib.contextmanager
def lease(
    var_dir: Path, *, postgres: bool = True, redis: bool = True, durable: bool = True
) -> Iterator[Paths]:
    """Keeps the services running for as long as the block lasts.

    Every user holds a shared lock, which the system takes back however the user ends. `durable`
    False trades safety in a power cut for speed, which is what tests want; it counts for the one
    who starts the services.
    """
    paths = Paths.under(var_dir)
    if not (postgres or redis):
        yield paths
        return
    paths.prepare()
    descriptor = os.open(paths.lease_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    owner = os.getpid()
    try:
        with _alone(paths):
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            try:
                launch.start_keeper(paths)
                if postgres:
                    postgres_server.ensure_running(paths, durable=durable)
                if redis:
                    redis_server.ensure_running(paths, durable=durable)
            except BaseException:
                _leave(paths, descriptor)
                raise
        try:
            yield paths
        finally:
            # A forked child shares our descriptor; its end is not ours.
            if os.getpid() == owner:
                with _alone(paths):
                    _leave(paths, descriptor)
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _alone(paths: Paths) -> Iterator[None]:
    """One at a time starts or stops services; says so when it has to wait long."""
    with paths.start_lock.open("a") as lock:
        began, said = time.monotonic(), False
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if not said and time.monotonic() - began > 10:
                    said = True
                    sys.stderr.write("Waiting for another start of the embedded services.\n")
                time.sleep(0.03)
        yield


def _leave(paths: Paths, descriptor: int) -> None:
    """Gives the lease back and stops the services if nobody else holds it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        launch.let_go()
    else:
        keeper.stop_servers(paths.run)
        keeper.stop_keeper(paths.run)
        launch.reap()
    fcntl.flock(descriptor, fcntl.LOCK_UN)
