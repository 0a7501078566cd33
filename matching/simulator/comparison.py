"""Several policies on one market: every level of demand, every seed, side by side. Pure."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from matching.ranking import Policy
from matching.simulator.crowd import draw
from matching.simulator.figures import MEANINGS, figures, loads, lorenz, mean_and_interval
from matching.simulator.market import Fits, Market, Numbers
from matching.simulator.run import Run
from matching.simulator.scenario import Scenario
from matching.simulator.serving import AVAILABLE, YARDSTICKS, server_for

Served: TypeAlias = Policy | str  # a yardstick by its name
Unit: TypeAlias = tuple[str, float, int]  # who serves, demand to capacity, seed


@dataclass(frozen=True, slots=True)
class Played:
    """What one run came to."""

    figures: Mapping[str, float]
    lorenz: Numbers


@dataclass(frozen=True, slots=True)
class Row:
    """One policy at one level of demand.

    Attributes:
        values: by figure, one value a seed, shape (seeds,).
        gained: the same less that of the relevance of those with room, seed by seed.
        lorenz: mean curve of bookings by capacity, from the fewest to the most (see `figures.lorenz`).
    """

    policy: str
    demand: float
    values: Mapping[str, Numbers]
    gained: Mapping[str, Numbers]
    lorenz: Numbers

    def as_json(self) -> dict[str, Any]:
        return {
            "policy": self.policy,
            "demand_to_capacity": self.demand,
            **{name: _summary(values) for name, values in self.values.items()},
            "against_availability": {
                name: _summary(values) for name, values in self.gained.items()
            },
            "lorenz": np.round(self.lorenz, 4).tolist(),
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """All rows, by demand and then in the order in which policies were given, yardsticks last."""

    scenario: Scenario
    mentors: int
    goals: int
    rows: Sequence[Row]

    def as_json(self) -> dict[str, Any]:
        return {
            "scenario": self.scenario.as_json(),
            "mentors": self.mentors,
            "goals": self.goals,
            "results": [row.as_json() for row in self.rows],
        }


def compare(
    market: Market,
    scenario: Scenario,
    policies: Mapping[str, Policy],
    *,
    processes: int = 1,
    say: Callable[[int, int], None] = lambda done, of: None,
) -> Comparison:
    """Play the market for each policy and yardstick.

    Args:
        policies: by the name to show them under.
        processes: how many to use; one plays in this process.
        say: is told how many runs of how many are done.
    """
    served: dict[str, Served] = {**policies, **{name: name for name in YARDSTICKS}}
    units = [
        (name, demand, seed)
        for seed in range(1, scenario.seeds + 1)
        for demand in scenario.demand.to_capacity
        for name in served
    ]
    found: dict[Unit, Played] = {}
    for unit, result in _played(market, scenario, served, units, processes):
        found[unit] = result
        say(len(found), len(units))
    rows = [
        _row(found, scenario, name, demand)
        for demand in scenario.demand.to_capacity
        for name in served
    ]
    return Comparison(scenario, len(market.mentors), len(market.goals), rows)


def _row(found: Mapping[Unit, Played], scenario: Scenario, name: str, demand: float) -> Row:
    seeds = range(1, scenario.seeds + 1)

    def by_seed(policy: str, figure: str) -> Numbers:
        return np.array([found[policy, demand, seed].figures[figure] for seed in seeds])

    values = {figure: by_seed(name, figure) for figure in MEANINGS}
    gained = {figure: values[figure] - by_seed(AVAILABLE, figure) for figure in MEANINGS}
    curve = np.mean([found[name, demand, seed].lorenz for seed in seeds], axis=0)
    return Row(name, demand, values, gained, curve)


def _summary(values: Numbers) -> dict[str, float | None]:
    numbers = mean_and_interval(values)
    named = zip(("mean", "low", "high"), numbers, strict=True)
    # JSON has no nan.
    return {name: round(value, 4) if np.isfinite(value) else None for name, value in named}


def _played(
    market: Market,
    scenario: Scenario,
    served: Mapping[str, Served],
    units: Sequence[Unit],
    processes: int,
) -> Iterator[tuple[Unit, Played]]:
    if processes == 1:
        _Stage.have(market, scenario, served)
        for unit in units:
            yield unit, _play(unit)
        return
    with ProcessPoolExecutor(
        processes,
        # A fork would take database connections along.
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_Stage.have,
        initargs=(market, scenario, served),
    ) as pool:
        yield from zip(units, pool.map(_play, units), strict=True)


class _Stage:
    """What every run of a process shares, sent to it once."""

    market: Market
    scenario: Scenario
    served: Mapping[str, Served]
    fits: Fits

    @classmethod
    def have(cls, market: Market, scenario: Scenario, served: Mapping[str, Served]) -> None:
        cls.market, cls.scenario, cls.served = market, scenario, served
        cls.fits = market.fits()


def _play(unit: Unit) -> Played:
    name, demand, seed = unit
    stage = _Stage
    crowd = draw(stage.market, stage.scenario, demand=demand, seed=seed)
    server = server_for(stage.served[name], stage.market, crowd, stage.fits)
    log = Run(stage.market, stage.scenario, crowd, server, stage.fits).play()
    return Played(figures(log, crowd, stage.scenario), lorenz(loads(log, crowd)))
