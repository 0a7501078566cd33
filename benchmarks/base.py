"""An Airtable sandbox as a separate process, and workers that synchronise the database at hand with it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import urllib.request
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.conf import settings

from benchmarks.servers import ROOT, environment, free_port
from sync.sandbox import BASE_ID, DEFAULT_TOKEN

# A worker as it stands in production, but for Celery: it sends what is due, again and again.
_WORKER = """
import json, sys, time
import django
django.setup()
from config.celery import settle
from sync import services
from sync.models import OutboxRow
settle()
print("ready", flush=True)
sys.stdin.readline()
cpu, written, stopped = time.process_time(), 0, []
while OutboxRow.objects.filter(status="pending").exists():
    sent = services.drain()
    if sent is not None:
        written += sent.written
        stopped += [sent.stopped] if sent.stopped else []
    if sent is None or not sent.written:
        time.sleep(1)
print(json.dumps({"cpu": time.process_time() - cpu, "written": written, "stopped": stopped}), flush=True)
"""


class Sandbox:
    """The base, and what its control plane tells."""

    def __init__(self, url: str) -> None:
        self.url = url

    def requests(self) -> list[dict[str, Any]]:
        """Every API request since the start, as the sandbox saw it."""
        with urllib.request.urlopen(f"{self.url}/_sandbox/requests") as answer:
            found: list[dict[str, Any]] = json.load(answer)["requests"]
        return found

    def manage(self, command: str, **body: Any) -> dict[str, Any]:
        """What a program manager does in the base: `create`, `edit`, `delete`. Costs no request."""
        request = urllib.request.Request(
            f"{self.url}/_sandbox/{command}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def refused(self) -> int:
        """How many were answered 429."""
        return sum(entry["status"] == 429 for entry in self.requests())

    def most_in_a_second(self) -> int:
        """The busiest second, by the sandbox's own clock."""
        window: deque[float] = deque()
        most = 0
        for moment in sorted(entry["monotonic"] for entry in self.requests()):
            window.append(moment)
            while moment - window[0] >= 1.0:
                window.popleft()
            most = max(most, len(window))
        return most


@contextlib.contextmanager
def sandbox(state: Path, *, rps: int) -> Iterator[Sandbox]:
    """A sandbox with that state and pace, and Django's settings pointing at it.

    Args:
        state: its file; a later sandbox goes on from there.
        rps: requests a second before it refuses; 0 refuses none.
    """
    port = free_port()
    command = [
        sys.executable, "-m", "sync.sandbox", "--port", str(port), "--state", str(state),
        "--token", DEFAULT_TOKEN, "--rps", str(rps),
    ]  # fmt: skip
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        process.stdout.readline()  # it says where it listens once it does
        found = Sandbox(f"http://127.0.0.1:{port}")
        settings.AIRTABLE_API_KEY = DEFAULT_TOKEN
        settings.AIRTABLE_BASE_ID = BASE_ID
        settings.AIRTABLE_API_URL = found.url
        settings.AIRTABLE_RPS = rps or 1000
        yield found
    finally:
        process.terminate()
        process.communicate(timeout=15)


@contextlib.contextmanager
def celery(site_url: str, **extra: str) -> Iterator[None]:
    """The workers of the product and their clock, as `docker-compose.yml` has them."""
    env = environment(
        AIRTABLE_API_KEY=DEFAULT_TOKEN,
        AIRTABLE_BASE_ID=BASE_ID,
        AIRTABLE_API_URL=str(settings.AIRTABLE_API_URL),
        AIRTABLE_RPS=str(settings.AIRTABLE_RPS),
        VAR_DIR=str(settings.VAR_DIR),
        SITE_URL=site_url,
        PYTHONWARNINGS="ignore",
        **extra,
    )
    common = [sys.executable, "-m", "celery", "-A", "config.celery:app", "--quiet"]
    worker = [*common, "worker", "--loglevel=ERROR", "--without-gossip", "--without-mingle"]
    commands = [
        [*worker, "--queues=fastlane", "--concurrency=2", "--hostname=fastlane@%h"],
        [*worker, "--queues=sync", "--concurrency=2", "--hostname=sync@%h"],
        [*worker, "--queues=mail,default,embeddings", "--concurrency=1", "--hostname=other@%h"],
        [*common, "beat", "--loglevel=ERROR", "--pidfile=",
         "--scheduler=django_celery_beat.schedulers:DatabaseScheduler"],
    ]  # fmt: skip
    processes = [subprocess.Popen(command, cwd=ROOT, env=env) for command in commands]
    try:
        yield
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


class Workers:
    """Processes that wait for the word, send everything that is due, and tell what it cost them."""

    def __init__(self, count: int) -> None:
        env = environment(
            AIRTABLE_API_KEY=DEFAULT_TOKEN,
            AIRTABLE_BASE_ID=BASE_ID,
            AIRTABLE_API_URL=str(settings.AIRTABLE_API_URL),
            AIRTABLE_RPS=str(settings.AIRTABLE_RPS),
            VAR_DIR=str(settings.VAR_DIR),
        )
        self._processes = [
            subprocess.Popen(
                [sys.executable, "-W", "ignore", "-c", _WORKER],
                cwd=ROOT,
                env=env,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(count)
        ]
        for process in self._processes:
            assert process.stdout is not None
            if process.stdout.readline().strip() != "ready":
                raise RuntimeError("A worker did not start.")

    def start(self) -> None:
        """Give the word."""
        for process in self._processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()

    def results(self) -> list[dict[str, Any]]:
        """Wait for the end; what each of them did."""
        return [json.loads(process.communicate()[0]) for process in self._processes]

    def kill(self) -> None:
        """Whatever is left of them."""
        for process in self._processes:
            process.kill()
            process.communicate()
