"""Where the embedded services keep their things, and which of them may be reached by whom."""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path

from config.environment import ConfigurationError

# A socket's path may be 103 bytes long (macOS; Linux allows 107), and Postgres adds
# "/.s.PGSQL.5432" to its folder.
_LONGEST_SOCKET_FOLDER = 88

# Characters that one of libpq, redis-py or kombu reads as syntax inside a host or a URL: libpq
# splits a host at commas, and the URL readers disagree about how often "%" is decoded.
_AWKWARD = frozenset(",%?#'\"\\@[]")


class EmbeddedError(ConfigurationError):
    """An embedded service cannot run here. The message says what happened, why, and what to do."""


@dataclass(frozen=True)
class Paths:
    """The layout of VAR_DIR, as far as the embedded services are concerned.

    Lock files and configuration belong to whoever runs the product; only `data` and the socket
    folder of Postgres belong to the unprivileged account that the server runs under when we are
    root. That account can therefore change neither who may connect nor which process we signal.
    """

    var_dir: Path

    @classmethod
    def under(cls, var_dir: Path) -> Paths:
        """Absolute, because servers run elsewhere; links stay as written, to keep the path short."""
        return cls(Path(os.path.abspath(var_dir)))

    @property
    def run(self) -> Path:
        return self.var_dir / "run"

    @property
    def postgres(self) -> Path:
        return self.var_dir / "postgres"

    @property
    def data(self) -> Path:
        return self.postgres / "data"

    @property
    def redis(self) -> Path:
        return self.var_dir / "redis"

    @property
    def binaries(self) -> Path:
        """A copy of the Postgres binaries, made only where the installed ones are out of reach."""
        return self.var_dir / "binaries"

    @property
    def start_lock(self) -> Path:
        """Held by whoever starts or stops the services."""
        return self.run / "start.lock"

    @property
    def lease_lock(self) -> Path:
        """Shared by everybody who uses the services."""
        return self.run / "lease.lock"

    @property
    def keeper_lock(self) -> Path:
        return self.run / "keeper.lock"

    def server_lock(self, server: str) -> Path:
        """Held by the server process itself and all its children, so free means truly gone."""
        return self.run / f"{server}.lock"

    def pid_file(self, server: str) -> Path:
        return self.run / f"{server}.pid"

    def log_file(self, server: str) -> Path:
        return (self.postgres if server == "postgres" else self.redis) / "server.log"

    def prepare(self) -> None:
        """Makes VAR_DIR and the folder for locks, and refuses somebody else's."""
        try:
            self.var_dir.mkdir(parents=True, exist_ok=True)
            self.run.mkdir(mode=0o755, exist_ok=True)
        except OSError as error:
            raise EmbeddedError(
                f"The folder {self.var_dir} cannot be written ({error.strerror}), and the embedded"
                " services keep their data there. Set VAR_DIR to a folder of your own, or set"
                " DATABASE_URL and REDIS_URL."
            ) from error
        if self.run.stat().st_uid != os.geteuid():
            raise EmbeddedError(
                f"The services in {self.var_dir} were set up by another account (user id"
                f" {self.run.stat().st_uid}; this is {os.geteuid()}). Run this as that account, or"
                " set VAR_DIR to a folder of your own."
            )


def socket_folder(var_dir: Path) -> Path:
    """The folder that holds the sockets: VAR_DIR/run, or a private one with a shorter path."""
    paths = Paths.under(var_dir)
    usual = paths.run
    if _fits(usual / "pg"):
        return usual
    paths.prepare()
    with (paths.run / "sockets.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _private_folder(paths)


def _fits(folder: Path) -> bool:
    text = str(folder)
    return len(os.fsencode(text)) <= _LONGEST_SOCKET_FOLDER and not (
        _AWKWARD & set(text) or any(character < " " for character in text)
    )


def _private_folder(paths: Paths) -> Path:
    record = paths.run / "sockets.path"
    if record.exists():
        recorded = Path(os.fsdecode(record.read_bytes()))
        if _is_ours(recorded):
            return recorded
    parent = Path(tempfile.gettempdir())
    if not _fits(parent / "office-hours-12345678" / "pg"):
        parent = Path("/tmp")  # noqa: S108  mkdtemp makes a folder nobody else can enter
    folder = Path(tempfile.mkdtemp(prefix="office-hours-", dir=parent))
    folder.chmod(_private_mode())
    scratch = record.with_suffix(".new")
    scratch.write_bytes(os.fsencode(folder))
    scratch.replace(record)
    return folder


def _private_mode() -> int:
    # Root's server runs under another account, which must be able to walk through to its own
    # folder inside; that one is 0700.
    return 0o711 if os.geteuid() == 0 else 0o700


def _is_ours(folder: Path) -> bool:
    """Whether a recorded folder is still the one we made: others can write to its parent."""
    try:
        found = folder.lstat()
    except OSError:
        return False
    return (
        stat.S_ISDIR(found.st_mode)
        and found.st_uid == os.geteuid()
        and stat.S_IMODE(found.st_mode) == _private_mode()
    )


def forget_private_folder(var_dir: Path) -> None:
    """Removes the private socket folder, if one was made."""
    record = Paths.under(var_dir).run / "sockets.path"
    if record.exists():
        folder = Path(os.fsdecode(record.read_bytes()))
        if _is_ours(folder):
            shutil.rmtree(folder, ignore_errors=True)
        record.unlink()
