"""How long the figures of 1,000,000 sessions take, and whether anybody who reads waits for them.

Beside it a yardstick of the same run: counting the same sessions in one plain pass. While the figures are
computed somebody reads those of before again and again, as the console's page does.
"""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.db import connection
from django.utils import timezone

from analytics import selectors, services
from benchmarks.past import Size, build
from benchmarks.slots import ServerClock
from matching.evaluation import scratch_database

SIZE = Size(sessions=1_000_000, mentors=5_000, mentees=50_000, requests=300_000)


def run(data: Path | None) -> dict[str, Any]:
    """Seconds of two refreshes, what they are made of, and what a reader saw meanwhile."""
    del data  # generated here
    with scratch_database():
        now = timezone.now()
        build(SIZE, now=now)
        first = _refresh()
        reader = _Reader()
        reader.look(seconds=5)
        alone = reader.slowest
        parts: dict[str, float] = {}
        server = ServerClock()
        before = server.seconds()
        with reader.looking():
            second = _refresh(parts)
        worked = server.seconds() - before
        plain = _plain()
    return {
        "sessions": SIZE.sessions,
        "refresh: s, the first one": round(first, 1),
        "refresh: s, while somebody reads (at most 60)": round(second, 1),
        "  of that, processor s of the database": round(worked, 1),
        **{f"  {what}: s": round(seconds, 1) for what, seconds in parts.items()},
        "yardstick, one pass over the sessions: s": round(plain, 2),
        "refresh / one pass": round(second / plain, 1),
        "reads meanwhile": reader.count,
        "reader: ms, the slowest while nothing is computed": round(alone * 1000),
        "reader: ms, the slowest meanwhile": round(reader.slowest * 1000),
        "waits for a lock, of anybody (0)": reader.waits,
    }


def _refresh(parts: dict[str, float] | None = None) -> float:
    began = last = time.perf_counter()
    name = ""

    def told(what: str) -> None:
        nonlocal last, name
        if parts is not None and name:
            parts[name] = time.perf_counter() - last
        last, name = time.perf_counter(), what

    services.order(by=None, now=timezone.now())
    if services.carry_out(clock=timezone.now, told=told) is None:
        raise AssertionError("Nothing was computed.")
    told("")
    return time.perf_counter() - began


def _plain() -> float:
    began = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT status, date_trunc('day', starts_at), count(*) FROM sessions_app_session GROUP BY 1, 2"
        )
        cursor.fetchall()
    return time.perf_counter() - began


class _Reader:
    """Somebody who looks at the figures again and again, and at who waits for a lock."""

    def __init__(self) -> None:
        self._done = threading.Event()
        self.count = self.waits = 0
        self.slowest = 0.0

    def look(self, *, seconds: float) -> None:
        until = time.perf_counter() + seconds
        self._begin()
        while time.perf_counter() < until:
            self._once()

    def looking(self) -> _Reader:
        self._begin()
        return self

    def __enter__(self) -> None:
        self._thread = threading.Thread(target=self._go)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _begin(self) -> None:
        self.count = self.waits = 0
        self.slowest = 0.0

    def _go(self) -> None:
        try:
            while not self._done.is_set():
                self._once()
                time.sleep(timedelta(milliseconds=20).total_seconds())
        finally:
            connection.close()

    def _once(self) -> None:
        began = time.perf_counter()
        refresh = selectors.latest()
        assert refresh is not None
        selectors.standings(refresh)
        list(selectors.mentors(refresh).order_by("-created_at", "id")[:50])
        list(selectors.session_days(refresh))
        if not list(selectors.areas(refresh)):
            raise AssertionError("The figures were gone for a moment.")
        self.slowest = max(self.slowest, time.perf_counter() - began)
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            self.waits += cursor.fetchone()[0]
        self.count += 1
