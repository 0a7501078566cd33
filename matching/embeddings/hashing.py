"""Signed feature hashing: vectors from the text alone, without a model, data or network.

For tests, and for the day when neither the model nor OpenAI can be had. It knows spelling, not
meaning: texts are near when they share words, neighbouring words, or parts of words.
"""

from __future__ import annotations

import hashlib
import itertools
import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from matching.embeddings.base import encodable, unit_rows

WORD: Final = re.compile(r"\w+")

# A shared word says most; a shared pair says a little more than its two words already did; a
# trigram alone says little, but a word has several, so inflected forms still find each other.
WORD_WEIGHT: Final = 1.0
PAIR_WEIGHT: Final = 0.5
TRIGRAM_WEIGHT: Final = 0.25

# Text without a single word still needs a direction: pgvector's cosine distance to a zero vector
# is NaN, and NaN sorts last or first depending on who asks.
NO_WORDS: Final = "nothing"


class HashingBackend:
    """384-dimensional hashed bag of words, word pairs and character trigrams."""

    model_id = "hashing:v1"
    dimensions = 384
    is_local = True

    def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit rows in the order of `texts`, shape (len(texts), 384)."""
        rows = np.zeros((len(texts), self.dimensions), dtype=np.float64)
        for row, text in zip(rows, texts, strict=True):
            self._fill(row, text)
        return unit_rows(rows.astype(np.float32))

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """One unit vector, shape (384,)."""
        vector: NDArray[np.float32] = self.embed_documents([text])[0]
        return vector

    def _fill(self, row: NDArray[np.float64], text: str) -> None:
        """Adds the features of `text` to `row`, shape (384,), in place."""
        counts = Counter(_features(text))
        for (feature, weight), count in counts.items():
            place, sign = _slot(feature, self.dimensions)
            # Repetition counts less and less. The square root is exact in IEEE arithmetic, so
            # the vector is the same on every machine; a logarithm is not.
            row[place] += sign * weight * math.sqrt(count)
        if not row.any():
            place, sign = _slot(NO_WORDS, self.dimensions)
            row[place] = sign


def _features(text: str) -> Iterator[tuple[str, float]]:
    """(feature, weight) pairs. The prefix keeps the word "ing" apart from the trigram."""
    words = WORD.findall(unicodedata.normalize("NFKC", encodable(text)).casefold())
    for word in words:
        yield f"word {word}", WORD_WEIGHT
        edged = f"^{word}$"
        for start in range(len(edged) - 2):
            yield f"part {edged[start : start + 3]}", TRIGRAM_WEIGHT
    for first, second in itertools.pairwise(words):
        yield f"pair {first} {second}", PAIR_WEIGHT


def _slot(feature: str, dimensions: int) -> tuple[int, float]:
    """Place and sign of a feature.

    BLAKE2 rather than hash(), which Python salts anew in every process. The sign makes features
    that collide cancel on average instead of adding up (Weinberger et al., 2009).
    """
    digest = hashlib.blake2b(feature.encode(), digest_size=8).digest()
    number = int.from_bytes(digest, "little")
    return (number >> 1) % dimensions, 1.0 if number & 1 else -1.0
