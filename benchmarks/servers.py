"""The product's own web server as a separate process, on the database at hand: a test's or a scratch one."""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.db import connection

ROOT = Path(__file__).resolve().parent.parent


def environment(**extra: str) -> dict[str, str]:
    """What a process needs to work on this database and Redis."""
    database = connection.settings_dict
    url = f"postgres://{quote(database['USER'])}@/{quote(database['NAME'])}?host={quote(database['HOST'], safe='')}"
    return {
        **os.environ,
        "DATABASE_URL": os.environ.get("TEST_DATABASE_URL", url),
        "REDIS_URL": settings.REDIS_URL,
        "SECRET_KEY": settings.SECRET_KEY,
        "DJANGO_SETTINGS_MODULE": "config.settings.base",
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        **extra,
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def web(application: str = "config.wsgi", **extra: str) -> Iterator[str]:
    """gunicorn as in production: three processes of four threads. Yields its address."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [
        sys.executable, "-m", "gunicorn", application, "--bind", f"127.0.0.1:{port}",
        "--workers", "3", "--threads", "4", "--worker-class", "gthread", "--log-level", "warning",
        "--backlog", "512", "--worker-tmp-dir", "/dev/shm", "--no-control-socket",
    ]  # fmt: skip
    env = environment(SITE_URL=url, PORT=str(port), **extra)
    process = subprocess.Popen(command, cwd=ROOT, env=env)
    try:
        wait_until_ready(port, process)
        yield url
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_until_ready(port: int, process: subprocess.Popen[bytes], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"The server ended with {process.returncode} before it was ready.")
        with contextlib.suppress(OSError, http.client.HTTPException):
            client = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            with contextlib.closing(client):
                client.request("GET", "/readyz")
                if client.getresponse().status == 200:
                    return
        time.sleep(0.1)
    raise RuntimeError(f"The server was not ready within {seconds} s.")
