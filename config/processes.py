"""A group of child processes: their lines with a name in front, restarts, and an orderly end.

Knows nothing of the product; `config.supervisor` says what runs.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

Say = Callable[[str, str], None]

_COLOURS = (36, 32, 33, 35, 34, 96, 92, 93)
_LONGEST_PAUSE = 30.0
_STEADY_AFTER = 60.0

# Run by every child before it becomes its program. On Linux the system then ends the child when
# the supervisor dies, however it dies; the second look catches a supervisor that died in between.
# As a program of its own, and not as `preexec_fn`, because that is unsafe once there are threads.
_LAUNCHER = """
import os, sys
if sys.platform == "linux":
    import ctypes, signal
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)
    if os.getppid() != int(sys.argv[1]):
        sys.exit(1)
os.execvpe(sys.argv[2], sys.argv[2:], os.environ)
"""


@dataclass(frozen=True)
class Program:
    """Something to keep running."""

    name: str
    command: Sequence[str]
    # Seconds it gets to finish what it is doing before it is killed.
    patience: float = 10.0
    # An essential program that ends before the product answered once ends the start.
    essential: bool = False
    pass_fds: tuple[int, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


class Voice:
    """Writes whole lines to standard output, each with the name of whoever speaks."""

    def __init__(self, *, width: int = 10) -> None:
        self._width = width
        self._lock = threading.Lock()
        self._colours: dict[str, int] = {}
        self._coloured = sys.stdout.isatty() and "NO_COLOR" not in os.environ

    def __call__(self, name: str, line: str) -> None:
        label = f"{name:<{self._width}} |"
        with self._lock:
            if self._coloured:
                colour = self._colours.setdefault(name, _COLOURS[len(self._colours) % 8])
                label = f"\x1b[{colour}m{label}\x1b[0m"
            try:
                sys.stdout.write(f"{label} {line}\n")
                sys.stdout.flush()
            except (BrokenPipeError, ValueError):
                pass  # `script/server | head` closed our output; the product goes on


def popen(
    program: Program, *, environment: Mapping[str, str], folder: Path
) -> subprocess.Popen[bytes]:
    """Starts a program away from our terminal: Ctrl-C is for the supervisor, which decides on the
    order in which things end."""
    return subprocess.Popen(  # noqa: S603  the commands are our own
        [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid()), *program.command],
        cwd=folder,
        env={**environment, **program.environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        pass_fds=program.pass_fds,
    )


def speak_for(process: subprocess.Popen[bytes], name: str, say: Say) -> threading.Thread:
    """Passes the process's lines on, from a thread of its own."""

    def pump() -> None:
        assert process.stdout is not None
        with process.stdout as stream:
            for line in stream:
                say(name, line.decode("utf-8", "replace").rstrip())

    thread = threading.Thread(target=pump, name=f"lines of {name}", daemon=True)
    thread.start()
    return thread


class _Child:
    """A running program and its history."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.process: subprocess.Popen[bytes] | None = None
        self.lines: threading.Thread | None = None
        self.started_at = 0.0
        self.start_again_at = 0.0
        self.pause = 1.0


class EssentialProgramEnded(Exception):
    """A program without which there is no product ended before it was up."""

    def __init__(self, name: str, code: int) -> None:
        super().__init__(f"{name} ended with code {code}")
        self.name = name
        self.code = code


class Group:
    """The children, in the order in which they start; they end in the opposite order."""

    def __init__(self, *, environment: Mapping[str, str], folder: Path, say: Say) -> None:
        self._environment = environment
        self._folder = folder
        self._say = say
        self._children: list[_Child] = []
        # Once the product has answered, an end is an accident that is repaired, not a failed start.
        self.is_up = False

    def start(self, program: Program) -> None:
        child = _Child(program)
        self._children.append(child)
        self._launch(child)

    def _launch(self, child: _Child) -> None:
        child.process = popen(child.program, environment=self._environment, folder=self._folder)
        child.lines = speak_for(child.process, child.program.name, self._say)
        child.started_at = time.monotonic()

    def look_after(self) -> None:
        """Starts again what ended; called a few times a second."""
        now = time.monotonic()
        for child in self._children:
            if child.process is None:
                if now >= child.start_again_at:
                    self._launch(child)
            elif (code := child.process.poll()) is not None:
                self._ended(child, code, now)

    def _ended(self, child: _Child, code: int, now: float) -> None:
        _kill_group(child)  # whatever it started itself must not run twice
        if child.lines is not None:
            child.lines.join(timeout=1)
        child.process = None
        if child.program.essential and not self.is_up:
            raise EssentialProgramEnded(child.program.name, code)
        if now - child.started_at > _STEADY_AFTER:
            child.pause = 1.0
        child.start_again_at = now + child.pause
        self._say(
            child.program.name,
            f"ended unexpectedly ({_reason(code)}); starting again in {child.pause:.0f} s",
        )
        child.pause = min(child.pause * 2, _LONGEST_PAUSE)

    def stop(self, *, hurry: threading.Event | None = None) -> None:
        """Ends everything: those started last first, each with the time it was promised."""
        for child in reversed(self._children):
            if child.process is not None:
                self._stop_one(child, hurry)
        for child in self._children:
            if child.lines is not None:
                child.lines.join(timeout=1)
        self._children.clear()

    def _stop_one(self, child: _Child, hurry: threading.Event | None) -> None:
        process = child.process
        assert process is not None
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            deadline = time.monotonic() + child.program.patience
            while process.poll() is None and time.monotonic() < deadline:
                if hurry is not None and hurry.wait(0.02):
                    break
                if hurry is None:
                    time.sleep(0.02)
            if process.poll() is None:
                self._say(child.program.name, "did not end in time and was killed")
        _kill_group(child)
        process.wait()
        child.process = None


def _kill_group(child: _Child) -> None:
    """Kills what is left of the program's own session: workers that outlived their parent."""
    assert child.process is not None
    try:
        os.killpg(child.process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def _reason(code: int) -> str:
    if code >= 0:
        return f"code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"
