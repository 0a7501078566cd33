"""A bulk change of mentors sent to Airtable's sandbox at its real limits, by one worker and by three.

The ceiling is Airtable's: five requests a second of ten records. The processor time is that of the
workers alone, beside a client that writes the same cells and does nothing else.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import requests
from django.conf import settings
from django.db import connection
from django.utils import timezone

from accounts.models import User
from benchmarks.base import Sandbox, Workers, sandbox
from matching.evaluation import scratch_database
from mentors.models import Expertise, Mentor
from sync import services
from sync.models import OutboxRow, RecordLink

MENTORS = 5_000
RPS, RECORDS = 5, 10
CEILING = RPS * RECORDS


def run(data: Path | None, *, mentors: int = MENTORS) -> dict[str, Any]:
    """Records a second in share of the ceiling, refusals, and what a record costs our processor."""
    del data  # generated here
    figures: dict[str, Any] = {"mentors": mentors, "ceiling, records a second": CEILING}
    with scratch_database(), tempfile.TemporaryDirectory() as folder:
        state = Path(folder) / "base.db"
        with sandbox(state, rps=0) as base:
            load(mentors)
            figures["yardstick, a bare client: processor ms a record"] = _bare(base)
        for workers in (1, 3):
            with sandbox(state, rps=RPS) as base:
                figures |= _drained(base, workers, mentors)
    return figures


def load(count: int) -> None:
    """So many mentors, in both places, with a webhook that reports every change."""
    users = [
        User(email=f"mentor{n}@example.com", name=f"Mentor {n}", password="!", time_zone="UTC")
        for n in range(count)
    ]
    User.objects.bulk_create(users)
    found = [
        Mentor(
            user=user,
            consent_at=timezone.now(),
            headline=f"Helps with the {n}th problem",
            bio="Twenty years of building companies, told in a paragraph. " * 4,
            industries=["Fintech", "Health"],
            languages=["English"],
        )
        for n, user in enumerate(users)
    ]
    Mentor.objects.bulk_create(found)
    Expertise.objects.bulk_create(Expertise(mentor=mentor, area="Sales") for mentor in found)
    services.pull()
    while OutboxRow.objects.exists():
        services.drain()
    services.pull()
    if RecordLink.objects.count() != count:
        raise RuntimeError("The mentors did not arrive in the sandbox.")
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")  # as autovacuum would have done by the next day


def _bare(base: Sandbox, *, rounds: int = 50) -> float:
    """The processor time of writing the same cells with requests alone."""
    session = requests.Session()
    session.trust_env = False
    session.headers["Authorization"] = f"Bearer {settings.AIRTABLE_API_KEY}"
    links = list(RecordLink.objects.order_by("pk")[: rounds * RECORDS])
    begin = time.process_time()
    for batch in _tens(links):
        records = [
            {"id": link.record_id, "fields": {"Headline": link.ancestor["Headline"]}}
            for link in batch
        ]
        url = f"{base.url}/v0/{settings.AIRTABLE_BASE_ID}/Mentors"
        session.patch(url, json={"records": records}, timeout=30).raise_for_status()
    return round((time.process_time() - begin) * 1000 / (rounds * RECORDS), 3)


def _tens(links: list[RecordLink]) -> Iterator[list[RecordLink]]:
    for start in range(0, len(links), RECORDS):
        yield links[start : start + RECORDS]


def _drained(base: Sandbox, workers: int, mentors: int) -> dict[str, Any]:
    crew = Workers(workers)
    try:
        Mentor.objects.update(headline=f"Changed for {workers}")
        begin = time.perf_counter()
        crew.start()
        while OutboxRow.objects.filter(status=OutboxRow.Status.PENDING).exists():
            time.sleep(0.2)
        seconds = time.perf_counter() - begin
        results = crew.results()
    finally:
        crew.kill()
    arrived = RecordLink.objects.filter(ancestor__Headline=f"Changed for {workers}").count()
    if arrived != mentors:
        raise RuntimeError(f"{arrived} of {mentors} arrived: {results}")
    seen = base.requests()
    writes = sum(entry["method"] == "PATCH" for entry in seen)
    label = f"{workers} worker{'s' if workers > 1 else ''}"
    return {
        f"{label}: seconds": round(seconds, 1),
        f"{label}: records a second": round(mentors / seconds, 1),
        f"{label}: share of the ceiling (at least 0.95)": round(mentors / seconds / CEILING, 3),
        f"{label}: requests, and those that wrote": [len(seen), writes],
        f"{label}: answered 429 (wanted 0)": base.refused(),
        f"{label}: most requests in a second (at most 5)": base.most_in_a_second(),
        f"{label}: our processor ms a record (at most 1)": round(
            sum(result["cpu"] for result in results) * 1000 / mentors, 3
        ),
        f"{label}: written by each": [result["written"] for result in results],
    }
