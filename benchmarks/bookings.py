"""What the booking benchmark is made of: people, hours, processes, and the database's own verdict."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

from django.db import connection
from django.utils import timezone

from accounts import services as accounts
from accounts.models import User
from benchmarks.bookers import Order, Orders, Statement
from benchmarks.servers import ROOT, environment
from benchmarks.volley import Shot
from mentors.models import Mentee, Mentor
from sessions_app import services
from sessions_app.models import AvailabilityWindow

_mentors: dict[int, Mentor] = {}


@dataclass(frozen=True, slots=True)
class Run:
    """What a number of processes did together. Times in seconds."""

    outcomes: Counter[str]
    seconds: float
    worst: float
    processor: float

    @property
    def rate(self) -> float:
        """Answers a second, refusals among them."""
        return self.outcomes.total() / self.seconds


def figures_of(label: str, run: Run) -> dict[str, Any]:
    return {
        f"{label}: answers": dict(run.outcomes),
        f"{label}: a second": round(run.rate),
        f"{label}: worst ms": round(run.worst * 1000),
        f"{label}: our processor ms each": round(run.processor * 1000 / run.outcomes.total(), 2),
    }


def crowd(count: int, name: str) -> list[Mentee]:
    """So many mentees."""
    serial = User.objects.count()
    users = [
        User(email=f"{name}-{serial}-{n}@example.com", name=f"{name} {n}", password="!")
        for n in range(count)
    ]
    User.objects.bulk_create(users)
    return Mentee.objects.bulk_create(Mentee(user=user) for user in users)


def hours_of(
    number: int | None, *, days: float, hours: float = 1, capacity: int = 1
) -> AvailabilityWindow:
    """A window of mentor `number`, made when first named; of a mentor of its own where it is None."""
    mentor = _mentors.get(number) if number is not None else None
    if mentor is None:
        serial = User.objects.count()
        user = User.objects.create_user(
            f"mentor-{serial}@example.com", name=f"mentor {serial}", role=User.Role.MENTOR
        )
        mentor = Mentor.objects.create(
            user=user, consent_at=timezone.now(), weekly_load_cap=10_000, booking_horizon_days=90
        )
        if number is not None:
            _mentors[number] = mentor
    midnight = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    starts_at = midnight + timedelta(days=days)
    return AvailabilityWindow.objects.create(
        mentor=mentor,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(hours=hours),
        capacity=capacity,
    )


def signed_in(mentee: Mentee) -> dict[str, str]:
    token, _row = accounts.issue_token(user=mentee.user, now=timezone.now())
    return {"Authorization": f"Bearer {token}"}


def booking_shot(window: AvailabilityWindow, mentee: Mentee) -> Shot:
    body = {"mentor": str(window.mentor_id), "starts_at": window.starts_at.isoformat()}
    return Shot("/api/sessions", body, signed_in(mentee))


def record_booking(window: AvailabilityWindow, mentee: Mentee) -> tuple[Order, list[Statement]]:
    """Book once, and keep every statement that it took."""
    recorded: list[Statement] = []

    def keep(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001
        recorded.append(Statement(sql, _plain(params), connection.in_atomic_block))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(keep):
        services.book_session(
            mentor_id=window.mentor_id,
            mentee=mentee,
            starts_at=window.starts_at,
            by=mentee.user,
            clock=timezone.now,
        )
    order = Order(
        window.mentor_id,
        window.mentor.user_id,
        mentee.pk,
        mentee.user_id,
        window.pk,
        window.starts_at,
    )
    return order, recorded


def _plain(value: Any) -> Any:
    """The value without any type of ours: who replays it knows no Django."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value


def in_processes(
    how: str,
    orders: Sequence[Order],
    count: int,
    recorded: Sequence[Statement] = (),
    of: Order | None = None,
    url: str = "",
) -> Run:
    """Share the bookings out to so many processes, start them at one moment, and add up."""
    address = urlsplit(url)
    gun, trigger = os.pipe()
    processes = []
    for number in range(count):
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.bookers"],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            pass_fds=[gun],
        )
        assert process.stdin is not None
        todo = Orders(
            how,
            list(orders[number::count]),
            (address.hostname or "", address.port or 0),
            list(recorded),
            of,
            gun,
        )
        pickle.dump(todo, process.stdin)
        process.stdin.close()
        processes.append(process)
    os.close(gun)
    for process in processes:
        assert process.stdout is not None
        if process.stdout.readline().strip() != b"ready":
            raise RuntimeError("A process that was to book did not get ready; see above.")
    begin = time.perf_counter()
    os.close(trigger)
    answers = [json.loads(process.stdout.readline()) for process in processes if process.stdout]
    seconds = time.perf_counter() - begin
    for process in processes:
        process.wait()
        if process.stdout:
            process.stdout.close()
    return Run(
        outcomes=sum((Counter(answer["outcomes"]) for answer in answers), Counter()),
        seconds=seconds,
        worst=max(answer["worst"] for answer in answers),
        processor=sum(answer["processor"] for answer in answers),
    )


def faults() -> dict[str, int]:
    """What may never be, asked of the database in plain SQL."""
    questions = {
        "meetings of a mentor that overlap": """
            SELECT count(*) FROM sessions_app_meeting a JOIN sessions_app_meeting b
            ON a.mentor_id = b.mentor_id AND a.id < b.id AND a.live AND b.live
            AND a.starts_at < b.ends_at AND b.starts_at < a.ends_at""",
        "mentees in two places": """
            SELECT count(*) FROM sessions_app_session a JOIN sessions_app_session b
            ON a.mentee_id = b.mentee_id AND a.id < b.id
            AND a.status IN ('pending', 'booked') AND b.status IN ('pending', 'booked')
            AND a.starts_at < b.ends_at AND b.starts_at < a.ends_at""",
        "meetings sold beyond their seats": """
            SELECT count(*) FROM (
                SELECT 1 FROM sessions_app_meeting t JOIN sessions_app_session s
                ON s.meeting_id = t.id AND s.status IN ('pending', 'booked')
                GROUP BY t.id HAVING count(*) > t.capacity) AS oversold""",
    }
    found = {}
    with connection.cursor() as cursor:
        for name, question in questions.items():
            cursor.execute(question)
            found[name] = int(cursor.fetchone()[0])
    return found


def deadlocks() -> int:
    """How many this database has had."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return int(cursor.fetchone()[0])
