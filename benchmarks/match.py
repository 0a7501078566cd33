"""A request answered end to end, beside its parts alone, by one to four clients at once, in one run."""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Final

from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test.utils import override_settings
from django.utils import timezone

from accounts.models import User
from benchmarks.servers import ROOT, environment
from config.demo.people import ALICE, records
from matching import embeddings, selectors
from matching.evaluation import scratch_database
from matching.services import Filters, eligible_for

SIZES: Final = (1_000, 10_000, 100_000)
CLIENTS: Final = (1, 2, 4)
ROUNDS: Final = 60
WARM_UP: Final = 30  # every question once: a worker is measured that has been up for a minute
WAYS: Final = ("service", "kept", "embedding", "hybrid", "nearest")

# Languages that synthetic mentors speak, and so a filter that leaves about 1 %, 10 % and 50 %.
SHARES: Final = (("1 %", "Icelandic"), ("10 %", "Hungarian"), ("50 %", "Esperanto"))
RECALL_CUT: Final = 50


def run(data: Path | None) -> dict[str, Any]:
    """p50 and p95 in milliseconds by mentors and clients, queries a request, recall under filters.

    `service` is everything below HTTP; `kept` the same where the answer was kept. Its yardsticks, asked the same questions by the same clients:
    `embedding` the model alone; `hybrid` one statement that takes 100 from the HNSW index and 100 by
    words and adds up two scores, with no rules and no reading; `nearest` the HNSW index alone.
    """
    del data  # the demo's own requests
    figures: dict[str, Any] = {}
    with (
        scratch_database(),
        override_settings(DEBUG=True, EMBEDDING_BACKEND="minilm", SITE_URL="http://127.0.0.1"),
    ):
        settings.AIRTABLE_API_KEY = None
        for size in SIZES:
            _have_mentors(size)
            figures |= measure(f"{size:,} mentors")
    return figures


def measure(label: str) -> dict[str, Any]:
    """The figures of the database at hand."""
    figures: dict[str, Any] = {}
    for count in CLIENTS:
        with _clients(count) as clients:
            where = f"{label}, {count} client{'s' if count > 1 else ''}"
            for way in WAYS:
                times = _all_at_once(clients, way)
                figures |= _figures(f"{where}: {way}", times)
            if count == 1:
                figures[f"{label}: queries"] = clients[0].queries("queries")
                figures[f"{label}: queries of a kept answer"] = clients[0].queries("queries_kept")
    if label.startswith("100,000"):
        figures |= recalls(label)
    return figures


def recalls(label: str) -> dict[str, Any]:
    """The share of the 50 nearest of all mentors who pass a filter that a search has among its candidates."""
    now = timezone.now()
    alice = User.objects.get(email=ALICE)
    texts = [row["text"] for row in records("queries")]
    model_id = embeddings.backend().model_id
    figures: dict[str, Any] = {}
    for share, language in (("no", ""), *SHARES):
        filters = Filters(languages=(language,) if language else ())
        eligible = selectors.Eligible(eligible_for(alice, filters, now))
        found = []
        for text in texts:
            vector = embeddings.query_vector(text)
            candidates = selectors.retrieve(
                eligible=eligible, text=text, vector=vector, model_id=model_id, now=now
            )
            nearest = _exactly_nearest(eligible, vector, model_id, now)
            found.append(len(nearest & {c.mentor_id for c in candidates}) / len(nearest))
        figures[f"{label}, {share} filter: recall@{RECALL_CUT}"] = round(statistics.mean(found), 3)
    return figures


def _have_mentors(size: int) -> None:
    call_command("seed_demo", mentors=size, verbosity=0)
    with connection.cursor() as cursor:
        # As autovacuum would have done by the time that anybody asks.
        cursor.execute("VACUUM ANALYZE")
    connection.queries_log.clear()


def _exactly_nearest(
    eligible: selectors.Eligible, vector: Any, model_id: str, now: datetime
) -> set[Any]:
    """Those with room first, as a search has them."""
    who, params = eligible.sql()
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH eligible (id, room) AS MATERIALIZED (SELECT pk, coalesce(next_start BETWEEN %(now)s"
            f" AND %(now)s + make_interval(days => horizon), false) FROM ({who}) AS w (pk, horizon, next_start))"
            " SELECT e.mentor_id FROM matching_mentorembedding e"
            " JOIN eligible ON eligible.id = e.mentor_id WHERE e.model_id = %(model)s"
            " GROUP BY e.mentor_id, room"
            " ORDER BY room DESC, min(e.vector <=> %(vector)s::vector) LIMIT %(cut)s",
            {
                **params,
                "model": model_id,
                "vector": str(vector.tolist()),
                "now": now,
                "cut": RECALL_CUT,
            },
        )
        return {row[0] for row in cursor.fetchall()}


class _Process:
    """A client in a process of its own, as web workers are."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.match_client"],
            cwd=ROOT,
            env=environment(EMBEDDING_BACKEND="minilm", OPENBLAS_NUM_THREADS="1"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._in: IO[str] = self._process.stdin  # type: ignore[assignment]
        self._out: IO[str] = self._process.stdout  # type: ignore[assignment]

    def tell(self, way: str, rounds: int) -> None:
        self._in.write(f"{way} {rounds}\n")
        self._in.flush()

    def hear(self) -> str:
        line = self._out.readline()
        if not line:
            raise RuntimeError("A client of the benchmark ended; what it said stands above.")
        return line.strip()

    def queries(self, kind: str) -> int:
        self.tell(kind, 1)
        count = int(self.hear())
        self.hear()
        return count

    def end(self) -> None:
        self._in.close()
        self._process.wait(30)


@contextlib.contextmanager
def _clients(count: int) -> Iterator[list[_Process]]:
    clients = [_Process() for _number in range(count)]
    try:
        for client in clients:
            client.hear()  # that it is ready
        yield clients
    finally:
        for client in clients:
            client.end()


def _all_at_once(clients: Sequence[_Process], way: str) -> list[float]:
    _each(clients, way, WARM_UP)
    return [took for answer in _each(clients, way, ROUNDS) for took in json.loads(answer)]


def _each(clients: Sequence[_Process], way: str, rounds: int) -> list[str]:
    for client in clients:
        client.tell(way, rounds)
    return [client.hear() for client in clients]


def _figures(label: str, times: list[float]) -> dict[str, Any]:
    ordered = sorted(times)
    return {
        f"{label} p50 ms": round(statistics.median(ordered), 1),
        f"{label} p95 ms": round(ordered[int(len(ordered) * 0.95) - 1], 1),
    }
