"""Who is shown for a goal: by a policy through the production ranking, or by a yardstick. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Final, Protocol
from uuid import UUID

import numpy as np

from matching import ranking
from matching.ranking import Candidate, Policy
from matching.simulator.crowd import Crowd
from matching.simulator.market import Fits, Flags, Market, Numbers, Places

RELEVANCE: Final = "relevance only"
AVAILABLE: Final = "relevance of those with room"
RANDOM: Final = "random, with room"
YARDSTICKS: Final = (RELEVANCE, AVAILABLE, RANDOM)


@dataclass(frozen=True, slots=True)
class Standing:
    """How mentors stand when a request comes in; each array has shape (mentors,).

    Attributes:
        hour: of the run.
        present: who has joined by now.
        open: who is there and can be booked.
        facts: tells what the ranking knows of each mentor, by the name of the field in `Candidate`. Asked
            for by those who use it, because gathering it takes longer than all the rest.
        request: which one this is, for draws that depend on it.
    """

    hour: float
    present: Flags
    open: Flags
    next_start: Numbers
    facts: Callable[[], Mapping[str, Numbers]]
    request: int


class Server(Protocol):
    """Puts the mentors in order for a goal; best first, at least as many as a list shows."""

    def order(self, goal: int, standing: Standing) -> Places: ...


class ByRelevance:
    """The best fit first, without a look at the load. With `open_only` the best of those with room."""

    def __init__(self, fits: Fits, *, open_only: bool) -> None:
        self._orders = fits.orders
        self._open_only = open_only

    def order(self, goal: int, standing: Standing) -> Places:
        order = self._orders[goal]
        shown = standing.open if self._open_only else standing.present
        found: Places = order[shown[order]]
        return found


class AtRandom:
    """Anybody with room whom retrieval found."""

    def __init__(self, fits: Fits, seed: int) -> None:
        self._orders = fits.orders
        self._chance = np.random.default_rng((seed, 2))

    def order(self, goal: int, standing: Standing) -> Places:
        order = self._orders[goal]
        return self._chance.permutation(order[standing.open[order]])


class ByPolicy:
    """`ranking.rank` itself, told what production would tell it at that moment."""

    def __init__(self, market: Market, policy: Policy, crowd: Crowd) -> None:
        self._market = market
        self._policy = policy
        self._seed = crowd.seed
        self._known: dict[int, list[Candidate]] = {}
        self._number = {mentor.mentor_id: place for place, mentor in enumerate(market.mentors)}
        self._joins = {
            market.mentors[place].mentor_id: market.starts_at + timedelta(hours=crowd.joins[place])
            for place in np.flatnonzero(crowd.joined)
        }

    def order(self, goal: int, standing: Standing) -> Places:
        asked_for = self._market.goals[goal]
        if goal not in self._known:
            self._known[goal] = [
                replace(row, created_at=self._joins.get(row.mentor_id, row.created_at))
                for row in asked_for.candidates
            ]
        chosen = self._nearest(goal, standing)
        numbers = asked_for.places[chosen]
        pool = [self._known[goal][place] for place in chosen]
        now = self._market.starts_at + timedelta(hours=standing.hour)
        starts = [
            self._market.starts_at + timedelta(hours=hour)
            for hour in standing.next_start[numbers].tolist()
        ]
        _tell(pool, "next_start", starts)
        for name, values in standing.facts().items():
            _tell(pool, name, values[numbers].tolist())
        ranked = ranking.rank(
            pool,
            asked=asked_for.asked,
            model_id=self._market.model_id,
            now=now,
            policy=self._policy,
            alike=self._alike,
            seed=f"{self._seed} {standing.request}",
        )
        return np.array([self._number[row.candidate.mentor_id] for row in ranked], dtype=np.intp)

    def _alike(self, mentor_ids: Sequence[UUID]) -> Numbers:
        numbers = [self._number[mentor_id] for mentor_id in mentor_ids]
        found: Numbers = self._market.alike[np.ix_(numbers, numbers)].astype(float)
        return found

    def _nearest(self, goal: int, standing: Standing) -> Places:
        """Which candidates the search would cut off at its depth: those with room who are nearest by
        meaning, and as many by words."""
        asked_for = self._market.goals[goal]
        chosen = np.flatnonzero(standing.open[asked_for.places])
        depth = self._market.depth
        if len(chosen) <= depth:
            return chosen
        rows = [asked_for.candidates[place] for place in chosen]
        meaning = np.array([row.cosine if row.cosine is not None else -1.0 for row in rows])
        words = np.array([row.bm25 for row in rows])
        keep = np.union1d(
            np.argsort(-meaning, kind="stable")[:depth], np.argsort(-words, kind="stable")[:depth]
        )
        return chosen[keep]


def _tell(pool: list[Candidate], name: str, values: list[Any]) -> None:
    """Set a field of candidates that nobody else holds.

    Making new ones for every request takes longer than ranking them.
    """
    for candidate, value in zip(pool, values, strict=True):
        setattr(candidate, name, value)


def server_for(policy: Policy | str, market: Market, crowd: Crowd, fits: Fits) -> Server:
    """Of a policy, or of a yardstick by its name."""
    if isinstance(policy, Policy):
        return ByPolicy(market, policy, crowd)
    if policy == RANDOM:
        return AtRandom(fits, crowd.seed)
    return ByRelevance(fits, open_only=policy == AVAILABLE)
