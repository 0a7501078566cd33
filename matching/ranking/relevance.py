"""How well a profile fits a question: against the others (relevance), and by itself (score). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from matching.ranking.candidates import Candidate
from matching.ranking.policy import DEFAULT_POLICY, Policy
from matching.ranking.signals import Scores

# The best chunks vote for their mentor together, as documents do in expert search (Macdonald and
# Ounis 2006, "Voting for candidates"). Beyond eight a profile would only gain by being long.
VOTES: Final = 8

# Between the best chunk alone (towards 0) and the mean of all plus what their number adds, in cosine.
# From .15 to .2 the labelled sets hardly differ; at .05 people with many documents are found worse.
SOFTNESS: Final = 0.2

# The share of the best possible BM25 from which on words count in full. Below it nobody has much of
# what was asked for, and min-max would blow chance up to the full range: half the founders' questions
# stay below .15, while a topic of two words reaches .9 with whoever names it.
TELLING_WORDS: Final = 0.25

# A spread of evidence below this is noise: without a floor, min-max would blow it up to the full
# range whenever all candidates fit about equally.
LEAST_SPREAD: Final = 0.1


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a model's cosines mean.

    A logistic curve leads from the best chunk's cosine to the chance that a program manager calls
    the mentor relevant: `middle` is where that is as likely as not, `scale` its steepness.
    """

    middle: float
    scale: float

    def __call__(self, cosines: Scores) -> Scores:
        chances: Scores = 1 / (1 + np.exp(-(cosines - self.middle) / self.scale))
        return chances


# For MiniLM fitted by logistic regression to the demo's 30 requests and to the founders' requests that
# are there to tune on (75), classes weighed so that two in seven of those looked at are relevant: the
# middle comes out at .316 and .313, the scale at .082 and .093 (area under the curve .82 and .80). With
# classes weighed equally it would be .24 and .23, and "strong" given away. OpenAI's values follow the
# range its cosines usually have and are not fitted; the hashing backend's cosines hardly tell relevance
# at all (.60).
CALIBRATIONS: Final = {
    "minilm:all-MiniLM-L6-v2": Calibration(0.31, 0.09),
    "openai:text-embedding-3-small": Calibration(0.36, 0.08),
    "hashing:v1": Calibration(0.22, 0.08),
}
_UNKNOWN_MODEL: Final = Calibration(0.32, 0.08)

STRONG, GOOD = 75, 50


def band(score: int) -> str:
    """How well a score is, as the API says it; the page says the same in the reader's language."""
    if score >= STRONG:
        return "Strong match"
    return "Good match" if score >= GOOD else "Possible match"


def relevance(candidates: Sequence[Candidate], policy: Policy = DEFAULT_POLICY) -> Scores:
    """How well each profile fits, 0 to 1 against the others, shape (len(candidates),).

    A candidate that has no vector yet is judged by its words alone.
    """
    shares = np.array([candidate.bm25 for candidate in candidates])
    known = np.array([bool(candidate.cosines) for candidate in candidates])
    if not known.any():
        return _spread(shares, least=0.0)
    words = shares / max(float(shares.max()), TELLING_WORDS)
    votes = evidence([candidate.cosines for candidate in candidates if candidate.cosines])
    meaning = words.copy()
    meaning[known] = _spread(votes, least=LEAST_SPREAD)
    fit: Scores = policy.meaning * meaning + (1 - policy.meaning) * words
    return fit


def evidence(cosines: Sequence[Sequence[float]]) -> Scores:
    """What the best eight chunks of each say together: a soft maximum that rises with every one of them.

    Log-sum-exp, for one chunk its cosine; shape (len(cosines),). Each has one chunk at least.
    """
    votes = np.full((len(cosines), VOTES), -np.inf)
    for place, values in enumerate(cosines):
        votes[place, : len(values)] = values[:VOTES]
    found: Scores = SOFTNESS * np.logaddexp.reduce(votes / SOFTNESS, axis=1)
    return found


def scores(candidates: Sequence[Candidate], model_id: str) -> list[int]:
    """0 to 100 for each: how well this profile fits, whoever else there is. Rises with the cosine.

    The calibrated cosine, lifted where the profile has nearly all the words of the question (a name,
    a company, a tag): the sixth power leaves what ordinary sentences share without effect. Without
    vectors it is the words alone.
    """
    best = np.array([c.cosines[0] if c.cosines else np.nan for c in candidates])
    words = np.minimum([candidate.coverage for candidate in candidates], 1.0)
    fits = CALIBRATIONS.get(model_id, _UNKNOWN_MODEL)(best)
    shares = np.where(np.isnan(best), words, 1 - (1 - fits) * (1 - words**6))
    return [round(share) for share in (100 * shares).tolist()]


def _spread(values: Scores, *, least: float) -> Scores:
    """Min-max to 0..1, the best always 1; a range below `least` is not stretched to the full."""
    span = max(float(values.max() - values.min()), least)
    if span == 0:
        return np.ones(len(values))
    spread: Scores = 1 - (values.max() - values) / span
    return spread
