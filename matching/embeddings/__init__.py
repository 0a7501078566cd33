"""Text to vectors. `backend()` is the configured way, `query_vector()` the cached one."""

from __future__ import annotations

import functools
import os
import unicodedata
from typing import Final

import numpy as np
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from numpy.typing import NDArray

from matching.breaker import Breaker
from matching.embeddings.base import EmbeddingBackend, EmbeddingUnavailable

__all__ = [
    "EmbeddingBackend",
    "EmbeddingUnavailable",
    "backend",
    "backend_of",
    "breaker_of_questions",
    "query_vector",
]

QUERIES_KEPT: Final = 512  # of 1,536 numbers at most: 3 MB


def backend() -> EmbeddingBackend:
    """The backend named by EMBEDDING_BACKEND, the same object throughout the process.

    Raises EmbeddingUnavailable when it is "openai" and there is no key. A missing or altered
    local model shows only when the first text is embedded.
    """
    # Settings are read each time and the object is kept per value, so that tests may override.
    return _named(settings.EMBEDDING_BACKEND)


def _named(name: str) -> EmbeddingBackend:
    if name == "openai":
        return _openai(
            settings.OPENAI_API_KEY or "",
            settings.OPENAI_BASE_URL or "",
            settings.EMBEDDING_BUDGET_MS / 1000,
        )
    if name == "minilm":
        return _minilm()
    if name == "hashing":
        return _hashing()
    raise ImproperlyConfigured(
        f"EMBEDDING_BACKEND is {name!r}; it must be one of openai, minilm, hashing."
    )


def backend_of(model_id: str) -> EmbeddingBackend | None:
    """The backend that made the vectors of this name, if it can be had here; else None."""
    made_by = {"openai", "minilm", "hashing"} & {model_id.partition(":")[0]}
    if not made_by or (made_by == {"openai"} and not settings.OPENAI_API_KEY):
        return None
    found = _named(made_by.pop())
    return found if found.model_id == model_id else None


def breaker_of_questions() -> Breaker:
    """Whether OpenAI, or who stands in for it, is left alone with questions for now."""
    return Breaker(f"The embedding of questions at {settings.OPENAI_BASE_URL or 'OpenAI'}")


def query_vector(text: str, embedder: EmbeddingBackend | None = None) -> NDArray[np.float32]:
    """The unit vector of a query under `embedder` or `backend()`, shape (dimensions,), read-only.

    Kept for the last few hundred queries: people correct a filter far more often than a goal.
    """
    return _query_vector(embedder or backend(), _normalised(text))


def _normalised(text: str) -> str:
    """One form for texts that differ only in blanks and in how accents are encoded."""
    return " ".join(unicodedata.normalize("NFC", text).split())


@functools.lru_cache(maxsize=QUERIES_KEPT)
def _query_vector(embedder: EmbeddingBackend, text: str) -> NDArray[np.float32]:
    vector = embedder.embed_query(text)
    # Everyone who asks the same gets this very array.
    vector.setflags(write=False)
    return vector


# The imports below cost from 0.1 s to 1 s each, which every management command would pay.


@functools.cache
def _openai(api_key: str, base_url: str, budget: float) -> EmbeddingBackend:
    from matching.embeddings.openai import OpenAIBackend, person

    return OpenAIBackend(
        api_key=api_key,
        base_url=base_url,
        person=person(budget),
        breaker=breaker_of_questions(),
    )


@functools.cache
def _minilm() -> EmbeddingBackend:
    from matching.embeddings.minilm import MiniLMBackend

    return MiniLMBackend()


@functools.cache
def _hashing() -> EmbeddingBackend:
    from matching.embeddings.hashing import HashingBackend

    return HashingBackend()


# Parent and child of a fork would talk over the same open connections, each reading answers meant
# for the other.
os.register_at_fork(after_in_child=_openai.cache_clear)
