"""50,000 unchanged mentors compared with Airtable at its real limits: what it costs on our side.

The yardstick is the run itself: Airtable gives a page of a hundred five times a second, so the pages alone take
100 seconds. Our own time is this process's (everything it computes, the reading of the answers too) and
that of the database, as far as we wait for it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from accounts.models import User
from benchmarks.airtable_base import base_of
from config.celery import settle
from matching.evaluation import scratch_database
from mentors import vocabulary
from mentors.models import Expertise, Mentor
from sync import airtable
from sync.mappings import MENTOR
from sync.mappings.base import PLATFORM_ID
from sync.models import OutboxRow, RecordLink
from sync.reconcile import runs
from sync.reconcile.models import ReconcileRun
from sync.records import local_values
from sync.sandbox import BASE_ID, DEFAULT_TOKEN

RECORDS = 50_000
RPS = 5
BATCH = 1_000
WORDS = (Path(__file__).parent / "reconcile.py").read_text().split()


def run(data: Path | None) -> dict[str, Any]:
    """Our own time in share of what the page requests take, and memory at the start and the end."""
    del data  # generated here
    with scratch_database():
        started = time.perf_counter()
        rows = list(_people(RECORDS))
        with base_of(rows, rps=RPS) as (url, record_ids), _on(url):
            _link(rows, record_ids)
            return {"seconds to set up": round(time.perf_counter() - started), **_measured()}


def _measured() -> dict[str, Any]:
    connection.cursor().execute("ANALYZE")
    watched = _Watched()
    runs.begin(tables=["Mentors"], now=timezone.now())
    settle()  # as a worker does
    began, processor = time.perf_counter(), time.process_time()
    with connection.execute_wrapper(watched.statement):
        done = runs.carry_on(slice_=None, told=watched.page)
    wall, processor = time.perf_counter() - began, time.process_time() - processor
    assert isinstance(done, ReconcileRun)
    pages = RECORDS / airtable.PAGE_SIZE / RPS
    own = processor + watched.seconds
    return {
        "records compared": done.total("records"),
        "of them equal": done.total("same"),
        "page requests at the ceiling, seconds": pages,
        "this run at Airtable's limits, seconds": round(wall, 1),
        "our own time, seconds": round(own, 1),
        "  of it this process": round(processor, 1),
        "  of it waiting for the database": round(watched.seconds, 1),
        "our own time in share of the page requests (< 15 %)": f"{own / pages:.1%}",
        "microseconds a record": round(own / RECORDS * 1e6),
        "statements a page": round(watched.statements / watched.pages, 1),
        "memory after 10 % of the pages, MB": watched.memory[len(watched.memory) // 10],
        "memory at the end, MB": watched.memory[-1],
    }


class _Watched:
    """What the run does, from outside."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.statements = self.pages = 0
        self.memory: list[float] = []

    def statement(self, execute: Any, *arguments: Any) -> Any:
        """Time a statement, from this process's point of view."""
        began, processor = time.perf_counter(), time.process_time()
        try:
            return execute(*arguments)
        finally:
            # What this process computes meanwhile is counted as its own already.
            waited = time.perf_counter() - began - (time.process_time() - processor)
            self.seconds += max(0.0, waited)
            self.statements += 1

    def page(self, run: ReconcileRun, table: str) -> None:
        """Note the memory after each page."""
        del run, table
        self.pages += 1
        resident = int(Path("/proc/self/statm").read_text().split()[1])
        self.memory.append(round(resident * 4096 / 1e6, 1))


def _people(count: int) -> Iterator[dict[str, Any]]:
    """Mentors here, and the rows that say the same there."""
    chance = random.Random("reconcile")
    for numbers in _batches(count):
        users = [
            User(email=f"mentor{n}@example.com", name=f"Mentor Number{n}", role=User.Role.MENTOR)
            for n in numbers
        ]
        User.objects.bulk_create(users)
        mentors = [_mentor(user, chance) for user in users]
        Mentor.objects.bulk_create(mentors)
        Expertise.objects.bulk_create(
            Expertise(mentor=mentor, area=area)
            for mentor in mentors
            for area in chance.sample(vocabulary.AREAS, 3)
        )
        for mentor in MENTOR.objects().filter(pk__in=[mentor.pk for mentor in mentors]):
            fields = {
                name: MENTOR.by_name[name].codec.outgoing(value)
                for name, value in local_values(MENTOR, mentor).values.items()
            }
            yield {"table": "Mentors", "fields": {**fields, PLATFORM_ID: str(mentor.pk)}}
    OutboxRow.objects.all().delete()


def _batches(count: int) -> Iterator[range]:
    for start in range(0, count, BATCH):
        yield range(start, min(count, start + BATCH))


def _mentor(user: User, chance: random.Random) -> Mentor:
    def words(number: int) -> str:
        return " ".join(chance.choices(WORDS, k=number))

    return Mentor(
        user=user,
        headline=words(8)[:200],
        bio=words(120),
        company=words(2)[:120],
        title=words(2)[:120],
        linkedin=f"https://www.example.com/in/{user.pk}",
        industries=chance.sample(vocabulary.INDUSTRIES, 2),
        stages=chance.sample(vocabulary.STAGES, 2),
        languages=chance.sample(vocabulary.LANGUAGES, 2),
        consent_at=timezone.now(),
    )


def _link(rows: list[dict[str, Any]], record_ids: list[str]) -> None:
    """As a first load would leave it."""
    long_ago = timezone.now() - timedelta(days=1)
    names = frozenset(MENTOR.by_name)
    for numbers in _batches(len(rows)):
        RecordLink.objects.bulk_create(
            RecordLink(
                table="Mentors",
                record_id=record_ids[n],
                subject="mentor",
                object_id=rows[n]["fields"][PLATFORM_ID],
                ancestor=MENTOR.canonical(rows[n]["fields"], names=names),
                synced_at=long_ago,
            )
            for n in numbers
        )


@contextmanager
def _on(url: str) -> Iterator[None]:
    """Sync pointed at that base."""
    with override_settings(
        AIRTABLE_API_KEY=DEFAULT_TOKEN,
        AIRTABLE_BASE_ID=BASE_ID,
        AIRTABLE_API_URL=url,
        AIRTABLE_RPS=RPS,
        VAR_DIR=Path(settings.VAR_DIR),
    ):
        yield
