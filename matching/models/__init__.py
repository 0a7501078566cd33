from matching.models.experiments import Experiment
from matching.models.index import (
    MentorEmbedding,
    MentorIndex,
    WordCount,
    WordFrequency,
    WordIndex,
)
from matching.models.market import MarketPicture, MarketRun
from matching.models.policies import MatchPolicy, SavedQuery
from matching.models.requests import MatchFeedback, MatchImpression, MatchRequest
from matching.models.usage import ModelUse

__all__ = [
    "Experiment",
    "MarketPicture",
    "MarketRun",
    "MatchFeedback",
    "MatchImpression",
    "MatchPolicy",
    "MatchRequest",
    "MentorEmbedding",
    "MentorIndex",
    "ModelUse",
    "SavedQuery",
    "WordCount",
    "WordFrequency",
    "WordIndex",
]
