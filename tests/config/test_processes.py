"""The group of children and the supervisor's own process, driven with trivial programs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import pytest

from config.environment import BASE_DIR
from config.processes import EssentialProgramEnded, Group, Program
from tests.config.services import wait_until

# Speaks, has a child of its own, and ends politely on TERM.
POLITE = """
import signal, subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
def polite(*_):
    print("bye", flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, polite)
print("pids", __import__("os").getpid(), child.pid, flush=True)
time.sleep(600)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(600)
"""


class Ears:
    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def __call__(self, name: str, line: str) -> None:
        self.lines.append((name, line))

    def heard(self, start: str) -> list[str]:
        return [line for _, line in list(self.lines) if line.startswith(start)]


@pytest.fixture
def ears():
    return Ears()


@pytest.fixture
def group(ears):
    one = Group(environment=os.environ, folder=BASE_DIR, say=ears)
    yield one
    one.stop()


def python(source: str) -> tuple[str, ...]:
    return (sys.executable, "-c", source)


def is_alive(pid: int) -> bool:
    """A zombie that nobody collected yet counts as dead."""
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    return bool(state) and not state.startswith("Z")


def test_children_end_politely_and_their_children_with_them(group, ears):
    group.start(Program("a", python(POLITE)))
    assert wait_until(lambda: ears.heard("pids"))
    pids = [int(word) for word in ears.heard("pids")[0].split()[1:]]
    assert all(is_alive(pid) for pid in pids)
    group.stop()
    assert ears.heard("bye")
    assert wait_until(lambda: not any(is_alive(pid) for pid in pids))


def test_they_end_in_the_opposite_order(group, ears):
    for name in ("first", "second", "third"):
        group.start(Program(name, python(POLITE)))
    assert wait_until(lambda: len(ears.heard("pids")) == 3)
    group.stop()
    assert [name for name, line in ears.lines if line == "bye"] == ["third", "second", "first"]


def test_a_stubborn_child_is_killed_when_its_time_is_over(group, ears):
    group.start(Program("mule", python(STUBBORN), patience=0.3))
    assert wait_until(lambda: ears.heard("ready"))
    group.stop()
    assert ears.heard("did not end in time")


def test_a_second_ctrl_c_does_not_wait(group, ears):
    hurry = threading.Event()
    hurry.set()
    group.start(Program("mule", python(STUBBORN), patience=60))
    assert wait_until(lambda: ears.heard("ready"))
    began = time.monotonic()
    group.stop(hurry=hurry)
    assert time.monotonic() - began < 5


def test_a_child_that_dies_is_started_again_and_it_is_said(group, ears):
    group.is_up = True
    group.start(Program("frail", python("print('hello', flush=True); raise SystemExit(3)")))

    def again():
        group.look_after()
        return len(ears.heard("hello")) == 2

    assert wait_until(again)
    assert ears.heard("ended unexpectedly (code 3); starting again in 1 s")


def test_the_pause_grows_with_every_death(group, ears):
    group.is_up = True
    group.start(Program("frail", python("raise SystemExit(1)")))

    def twice():
        group.look_after()
        return len(ears.heard("ended unexpectedly")) == 2

    assert wait_until(twice)
    assert [line[-3:] for line in ears.heard("ended unexpectedly")] == ["1 s", "2 s"]


def test_an_essential_child_that_dies_before_the_product_is_up_ends_the_start(group):
    group.start(Program("web", python("raise SystemExit(3)"), essential=True))

    def look():
        group.look_after()
        return False

    with pytest.raises(EssentialProgramEnded, match="web ended with code 3"):
        wait_until(look)


# A supervisor with the real signals, the real group and a harmless program.
SUPERVISOR = f"""
import os, sys, time
from pathlib import Path
from config.processes import Group, Program, Voice
from config.supervisor import Signals, watch
signals = Signals()
signals.interrupts = False
group = Group(environment=os.environ, folder=Path("."), say=Voice())
try:
    group.start(Program("a", (sys.executable, "-c", {POLITE!r})))
    watch(group, signals, lambda: True, lambda: print("up", flush=True))
finally:
    group.stop(hurry=signals.hurry)
"""


@pytest.fixture
def supervisor():
    with subprocess.Popen(
        python(SUPERVISOR), cwd=BASE_DIR, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline(), process.stdout.readline()]
        words = next(line for line in lines if "pids" in line).split("pids")[1].split()
        yield process, [int(word) for word in words]
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_everything_and_the_code_is_zero(supervisor, number):
    process, pids = supervisor
    process.send_signal(number)
    assert process.wait(timeout=20) == 0
    assert wait_until(lambda: not any(is_alive(pid) for pid in pids))


@pytest.mark.skipif(sys.platform != "linux", reason="the system call is Linux's")
def test_a_killed_supervisor_takes_its_children_along(supervisor):
    process, pids = supervisor
    process.kill()
    process.wait(timeout=20)
    assert wait_until(lambda: not is_alive(pids[0]))
    if is_alive(pids[1]):  # the grandchild of this test has no parent that looks after it
        os.kill(pids[1], signal.SIGKILL)
