"""The order of the candidates. Pure: no database, no clock.

Two numbers, on purpose. The *order* compares the candidates of one question with each other, and
lets availability, load and ratings nudge it. The *score* says how well one profile fits one
question, whoever else there is, so that 80 means the same tomorrow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final, TypeAlias
from uuid import UUID

import numpy as np

from matching.advice import NO_ADVICE, Advice
from matching.ranking.candidates import Candidate
from matching.ranking.explore import newcomer
from matching.ranking.policy import DEFAULT_POLICY, SIGNALS, Policy
from matching.ranking.relevance import relevance, scores
from matching.ranking.signals import Scores, measured
from matching.words import Asked, tokens

# How alike the profiles of some mentors are: by their ids, shape (n, n), 1 the same. Asked for once.
Alike: TypeAlias = Callable[[Sequence[UUID]], Scores]

# Beyond the second page of ten nobody minds who is like whom.
DIVERSE_UP_TO: Final = 20


@dataclass(slots=True)
class Ranked:
    """A candidate in its place. Not frozen, as a candidate is not.

    Attributes:
        relevance: 0 to 1, against the other candidates of this question.
        value: relevance and what the signals added; what the order follows within a tier.
        score: 0 to 100, absolute.
        is_named: the question is this mentor's name or company.
        parts: what value is the sum of, by name: "relevance", each signal, "reworded" and "ordered" where
            a language model was asked, and "diversity" where it took something off. What a reason or a preview says of a signal is read from here.
        is_explored: in this place because it is kept for somebody new, and not for the value.
    """

    candidate: Candidate
    relevance: float
    value: float
    score: int
    is_named: bool
    parts: Mapping[str, float]
    is_explored: bool = False


def rank(
    candidates: Sequence[Candidate],
    *,
    asked: Asked,
    model_id: str,
    now: datetime,
    policy: Policy = DEFAULT_POLICY,
    alike: Alike | None = None,
    seed: str | None = None,
    advice: Advice = NO_ADVICE,
) -> list[Ranked]:
    """Best first; the order does not depend on the order of the candidates.

    Whoever was asked for by name comes first, then those who can be booked, then those who cannot.

    Args:
        alike: None: whoever is like whom, the policy's diversity is not applied.
        seed: of the draw among new mentors, the same for the same list; None: nobody new is tried.
    """
    if not candidates:
        return []
    own = relevance(candidates, policy)
    mentors = [candidate.mentor_id for candidate in candidates]
    fit = advice.fused(mentors, own)
    added = weighed(candidates, fit, asked=asked, now=now, policy=policy)
    lifts = np.where(_is_below(fit, policy), 0.0, advice.lift(mentors))
    values = fit + added.sum(axis=1) + lifts
    words = set(tokens(" ".join(asked.written)))
    names, points = ["relevance", *SIGNALS], scores(candidates, model_id)
    parts = np.column_stack((own, added)).tolist()
    if advice.kinds:
        names += ["reworded", "ordered"]
        parts = np.column_stack((own, added, fit - own, lifts)).tolist()
    ranked = [
        Ranked(
            candidate,
            float(fit[place]),
            float(values[place]),
            points[place],
            _is_named(candidate, words),
            dict(zip(names, parts[place], strict=True)),
        )
        for place, candidate in enumerate(candidates)
    ]
    ranked.sort(key=_place)
    if alike is not None and policy.diversity:
        ranked = diversified(ranked, alike, policy)
    return ranked if seed is None else _with_newcomer(ranked, policy, now=now, seed=seed)


def weighed(
    candidates: Sequence[Candidate], fit: Scores, *, asked: Asked, now: datetime, policy: Policy
) -> Scores:
    """What each signal adds to relevance, shape (len(candidates), len(SIGNALS)).

    Below the policy's floor nothing is added that lifts.
    """
    weights = np.array([getattr(policy, name) for name in SIGNALS])
    added: Scores = measured(candidates, asked=asked, now=now) * weights
    is_below = _is_below(fit, policy)
    added[is_below] = np.minimum(added[is_below], 0.0)
    return added


def _is_below(fit: Scores, policy: Policy) -> Any:
    """Who fits too little to be lifted, shape (len(fit),), of booleans."""
    return fit < policy.floor * fit.max()


def head(ranked: Sequence[Ranked]) -> tuple[int, list[Ranked]]:
    """Among whom diversity is cared for, and where they begin: the first who can be booked, behind
    whoever was asked for by name."""
    start = next((at for at, row in enumerate(ranked) if not row.is_named), len(ranked))
    first = ranked[start : start + DIVERSE_UP_TO]
    return start, [row for row in first if row.candidate.is_bookable]


def diversified(ranked: Sequence[Ranked], alike: Alike, policy: Policy) -> list[Ranked]:
    """Maximal marginal relevance (Carbonell and Goldstein 1998) among the first who can be booked.

    Each place goes to whoever has most left of their value after `diversity` times the likeness to the
    likest further up. The first stays first; whoever was asked for by name stays in front.
    """
    start, first = head(ranked)
    if len(first) < 3:  # the first stays, and so does the only other
        return list(ranked)
    costs = policy.diversity * alike([row.candidate.mentor_id for row in first])
    left = np.array([round(row.value, 9) for row in first])
    taken_off = np.zeros(len(first))
    chosen: list[Ranked] = []
    for _ in first:
        best = int(np.argmax(left - taken_off))
        cost = float(taken_off[best])
        row = first[best]
        chosen.append(replace(row, value=row.value - cost, parts={**row.parts, "diversity": -cost}))
        left[best] = -np.inf
        taken_off = np.maximum(taken_off, costs[best])
    return [*ranked[:start], *chosen, *ranked[start + len(first) :]]


def _with_newcomer(
    ranked: list[Ranked], policy: Policy, *, now: datetime, seed: str
) -> list[Ranked]:
    """The list with one new mentor from further down in the place that is kept for one."""
    place = policy.explore_at - 1
    if place < 0:
        return ranked
    least = policy.floor * max(row.relevance for row in ranked)
    new = [
        row
        for row in ranked[place + 1 :]
        if row.candidate.is_new(now)
        and row.candidate.is_bookable
        and not row.is_named
        and row.relevance >= least
    ]
    if not new:
        return ranked
    chosen = newcomer([row.candidate for row in new], seed)
    rest = [row for row in ranked if row.candidate is not chosen]
    (found,) = (row for row in new if row.candidate is chosen)
    return [*rest[:place], replace(found, is_explored=True), *rest[place:]]


def _place(ranked: Ranked) -> tuple[bool, bool, float, int]:
    candidate = ranked.candidate
    # Rounded, so that the last bits of a sum never decide; the id then makes the order total.
    return (
        not ranked.is_named,
        not candidate.is_bookable,
        -round(ranked.value, 9),
        candidate.mentor_id.int,
    )


def _is_named(candidate: Candidate, words: set[str]) -> bool:
    """Whether the question's words are this mentor's name or company, or have the full name in them."""
    if not words:
        return False
    name, company = set(tokens(candidate.name)), set(tokens(candidate.company))
    return (
        words <= name or (len(name) > 1 and name <= words) or (bool(company) and words == company)
    )
