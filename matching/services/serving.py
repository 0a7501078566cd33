"""Which model answers: the configured one, or, until its vectors are made, the one before."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import Final

from matching import embeddings, selectors
from matching.embeddings import EmbeddingBackend

logger = logging.getLogger(__name__)

# Of the mentors that another model knows. A few are always on their way.
ENOUGH: Final = 0.95

# Seconds between two looks at how far the new model is.
PATIENCE: Final = 10.0


@dataclass(slots=True)
class _Watch:
    """What this process knows of a change of models. Once the new one is ready it stays so."""

    ready: set[str] = field(default_factory=set)
    looked: float = -PATIENCE
    wanted: str = ""
    meanwhile: EmbeddingBackend | None = None


_watch = _Watch()


def serving_backend() -> EmbeddingBackend:
    """The model to embed a question with. Raises EmbeddingUnavailable when there is none.

    A model that was just configured has no vectors for hours, and a search by it alone would find nobody
    by meaning. Until it knows 95 % of the mentors that another model knows, that one answers.
    """
    wanted = embeddings.backend()
    if wanted.model_id in _watch.ready:
        return wanted
    now = time.monotonic()
    if _watch.wanted != wanted.model_id or now - _watch.looked >= PATIENCE:
        _watch.wanted, _watch.looked = wanted.model_id, now
        _watch.meanwhile = _better_known(wanted.model_id)
    return _watch.meanwhile or wanted


def _better_known(wanted: str) -> EmbeddingBackend | None:
    known = selectors.mentors_by_model()
    others = sorted(known.items(), key=lambda row: (-row[1], row[0]))
    for model_id, mentors in others:
        if known.get(wanted, 0) >= ENOUGH * mentors:
            break
        if (found := embeddings.backend_of(model_id)) is not None:
            logger.info(
                "%s answers while %s has %s of %s mentors.",
                *(model_id, wanted, known.get(wanted, 0), mentors),
            )
            return found
    if known.get(wanted):
        _watch.ready.add(wanted)
    return None
