"""The whole product as a newcomer starts it: `script/server`'s supervisor on a folder of its own."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from config import embedded

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 180
T = TypeVar("T")


@dataclass(frozen=True)
class Product:
    """A running product: its addresses and the folder it keeps everything in."""

    url: str
    sandbox: str
    var_dir: Path

    def call(
        self, path: str, data: Any = None, *, method: str = "", token: str = "", **headers: str
    ) -> tuple[int, Any]:
        """One request to the API or, with a full address, to anything. JSON in, JSON out."""
        request = urllib.request.Request(
            path if path.startswith("http") else self.url + path,
            data=None if data is None else json.dumps(data).encode(),
            method=method or ("GET" if data is None else "POST"),
            headers={"Content-Type": "application/json", **headers},
        )
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, _parsed(answer.read())
        except urllib.error.HTTPError as refusal:
            return refusal.code, _parsed(refusal.read())

    def arranged(self) -> dict[str, str]:
        """Puts the product into the states of tests/journeys/states.py, and says where each is seen.

        Once for a product: people are made who can be made only once.
        """
        command = [sys.executable, "-m", "tests.journeys.arrange"]
        environment = {**_environment(self.var_dir), "DEBUG": "1"}
        run = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        if run.returncode:
            raise AssertionError(run.stderr)
        states: dict[str, str] = json.loads(run.stdout.splitlines()[-1])
        return states

    def airtable(self, table: str) -> list[dict[str, Any]]:
        """The rows of a table as they stand in the sandbox."""
        _status, answer = self.call(f"{self.sandbox}/_sandbox/records/{table}")
        rows = answer["records"] if isinstance(answer, dict) else answer
        return list(rows)


def _parsed(body: bytes) -> Any:
    with contextlib.suppress(ValueError):
        return json.loads(body)
    return body


def eventually(look: Callable[[], T], *, within: float, what: str) -> tuple[T, float]:
    """Look until there is something, and say how many seconds that took."""
    begin = time.monotonic()
    while time.monotonic() - begin < within:
        found = look()
        if found:
            return found, time.monotonic() - begin
        time.sleep(0.2)
    raise AssertionError(f"{what}: not within {within:g} s.")


@contextlib.contextmanager
def running() -> Iterator[Product]:
    """Start everything on an empty folder, as on a new machine, and stop it by SIGINT."""
    (ROOT / "var").mkdir(exist_ok=True)
    var_dir = embedded.reachable_test_dir(Path(tempfile.mkdtemp(prefix="j-", dir=ROOT / "var")))
    var_dir.chmod(0o755)
    log = var_dir / "product.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "config.supervisor"],
            cwd=ROOT,
            env=_environment(var_dir),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield _wait(process, log, var_dir)
    finally:
        # Shown by pytest beside a failure.
        sys.stdout.write(log.read_text(errors="replace")[-6000:])
        process.send_signal(signal.SIGINT)
        try:
            process.wait(60)
        finally:
            process.kill()
            process.wait()
            shutil.rmtree(var_dir, ignore_errors=True)


def _environment(var_dir: Path) -> dict[str, str]:
    """Ours without what the test settings put there: a newcomer has set nothing."""
    ours = (
        "DATABASE_URL", "REDIS_URL", "DEBUG", "SECRET_KEY", "EMAIL_URL", "ALLOWED_HOSTS", "SITE_URL",
        "EMBEDDING_BACKEND", "DJANGO_SETTINGS_MODULE", "PORT", "BIND",
    )  # fmt: skip
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return {**kept, "VAR_DIR": str(var_dir), "PYTHONUNBUFFERED": "1"}


def _wait(process: subprocess.Popen[bytes], log: Path, var_dir: Path) -> Product:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        text = log.read_text(errors="replace")
        if "Ctrl-C stops everything" in text:
            addresses = re.findall(r"^\s+(http://127\.0\.0\.1:\d+)/(?:\s|$)", text, re.MULTILINE)
            return Product(url=addresses[0], sandbox=addresses[-1], var_dir=var_dir)
        if process.poll() is not None:
            break
        time.sleep(0.2)
    raise AssertionError(f"The product did not start:\n{log.read_text(errors='replace')[-4000:]}")
