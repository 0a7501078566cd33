"""Writes and answers: `match`, `browse`, and keeping the index of profiles fresh."""

from matching.services.answers import (
    Filters,
    Match,
    MatchAnswer,
    Question,
    browse,
    browse_by_relevance,
    eligible_for,
    match,
    only_free,
    search,
    understand,
)
from matching.services.indexing import EmbedReport, embed_stale, index_words, only_one_indexer

__all__ = [
    "EmbedReport",
    "Filters",
    "Match",
    "MatchAnswer",
    "Question",
    "browse",
    "browse_by_relevance",
    "eligible_for",
    "embed_stale",
    "index_words",
    "match",
    "only_free",
    "only_one_indexer",
    "search",
    "understand",
]
