"""The index that finds the nearest vectors of one model without comparing all of them. Pure: its words in SQL.

The column holds vectors of every model and has no fixed length, so each model gets an index of its own
over the column cast to the model's length, and a query must say the same cast and the same model.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

TABLE: Final = "matching_mentorembedding"

# What pgvector can index (README, "Vectors with up to 2,000 dimensions"; halfvec up to 4,000).
MOST_DIMENSIONS: Final = {"vector": 2_000, "halfvec": 4_000}

# The graph: neighbours of each vector, and how many are looked at to choose them. More than pgvector's own 16
# and 64, with which a longer walk found less (docs/matching.md); the price is a longer build.
NEIGHBOURS: Final = 24
LOOKED_AT: Final = 160


@dataclass(frozen=True, slots=True)
class VectorIndex:
    """The HNSW index of one model.

    Attributes:
        kind: "vector" (4 bytes a number) or "halfvec" (2 bytes: half the memory, a trace less exact; the
            candidates are compared exactly afterwards all the same).
    """

    model_id: str
    dimensions: int
    kind: str = "vector"

    @property
    def is_possible(self) -> bool:
        return self.dimensions <= MOST_DIMENSIONS[self.kind]

    @property
    def name(self) -> str:
        """At most 63 characters, another for another model, length, kind or graph."""
        told_apart_by = f"{self.model_id} {NEIGHBOURS} {LOOKED_AT}"
        digest = hashlib.sha256(told_apart_by.encode()).hexdigest()[:8]
        readable = re.sub(r"[^a-z0-9]+", "_", self.model_id.lower()).strip("_")[:30]
        return f"nearest_{readable}_{digest}_{self.kind}_{self.dimensions}"

    @property
    def expression(self) -> str:
        """The indexed expression. A search that writes it otherwise does not use the index."""
        return f"(vector::{self.kind}({self.dimensions}))"

    @property
    def operators(self) -> str:
        return f"{self.kind}_cosine_ops"

    @property
    def definition(self) -> str:
        """What follows CREATE INDEX, and CONCURRENTLY where that can be."""
        model_id = self.model_id.replace("'", "''")
        return (
            f"{self.name} ON {TABLE} USING hnsw ({self.expression} {self.operators})"
            f" WITH (m = {NEIGHBOURS}, ef_construction = {LOOKED_AT}) WHERE model_id = '{model_id}'"
        )
