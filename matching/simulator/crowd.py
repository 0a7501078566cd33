"""Chance, drawn before a run begins: who asks when and for what, who accepts, who joins. Pure.

Drawn by the seed alone, so that every policy meets the same people with the same tastes, and their
difference is the policy's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from matching.simulator.market import WEEK, Flags, Market, Numbers, Places, capacity
from matching.simulator.scenario import Scenario

# Who joins later than that before the end could hardly be found any more.
LAST_WEEKS: Final = 2

BLOCK: Final = 64  # requests


@dataclass(frozen=True, slots=True)
class Crowd:
    """One seed's people.

    Attributes:
        joins: the hour at which each mentor joins, 0 for those who were there; shape (mentors,).
        joined: who joins during the run.
        capacity: sessions each mentor could hold in the run, from joining on; shape (mentors,).
        in_reach: and with those that can be booked by its end; shape (mentors,).
        accepts: the share of requests each mentor says yes to; shape (mentors,).
        quality: what each mentor adds to a rating; shape (mentors,).
        asks_at: the hour of each request, ascending; mentee and goal: whose and what for.
        seed: of the run.
    """

    joins: Numbers
    joined: Flags
    capacity: Numbers
    in_reach: Numbers
    accepts: Numbers
    quality: Numbers
    asks_at: Numbers
    mentee: Places
    goal: Places
    seed: int


@dataclass(frozen=True, slots=True)
class Luck:
    """What is drawn for some requests in a row, one row each: the same whatever happened before.

    Attributes:
        taste: Gumbel noise of each mentor and, last, of leaving; shape (requests, mentors + 1).
        answer: uniform, one for each try; accepted below the mentor's share.
        rated: uniform, whether the session is rated; mood: normal, what is added to the rating.
    """

    taste: Numbers
    answer: Numbers
    rated: Numbers
    mood: Numbers


def luck(seed: int, block: int, mentors: int, tries: int) -> Luck:
    """Of the requests BLOCK * block to BLOCK * (block + 1) - 1. In blocks, because making a generator
    takes longer than drawing from it."""
    chance = np.random.default_rng((seed, 1, block))
    return Luck(
        taste=chance.gumbel(size=(BLOCK, mentors + 1)),
        answer=chance.random((BLOCK, tries)),
        rated=chance.random(BLOCK),
        mood=chance.normal(size=BLOCK),
    )


def draw(market: Market, scenario: Scenario, *, demand: float, seed: int) -> Crowd:
    """The people of one run.

    Args:
        demand: requests as a share of capacity.
    """
    chance = np.random.default_rng((seed, 0))
    size, supply = len(market.mentors), scenario.supply
    joins = _joins(chance, size, scenario)
    reach = scenario.weeks + math.ceil(supply.horizon_days / 7)
    could_hold, in_reach = (
        np.array(
            [
                capacity(mentor, weeks, int(joins[number] // WEEK))
                for number, mentor in enumerate(market.mentors)
            ],
            dtype=float,
        )
        for weeks in (scenario.weeks, reach)
    )
    accepts = _shares(chance, size, supply.acceptance, supply.acceptance_strength)
    quality = chance.normal(0, scenario.ratings.mentor_spread, size)
    weights = 1 / np.arange(1, len(market.goals) + 1) ** scenario.demand.popularity
    chance.shuffle(weights)
    # What depends on the level of demand is drawn last, so that the rest is the same at each.
    requests = round(demand * could_hold.sum()) if len(market.goals) else 0
    mentees = max(1, round(requests / scenario.demand.requests_each))
    return Crowd(
        joins=joins,
        joined=joins > 0,
        capacity=could_hold,
        in_reach=in_reach,
        accepts=accepts,
        quality=quality,
        asks_at=np.sort(chance.uniform(0, scenario.weeks * WEEK, requests)),
        mentee=chance.integers(0, mentees, requests),
        goal=chance.choice(max(1, len(market.goals)), requests, p=weights / weights.sum())
        if requests
        else np.zeros(0, dtype=np.intp),
        seed=seed,
    )


def _joins(chance: np.random.Generator, size: int, scenario: Scenario) -> Numbers:
    """Hours of joining: a Monday after the first week for some, the start for all others."""
    joins = np.zeros(size)
    last = scenario.weeks - LAST_WEEKS
    if last >= 1:
        who = chance.permutation(size)[: round(size * scenario.supply.joining)]
        joins[who] = WEEK * chance.integers(1, last + 1, len(who))
    return joins


def _shares(chance: np.random.Generator, size: int, mean: float, strength: float) -> Numbers:
    """Draws from a Beta distribution; it has no draws where everybody always or never accepts."""
    if mean in (0.0, 1.0):
        return np.full(size, mean)
    return chance.beta(mean * strength, (1 - mean) * strength, size)
