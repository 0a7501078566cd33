"""How good the matching is, on a labelled set: the production retrieval and ranking, measured.

Everything happens in a scratch database on the same server, which is dropped afterwards. All mentors
of the set are active, public and bookable, and nobody has sessions or ratings, so what is measured
is how well questions find profiles.
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any, Final

import numpy as np
from django.core.management import call_command
from django.db import connection
from numpy.typing import NDArray

from accounts.models import User
from matching import embeddings, services
from matching.embeddings import EmbeddingBackend
from matching.measures import CUT, ndcg, reciprocal_rank
from matching.ranking import Policy
from mentors.models import Expertise, Mentor
from sessions_app.models import MentorOpening

RECALL_CUT: Final = 50
ROUND: Final = 50


class BadSet(Exception):
    """The labelled set cannot be read; the message says where."""


@dataclass(frozen=True, slots=True)
class LabelledSet:
    """`grades` by query id and mentor id; above 0 is relevant."""

    mentors: Sequence[Mapping[str, Any]]
    queries: Sequence[tuple[str, str]]
    grades: Mapping[str, Mapping[str, int]]


@dataclass(frozen=True, slots=True)
class Figures:
    """Means over the queries that have a relevant mentor. Times are milliseconds a question."""

    ndcg: float
    mrr: float
    recall: float
    p50_ms: float
    p95_ms: float
    queries: int
    mentors: int

    def as_json(self) -> dict[str, float | int]:
        return {
            "ndcg@10": round(self.ndcg, 4),
            "mrr@10": round(self.mrr, 4),
            "recall@50": round(self.recall, 4),
            "p50_ms": round(self.p50_ms, 2),
            "p95_ms": round(self.p95_ms, 2),
            "queries": self.queries,
            "mentors": self.mentors,
        }


def read_set(
    folder: Path, *, queries: str = "queries.jsonl", qrels: str = "qrels.tsv"
) -> LabelledSet:
    """mentors.jsonl, queries and judgements of a folder. Raises BadSet."""
    grades: dict[str, dict[str, int]] = {}
    for number, line in enumerate(_lines(folder / qrels), start=1):
        try:
            query, mentor, grade = line.split("\t")
            grades.setdefault(query, {})[mentor] = int(grade)
        except ValueError as error:
            raise BadSet(
                f"{qrels}, line {number}: expected query id, mentor id and grade, by tabs."
            ) from error
    asked = [(str(row["id"]), str(row.get("text") or "")) for row in _rows(folder / queries)]
    return LabelledSet(list(_rows(folder / "mentors.jsonl")), asked, grades)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(_lines(path), start=1):
        try:
            row = json.loads(line)
            if not isinstance(row, dict) or "id" not in row:
                raise ValueError("no id")
        except ValueError as error:
            raise BadSet(f"{path.name}, line {number}: {error}.") from error
        yield row


def _lines(path: Path) -> list[str]:
    try:
        # Not splitlines(): texts may hold line separators that end no line of the file.
        return [line for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise BadSet(f"{path} cannot be read: {error}.") from error


@dataclass(frozen=True, slots=True)
class Loaded:
    """A labelled set in the scratch database: who asks, and each question with its relevant mentors.

    `asked` leaves out blank questions and those without a relevant mentor; keys are our mentor ids.
    """

    viewer: User
    asked: Sequence[tuple[str, str, Mapping[Any, int]]]  # query id, text, grades
    mentors: int


def evaluate(
    labelled: LabelledSet,
    *,
    policy: Policy,
    cache: Path,
    now: datetime,
    say: Callable[[str], None] = lambda line: None,
) -> Figures:
    """Load, index and ask. Call it within `scratch_database`.

    Args:
        cache: a folder where embeddings are kept by the hash of their text.
        say: is told how far the work is.
    """
    return _ask(load(labelled, cache=cache, now=now, say=say), policy=policy, now=now, say=say)


def load(
    labelled: LabelledSet,
    *,
    cache: Path,
    now: datetime,
    say: Callable[[str], None] = lambda line: None,
) -> Loaded:
    """The set's mentors, indexed as in production. Raises BadSet where there is nothing to measure."""
    viewer = User.objects.create_user(email="evaluation@example.invalid", role=User.Role.PM)
    ids = _load(labelled.mentors, now)
    with closing(CachedBackend(embeddings.backend(), cache)) as embedder:
        done = 0
        while True:
            report = services.embed_stale(limit=ROUND, now=now, embedder=embedder)
            if report.problem:
                raise BadSet(report.problem)
            if report.is_finished:
                break
            done += report.mentors
            say(f"{done} of {len(ids)} mentors indexed")
    with connection.cursor() as cursor:
        # The planner knows nothing of tables filled a second ago; production has autovacuum.
        cursor.execute("ANALYZE")
    asked = [
        (query, text, wanted)
        for query, text in labelled.queries
        if text.strip() and (wanted := _relevant(labelled.grades.get(query, {}), ids))
    ]
    if not asked:
        raise BadSet("No query has a relevant mentor: there is nothing to measure.")
    return Loaded(viewer, asked, len(ids))


