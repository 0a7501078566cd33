"""How well questions find people: the shipped ranking beside each of its parts, with intervals.

Every row ranks the same mentors for the same questions. The last lines of a set say by how much the
shipped order differs from a part alone: paired by question, so that the interval is of the difference.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from django.conf import settings
from django.db import connection
from django.test.utils import override_settings
from django.utils import timezone
from numpy.typing import NDArray

from config.demo.people import records
from matching import ranking, selectors, services
from matching.evaluation import RECALL_CUT, LabelledSet, Loaded, load, read_set, scratch_database
from matching.measures import CUT, fused_ranks, interval, ndcg
from matching.ranking import DEFAULT_POLICY, SIGNALS, Candidate, Policy
from matching.selectors.retrieval import DEPTH
from matching.services.searching import alike_by

Scores = NDArray[np.float64]

OUR_OWN: Final = Path(__file__).parent / "data" / "founders"
ALONE: Final = ("vector, whole profile", "BM25")
SHIPPED: Final = "as served"


class Row(dict[str, Any]):
    """A line of the table; a plain object in JSON."""

    def __str__(self) -> str:
        text = f"{self['ndcg@10']:+.3f}" if self.get("is_difference") else f"{self['ndcg@10']:.3f}"
        text += " [{:.3f}, {:.3f}]".format(*self["interval"])
        return text + (f"  recall@50 {self['recall@50']:.3f}" if "recall@50" in self else "")


def run(data: Path | None) -> dict[str, Any]:
    """nDCG@10 with its 95 % interval and recall@50, by set and row.

    Args:
        data: a labelled set as `evaluate_matching` reads it, or a folder of such sets. Beside a
            queries.jsonl, queries-docs.jsonl with qrels-docs.tsv is a set of its own.
    """
    figures = missing(data)
    with override_settings(EMBEDDING_BACKEND="minilm"):
        for name, labelled in [*(_sets_in(data) if data else ()), *_own_sets()]:
            now = timezone.now()
            with scratch_database():
                cache = Path(settings.VAR_DIR) / "embedding-cache"
                table = measure(load(labelled, cache=cache, now=now), now)
            figures |= {f"{name}: {row}": value for row, value in table.items()}
    return figures


def missing(data: Path | None) -> dict[str, Any]:
    """The sets that cannot be measured, each with the reason."""
    said: dict[str, Any] = {}
    if data is None:
        said["sets of others"] = "not measured: no --data folder was given"
    elif not _folders(data):
        said[str(data)] = "not measured: neither it nor a folder in it has a mentors.jsonl"
    if not OUR_OWN.is_dir():
        said["founders"] = f"not measured: {OUR_OWN} is not there"
    return said


def _folders(data: Path) -> list[Path]:
    found = [*data.glob("mentors.jsonl"), *data.glob("*/mentors.jsonl")]
    return sorted(path.parent for path in found)


def _sets_in(data: Path) -> Iterator[tuple[str, LabelledSet]]:
    for folder in _folders(data):
        yield folder.name, read_set(folder)
        if (folder / "queries-docs.jsonl").exists():
            documents = read_set(folder, queries="queries-docs.jsonl", qrels="qrels-docs.tsv")
            yield f"{folder.name} by document", documents


def _own_sets() -> Iterator[tuple[str, LabelledSet]]:
    """The founders' requests by halves, the one that was tuned on apart; and the demo's."""
    if OUR_OWN.is_dir():
        founders = read_set(OUR_OWN)
        tuned_on = set((OUR_OWN / "tune.txt").read_text().split())
        for name, is_tuned in (("tuned on", True), ("held out", False)):
            half = [query for query in founders.queries if (query[0] in tuned_on) is is_tuned]
            yield f"founders, {name}", replace(founders, queries=half)
        yield "founders, all", founders
    queries = list(records("queries"))
    yield (
        "demo requests",
        LabelledSet(
            [{**row, "id": row["email"]} for row in records("mentors")],
            [(row["id"], row["text"]) for row in queries],
            {row["id"]: dict.fromkeys(row["relevant"], 1) for row in queries},
        ),
    )


def measure(loaded: Loaded, now: datetime) -> dict[str, Row]:
    """The rows of one set that was loaded into the scratch database, in the order to print."""
    found: dict[str, list[tuple[float, float]]] = {}
    for _query, text, wanted in loaded.asked:
        for row, (order, pool) in _orders(loaded, text, now).items():
            served = [wanted.get(mentor, 0) for mentor in order[:CUT]]
            recall = sum(mentor in wanted for mentor in pool[:RECALL_CUT]) / len(wanted)
            found.setdefault(row, []).append((ndcg(served, wanted.values()), recall))
    tables = {row: np.array(values) for row, values in found.items()}
    rows = {row: _row(table[:, 0], recall=table[:, 1]) for row, table in tables.items()}
    for alone in (*ALONE, "vectors, best chunks vote"):
        difference = tables[SHIPPED][:, 0] - tables[alone][:, 0]
        rows[f"{SHIPPED} - {alone}"] = _row(difference, is_difference=True)
    return rows


def _row(values: Scores, recall: Scores | None = None, *, is_difference: bool = False) -> Row:
    row = Row({"ndcg@10": round(float(values.mean()), 4)})
    row["interval"] = [round(edge, 4) for edge in interval(values)]
    row["questions"] = len(values)
    if recall is not None:
        row["recall@50"] = round(float(recall.mean()), 4)
    if is_difference:
        row["is_difference"] = True
    return row


_Orders = dict[str, tuple[list[Any], list[Any]]]  # row: the list as served, and the candidate stage


def _orders(loaded: Loaded, text: str, now: datetime) -> _Orders:
    question = services.understand(text)
    assert question.vector is not None
    eligible = services.eligible_for(loaded.viewer, services.Filters(), now)

    def retrieved(depth: int) -> list[Candidate]:
        return selectors.retrieve(
            eligible=selectors.Eligible(eligible),
            text=question.text,
            vector=question.vector,
            model_id=question.model_id,
            now=now,
            depth=depth,
        )

    orders = _parts(retrieved(loaded.mentors), _wholes(question.vector, question.model_id))
    shipped = retrieved(DEPTH)
    for name, policy in _policies():
        ranked = ranking.rank(
            shipped,
            asked=question.asked,
            model_id=question.model_id,
            now=now,
            policy=policy,
            alike=alike_by(question.model_id),
        )
        pool = sorted(ranked, key=lambda row: -row.relevance)
        orders[name] = (
            [row.candidate.mentor_id for row in ranked],
            [row.candidate.mentor_id for row in pool],
        )
    return orders


def _parts(candidates: Sequence[Candidate], wholes: Mapping[Any, float]) -> _Orders:
    """What the ranking is made of, each part alone and put together in simpler ways."""
    floor = min(wholes.values(), default=0.0)
    whole = np.array([wholes.get(candidate.mentor_id, floor) for candidate in candidates])
    words = np.array([candidate.bm25 for candidate in candidates])
    best = np.array([candidate.cosine or floor for candidate in candidates])
    votes = ranking.evidence([row.cosines or (floor,) for row in candidates])
    near, by_chunk = _either(whole, words), _either(best, words)
    share = DEFAULT_POLICY.meaning

    def mixed(meaning: Scores, pool: NDArray[np.bool_]) -> Scores:
        return share * _stretched(meaning, pool) + (1 - share) * _stretched(words, pool)

    rows = {
        ALONE[0]: whole,
        "vectors, best chunk": best,
        "vectors, best chunks vote": votes,
        ALONE[1]: words,
        "RRF, whole profile": np.where(near, fused_ranks([whole, words]), -1),
        "fusion, whole profile": mixed(whole, near),
        "+ chunks": mixed(votes, by_chunk),
    }
    orders: _Orders = {}
    for name, scores in rows.items():
        order = [candidates[place].mentor_id for place in np.argsort(-scores, kind="stable")]
        orders[name] = (order, order)
    return orders


def _either(first: Scores, second: Scores) -> NDArray[np.bool_]:
    """Who is among the first 100 by one or the other: the candidates that production would fuse."""
    chosen = np.zeros(len(first), dtype=bool)
    for values in (first, second):
        chosen[np.argsort(-values, kind="stable")[:DEPTH]] = True
    return chosen


def _stretched(values: Scores, pool: NDArray[np.bool_]) -> Scores:
    """Min-max over the pool; everyone else behind it."""
    low, high = values[pool].min(), values[pool].max()
    return np.where(pool, (values - low) / max(high - low, 1e-9), -1.0)


def _policies() -> Iterator[tuple[str, Policy]]:
    """The shipped policy without any signal, then with one after the other.

    In a labelled set nobody has sessions, ratings, weights of expertise or other hours than the rest, so
    the signals are the same for everyone and must not change anything; only diversity may.
    """
    shipped = replace(DEFAULT_POLICY, explore_at=0)
    policy = replace(shipped, diversity=0.0, **dict.fromkeys(SIGNALS, 0.0))  # type: ignore[arg-type]
    yield "+ words by how much they tell", policy
    for signal in (*SIGNALS, "diversity"):
        policy = replace(policy, **{signal: getattr(DEFAULT_POLICY, signal)})
        yield f"+ {signal}", policy
    yield SHIPPED, shipped


def _wholes(vector: NDArray[np.float32], model_id: str) -> dict[Any, float]:
    """The cosine of each mentor's whole profile, which is chunk 0."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT mentor_id, -(vector <#> %s::vector) FROM matching_mentorembedding "
            "WHERE model_id = %s AND chunk_no = 0",
            [str(vector.tolist()), model_id],
        )
        return dict(cursor.fetchall())
