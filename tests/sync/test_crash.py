"""Trap 1: a worker is killed between Airtable's commit and its reply."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from sync import services
from sync.airtable import Airtable, Record
from sync.mappings.base import PLATFORM_ID
from sync.models import OutboxRow
from tests.people import bob
from tests.sync.conftest import drain_later, link_of, outbox_of

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]
ROOT = Path(__file__).resolve().parents[2]
DRAIN = "import django; django.setup(); from sync import services; services.drain()"


def worker_environment() -> dict[str, str]:
    """What a process needs to work on this test's database and base."""
    database = connection.settings_dict
    host = quote(str(database["HOST"]), safe="")
    port = f"&port={database['PORT']}" if database["PORT"] else ""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings.base",
        "DATABASE_URL": (
            f"postgres://{quote(database['USER'])}:{quote(database['PASSWORD'])}@/"
            f"{quote(database['NAME'])}?host={host}{port}"
        ),
        "REDIS_URL": settings.REDIS_URL,
        "VAR_DIR": str(settings.VAR_DIR),
        "AIRTABLE_API_KEY": str(settings.AIRTABLE_API_KEY),
        "AIRTABLE_BASE_ID": str(settings.AIRTABLE_BASE_ID),
        "AIRTABLE_API_URL": settings.AIRTABLE_API_URL,
        "AIRTABLE_RPS": "50",
    }


def worker() -> subprocess.Popen[bytes]:
    """A process that drains the outbox of this test's database."""
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", DRAIN], cwd=ROOT, env=worker_environment()
    )


def wait_for(condition, seconds=30):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_exactly_one_record_comes_of_it(base):
    mentor = bob().mentor
    base.fault("timeout_after_apply", method="PATCH", delay=60)
    process = worker()
    try:
        wait_for(lambda: base.rows("Mentors"))
        assert outbox_of(mentor) is not None  # Airtable has it, and we do not know
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()

    wait_for(lambda: drain_later() is not None, 10)  # its lock goes with its connection
    drain_later()

    assert len(base.rows("Mentors")) == 1
    assert link_of(mentor).record_id == base.rows("Mentors")[0]["id"]
    assert not OutboxRow.objects.exists()


def test_without_the_key_there_would_be_two(base, monkeypatch):
    """The race is real: the same exchange with a plain creation makes a second record."""

    def plain_write(self, table, entries, *, typecast=False):
        # Nothing to merge on, and nothing to find it by afterwards.
        fields = [{k: v for k, v in e.fields.items() if k != PLATFORM_ID} for e in entries]
        body = {"records": [{"fields": some} for some in fields]}
        answer = self._request("POST", self._table_path(table), json=body)
        return [Record(row["id"], row["fields"]) for row in answer["records"]]

    monkeypatch.setattr(Airtable, "write", plain_write)
    bob()
    base.fault(
        "timeout_after_apply", method="POST", path=base.server.base.table("Mentors").id, delay=0.05
    )

    for hours in (0, 1):
        services.drain(clock=lambda hours=hours: timezone.now() + timedelta(hours=hours))

    assert len(base.rows("Mentors")) == 2
