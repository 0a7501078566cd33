"""What script/server decides: ports, demo, sandbox, secrets. The whole start is a slow test."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from config import development, plan, supervisor
from config.environment import BASE_DIR, ConfigurationError
from tests.config.services import servers_run, wait_until

DECIDED = (
    "DEBUG", "SECRET_KEY", "BIND", "PORT", "SITE_URL", "DATABASE_URL", "REDIS_URL", "VAR_DIR",
    "AIRTABLE_API_KEY", "AIRTABLE_API_URL", "AIRTABLE_BASE_ID", "AIRTABLE_WEBHOOK_SECRET",
    "OFFICE_HOURS_SUPERVISED",
)  # fmt: skip


@pytest.fixture
def nothing_decided(monkeypatch):
    for name in DECIDED:
        # Set first, so that what the code under test sets is taken back too.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return monkeypatch


@pytest.fixture
def listener():
    with plan.listen("127.0.0.1", None) as one:
        yield one


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_the_next_free_port_is_taken():
    with plan.listen("127.0.0.1", None) as first, plan.listen("127.0.0.1", None) as second:
        assert 8000 <= first.getsockname()[1] < second.getsockname()[1] < 8100


def test_a_port_that_was_asked_for_and_is_taken_is_refused_with_a_sentence(listener):
    port = listener.getsockname()[1]
    with pytest.raises(ConfigurationError, match=rf"Port {port} on 127.0.0.1 cannot be used.*PORT"):
        plan.listen("127.0.0.1", port)


def test_a_laptop_gets_debug_a_sandbox_and_demo_people(nothing_decided, tmp_path, listener):
    made = plan.make_plan(tmp_path, listener, "127.0.0.1")
    port = listener.getsockname()[1]
    assert made.is_demo
    assert made.site_url == f"http://127.0.0.1:{port}"
    assert os.environ["DEBUG"] == "1"
    assert os.environ["AIRTABLE_API_URL"] == f"http://127.0.0.1:{made.sandbox_port}"
    assert [program.name for program in made.first] == ["migrate", "demo data"]
    names = [program.name for program in made.programs]
    assert names == ["web", "worker", "default", "sync", "embeddings", "beat"]
    queues = " ".join(word for program in made.programs for word in program.command)
    assert re.findall(r"--queues=(\S+)", queues) == [
        "fastlane,mail",
        "default",
        "sync",
        "embeddings",
    ]


def test_every_queue_has_a_worker(nothing_decided, tmp_path, listener):
    from config.celery import QUEUES

    made = plan.make_plan(tmp_path, listener, "127.0.0.1")
    words = " ".join(word for program in made.programs for word in program.command)
    served = {queue for found in re.findall(r"--queues=(\S+)", words) for queue in found.split(",")}
    assert served == set(QUEUES)


def test_a_real_base_means_no_sandbox_and_no_demo_people(nothing_decided, tmp_path, listener):
    nothing_decided.setenv("AIRTABLE_API_KEY", "patReal")
    nothing_decided.setenv("AIRTABLE_BASE_ID", "appReal")
    made = plan.make_plan(tmp_path, listener, "127.0.0.1")
    assert made.sandbox_port is None
    assert not made.is_demo
    assert [program.name for program in made.first] == ["migrate"]


def test_others_can_reach_it_so_there_is_no_sandbox_and_no_demo(
    nothing_decided, tmp_path, listener
):
    made = plan.make_plan(tmp_path, listener, "0.0.0.0")
    assert made.sandbox_port is None
    assert not made.is_demo


def test_a_database_of_ones_own_means_a_deployment(nothing_decided, tmp_path, listener):
    nothing_decided.setenv("DATABASE_URL", "postgres://db/office_hours")
    made = plan.make_plan(tmp_path, listener, "127.0.0.1")
    assert "DEBUG" not in os.environ
    assert "SECRET_KEY" not in os.environ
    assert made.sandbox_port is None
    assert not (tmp_path / "secrets" / "decisions.json").exists()


def test_secrets_stay_the_same_and_private(tmp_path):
    first = development.kept_secret(tmp_path, "secret-key")
    assert len(first) >= 50
    assert development.kept_secret(tmp_path, "secret-key") == first
    assert stat.S_IMODE((tmp_path / "secrets" / "secret-key").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "secrets").stat().st_mode) == 0o700
    assert [file.name for file in (tmp_path / "secrets").iterdir()] == ["secret-key"]


def test_manage_py_adopts_what_the_server_decided(nothing_decided, tmp_path, listener):
    plan.make_plan(tmp_path, listener, "127.0.0.1")
    decided = {name: os.environ[name] for name in DECIDED if name in os.environ}
    for name in decided:
        nothing_decided.delenv(name)
    development.adopt(tmp_path)
    assert {name: os.environ[name] for name in decided} == decided


def test_manage_py_does_not_mix_a_real_key_with_the_sandbox(nothing_decided, tmp_path, listener):
    plan.make_plan(tmp_path, listener, "127.0.0.1")
    for name in DECIDED:
        nothing_decided.delenv(name, raising=False)
    nothing_decided.setenv("AIRTABLE_API_KEY", "patReal")
    development.adopt(tmp_path)
    assert "AIRTABLE_API_URL" not in os.environ
    assert "AIRTABLE_BASE_ID" not in os.environ


def test_the_sandbox_is_called_what_it_calls_itself():
    from sync.sandbox import schema

    assert development.SANDBOX_BASE_ID == schema.BASE_ID
    assert development.SANDBOX_KEY == schema.DEFAULT_TOKEN


def test_one_at_a_time(tmp_path):
    with (
        supervisor.only_one_here(tmp_path),
        pytest.raises(ConfigurationError, match=r"already runs on .*VAR_DIR"),
        supervisor.only_one_here(tmp_path),
    ):
        pass


# -- The whole product -------------------------------------------------------------------------


def get(url: str) -> int:
    host, _, path = url.removeprefix("http://").partition("/")
    connection = http.client.HTTPConnection(host, timeout=10)
    try:
        connection.request("GET", f"/{path}")
        return connection.getresponse().status
    finally:
        connection.close()


def processes_of(session: str) -> list[str]:
    """Every process that carries our mark in its environment, or works on our folder."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            if (
                session.encode()
                in (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
            ):
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


