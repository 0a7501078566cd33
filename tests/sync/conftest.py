"""A base per test, in this process, and the engine pointed at it. Nothing is mocked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from sessions_app.models import Meeting, Session
from sync import services
from sync.models import OutboxRow, RecordLink
from sync.outbox import MOST_CLAIMED
from sync.sandbox import BASE_ID, DEFAULT_TOKEN, SandboxServer
from sync.sandbox.faults import Fault
from tests.people import bob

LATER = timedelta(minutes=30)


@dataclass
class Base:
    """The base as a program manager and a tester see it."""

    server: SandboxServer

    def rows(self, table: str) -> list[dict[str, Any]]:
        return self.server.base.records(table)

    def row(self, table: str, **wanted: Any) -> dict[str, Any]:
        """The one row whose cells have these values."""
        found = [
            row
            for row in self.rows(table)
            if all(row["fields"].get(name) == value for name, value in _spaced(wanted).items())
        ]
        assert len(found) == 1, (table, wanted, self.rows(table))
        return found[0]

    def of(self, table: str, obj: Any) -> dict[str, Any]:
        """The row that carries that object's key."""
        return self.row(table, **{"Platform ID": str(obj.pk)})

    def create(self, table: str, **fields: Any) -> str:
        made = self.server.control._create({"table": table, "fields": _spaced(fields)})
        return str(made["id"])

    def edit(self, table: str, record_id: str, **fields: Any) -> None:
        time.sleep(0.001)  # Airtable counts milliseconds: later than what was just done here
        self.server.control._edit({"table": table, "record": record_id, "fields": _spaced(fields)})

    def delete(self, table: str, record_id: str) -> None:
        self.server.control._delete({"table": table, "record": record_id})

    def fault(self, kind: str, **more: Any) -> None:
        self.server.faults.add(Fault.from_json({"kind": kind, **more}))

    def requests(self, method: str | None = None) -> list[dict[str, Any]]:
        entries = self.server.log.entries()
        return [entry for entry in entries if method in (None, entry["method"])]

    def forget_requests(self) -> None:
        self.server.log.clear()


def _spaced(fields: dict[str, Any]) -> dict[str, Any]:
    """`Max_Slots=2` reads better than a dictionary in every test."""
    return {name.replace("_", " "): value for name, value in fields.items()}


@pytest.fixture
def base(db: None, settings: Any, tmp_path: Any) -> Iterator[Base]:
    """The engine bound to an unhurried sandbox."""
    with SandboxServer(rps=0, token=DEFAULT_TOKEN) as server:
        settings.AIRTABLE_API_KEY = DEFAULT_TOKEN
        settings.AIRTABLE_BASE_ID = BASE_ID
        settings.AIRTABLE_API_URL = server.url
        settings.AIRTABLE_RPS = 1000
        settings.VAR_DIR = tmp_path
        yield Base(server)


def later() -> Any:
    """A clock that is ahead, so that every pause is over."""
    return timezone.now() + LATER


def drain() -> Any:
    return services.drain()


def drain_in_bulk(clock: Any = timezone.now) -> Any:
    """As part of a bulk change, of which no row is read before it is written."""
    others = [OutboxRow(subject="mentor", object_id=uuid4()) for _ in range(MOST_CLAIMED)]
    OutboxRow.objects.bulk_create(others)
    return services.drain(clock=clock)


def drain_later() -> Any:
    return services.drain(clock=later)


def pull() -> Any:
    return services.pull()


def pull_later() -> Any:
    return services.pull(clock=later)


def booked(mentor: Any, mentee: Any, *, days: float = 3, **more: Any) -> Session:
    """A session in the book, without the ceremony of booking."""
    starts_at = timezone.now().replace(minute=0, second=0, microsecond=0) + timedelta(days=days)
    times = {"starts_at": starts_at, "ends_at": starts_at + timedelta(minutes=30)}
    meeting = Meeting.objects.create(mentor=mentor, meeting_url="https://meet.example/x", **times)
    return Session.objects.create(meeting=meeting, mentor=mentor, mentee=mentee, **times, **more)


def link_of(obj: Any) -> RecordLink:
    return RecordLink.objects.get(object_id=obj.pk)


def outbox_of(obj: Any) -> OutboxRow | None:
    return OutboxRow.objects.filter(object_id=obj.pk).first()


@pytest.fixture
def mentor(base):
    """Bob, in both places, with a webhook listening."""
    found = bob(areas=["Sales"]).mentor
    pull()
    drain()
    pull()
    drain()
    assert not OutboxRow.objects.exists()
    base.forget_requests()
    return found


def in_two_days(hours=0):
    moment = timezone.now().replace(minute=0, second=0, microsecond=0)
    return (moment + timedelta(days=2, hours=hours)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
