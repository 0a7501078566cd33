"""Writes and answers: `match`, `browse`, and keeping the index of profiles fresh."""

from matching.services.answers import match, prepared
from matching.services.browsing import browse, browse_by_relevance
from matching.services.caching import outdate_answers
from matching.services.clicks import note_opened
from matching.services.consulting import consult
from matching.services.experiments import (
    needed_by,
    publish_winner,
    results_of,
    save_experiment,
    start_experiment,
    stop_experiment,
)
from matching.services.filters import Filters, eligible_for
from matching.services.hot_lists import hot_list
from matching.services.indexing import (
    EmbedReport,
    count_frequencies,
    embed_stale,
    index_words,
    only_one_indexer,
)
from matching.services.matches import Match, MatchAnswer
from matching.services.model_state import ModelState, model_state
from matching.services.nearest import have_vector_index
from matching.services.not_relevant import judge, shown_mentor, take_back
from matching.services.questions import Question, understand
from matching.services.searching import search
from matching.services.shown import only_free

__all__ = [
    "EmbedReport",
    "Filters",
    "Match",
    "MatchAnswer",
    "ModelState",
    "Question",
    "browse",
    "browse_by_relevance",
    "consult",
    "count_frequencies",
    "eligible_for",
    "embed_stale",
    "have_vector_index",
    "hot_list",
    "index_words",
    "judge",
    "match",
    "model_state",
    "needed_by",
    "note_opened",
    "only_free",
    "only_one_indexer",
    "outdate_answers",
    "prepared",
    "publish_winner",
    "results_of",
    "save_experiment",
    "search",
    "shown_mentor",
    "start_experiment",
    "stop_experiment",
    "take_back",
    "understand",
]