@pytest.mark.slow
@pytest.mark.crowd
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_script_server_comes_up_and_leaves_nothing(nothing_decided, folder, number):
    var_dir = folder / "var"
    port = free_port()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO_")}
    chosen = {"VAR_DIR": str(var_dir), "PORT": str(port), "EMBEDDING_BACKEND": "hashing"}
    log = folder / "log"
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [sys.executable, "-u", "-m", "config.supervisor"],
            cwd=BASE_DIR,
            env={**kept, **chosen, "EMAIL_URL": ""},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        ) as process,
    ):
        try:

            def is_up() -> bool:
                return "Ctrl-C stops everything" in log.read_text() or process.poll() is not None

            assert wait_until(is_up, seconds=150), log.read_text()
            assert process.poll() is None, log.read_text()
            told = log.read_text()
            assert "alice@example.com" in told
            assert get(f"http://127.0.0.1:{port}/readyz") == 200
            assert get(f"http://127.0.0.1:{port}/") in {200, 302}
            sandbox = re.search(r"(http://127\.0\.0\.1:\d+/) +the Airtable sandbox", told)
            assert sandbox is not None
            assert wait_until(lambda: get(sandbox[1]) == 200)
            process.send_signal(number)
            began = time.monotonic()
            code = process.wait(timeout=60)
            assert time.monotonic() - began < 30
            assert code == (0 if number != signal.SIGKILL else -signal.SIGKILL)
            if number != signal.SIGKILL:
                assert servers_run(var_dir) == []
            assert wait_until(lambda: processes_of(str(folder)) == []), processes_of(str(folder))
        finally:
            if process.poll() is None:
                process.terminate()


def test_a_secret_may_begin_with_a_dash(nothing_decided, tmp_path, listener, monkeypatch):
    monkeypatch.setattr(
        "config.development.secrets.token_urlsafe", lambda *_: "-starts-with-a-dash"
    )

    made = plan.make_plan(tmp_path, listener, "127.0.0.1")

    assert "--automation-secret=-starts-with-a-dash" in plan.sandbox_program(made).command
