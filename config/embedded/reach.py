"""Root cannot run Postgres: which account does it instead, and can that account get there?"""

from __future__ import annotations

import atexit
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config.embedded.paths import EmbeddedError, Paths

_TEST_DIR = "OFFICE_HOURS_TEST_VAR_DIR"


@dataclass(frozen=True)
class Account:
    """The operating system account that a server runs under."""

    name: str
    uid: int
    gid: int

    @classmethod
    def ourselves(cls) -> Account:
        """The account that runs this; it needs no name for running something as itself."""
        return cls("", os.geteuid(), os.getegid())

    @property
    def is_us(self) -> bool:
        return self.uid == os.geteuid()

    def popen_arguments(self) -> dict[str, Any]:
        """What subprocess needs to run something as this account."""
        if self.is_us:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}


def server_account(paths: Paths) -> Account:
    """Ourselves; for root the existing account `postgres`, else `nobody`.

    A data folder stays with the account that owns it: installing a package that brings a `postgres`
    account must not lock us out of data that `nobody` owns.
    """
    if os.geteuid() != 0:
        return _account_by_id(os.geteuid())
    if paths.data.exists():
        owner = paths.data.stat().st_uid
        if owner != 0:
            return _account_by_id(owner)
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise EmbeddedError(
        "PostgreSQL refuses to run as root, and this system has neither an account `postgres` nor"
        " `nobody` to run it under. Start the product as an ordinary user, or set DATABASE_URL."
    )


def _account_by_id(uid: int) -> Account:
    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        raise EmbeddedError(
            f"User id {uid} has no name on this system, and PostgreSQL needs one to tell who may"
            " connect. Add the user to /etc/passwd, or set DATABASE_URL."
        ) from None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def first_closed_door(account: Account, target: Path) -> Path | None:
    """The first folder on the way to `target` that the account may not walk through.

    The question is put to the kernel, as that account: mode bits alone do not know about access
    lists, mount options or security modules.
    """
    script = 'for f; do cd "$f" 2>/dev/null || { printf %s "$f"; exit 1; }; done'
    doors = [*reversed(target.parents), target]
    answer = subprocess.run(  # noqa: S603  our own words, no shell around the paths
        ["/bin/sh", "-c", script, "sh", *map(str, doors)],
        cwd="/",
        env={},
        capture_output=True,
        check=False,
        **account.popen_arguments(),
    )
    return None if answer.returncode == 0 else Path(os.fsdecode(answer.stdout) or str(target))


def open_var_dir(account: Account, paths: Paths) -> None:
    """Lets the account walk through VAR_DIR itself, or says which folder above it is closed."""
    if account.is_us:
        return
    # VAR_DIR is ours to arrange: a strict umask would close it. Walking through is all that is
    # given; listing and reading stay as they are. Nothing above VAR_DIR is touched.
    for folder in (paths.var_dir, paths.run):
        mode = stat.S_IMODE(folder.stat().st_mode)
        if not mode & stat.S_IXOTH:
            folder.chmod(mode | stat.S_IXOTH)
    closed = first_closed_door(account, paths.run)
    if closed is not None:
        raise EmbeddedError(
            f"PostgreSQL refuses to run as root, so it runs as the account `{account.name}`, and"
            f" that account cannot reach {paths.var_dir} because {closed} is closed to it. Set"
            " VAR_DIR to a folder that every account may walk through (for example"
            " VAR_DIR=/var/lib/office-hours), move the clone, or set DATABASE_URL."
        )


def reachable_binaries(account: Account, installed: Path, paths: Paths) -> Path:
    """The installed `bin` folder, or a copy under VAR_DIR where the account cannot reach it.

    Root's home folder is usually closed to others; a virtual environment in there is not a reason
    to fail as long as VAR_DIR is open.
    """
    if account.is_us or first_closed_door(account, installed) is None:
        return installed
    release = installed.parent
    package = release.parent
    libraries = package.with_name(f"{package.name}.libs")
    # The folder is named after what it holds, so that an upgrade of the wheel makes a new copy.
    copy = paths.binaries / str(release.stat().st_mtime_ns)
    if not copy.exists():
        scratch = Path(tempfile.mkdtemp(prefix="copy-", dir=_open_folder(paths.binaries)))
        shutil.copytree(
            release,
            scratch / package.name / release.name,
            ignore=shutil.ignore_patterns("include"),
            symlinks=True,
        )
        if libraries.exists():  # where the wheel's own libpq is, relative to the programs
            shutil.copytree(libraries, scratch / libraries.name, symlinks=True)
        _open_for_reading(scratch)
        scratch.rename(copy)
    return copy / package.name / release.name / "bin"


def _open_folder(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    return folder


def _open_for_reading(tree: Path) -> None:
    for folder, _, files in os.walk(tree):
        Path(folder).chmod(0o755)
        for name in files:
            file = Path(folder) / name
            if not file.is_symlink():
                file.chmod(0o755 if file.stat().st_mode & stat.S_IXUSR else 0o644)


def reachable_test_dir(preferred: Path) -> Path:
    """`preferred`, or a private folder in the system's temporary one when we are root and the
    server's account cannot reach `preferred`. It is removed when this process ends.

    Parallel test workers inherit the choice through the environment, so that they share one server.
    """
    if os.geteuid() != 0:
        return preferred
    inherited = os.environ.get(_TEST_DIR)
    if inherited and Path(inherited).exists():
        return Path(inherited)
    account = server_account(Paths.under(preferred))
    existing = next(folder for folder in (preferred, *preferred.parents) if folder.exists())
    # VAR_DIR itself is opened when the services start; what counts is what lies above it.
    if existing == preferred:
        existing = preferred.parent
    if first_closed_door(account, existing) is None:
        return preferred
    folder = Path(tempfile.mkdtemp(prefix="office-hours-test-"))
    os.environ[_TEST_DIR] = str(folder)
    owner = os.getpid()

    def remove() -> None:
        if os.getpid() == owner:  # not in a forked child that inherited this
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder
