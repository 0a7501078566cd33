"""A process that books: by the service, by plain SQL, or over HTTP. Started by `benchmarks.booking`.

It reads its orders as a pickle from standard input, gets ready, says so, waits for the starting gun (a
line), works through its bookings one by one, and answers with one line of JSON.
"""

from __future__ import annotations

import http.client
import json
import os
import pickle
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

Book = Callable[["Order"], str]


@dataclass(frozen=True, slots=True)
class Order:
    """One booking to make. `token` is for HTTP."""

    mentor_id: UUID
    mentor_user_id: UUID
    mentee_id: UUID
    user_id: UUID
    window_id: UUID
    starts_at: datetime
    token: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement of a recorded booking, and whether it stood in the transaction."""

    sql: str
    params: Any
    in_transaction: bool


@dataclass(frozen=True, slots=True)
class Orders:
    """What a process is to do.

    `gun` is the descriptor whose end of file starts the work; `recorded` are the statements of one booking, and `of` the booking that they were recorded from.
    """

    how: str
    orders: list[Order]
    address: tuple[str, int] = ("", 0)
    recorded: list[Statement] = field(default_factory=list)
    of: Order | None = None
    gun: int = -1


def main() -> None:
    todo: Orders = pickle.load(sys.stdin.buffer)
    book = {"service": _by_service, "plain": _by_plain_sql, "http": _by_http}[todo.how](todo)
    # A process that serves has served before: its connection stands, and what it compiles once is
    # compiled. Without this a tenth of the time is that of first bookings.
    book(todo.orders.pop(0))
    print("ready", flush=True)
    os.read(todo.gun, 1)  # the gun: end of file
    outcomes: Counter[str] = Counter()
    worst, begin, processor = 0.0, time.perf_counter(), time.process_time()
    for order in todo.orders:
        started = time.perf_counter()
        outcomes[book(order)] += 1
        worst = max(worst, time.perf_counter() - started)
    print(
        json.dumps(
            {
                "outcomes": outcomes,
                "worst": worst,
                "seconds": time.perf_counter() - begin,
                "processor": time.process_time() - processor,
            }
        ),
        flush=True,
    )


def _by_service(todo: Orders) -> Book:
    import django

    django.setup()
    from django.utils import timezone

    import config.celery  # noqa: F401  the broker that a booking nudges, as in a web process
    from accounts.refusals import Refusal
    from mentors.models import Mentee
    from sessions_app import services

    # Who books is known before the booking begins, as on the web.
    ids = {order.mentee_id for order in todo.orders}
    mentees = {row.pk: row for row in Mentee.objects.select_related("user").filter(pk__in=ids)}

    def book(order: Order) -> str:
        mentee = mentees[order.mentee_id]
        try:
            services.book_session(
                mentor_id=order.mentor_id,
                mentee=mentee,
                starts_at=order.starts_at,
                by=mentee.user,
                clock=timezone.now,
            )
        except Refusal as refusal:
            return refusal.code
        return "booked"

    return book


class _Fresh:
    """The values of a recorded booking, made those of another one."""

    def __init__(self, was: Order, order: Order) -> None:
        self._shift = order.starts_at - was.starts_at
        self._ids = {
            was.mentor_id: order.mentor_id,
            was.mentor_user_id: order.mentor_user_id,
            was.mentee_id: order.mentee_id,
            was.user_id: order.user_id,
            was.window_id: order.window_id,
        }

    def __call__(self, value: Any) -> Any:
        if isinstance(value, UUID):
            # What a booking makes gets a new id, the same wherever it is named.
            return self._ids.setdefault(value, uuid4()) if value.int else value
        if isinstance(value, datetime):
            return value + self._shift
        if isinstance(value, dict):
            return {name: self(one) for name, one in value.items()}
        if isinstance(value, list | tuple):
            return [self(one) for one in value]
        return value


def _by_plain_sql(todo: Orders) -> Book:
    """The very statements of a booking, with fresh values, by psycopg alone."""
    import psycopg

    was = todo.of
    assert was is not None
    connection = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)
    inside = [statement for statement in todo.recorded if statement.in_transaction]
    before = [statement for statement in todo.recorded if not statement.in_transaction]

    def run(statement: Statement, fresh: _Fresh) -> None:
        cursor = connection.execute(statement.sql, fresh(statement.params))
        if cursor.description:
            cursor.fetchall()

    def book(order: Order) -> str:
        fresh = _Fresh(was, order)
        for statement in before:
            run(statement, fresh)
        with connection.transaction():
            for statement in inside:
                run(statement, fresh)
        return "booked"

    return book


def _by_http(todo: Orders) -> Book:
    client = http.client.HTTPConnection(*todo.address, timeout=60)
    client.connect()

    def book(order: Order) -> str:
        body = json.dumps(
            {"mentor": str(order.mentor_id), "starts_at": order.starts_at.isoformat()}
        )
        headers = {
            "Content-Type": "application/json",
            "Authorization": f"Bearer {order.token}",
        }
        client.request("POST", "/api/sessions", body.encode(), headers)
        answer = client.getresponse()
        content = answer.read()
        if answer.status == 201:
            return "booked"
        return str(json.loads(content)["code"]) if answer.status < 500 else str(answer.status)

    return book


if __name__ == "__main__":
    main()
