"""Building the vector index of a model, beside the work of everyone else."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from django.conf import settings
from django.db import connection

from matching.embeddings import EmbeddingBackend
from matching.vector_index import NEIGHBOURS, TABLE, VectorIndex

logger = logging.getLogger(__name__)

Say = Callable[[str], None]

# What one vector takes in memory while the graph is built, beside its numbers (pgvector: an element of
# 128 bytes, and twice as many neighbours as asked for of 16 bytes each, with some above).
_NODE_BYTES: Final = 180 + 2 * NEIGHBOURS * 16

# Beyond this a build takes the disk: slower, and no reason to take a small machine's memory away.
MOST_MEMORY_MB: Final = 1_024


def have_vector_index(embedder: EmbeddingBackend, *, say: Say = logger.info) -> bool:
    """Make sure that the model's vectors are indexed; whether they are now.

    To be called by the one indexer, with no transaction open: nobody waits while it builds, and search
    compares every vector until it is there. One whose build was broken off is built again.
    """
    index = VectorIndex(embedder.model_id, embedder.dimensions, settings.VECTOR_INDEX)
    if not index.is_possible or connection.in_atomic_block:
        return False
    if (valid := _is_valid(index)) is None:
        _build(index, say)
    elif not valid:
        _execute(f"DROP INDEX CONCURRENTLY IF EXISTS {index.name}")
        _build(index, say)
    return True


def _is_valid(index: VectorIndex) -> bool | None:
    """None: it is not there at all."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", [index.name]
        )
        row = cursor.fetchone()
    return None if row is None else bool(row[0])


def _build(index: VectorIndex, say: Say) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {TABLE} WHERE model_id = %s", [index.model_id])  # noqa: S608
        vectors = int(cursor.fetchone()[0])
        size = 4 if index.kind == "vector" else 2
        megabytes = vectors * (index.dimensions * size + _NODE_BYTES) // 1_000_000
        say(
            f"Indexing {vectors:,} vectors of {index.model_id}; search compares all of them meanwhile."
        )
        began = time.monotonic()
        # Several times faster when the graph fits in memory; the server's own setting may be larger.
        cursor.execute(
            "SELECT set_config('maintenance_work_mem', greatest(%s,"
            " pg_size_bytes(current_setting('maintenance_work_mem')) / 1024)::text, false)",
            [min(megabytes + 16, MOST_MEMORY_MB) * 1024],
        )
        try:
            cursor.execute(f"CREATE INDEX CONCURRENTLY IF NOT EXISTS {index.definition}")
        finally:
            cursor.execute("RESET maintenance_work_mem")
    for name in _others(index):
        _execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
    say(f"Indexed {vectors:,} vectors of {index.model_id} in {time.monotonic() - began:.0f} s.")


def _others(index: VectorIndex) -> list[str]:
    """Indexes of the same model's vectors that searches used before, of another kind or graph."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexrelid::regclass::text FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid"
            " WHERE indrelid = to_regclass(%s) AND relname LIKE 'nearest\\_%%' AND relname <> %s"
            " AND position(quote_literal(%s) IN pg_get_expr(indpred, indrelid)) > 0",
            [TABLE, index.name, index.model_id],
        )
        return [name for (name,) in cursor.fetchall()]


def _execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
