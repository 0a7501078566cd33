"""How fast open slots are computed: the rule engine alone, from the database, and the usual way.

All three on the same 200 mentors with the same fortnight, taking turns, so that what else the machine
does meets them alike.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db import connection
from django.test.utils import CaptureQueriesContext

from benchmarks import date_objects
from benchmarks.date_objects import Diary
from benchmarks.office import DAYS, NOW, build
from matching.evaluation import scratch_database
from sessions_app import selectors
from sessions_app.slots import Calendar, Slot, minute, open_slots

ROUNDS = 15
LAST = NOW + timedelta(days=DAYS + 1)
Slots = dict[UUID, list[Slot]]


def run(data: Path | None) -> dict[str, Any]:
    """Medians and bests in milliseconds, how many times one is the other, and the queries counted."""
    del data  # generated here
    with scratch_database():
        mentors, viewer = build()
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")  # as autovacuum would have done by the next day
        ids = [mentor.pk for mentor in mentors]

        def from_database() -> Slots:
            return selectors.open_slots(
                mentor_ids=ids, viewer=viewer, first=NOW, last=LAST, now=NOW
            )

        with CaptureQueriesContext(connection) as queries:
            found = from_database()
        calendars = selectors.calendars(
            mentors=mentors, first=NOW, last=LAST, now=NOW, viewer=viewer
        )
        diaries = {m.pk: date_objects.diary(calendars[m.pk], m.user.zone) for m in mentors}
        _refuse_differences(found, _engine(calendars), _usual(diaries))
        engine, database, usual = _timed(
            lambda: _engine(calendars), from_database, lambda: _usual(diaries)
        )
    return {
        "mentors": len(ids),
        "days": DAYS,
        "open slots": sum(map(len, found.values())),
        **engine.figures("engine"),
        **database.figures("from the database"),
        **usual.figures("yardstick, date objects"),
        "from the database: queries (at most 6)": len(queries),
        **database.over(engine, "from the database / engine (at most 3)"),
        **usual.over(engine, "yardstick / engine (at least 10)"),
    }


def _engine(calendars: dict[UUID, Calendar]) -> Slots:
    first, last = minute(NOW), minute(LAST)
    return {
        pk: open_slots(calendar, now=NOW, first=first, last=last)
        for pk, calendar in calendars.items()
    }


def _usual(diaries: dict[UUID, Diary]) -> dict[UUID, list[date_objects.Found]]:
    return {pk: date_objects.open_slots(diary, now=NOW) for pk, diary in diaries.items()}


def _refuse_differences(
    found: Slots, again: Slots, usual: dict[UUID, list[date_objects.Found]]
) -> None:
    """Times of ways that disagree would mean nothing."""

    def plain(slots: Slots) -> dict[UUID, list[tuple[datetime, datetime, int]]]:
        return {
            pk: [(s.starts_at, s.ends_at, s.seats_left) for s in row] for pk, row in slots.items()
        }

    if not plain(found) == plain(again) == usual:
        raise AssertionError("The ways disagree, so their times mean nothing.")


def _timed(*works: Callable[[], object]) -> list[Times]:
    """Every round of each, taking turns."""
    server = ServerClock()
    times = [Times() for _work in works]
    for _ in range(ROUNDS):
        for work, taken in zip(works, times, strict=True):
            gc.collect()  # nobody pays for what another one left behind
            begin, cpu = time.perf_counter(), time.process_time() + server.seconds()
            work()
            taken.wall.append((time.perf_counter() - begin) * 1000)
            taken.cpu.append((time.process_time() + server.seconds() - cpu) * 1000)
    return times


class Times:
    """Milliseconds by the wall clock, and of processor time in this process and in Postgres."""

    def __init__(self) -> None:
        self.wall: list[float] = []
        self.cpu: list[float] = []

    def figures(self, name: str) -> dict[str, float]:
        return {
            f"{name}: ms, median": round(statistics.median(self.wall), 1),
            f"{name}: ms, best": round(min(self.wall), 1),
            f"{name}: processor ms, best": round(min(self.cpu), 1),
        }

    def over(self, other: Times, name: str) -> dict[str, float]:
        """How many times the other's; the best of each, which other work on the machine spoils least."""
        return {
            name: round(min(self.wall) / min(other.wall), 1),
            f"{name}, processor": round(min(self.cpu) / min(other.cpu), 1),
        }


class ServerClock:
    """The processor time of the database's process for this connection, where Linux tells it."""

    def __init__(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_backend_pid()")
            self._file = Path(f"/proc/{cursor.fetchone()[0]}/schedstat")

    def seconds(self) -> float:
        try:
            return int(self._file.read_text().split()[0]) / 1e9
        except OSError:
            return 0.0
