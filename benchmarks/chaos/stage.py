"""Everything that runs during a chaos run, as processes of their own that may be killed and put up again.

The services are those of a deployment: PostgreSQL and Redis on a folder of their own, the web server
that Airtable pings, beat with its schedule, workers for the queues. Beside them stands the sandbox.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import redis

from benchmarks.servers import ROOT, free_port
from config import embedded
from config.embedded import keeper, paths as places
from sync.sandbox import BASE_ID, DEFAULT_TOKEN

SECRET = "of-the-chaos-run"
_CELERY = (sys.executable, "-W", "ignore", "-m", "celery", "-A", "config.celery:app", "--quiet")
# What is left of a worker that was told to end and does not.
_PATIENCE = 15.0


def environment(var_dir: Path, *, site: str, base: str, rps: int) -> dict[str, str]:
    """What every process of the deployment is started with."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {
        **kept,
        "DJANGO_SETTINGS_MODULE": "config.settings.base",
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "SECRET_KEY": "only-for-a-chaos-run-" * 3,
        "EMAIL_URL": "memorymail://",
        "EMBEDDING_BACKEND": "hashing",
        "VAR_DIR": str(var_dir),
        "MEDIA_DIR": str(var_dir / "media"),
        "SITE_URL": site,
        "AIRTABLE_API_KEY": DEFAULT_TOKEN,
        "AIRTABLE_BASE_ID": BASE_ID,
        "AIRTABLE_API_URL": base,
        "AIRTABLE_RPS": str(rps),
        "AIRTABLE_WEBHOOK_SECRET": SECRET,
    }


class Stage:
    """The running processes."""

    def __init__(
        self, var_dir: Path, *, site: str = "", base: str = "", rps: int = 5, workers: int = 2
    ) -> None:
        self.var_dir = var_dir
        self.site = site or f"http://127.0.0.1:{free_port()}"
        self.base = base or f"http://127.0.0.1:{free_port()}"
        self.env = environment(var_dir, site=self.site, base=self.base, rps=rps)
        self.workers = [f"sync{number}" for number in range(workers)]
        self._rps = rps
        self._commands: dict[str, list[str]] = {}
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    @classmethod
    def inherited(cls) -> Stage:
        """The stage that the environment of this process was made for."""
        given = os.environ
        return cls(
            Path(given["VAR_DIR"]), site=given["SITE_URL"], base=given["AIRTABLE_API_URL"],
            rps=int(given["AIRTABLE_RPS"]),
        )  # fmt: skip

    # Processes

    def start(self) -> None:
        """Put up the sandbox, the web server, beat and the workers. The database must be migrated."""
        self.start_sandbox()
        port = self.site.rpartition(":")[2]
        self._start(
            "web", sys.executable, "-W", "ignore", "-m", "gunicorn", "config.wsgi", "--bind",
            f"127.0.0.1:{port}", "--workers", "1", "--threads", "4", "--worker-class", "gthread",
            "--log-level", "warning", "--worker-tmp-dir", "/dev/shm", "--no-control-socket",
        )  # fmt: skip
        scheduler = "--scheduler=django_celery_beat.schedulers:DatabaseScheduler"
        self._start("beat", *_CELERY, "beat", "--loglevel=WARNING", scheduler, "--pidfile=")
        self._worker("other", "fastlane,mail,default,embeddings", concurrency=1)
        for name in self.workers:
            self._worker(name, "sync,fastlane", concurrency=2)

    def start_sandbox(self) -> None:
        """Put up the sandbox alone."""
        self._start(
            "sandbox", sys.executable, "-m", "sync.sandbox", "--port", self.base.rpartition(":")[2],
            "--token", DEFAULT_TOKEN, "--rps", str(self._rps),
        )  # fmt: skip

    def _worker(self, name: str, queues: str, *, concurrency: int) -> None:
        self._start(
            name, *_CELERY, "worker", "--loglevel=WARNING", f"--queues={queues}",
            f"--concurrency={concurrency}", f"--hostname={name}@%h", "--without-gossip",
            "--without-mingle",
        )  # fmt: skip

    def _start(self, name: str, *command: str) -> None:
        if name in self._running:
            return
        self._commands[name] = list(command)
        log = self.var_dir / "log"
        log.mkdir(exist_ok=True)
        with (log / f"{name}.log").open("ab") as output:
            # A session of its own: a worker is killed with its children, as a container is.
            self._running[name] = subprocess.Popen(
                command, cwd=ROOT, env=self.env, stdin=subprocess.DEVNULL, stdout=output,
                stderr=output, start_new_session=True,
            )  # fmt: skip

    def kill(self, name: str) -> None:
        """SIGKILL, the process with all its children, and put it up again."""
        process = self._running.pop(name)
        _signal(process, signal.SIGKILL)
        process.wait()
        self._start(name, *self._commands[name])

    def keep_beat(self) -> None:
        """Put beat up again where it ended, as every supervisor does.

        It ends when it reads its schedule from a database that is just starting up; the rest may not end.
        """
        if "beat" in self.ended():
            self._running.pop("beat")
            self._start("beat", *self._commands["beat"])

    def ended(self) -> list[str]:
        """Processes that ended by themselves, which none may."""
        return [name for name, process in self._running.items() if process.poll() is not None]

    def stop(self) -> None:
        """End everything."""
        for process in self._running.values():
            _signal(process, signal.SIGTERM)
        until = time.monotonic() + _PATIENCE
        for process in self._running.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, until - time.monotonic()))
        for process in self._running.values():
            _signal(process, signal.SIGKILL)
            process.wait()
        self._running.clear()

    # Services

    def restart_postgres(self) -> None:
        """An immediate shutdown, as when the machine goes, and the recovery after it."""
        paths = places.Paths.under(self.var_dir)
        os.kill(int(paths.pid_file("postgres").read_text()), signal.SIGQUIT)
        if not keeper.wait_until_free(paths.server_lock("postgres"), seconds=60):
            raise RuntimeError("PostgreSQL does not end.")
        with embedded.lease(self.var_dir):
            pass

    def flush_redis(self) -> None:
        """Everything in Redis is gone: the queues, the pace, the cache."""
        redis.Redis.from_url(embedded.redis_url(self.var_dir)).flushall()


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


@contextlib.contextmanager
def services(var_dir: Path) -> Iterator[None]:
    """PostgreSQL and Redis in that folder, written safely: what is committed survives a crash."""
    with embedded.lease(var_dir, durable=True):
        yield