def _ask(loaded: Loaded, *, policy: Policy, now: datetime, say: Callable[[str], None]) -> Figures:
    # New mentors are tried on people; here nobody would learn from it.
    policy = replace(policy, explore_at=0)
    nobody_asked_before = services.understand("warm up the model and the connection")
    eligible = services.eligible_for(loaded.viewer, services.Filters(), now)
    services.search(question=nobody_asked_before, eligible=eligible, now=now, policy=policy)
    rows: list[tuple[float, float, float, float]] = []
    for number, (_query, text, wanted) in enumerate(loaded.asked, start=1):
        started = time.perf_counter()
        question = services.understand(text)
        ranked = services.search(question=question, eligible=eligible, now=now, policy=policy)
        took = (time.perf_counter() - started) * 1000
        served = [wanted.get(row.candidate.mentor_id, 0) for row in ranked[:CUT]]
        # The candidate stage is judged by relevance alone, before anything else moves the order.
        pool = sorted(ranked, key=lambda row: -row.relevance)[:RECALL_CUT]
        found = sum(row.candidate.mentor_id in wanted for row in pool)
        rows.append(
            (ndcg(served, wanted.values()), reciprocal_rank(served), found / len(wanted), took)
        )
        if number % 25 == 0:
            say(f"{number} of {len(loaded.asked)} questions asked")
    table = np.array(rows)
    means = table[:, :3].mean(axis=0)
    return Figures(
        ndcg=float(means[0]),
        mrr=float(means[1]),
        recall=float(means[2]),
        p50_ms=float(np.percentile(table[:, 3], 50)),
        p95_ms=float(np.percentile(table[:, 3], 95)),
        queries=len(rows),
        mentors=loaded.mentors,
    )


def _relevant(grades: Mapping[str, int], ids: Mapping[str, Any]) -> dict[Any, int]:
    return {ids[mentor]: grade for mentor, grade in grades.items() if grade > 0 and mentor in ids}


def _load(rows: Sequence[Mapping[str, Any]], now: datetime) -> dict[str, Any]:
    """The set's mentors as ours; their ids by the set's own."""
    ids: dict[str, Any] = {}
    users, mentors, expertise = [], [], []
    for number, row in enumerate(rows):
        user = User(
            email=f"mentor{number}@example.invalid",
            name=_text(row, "name", 120),
            role=User.Role.MENTOR,
            password="!",  # noqa: S106 - none: nobody signs in here
        )
        mentor = Mentor(
            user=user,
            headline=_text(row, "headline", 200),
            bio=_text(row, "bio", 100_000),
            title=_text(row, "title", 120),
            company=_text(row, "company", 120),
            industries=_tags(row, "industries"),
            stages=_tags(row, "stages"),
            consent_at=now,
            created_at=now,
        )
        ids[str(row["id"])] = mentor.pk
        users.append(user)
        mentors.append(mentor)
        expertise += [Expertise(mentor=mentor, area=area) for area in _areas(row)]
    User.objects.bulk_create(users, batch_size=1000)
    Mentor.objects.bulk_create(mentors, batch_size=1000)
    Expertise.objects.bulk_create(expertise, batch_size=1000)
    # Triggers made a row for each of them, without any opening.
    MentorOpening.objects.update(next_start=now + timedelta(days=1), free_7d=5, free_14d=10)
    return ids


