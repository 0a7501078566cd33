"""What `script/server` runs, and where: ports, addresses, programs."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from config import development, environment
from config.environment import BASE_DIR, ConfigurationError
from config.processes import Program


@dataclass(frozen=True)
class Plan:
    """What is going to run, and where."""

    var_dir: Path
    site_url: str
    bind: str
    port: int
    listener: int
    sandbox_port: int | None
    is_demo: bool
    # Run to their end before the programs start; only the first must succeed.
    first: tuple[Program, ...]
    programs: tuple[Program, ...]


# -- Ports -------------------------------------------------------------------------------------


def listen(bind: str, port: int | None) -> socket.socket:
    """A listening socket on the asked port; without one on 8000 or the next that is free.

    It is opened here and handed to the web server, so that nobody can take the port in between.
    """
    if port is not None:
        try:
            return _listen(bind, port)
        except OSError as error:
            raise ConfigurationError(
                f"Port {port} on {bind} cannot be used: {error.strerror}. Stop the program that"
                " uses it, or choose another with PORT."
            ) from error
    for candidate in range(8000, 8100):
        with contextlib.suppress(OSError):
            return _listen(bind, candidate)
    raise ConfigurationError(
        f"No port from 8000 to 8099 can be used on {bind}. Check BIND, or choose one with PORT."
    )


def _listen(bind: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(
        bind.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(512)
    except BaseException:
        listener.close()
        raise
    return listener


def _free_port(first: int) -> int:
    for candidate in range(first, first + 100):
        with contextlib.suppress(OSError):
            _listen("127.0.0.1", candidate).close()
            return candidate
    raise ConfigurationError(
        f"The Airtable sandbox found no free port from {first} to {first + 99}. Set"
        " AIRTABLE_API_KEY and AIRTABLE_BASE_ID to use a real base instead."
    )


# -- The plan ----------------------------------------------------------------------------------


def own_address(plan: Plan) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "[::]": "[::1]"}.get(plan.bind, plan.bind)  # noqa: S104
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    return f"{host}:{plan.port}"


def make_plan(var_dir: Path, listener: socket.socket, bind: str) -> Plan:
    """Decides what nobody decided, writes it into our environment, and names the programs."""
    decided = development.defaults(var_dir)
    os.environ.update(decided)
    port = int(listener.getsockname()[1])
    decided |= {"BIND": bind, "PORT": str(port)}
    os.environ.update(decided)
    sandbox_port = None
    if development.wants_sandbox():
        sandbox_port = _free_port(8900)
        sandbox = development.sandbox_settings(var_dir, sandbox_port)
        decided |= sandbox
        os.environ.update(sandbox)
    if development.is_laptop():
        development.note(var_dir, decided)
    host = f"[{bind}]" if ":" in bind.strip("[]") and not bind.startswith("[") else bind
    plan = Plan(
        var_dir=var_dir,
        site_url=environment.url("SITE_URL", f"http://{host}:{port}"),
        bind=bind,
        port=port,
        listener=listener.fileno(),
        sandbox_port=sandbox_port,
        is_demo=False,
        first=(),
        programs=(),
    )
    plan = replace(plan, is_demo=development.is_demo(plan.site_url))
    return replace(plan, first=_first(plan), programs=_programs(plan))


def _manage(*words: str) -> tuple[str, ...]:
    return (sys.executable, str(BASE_DIR / "manage.py"), *words)


def _first(plan: Plan) -> tuple[Program, ...]:
    steps = [Program("migrate", _manage("migrate", "--noinput"))]
    if plan.is_demo:
        steps.append(Program("demo data", _manage("seed_demo")))
    return tuple(steps)


def _programs(plan: Plan) -> tuple[Program, ...]:
    programs = [
        _web(plan),
        _worker("worker", "fastlane,mail", concurrency=2),
        # By themselves: these may take minutes, and nobody who signs in may wait behind them.
        _worker("default", "default", concurrency=1),
        # By itself: a run waits for Airtable's rate limit, and mail must not wait behind it.
        _worker("sync", "sync", concurrency=2),
        _worker("embeddings", "embeddings", concurrency=1),
        _celery(
            "beat",
            "beat",
            "--scheduler=django_celery_beat.schedulers:DatabaseScheduler",
            "--pidfile=",
        ),
    ]
    return tuple(programs)


def sandbox_program(plan: Plan) -> Program:
    """The Airtable sandbox, which tells our webhook about every change as Airtable would."""
    return Program(
        "sandbox",
        (
            *(sys.executable, "-m", "sync.sandbox"),
            *("--host", "127.0.0.1", "--port", str(plan.sandbox_port)),
            *("--state", str(plan.var_dir / "sandbox.json")),
            *("--automation-url", f"http://{own_address(plan)}/api/webhooks/airtable"),
            # In one word: a secret may begin with a dash.
            f"--automation-secret={environment.listing('AIRTABLE_WEBHOOK_SECRET')[0]}",
        ),
    )


def _web(plan: Plan) -> Program:
    # gunicorn's heartbeat file must not be on a disk: a slow one gets healthy workers killed.
    shared_memory = Path("/dev/shm")  # noqa: S108
    heartbeat = (
        ("--worker-tmp-dir", str(shared_memory)) if os.access(shared_memory, os.W_OK) else ()
    )
    return Program(
        "web",
        (
            *(sys.executable, "-m", "gunicorn", "config.wsgi:application"),
            *("--bind", f"fd://{plan.listener}", "--worker-class", "gthread"),
            # Few threads each: they share one interpreter, and a thread that holds a mentor's lock
            # would wait its turn behind all the others after every query.
            *("--workers", "3", "--threads", "4", "--graceful-timeout", "5"),
            *("--no-control-socket", "--log-level", "warning", *heartbeat),
        ),
        # Each process embeds questions with one thread: two that share two cores take turns, and the
        # slowest in a hundred takes ten times as long. A machine with idle cores may say otherwise.
        environment={"OPENBLAS_NUM_THREADS": os.environ.get("OPENBLAS_NUM_THREADS", "1")},
        essential=True,
        pass_fds=(plan.listener,),
    )


def _celery(name: str, command: str, *words: str) -> Program:
    return Program(
        name,
        (
            *(sys.executable, "-m", "celery", "-A", "config.celery:app", "--quiet"),
            *(command, "--loglevel=INFO", *words),
        ),
        # Celery advises against root; here it is root's own machine, and its worker accepts
        # nothing but JSON.
        environment={"PYTHONWARNINGS": "ignore:You're running the worker with superuser"},
    )


def _worker(name: str, queues: str, *, concurrency: int) -> Program:
    # Processes, not threads: time limits work only there.
    return _celery(
        name,
        "worker",
        f"--queues={queues}",
        f"--concurrency={concurrency}",
        f"--hostname={name}@%h",
        "--without-gossip",
        "--without-mingle",
    )
