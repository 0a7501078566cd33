"""The embedded Postgres and Redis, with real servers and real processes."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import stat
import time
from pathlib import Path

import pytest
import redis
from kombu import Connection

from config import embedded
from tests.config.services import connect, servers_run, wait_until

pytestmark = pytest.mark.slow


def test_a_path_with_a_space_serves_every_client(folder):
    var_dir = folder / "my var"
    with embedded.lease(var_dir, durable=False):
        with connect(var_dir) as connection:
            row = connection.execute(
                "SELECT lower('É'), extname, current_setting('TimeZone'), current_setting('fsync'),"
                " current_setting('server_encoding'), current_setting('listen_addresses')"
                " FROM pg_extension WHERE extname = 'vector'"
            ).fetchone()
        assert row == ("é", "vector", "UTC", "off", "UTF8", "")
        with contextlib.closing(redis.Redis.from_url(embedded.redis_url(var_dir))) as client:
            assert client.ping()
            assert client.config_get("port") == {"port": "0"}
        with Connection(embedded.broker_url(var_dir)) as broker:
            broker.connect()
    assert servers_run(var_dir) == []


def test_nothing_above_var_dir_changes_and_what_is_private_stays_so(folder):
    var_dir = folder / "var"
    before = [parent.stat().st_mode for parent in var_dir.parents]
    with embedded.lease(var_dir, durable=False):
        assert [parent.stat().st_mode for parent in var_dir.parents] == before
        for private in ("run/pg", "run/redis", "redis", "postgres/data"):
            assert stat.S_IMODE((var_dir / private).stat().st_mode) == 0o700, private


def test_data_survives_and_the_last_user_stops_the_services(folder, visitor):
    var_dir = folder / "var"
    first = visitor(var_dir)
    assert first.said() == "used 1"
    second = visitor(var_dir)
    assert second.said() == "used 2"
    assert first.leave() == 0
    assert servers_run(var_dir) == ["postgres", "redis", "keeper"]
    assert second.leave() == 0
    assert servers_run(var_dir) == []
    third = visitor(var_dir)
    assert third.said() == "used 3"
    third.leave()


def test_two_first_starts_at_once(folder, visitor):
    visitors = [visitor(folder / "var") for _ in range(3)]
    assert sorted(process.said() for process in visitors) == ["used 1", "used 2", "used 3"]
    assert [process.leave() for process in visitors] == [0, 0, 0]
    assert servers_run(folder / "var") == []


def test_two_clones_side_by_side(folder):
    with embedded.lease(folder / "a", durable=False), embedded.lease(folder / "b", durable=False):
        with connect(folder / "a") as connection:
            connection.execute("CREATE TABLE only_here ()")
        with connect(folder / "b") as connection:
            row = connection.execute("SELECT to_regclass('only_here')").fetchone()
            assert row == (None,)


def test_a_user_that_is_killed_leaves_nothing_running(folder, visitor):
    process = visitor(folder / "var")
    assert process.said() == "used 1"
    process.is_killed()
    assert wait_until(lambda: servers_run(folder / "var") == [])


def test_a_killed_user_does_not_take_the_services_from_others(folder, visitor):
    var_dir = folder / "var"
    with embedded.lease(var_dir, durable=False):
        process = visitor(var_dir)
        assert process.said() == "used 1"
        process.is_killed()
        time.sleep(0.3)
        connect(var_dir).close()


def test_a_start_after_a_crash(folder, visitor):
    """The servers are killed outright, and by now the old process id belongs to somebody else."""
    var_dir = folder / "var"
    process = visitor(var_dir, "--durable")
    assert process.said() == "used 1"
    # Stop the keeper first: it would tidy up, and a power cut does not.
    for name in ("keeper", "postgres", "redis"):
        os.kill(int((var_dir / "run" / f"{name}.pid").read_text()), signal.SIGKILL)
    assert wait_until(lambda: servers_run(var_dir) == [])
    process.is_killed()
    stale = var_dir / "postgres" / "data" / "postmaster.pid"
    assert stale.exists()
    lines = stale.read_text().split("\n")
    stale.write_text("\n".join([str(os.getpid()), *lines[1:]]))
    again = visitor(var_dir, "--durable")
    assert again.said() == "used 2"
    assert again.leave() == 0


def test_a_socket_that_was_swept_away_is_made_again(folder, visitor):
    var_dir = folder / "var"
    with embedded.lease(var_dir, durable=False):
        for socket in ("pg/.s.PGSQL.5432", "redis/redis.sock"):
            (var_dir / "run" / socket).unlink()
        process = visitor(var_dir)
        assert process.said() == "used 1"
        process.leave()


def test_a_long_path_gets_a_private_short_socket_folder(folder):
    var_dir = folder / ("long" * 25) / "var"
    with embedded.lease(var_dir, durable=False):
        sockets = Path(embedded.database_settings(var_dir)["HOST"])
        assert len(str(sockets)) < 90
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        connect(var_dir).close()
    assert Path(embedded.database_settings(var_dir)["HOST"]) == sockets, "it is used again"
    # Somebody else's folder at the recorded place is not trusted.
    shutil.rmtree(sockets.parent)
    sockets.parent.mkdir(mode=0o777)
    sockets.parent.chmod(0o777)
    other = Path(embedded.database_settings(var_dir)["HOST"])
    assert other != sockets
    sockets.parent.rmdir()
    shutil.rmtree(other.parent)


def spoil(var_dir: Path) -> None:
    (var_dir / "postgres" / "data" / "global" / "pg_control").write_bytes(b"broken")


def test_a_failed_start_says_why_and_leaves_nothing(folder):
    var_dir = folder / "var"
    with embedded.lease(var_dir):
        pass
    spoil(var_dir)
    with (
        pytest.raises(embedded.EmbeddedError, match=r"did not start(.|\n)*server.log"),
        embedded.lease(var_dir, durable=False),
    ):
        pass
    assert servers_run(var_dir) == []


def test_spoiled_data_that_was_never_meant_to_last_is_made_anew(folder):
    var_dir = folder / "var"
    with embedded.lease(var_dir, durable=False):
        pass
    spoil(var_dir)
    with embedded.lease(var_dir, durable=False):
        connect(var_dir).close()


def test_data_of_another_version_is_refused(folder):
    var_dir = folder / "var"
    with embedded.lease(var_dir, redis=False):
        pass
    (var_dir / "postgres" / "data" / "PG_VERSION").write_text("16\n")
    with (
        pytest.raises(embedded.EmbeddedError, match="made by PostgreSQL 16, and this is"),
        embedded.lease(var_dir, redis=False, durable=False),
    ):
        pass


def test_without_a_redis_the_sentence_says_what_to_do(folder, monkeypatch):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with (
        pytest.raises(embedded.EmbeddedError, match=r"REDIS_URL is not set.*C compiler"),
        embedded.lease(folder / "var", postgres=False),
    ):
        pass
    assert servers_run(folder / "var") == []
