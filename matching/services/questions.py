"""What was asked: checked, read as words, and embedded."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from accounts.refusals import Invalid
from matching import embeddings
from matching.advice import NO_ADVICE, Advice
from matching.embeddings import EmbeddingUnavailable
from matching.services.serving import serving_backend
from matching.words import Asked, asked as read_question

logger = logging.getLogger(__name__)

LONGEST_QUERY: Final = 2000  # characters; the rest is left out without a word

# The model of an answer that was found by words alone.
WORDS_ALONE: Final = "words"


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, as words and as a vector. No vector: the model could not be reached.

    `since` is when the answer was begun (time.monotonic): what may take time counts from it.
    """

    text: str
    vector: NDArray[np.float32] | None
    model_id: str
    asked: Asked = field(compare=False)
    since: float = field(default_factory=time.monotonic, compare=False)
    advice: Advice = field(default=NO_ADVICE, compare=False)


class _Complaint:
    """The same failure is logged once, not with every question."""

    said = ""


def understand(query: str) -> Question:
    """Check a question and embed it. To be called with no transaction open: it may use the network.

    Raises Invalid for a blank question, or one that is not text.
    """
    since = time.monotonic()
    text = checked(query)
    vector, model_id = None, WORDS_ALONE
    try:
        embedder = serving_backend()
        vector = embeddings.query_vector(text, embedder)
        model_id = embedder.model_id
        _Complaint.said = ""
    except EmbeddingUnavailable as error:
        if _Complaint.said != str(error):
            _Complaint.said = str(error)
            logger.warning("Questions are answered by words alone for now. %s", error)
    return Question(text, vector, model_id, read_question(text), since)


def checked(query: str) -> str:
    """The question on one line, without what is too long. Raises Invalid if there is none, or no text."""
    text = " ".join(query[:LONGEST_QUERY].split())
    if not text:
        _refuse_query(_("Say in a few words what you need help with."))
    if "\0" in text or text.encode("utf-8", "replace").decode() != text:
        _refuse_query(_("This has characters in it that are not text."))
    return text


def _refuse_query(sentence: str) -> None:
    raise Invalid(sentence, fields={"query": [sentence]})
