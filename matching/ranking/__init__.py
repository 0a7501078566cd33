"""The order of the candidates, and the score that is shown. Pure: no database, no clock."""

from matching.ranking.order import (
    CALIBRATIONS,
    LOAD_PERIOD,
    Calibration,
    Candidate,
    Ranked,
    Tag,
    band,
    evidence,
    rank,
    relevance,
    score,
    tag_match,
)
from matching.ranking.policy import DEFAULT_POLICY, MOST, SIGNALS, WEIGHTS, Policy, policy_of

__all__ = [
    "CALIBRATIONS",
    "DEFAULT_POLICY",
    "LOAD_PERIOD",
    "MOST",
    "SIGNALS",
    "WEIGHTS",
    "Calibration",
    "Candidate",
    "Policy",
    "Ranked",
    "Tag",
    "band",
    "evidence",
    "policy_of",
    "rank",
    "relevance",
    "score",
    "tag_match",
]
