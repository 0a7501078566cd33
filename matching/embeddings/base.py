"""What every embedding backend promises, and the one way it may fail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class EmbeddingUnavailable(Exception):
    """Text could not be turned into vectors; the message is a sentence an operator can act on.

    `retry_after` is in seconds. None means that waiting will not help: a person has to change
    something (a key, a file, a setting).
    """

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class EmbeddingBackend(Protocol):
    """Turns text into unit vectors. Safe to share between threads."""

    @property
    def model_id(self) -> str:
        """Names the vector space: vectors under different ids must never be compared."""

    @property
    def dimensions(self) -> int:
        """Length of every vector."""

    @property
    def is_local(self) -> bool:
        """Made on this machine: nobody is waited for but our own processor."""

    def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit rows in the order of `texts`, shape (len(texts), dimensions)."""

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """One unit vector, shape (dimensions,). May give up sooner: a person is waiting."""

    def __hash__(self) -> int:
        """By identity, so that results can be kept per backend."""


def unit_rows(matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """Each row divided by its Euclidean length, shape (n, dimensions).

    A row of zeros stays zero, never NaN: pgvector stores neither NaN nor infinity.
    """
    smallest = np.finfo(np.float32).tiny
    # Brought near 1 before squaring: squares of very small or large numbers leave float32.
    scaled = matrix / np.maximum(np.abs(matrix).max(axis=1, keepdims=True, initial=0), smallest)
    lengths = np.sqrt(np.einsum("nd,nd->n", scaled, scaled))[:, None]
    units: NDArray[np.float32] = scaled / np.maximum(lengths, smallest)
    return units


def encodable(text: str) -> str:
    """`text` with lone surrogates replaced: they have no UTF-8 form, and both the tokenizer and
    the JSON encoder refuse the whole batch for one of them.
    """
    return text.encode("utf-8", "replace").decode("utf-8")
