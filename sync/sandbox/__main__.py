"""Start the sandbox: `python -m sync.sandbox`."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from pathlib import Path
from threading import Event

from sync.sandbox.schema import BASE_ID, DEFAULT_TOKEN
from sync.sandbox.server import SandboxServer
from sync.sandbox.store import UnableToOpenState


def parser() -> argparse.ArgumentParser:
    """The options."""
    options = argparse.ArgumentParser(
        prog="python -m sync.sandbox",
        description="A stand-in for Airtable on this machine: the same API, and a grid to edit in.",
    )
    options.add_argument("--host", default="127.0.0.1", help="a loopback address")
    options.add_argument("--port", type=int, default=8091)
    options.add_argument(
        "--state", type=Path, help="file that keeps the base; without it nothing is kept"
    )
    options.add_argument("--token", help="the only token accepted; without it any will do")
    options.add_argument("--rps", type=int, default=5, help="requests a second; 0 for no limit")
    options.add_argument("--lockout", type=float, default=30.0, help="seconds shut out after a 429")
    options.add_argument("--automation-url", help="where edits in the grid are announced")
    options.add_argument("--automation-secret", default="", help="key that signs them")
    return options


def main(arguments: list[str] | None = None) -> int:
    """Run until told to stop."""
    options = parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="sandbox: %(message)s")
    try:
        server = SandboxServer(
            host=options.host,
            port=options.port,
            state=options.state,
            token=options.token,
            rps=options.rps,
            lockout_seconds=options.lockout,
            automation_url=options.automation_url,
            automation_secret=options.automation_secret,
        )
    except (ValueError, OSError, OverflowError, UnableToOpenState) as error:
        sys.stderr.write(f"The Airtable sandbox cannot start. {error}\n")
        return 2
    stopping = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    server.start()
    token = "as configured" if options.token else f"any, for instance {DEFAULT_TOKEN}"
    sys.stdout.write(f"Airtable sandbox: {server.url}  base {BASE_ID}, token {token}\n")
    sys.stdout.flush()
    stopping.wait()
    server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