def _text(row: Mapping[str, Any], name: str, longest: int) -> str:
    return str(row.get(name) or "").replace("\0", "")[:longest]


def _tags(row: Mapping[str, Any], name: str) -> list[str]:
    return [str(tag)[:60] for tag in row.get(name) or [] if str(tag).strip()]


def _areas(row: Mapping[str, Any]) -> list[str]:
    areas = [
        item.get("area", "") if isinstance(item, dict) else item
        for item in row.get("expertise") or []
    ]
    return list(
        {str(area)[:60].casefold(): str(area)[:60] for area in areas if str(area).strip()}.values()
    )


class CachedBackend:
    """A backend that embeds no text twice, on this machine: tuning asks for the same ones again."""

    def __init__(self, backend: EmbeddingBackend, folder: Path) -> None:
        self._backend = backend
        self.model_id = backend.model_id
        self.dimensions = backend.dimensions
        self.is_local = backend.is_local
        folder.mkdir(parents=True, exist_ok=True)
        name = hashlib.sha256(backend.model_id.encode()).hexdigest()[:16]
        self._store = sqlite3.connect(folder / f"{name}.sqlite", timeout=30)
        self._store.execute("CREATE TABLE IF NOT EXISTS vector (hash TEXT PRIMARY KEY, data BLOB)")

    def close(self) -> None:
        self._store.close()

    def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit rows in the order of `texts`, shape (len(texts), dimensions)."""
        hashes = [hashlib.sha256(text.encode("utf-8", "replace")).hexdigest() for text in texts]
        known = {digest: row for digest in hashes if (row := self._read(digest)) is not None}
        missing = {d: t for d, t in zip(hashes, texts, strict=True) if d not in known}
        if missing:
            rows = self._backend.embed_documents(list(missing.values()))
            known |= dict(zip(missing, rows, strict=True))
            with self._store:
                self._store.executemany(
                    "INSERT OR IGNORE INTO vector VALUES (?, ?)",
                    [(digest, known[digest].astype("<f4").tobytes()) for digest in missing],
                )
        return np.array([known[digest] for digest in hashes], dtype=np.float32)

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """Never from the cache: what a question costs is part of what is measured."""
        return self._backend.embed_query(text)

    def _read(self, digest: str) -> NDArray[np.float32] | None:
        row = self._store.execute("SELECT data FROM vector WHERE hash = ?", [digest]).fetchone()
        return np.frombuffer(row[0], dtype="<f4") if row else None


@contextmanager
def scratch_database() -> Iterator[str]:
    """An empty, migrated database on the same server in place of ours; dropped at the end.

    Also on Ctrl-C and when told to end: SIGTERM would otherwise skip every `finally`.
    """
    ours = str(connection.settings_dict["NAME"])
    scratch = f"evaluation_{os.getpid()}"
    quoted = connection.ops.quote_name(scratch)
    before = signal.signal(signal.SIGTERM, _end)
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {quoted} TEMPLATE template0 ENCODING 'UTF8'")
        _use(scratch)
        call_command("migrate", verbosity=0, interactive=False)
        yield scratch
    finally:
        _use(ours)
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {quoted} WITH (FORCE)")
        signal.signal(signal.SIGTERM, before)


def _use(name: str) -> None:
    connection.close()
    connection.settings_dict["NAME"] = name


def _end(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
