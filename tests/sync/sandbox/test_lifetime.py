"""Starting, stopping, and what a killed process must not forget."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest

from sync.sandbox import BASE_ID, SandboxServer
from sync.sandbox.ids import is_id
from sync.sandbox.schema import default_tables
from sync.sandbox.store import UnableToOpenState
from tests.sync.sandbox.conftest import connect

SPEC = {"options": {"filters": {"dataTypes": ["tableData"]}}}


def launch(*arguments):
    """The sandbox as its users start it; the process and its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sync.sandbox", "--port", "0", "--rps", "0", *arguments],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    found = re.search(r"http://\S+", process.stdout.readline())
    assert found is not None
    return process, found.group()


def test_what_was_acknowledged_survives_a_kill(tmp_path):
    state = str(tmp_path / "var" / "sandbox.json")
    process, url = launch("--state", state)
    api = connect(url)
    base = api.base(BASE_ID)
    made = base.table("Mentors").create({"Name": "Bob", "Expertise": ["Juggling"]}, typecast=True)
    gone = base.table("Mentors").create({"Name": "Gone"})
    hook = base.add_webhook("http://127.0.0.1:9/", SPEC)
    base.table("Mentors").delete(gone["id"])
    process.kill()
    process.wait()
    process.stdout.close()
    api.session.close()

    process, url = launch("--state", state)
    api = connect(url)
    base = api.base(BASE_ID)
    assert base.table("Mentors").all() == [made]
    (kept,) = base.webhooks()
    assert (kept.id, kept.cursor_for_next_payload) == (hook.id, 2)
    assert len(list(kept.payloads())) == 1
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=5) == 0
    process.stdout.close()
    api.session.close()


def test_one_state_file_serves_one_sandbox(tmp_path):
    path = tmp_path / "state"
    with SandboxServer(state=path), pytest.raises(UnableToOpenState):
        SandboxServer(state=path)
    with SandboxServer(state=path):
        pass


def test_refuses_to_be_reached_from_outside():
    with pytest.raises(ValueError, match="this machine only"):
        SandboxServer(host="0.0.0.0")
    done = subprocess.run(
        [sys.executable, "-m", "sync.sandbox", "--host", "0.0.0.0"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "not loopback" in done.stderr


def test_an_automation_calls_this_machine_only():
    with pytest.raises(ValueError, match="elsewhere"):
        SandboxServer(automation_url="http://example.com/hook")


def test_the_default_base_is_the_same_everywhere():
    tables, again = default_tables(), default_tables()
    assert len(tables) == 7
    assert list(tables) == list(again)
    for table in tables.values():
        names = [column.name for column in table.fields]
        assert {"Platform ID", "Last Synced", "Sync Message"} <= set(names)
        assert len(names) == len(set(names))
        assert all(is_id(column.id, "fld") for column in table.fields)
    assert is_id(BASE_ID, "app")


def test_needs_nothing_but_the_standard_library():
    code = (
        "import sys, sync.sandbox, sync.sandbox.__main__;"
        "print([m for m in ('django', 'requests', 'pyairtable') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    )
    assert done.stdout.strip() == "[]"
