"""Policies that differ in a few weights, to be compared on a market. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Final

from matching.ranking import Policy, policy_of

MOST_OF_A_SWEEP: Final = 60


class BadSweep(Exception):
    """What to vary cannot be read; the message says how it is written."""


def swept(policy: Policy, axes: Sequence[str]) -> dict[str, Policy]:
    """A policy with every combination of some weights, by what differs: "deficit .1, load 0".

    Args:
        axes: each a weight and its values, "deficit=0.1,0.15".

    Raises BadSweep.
    """
    named = [_axis(axis) for axis in axes]
    found: dict[str, Policy] = {}
    for values in itertools.product(*(values for _name, values in named)):
        changes = {name: value for (name, _values), value in zip(named, values, strict=True)}
        label = ", ".join(f"{name} {value:g}" for name, value in changes.items())
        try:
            found[label] = policy_of(label, {**policy.weights(), **changes})
        except ValueError as error:
            raise BadSweep(str(error)) from error
    if len(found) > MOST_OF_A_SWEEP:
        raise BadSweep(f"These are {len(found)} policies; at most {MOST_OF_A_SWEEP} are compared.")
    return found


def _axis(axis: str) -> tuple[str, list[float]]:
    name, equals, values = axis.partition("=")
    try:
        numbers = [float(value) for value in values.split(",")]
    except ValueError:
        numbers = []
    if not equals or not numbers:
        raise BadSweep(f"{axis} is not a weight and its values, as deficit=0.1,0.15.")
    return name.strip(), numbers
