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
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

from config import development, embedded, environment
from config.environment import BASE_DIR, ConfigurationError
from config.plan import Plan, listen, make_plan, own_address, sandbox_program
from config.processes import EssentialProgramEnded, Group, Program, Voice, popen, speak_for

_READY_WITHIN = 120.0
_DEMO_PASSWORD = "officehours-demo"  # noqa: S105  printed on purpose; exists on loopback only


class Stopped(BaseException):
    """Somebody asked us to stop while we were still starting."""


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


def is_ready(plan: Plan) -> bool:
    """Whether /readyz answers 200: database, Redis and migrations are there."""
    connection = http.client.HTTPConnection(own_address(plan), timeout=2)
    try:
        host = urlsplit(plan.site_url).netloc
        connection.request("GET", "/readyz", headers={"Host": host})
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def announce(plan: Plan, seconds: float, *, seeded: bool) -> None:
    """The one thing to read after a start."""
    lines = ["", f"  Office Hours is running (started in {seconds:.0f} s)", ""]
    lines.append(f"    {plan.site_url}/")
    if plan.is_demo:
        lines.append(f"    {plan.site_url}/dev/mail/   every mail it sends")
    lines.append(f"    {plan.site_url}/admin/      for program managers")
    if plan.sandbox_port is not None:
        lines.append(f"    http://127.0.0.1:{plan.sandbox_port}/           the Airtable sandbox")
    if seeded:
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
    seeded = plan.is_demo
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
            seeded = False
        web, *workers = plan.programs

        def on_ready() -> None:
            announce(plan, time.monotonic() - began, seeded=seeded)
            for program in workers:
                group.start(program)

        # The web server first and alone: on two cores everything at once makes people wait longest
        # for the page they look at.
        group.start(web)
        watch(group, signals, lambda: is_ready(plan), on_ready)
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
