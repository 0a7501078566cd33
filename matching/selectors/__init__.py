"""Reads: who asks, who could help (`retrieve`), and whose profile changed since it was last indexed."""

from matching.selectors.askers import Asker, as_judged, asker, left_out
from matching.selectors.cards import Card, cards
from matching.selectors.experiments import (
    requests_before,
    requests_of,
    running as running_experiment,
)
from matching.selectors.retrieval import (
    Eligible,
    LookUp,
    WhoMayBeFound,
    likeness,
    look_up,
    retrieve,
)
from matching.selectors.staleness import (
    Progress,
    StaleMentor,
    mentors_by_model,
    progress,
    stale_mentors,
    stale_words,
    vectors_of,
)
from matching.selectors.told import reasons_told

__all__ = [
    "Asker",
    "Card",
    "Eligible",
    "LookUp",
    "Progress",
    "StaleMentor",
    "WhoMayBeFound",
    "as_judged",
    "asker",
    "cards",
    "left_out",
    "likeness",
    "look_up",
    "mentors_by_model",
    "progress",
    "reasons_told",
    "requests_before",
    "requests_of",
    "retrieve",
    "running_experiment",
    "stale_mentors",
    "stale_words",
    "vectors_of",
]
