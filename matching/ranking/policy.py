"""What a policy may say: the weights that order a list, and the limits they keep. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

# What nudges a mentor up or down beside relevance, in the order in which it is shown. Each is a field
# of the policy, its weight; what it measures is said in signals.py.
SIGNALS: Final = (
    "expertise",
    "rating",
    "recency",
    "availability",
    "load",
    "deficit",
    "acceptance",
    "connection",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How a list is ordered. Weights are in units of relevance, which runs from 0 to 1.

    The signals are small: they decide between mentors who fit about equally well, and none of them
    lifts a mentor below the floor.

    Attributes:
        version: of the policies of this name; 0 for one that is not stored.
        meaning: the share of the vectors in relevance, the rest is BM25: a convex combination (Bruch, Gai,
            Ingber 2023, arXiv 2210.11934).
        load: how much a coming week that is booked out costs; deficit: how much a mentor gains whom nobody
            has booked for four weeks. Together a rule of backpressure (Shah,
            Gulikers, Massoulie, Vojnovic 2020, arXiv 1703.00674): greedy best match leaves capacity unused.
        floor: the share of the best relevance below which nothing lifts a mentor.
        diversity: how much it costs to be like somebody further up: MMR (Carbonell and Goldstein 1998) with
            lambda = 1 / (1 + diversity). 0: off.
        explore_at: the place of the list that is kept for a new mentor, from 1; 0: none is.
    """

    name: str
    version: int = 0
    meaning: float = 0.6
    expertise: float = 0.01
    rating: float = 0.03
    recency: float = 0.03
    availability: float = 0.005
    load: float = 0.005
    deficit: float = 0.14
    acceptance: float = 0.05
    connection: float = 0.03
    floor: float = 0.4
    diversity: float = 0.005
    explore_at: int = 6

    @property
    def label(self) -> str:
        """As it is said in a command and in a log: "default:1"."""
        return f"{self.name}:{self.version}" if self.version else self.name

    def weights(self) -> dict[str, float | int]:
        """Everything that decides the order, by name."""
        return {name: getattr(self, name) for name in WEIGHTS}


# The fields that a policy is made of, and up to what each may be. None may be below 0.
MOST: Final[Mapping[str, float]] = {
    "meaning": 1.0,
    **dict.fromkeys(SIGNALS, 0.5),
    "floor": 1.0,
    "diversity": 1.0,
    "explore_at": 50,
}
WEIGHTS: Final = tuple(field.name for field in fields(Policy) if field.name in MOST)

# What the product is shipped with: stored as version 1 and published after the first migrate.
DEFAULT_POLICY: Final = Policy(name="default", version=1)


def policy_of(name: str, weights: Mapping[str, Any], version: int = 0) -> Policy:
    """A policy from names and numbers, for instance of a file; what is not named is as shipped.

    Raises ValueError for what is no object of weights, and for a number outside its range.
    """
    if not isinstance(weights, Mapping):
        raise ValueError("a policy is an object of weights by their names.")
    for key, value in weights.items():
        if key not in MOST:
            raise ValueError(f"{key} is not a weight of a policy: {', '.join(WEIGHTS)}.")
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"{key} is not a number.")
        if not 0 <= value <= MOST[key]:
            raise ValueError(f"{key} is {value}, and not from 0 to {MOST[key]:g}.")
    explore_at = weights.get("explore_at", DEFAULT_POLICY.explore_at)
    if explore_at != int(explore_at):
        raise ValueError("explore_at is a place, so a whole number.")
    return Policy(name=name, version=version, **{**weights, "explore_at": int(explore_at)})
