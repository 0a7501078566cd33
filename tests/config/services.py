"""What the tests of the embedded services do and ask."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from config import embedded
from config.embedded import keeper
from config.environment import BASE_DIR


def connect(var_dir: Path, *, user: str | None = None) -> psycopg.Connection:
    settings = embedded.database_settings(var_dir)
    return psycopg.connect(
        host=settings["HOST"],
        user=user or settings["USER"],
        dbname=settings["NAME"],
        autocommit=True,
    )


def servers_run(var_dir: Path) -> list[str]:
    run = var_dir / "run"
    return [
        name for name in ("postgres", "redis", "keeper") if keeper.is_held(run / f"{name}.lock")
    ]


class Visitor:
    """A process that uses the services until it is told to leave."""

    def __init__(
        self, var_dir: Path, *words: str, python: str = sys.executable, **more: Any
    ) -> None:
        self.process: subprocess.Popen[str] = subprocess.Popen(
            [python, "-m", "tests.config.embedded_user", str(var_dir), *words],
            cwd=BASE_DIR,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            **more,
        )

    def said(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def leave(self) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        try:
            return self.process.wait(timeout=60)
        finally:
            self.process.stdout.close()

    def is_killed(self) -> None:
        self.process.kill()
        self.leave()


def wait_until(condition: Callable[[], object], *, seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
