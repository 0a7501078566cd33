"""The order of the candidates, and the score that is shown. Pure: no database, no clock.

Two numbers, on purpose. The *order* compares the candidates of one question with each other, and
lets availability, load and ratings nudge it. The *score* says how well one profile fits one
question, whoever else there is, so that 80 means the same tomorrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeAlias
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from matching.ranking.policy import DEFAULT_POLICY, Policy
from matching.words import Asked, says, tokens

Scores: TypeAlias = NDArray[np.float64]

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
class Tag:
    """One piece of expertise; `weight` is 1 to 5."""

    area: str
    sub_area: str
    weight: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """What ranking knows of a mentor.

    Attributes:
        next_start: the next bookable start as last computed; None without one within the horizon.
        free_7d: open starts in the next seven days as last computed.
        cosines: of the profile's chunks with the question, descending; empty without vectors.
        passage: the text of the best chunk that is not the whole profile, where there is one.
        bm25: of the profile's words, as a share of the most a profile could have (0 to 1); coverage: the
            share of the question's words, weighed by rarity, that the profile has (0 to 1).
        booked_28d: sessions that started in the last 28 days or are still to come; booked_7d: those of
            them that start in the next seven days; sessions: all there ever were. Cancelled ones never
            count.
        last_seen: when the mentor was last signed in; None where that is not known.
        requests: bookings that waited for the mentor's yes and were answered or lapsed; accepted: those that
            got it. Of mentors who let founders book at once there are none.
        connection: what ties the mentor to the founder who asks: "met" (a session with somebody else of
            the same company), "named" (the founder's own profile names the company), or "".
        shown: how often a new mentor was in a list, up to `ENOUGH_SHOWN`; of others it is not counted.
    """

    mentor_id: UUID
    name: str = ""
    company: str = ""
    weekly_load_cap: int = 5
    created_at: datetime
    is_bookable: bool = True
    next_start: datetime | None = None
    free_7d: int = 0
    cosines: tuple[float, ...] = ()
    passage: str = ""
    bm25: float = 0.0
    coverage: float = 0.0
    tags: tuple[Tag, ...] = ()
    booked_28d: int = 0
    booked_7d: int = 0
    sessions: int = 0
    rating_total: int = 0
    rating_count: int = 0
    last_seen: datetime | None = None
    requests: int = 0
    accepted: int = 0
    connection: str = ""
    shown: int = 0

    @property
    def cosine(self) -> float | None:
        """Of the best chunk; None without vectors."""
        return self.cosines[0] if self.cosines else None


# As many ratings at the mean are added to a mentor's own: two fives are not better than fifty 4.8s.
PRIOR_RATINGS: Final = 5
LOAD_PERIOD: Final = timedelta(days=28)


@dataclass(frozen=True, slots=True)
class Calibration:
    """What a model's cosines mean.

    A logistic curve leads from the best chunk's cosine to the chance that a program manager calls
    the mentor relevant: `middle` is where that is as likely as not, `scale` its steepness.
    """

    middle: float
    scale: float

    def __call__(self, cosine: float) -> float:
        return float(1 / (1 + np.exp(-(cosine - self.middle) / self.scale)))


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
    if score >= STRONG:
        return "Strong match"
    return "Good match" if score >= GOOD else "Possible match"


@dataclass(frozen=True, slots=True)
class Ranked:
    """A candidate in its place.

    Attributes:
        relevance: 0 to 1, against the other candidates of this question.
        value: relevance and the nudges; what the order follows within a tier.
        score: 0 to 100, absolute.
        is_named: the question is this mentor's name or company.
    """

    candidate: Candidate
    relevance: float
    value: float
    score: int
    is_named: bool


def rank(
    candidates: Sequence[Candidate],
    *,
    asked: Asked,
    model_id: str,
    now: datetime,
    policy: Policy = DEFAULT_POLICY,
) -> list[Ranked]:
    """Best first; the order does not depend on the order of the candidates.

    Whoever was asked for by name comes first, then those who can be booked, then those who cannot.
    """
    if not candidates:
        return []
    fit = relevance(candidates, policy)
    values = fit + _nudges(candidates, asked=asked, now=now, policy=policy)
    ranked = [
        Ranked(
            candidate,
            float(fit[place]),
            float(values[place]),
            score(candidate, model_id),
            _is_named(candidate, asked),
        )
        for place, candidate in enumerate(candidates)
    ]
    return sorted(ranked, key=_place)


def relevance(candidates: Sequence[Candidate], policy: Policy = DEFAULT_POLICY) -> Scores:
    """How well each profile fits, 0 to 1 against the others, shape (len(candidates),).

    A candidate that has no vector yet is judged by its words alone.
    """
    shares = np.array([candidate.bm25 for candidate in candidates])
    known = np.array([bool(candidate.cosines) for candidate in candidates])
    if not known.any():
        return _spread(shares, least=0.0)
    words = shares / max(float(shares.max()), TELLING_WORDS)
    votes = [evidence(candidate.cosines) for candidate in candidates if candidate.cosines]
    meaning = words.copy()
    meaning[known] = _spread(np.array(votes), least=LEAST_SPREAD)
    fit: Scores = policy.meaning * meaning + (1 - policy.meaning) * words
    return fit


def evidence(cosines: Sequence[float]) -> float:
    """What the best eight chunks say together: a soft maximum that rises with every one of them.

    Log-sum-exp; for one chunk its cosine.
    """
    return float(SOFTNESS * np.logaddexp.reduce(np.array(cosines[:VOTES]) / SOFTNESS))


def score(candidate: Candidate, model_id: str) -> int:
    """0 to 100: how well this profile fits, whoever else there is. Rises with the cosine.

    The calibrated cosine, lifted where the profile has nearly all the words of the question (a name,
    a company, a tag): the fourth power leaves what ordinary sentences share without effect.
    """
    if candidate.cosine is None:
        return round(100 * candidate.coverage)
    fits = CALIBRATIONS.get(model_id, _UNKNOWN_MODEL)(candidate.cosine)
    return round(100 * (1 - (1 - fits) * (1 - min(candidate.coverage, 1.0) ** 4)))


def tag_match(candidate: Candidate, asked: Asked) -> float:
    """0 to 1: the heaviest piece of expertise that the question names in so many words."""
    return max(
        (
            tag.weight / 5
            for tag in candidate.tags
            if says(asked, tag.area) or (tag.sub_area and says(asked, tag.sub_area))
        ),
        default=0.0,
    )


def _place(ranked: Ranked) -> tuple[bool, bool, float, str]:
    candidate = ranked.candidate
    # Rounded, so that the last bits of a sum never decide; the id then makes the order total.
    return (
        not ranked.is_named,
        not candidate.is_bookable,
        -round(ranked.value, 9),
        str(candidate.mentor_id),
    )


def _nudges(
    candidates: Sequence[Candidate], *, asked: Asked, now: datetime, policy: Policy
) -> Scores:
    """What is added to relevance, shape (len(candidates),). Nobody is nudged for missing data."""
    expertise = np.array([tag_match(candidate, asked) for candidate in candidates])
    # Saturates: two free hours this week are much better than none, twenty hardly than ten.
    soon = 1 - np.exp(-np.array([float(candidate.free_7d) for candidate in candidates]) / 3)
    unused = np.array([_unused(candidate, now) for candidate in candidates])
    return (
        policy.expertise * expertise
        + policy.availability * soon
        + policy.rating * _ratings(candidates)
        + policy.deficit * unused
    )


def _ratings(candidates: Sequence[Candidate]) -> Scores:
    """Mean rating shrunk to everybody's mean, as distance from it (-1 to 1)."""
    totals = np.array([float(candidate.rating_total) for candidate in candidates])
    counts = np.array([float(candidate.rating_count) for candidate in candidates])
    if not counts.any():
        return np.zeros(len(candidates))
    mean = totals.sum() / counts.sum()
    shrunk: Scores = (totals + PRIOR_RATINGS * mean) / (counts + PRIOR_RATINGS)
    distance: Scores = (shrunk - mean) / 4  # 1 to 5 is a range of 4
    return distance


def _unused(candidate: Candidate, now: datetime) -> float:
    """0 to 1: the share of the last 28 days' hours that nobody booked.

    Whoever joined later is measured by the time since, at least two weeks of it, and so starts
    level with a mentor who had no session yet.
    """
    lived = (now - candidate.created_at) / LOAD_PERIOD
    capacity = 4 * candidate.weekly_load_cap * min(1.0, max(0.5, lived))
    return max(0.0, 1 - candidate.booked_28d / capacity) if capacity else 0.0


def _spread(values: Scores, *, least: float) -> Scores:
    """Min-max to 0..1, the best always 1; a range below `least` is not stretched to the full."""
    span = max(float(values.max() - values.min()), least)
    if span == 0:
        return np.ones(len(values))
    spread: Scores = 1 - (values.max() - values) / span
    return spread


def _is_named(candidate: Candidate, asked: Asked) -> bool:
    """Whether the question is this mentor's name or company, or has the full name in it."""
    words = set(tokens(" ".join(asked.written)))
    name, company = set(tokens(candidate.name)), set(tokens(candidate.company))
    if not words:
        return False
    return (
        words <= name or (len(name) > 1 and name <= words) or (bool(company) and words == company)
    )
