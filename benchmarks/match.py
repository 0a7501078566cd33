"""A request answered end to end, beside its own SQL and beside the plain vector search, in one run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test.utils import override_settings
from django.utils import timezone

from accounts.models import User
from config.demo.people import ALICE, records
from matching import embeddings
from matching.evaluation import scratch_database
from matching.services import Filters, match

SIZES = (0, 1_000, 10_000)
ROUNDS = 40


def run(data: Path | None) -> dict[str, Any]:
    """p50 and p95 in milliseconds for the demo's mentors and with synthetic ones added.

    The yardstick is the exact nearest-neighbour query alone: no embedding (the questions are those
    just asked), no words, filters, openings, slots or reasons.
    """
    del data  # the demo's own requests
    questions = [row["text"] for row in records("queries")]
    figures: dict[str, Any] = {}
    with (
        scratch_database(),
        override_settings(DEBUG=True, EMBEDDING_BACKEND="minilm", SITE_URL="http://127.0.0.1"),
    ):
        settings.AIRTABLE_API_KEY = None
        for extra in SIZES:
            call_command("seed_demo", mentors=extra, verbosity=0)
            connection.queries_log.clear()
            alice = User.objects.get(email=ALICE)
            label = f"{83 + extra:,} mentors"

            def ask(question: str, alice: User = alice) -> object:
                return match(
                    query=question, user=alice, filters=Filters(), limit=10, now=timezone.now()
                )

            with override_settings(DEBUG=False):
                connection.force_debug_cursor = False
                figures |= _figures(label, "request", _times(ask, questions))
                figures |= _figures(label, "yardstick", _times(_nearest, questions))
    return figures


def _nearest(question: str) -> object:
    vector = embeddings.query_vector(question)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT mentor_id FROM matching_mentorembedding WHERE model_id = %s "
            "ORDER BY vector <=> %s::vector LIMIT 50",
            [embeddings.backend().model_id, str(vector.tolist())],
        )
        return cursor.fetchall()


def _times(work: Callable[[str], object], questions: list[str]) -> list[float]:
    for question in questions[:3]:
        work(question)
    times = []
    for number in range(ROUNDS):
        # A word more, so that the cache of query vectors does not answer.
        question = f"{questions[number % len(questions)]} {number}"
        begin = time.perf_counter()
        work(question)
        times.append((time.perf_counter() - begin) * 1000)
    return times


def _figures(label: str, what: str, times: list[float]) -> dict[str, Any]:
    ordered = sorted(times)
    return {
        f"{label}: {what} p50 ms": round(statistics.median(ordered), 1),
        f"{label}: {what} p95 ms": round(ordered[int(len(ordered) * 0.95) - 1], 1),
    }
