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
from matching.services.indexing import (
    EmbedReport,
    count_frequencies,
    embed_stale,
    index_words,
    only_one_indexer,
)
from matching.services.nearest import have_vector_index

__all__ = [
    "EmbedReport",
    "Filters",
    "Match",
    "MatchAnswer",
    "Question",
    "browse",
    "browse_by_relevance",
    "count_frequencies",
    "eligible_for",
    "embed_stale",
    "have_vector_index",
    "index_words",
    "match",
    "only_free",
    "only_one_indexer",
    "search",
    "understand",
]
