"""Reads: who could help (`retrieve`), and whose profile changed since it was last indexed."""

from matching.selectors.retrieval import Eligible, likeness, retrieve
from matching.selectors.staleness import (
    StaleMentor,
    mentors_by_model,
    stale_mentors,
    stale_words,
    vectors_of,
)

__all__ = [
    "Eligible",
    "StaleMentor",
    "likeness",
    "mentors_by_model",
    "retrieve",
    "stale_mentors",
    "stale_words",
    "vectors_of",
]
