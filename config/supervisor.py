"""Runs the whole product as one command: services, migrations, demo data, web, workers, beat.

`python -m config.supervisor`, which is what `script/server` does. Ctrl-C stops all of it, in order.
For a laptop and for trying things out; in production every process is its own container or unit
(docker-compose.yml).
"""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

from config import development, embedded, environment
from config.environment import BASE_DIR, ConfigurationError
from config.processes import EssentialProgramEnded, Group, Program, Voice, popen, speak_for

_READY_WITHIN = 120.0
_DEMO_PASSWORD = "officehours-demo"  # noqa: S105  printed on purpose; exists on loopback only


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


class Stopped(BaseException):
    """Somebody asked us to stop while we were still starting."""


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
        _worker("worker", "fastlane,mail,sync,default", concurrency=2),
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
            *("--automation-url", f"http://{_own_address(plan)}/api/webhooks/airtable"),
            *("--automation-secret", environment.listing("AIRTABLE_WEBHOOK_SECRET")[0]),
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
            *("--workers", "2", "--threads", "8", "--graceful-timeout", "5"),
            *("--no-control-socket", "--log-level", "warning", *heartbeat),
        ),
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
        environment={"PYTHONWARNINGS": "ignore::celery.exceptions.SecurityWarning"},
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


# -- Running it --------------------------------------------------------------------------------


@contextlib.contextmanager
def only_one_here(var_dir: Path) -> Iterator[None]:
    """A second start on the same VAR_DIR would run every schedule twice."""
    embedded.Paths.under(var_dir).prepare()
    with (var_dir / "run" / "supervisor.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(
                f"The product already runs on {var_dir}. Stop that one first (Ctrl-C in its"
                " terminal), or give this one a folder of its own with VAR_DIR."
            ) from None
        yield


class Signals:
    """Ctrl-C and TERM: the first asks for an orderly stop, a second for a quick one."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.hurry = threading.Event()
        # While services start there is no loop that could look at the event.
        self.interrupts = True
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._received)

    def _received(self, _number: int, _frame: FrameType | None) -> None:
        if self.stop.is_set():
            self.hurry.set()
        self.stop.set()
        if self.interrupts:
            self.interrupts = False
            raise Stopped


def run_first(program: Program, signals: Signals, say: Voice) -> int:
    """Runs a program to its end and passes its lines on."""
    process = popen(program, environment=os.environ, folder=BASE_DIR)
    lines = speak_for(process, program.name, say)
    while process.poll() is None:
        if signals.stop.wait(0.05):
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(program.patience)
            process.kill()
            process.wait()
            raise Stopped
    lines.join(timeout=1)
    return process.returncode


def _own_address(plan: Plan) -> str:
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "[::]": "[::1]"}.get(plan.bind, plan.bind)  # noqa: S104
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    return f"{host}:{plan.port}"


def is_ready(plan: Plan) -> bool:
    """Whether /readyz answers 200: database, Redis and migrations are there."""
    connection = http.client.HTTPConnection(_own_address(plan), timeout=2)
    try:
        host = urlsplit(plan.site_url).netloc
        connection.request("GET", "/readyz", headers={"Host": host})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def announce(plan: Plan, seconds: float) -> None:
    """The one thing to read after a start."""
    lines = ["", f"  Office Hours is running (started in {seconds:.0f} s)", ""]
    lines.append(f"    {plan.site_url}/")
    if plan.is_demo:
        lines.append(f"    {plan.site_url}/dev/mail/   every mail it sends")
    lines.append(f"    {plan.site_url}/admin/      for program managers")
    if plan.sandbox_port is not None:
        lines.append(f"    http://127.0.0.1:{plan.sandbox_port}/           the Airtable sandbox")
    if plan.is_demo:
        lines += [
            "",
            f"  Sign in with the password {_DEMO_PASSWORD} as",
            "    alice@example.com   mentee",
            "    bob@example.com     mentor",
            "    carol@example.com   program manager",
        ]
    lines += ["", "  Ctrl-C stops everything.", ""]
    with contextlib.suppress(BrokenPipeError, ValueError):
        print("\n".join(lines), flush=True)


def watch(
    group: Group, signals: Signals, ready: Callable[[], bool], on_ready: Callable[[], None]
) -> None:
    """Looks after the children until somebody asks us to stop."""
    deadline = time.monotonic() + _READY_WITHIN
    while not signals.stop.wait(0.2):
        group.look_after()
        if group.is_up:
            continue
        if ready():
            group.is_up = True
            on_ready()
        elif time.monotonic() > deadline:
            raise ConfigurationError(
                f"The product did not become ready within {_READY_WITHIN:.0f} s. What its processes"
                " said stands above."
            )


def serve(plan: Plan, signals: Signals, say: Voice, began: float) -> None:
    """Everything between services that run and the last child that ended."""
    group = Group(environment=os.environ, folder=BASE_DIR, say=say)
    try:
        if plan.sandbox_port is not None:
            group.start(sandbox_program(plan))  # the demo data may be sent there
        for number, program in enumerate(plan.first):
            code = run_first(program, signals, say)
            if code == 0:
                continue
            if number == 0:
                raise ConfigurationError(
                    f"{program.name} failed with code {code}; what it said stands above."
                )
            say(program.name, f"failed with code {code}; the product starts without it")
        for program in plan.programs:
            group.start(program)
        watch(
            group,
            signals,
            lambda: is_ready(plan),
            lambda: announce(plan, time.monotonic() - began),
        )
    except EssentialProgramEnded as ended:
        raise ConfigurationError(
            f"The {ended.name} process ended with code {ended.code} before it answered once; what"
            " it said stands above."
        ) from ended
    finally:
        group.stop(hurry=signals.hurry)


def run(signals: Signals) -> None:
    began = time.monotonic()
    say = Voice()
    var_dir = environment.var_dir()
    bind = environment.text("BIND", "127.0.0.1")
    with contextlib.ExitStack() as stack:
        stack.enter_context(only_one_here(var_dir))
        listener = stack.enter_context(listen(bind, environment.integer("PORT", None, 1, 65535)))
        plan = make_plan(var_dir, listener, bind)
        needs_postgres = not development.is_given("DATABASE_URL")
        needs_redis = not development.is_given("REDIS_URL")
        if needs_postgres or needs_redis:
            say("services", "starting (the first time takes a few seconds)")
        stack.enter_context(embedded.lease(var_dir, postgres=needs_postgres, redis=needs_redis))
        signals.interrupts = False
        os.environ[environment.SUPERVISED] = "1"
        os.environ["PYTHONUNBUFFERED"] = "1"
        serve(plan, signals, say, began)


def main() -> int:
    signals = Signals()
    try:
        run(signals)
    except Stopped:
        pass
    except ConfigurationError as error:
        sys.stdout.flush()
        sys.stderr.write(f"\n{error}\n")
        return 1
    if signals.stop.is_set():
        with contextlib.suppress(BrokenPipeError, ValueError):
            print("Stopped.", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
