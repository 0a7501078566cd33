"""The order of the candidates, and the score that is shown. Pure: no database, no clock."""

from matching.ranking.candidates import ENOUGH_SHOWN, NEW_FOR, Candidate, Tag
from matching.ranking.order import DIVERSE_UP_TO, Alike, Ranked, head, rank
from matching.ranking.policy import DEFAULT_POLICY, MOST, SIGNALS, WEIGHTS, Policy, policy_of
from matching.ranking.relevance import CALIBRATIONS, Calibration, band, evidence, relevance, scores
from matching.ranking.signals import LOAD_PERIOD, Scores, measured
from matching.ranking.spare_time import EVEN_LOAD, moved_up_by_spare_time

__all__ = [
    "CALIBRATIONS",
    "DEFAULT_POLICY",
    "DIVERSE_UP_TO",
    "ENOUGH_SHOWN",
    "EVEN_LOAD",
    "LOAD_PERIOD",
    "MOST",
    "NEW_FOR",
    "SIGNALS",
    "WEIGHTS",
    "Alike",
    "Calibration",
    "Candidate",
    "Policy",
    "Ranked",
    "Scores",
    "Tag",
    "band",
    "evidence",
    "head",
    "measured",
    "moved_up_by_spare_time",
    "policy_of",
    "rank",
    "relevance",
    "scores",
]
