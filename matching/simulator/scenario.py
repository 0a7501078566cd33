"""What a simulation assumes of those who ask and those who are asked. Read from TOML, and checked."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final, TypeAlias

MOST_WEEKS: Final = 104
MOST_SEEDS: Final = 200
Bounds: TypeAlias = tuple[float, float]


class BadScenario(Exception):
    """An assumption cannot be used; the message names it and says what it may be."""


def _given(default: Any, lowest: float, highest: float) -> Any:
    """A field with a default and the range it may lie in, ends included."""
    return field(default=default, metadata={"bounds": (lowest, highest)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Who asks, how often, and for what.

    Attributes:
        to_capacity: requests over all weeks, as shares of the sessions that could be held; each is
            simulated.
        popularity: how unevenly goals are asked for: the k-th most popular with weight k^-popularity
            (Zipf). Which goal is how popular is drawn anew with each seed. 0: all alike.
        requests_each: how often one mentee asks in the whole run, on average.
        tries: after a refusal a mentee asks for another list, so many times in all.
        goals: what is asked for, in words; empty: what the mentees of the database look for.
    """

    to_capacity: tuple[float, ...] = field(default=(0.6, 0.9), metadata={"bounds": (0.0, 10.0)})
    popularity: float = _given(1.0, 0.0, 3.0)
    requests_each: float = _given(6.0, 1.0, 1000.0)
    tries: int = _given(2, 1, 10)
    goals: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Whom a mentee chooses from a list: a multinomial logit with an outside option (McFadden 1974).

    The weight of a mentor in place p is exp(sensitivity * fit) / log2(p + 1)^position, that of leaving
    without having asked anybody exp(sensitivity * outside_fit).

    Attributes:
        list_length: mentors shown.
        sensitivity: how surely the better fit is chosen; 0 is by place alone. Fit is the relevance of
            a mentor for a goal, 0 to 1.
        position: how much being further down costs; 0: nothing, 1: as much as nDCG says.
        outside: whether a mentee may leave at all.
        outside_fit: how well a mentor must fit to be chosen as readily as leaving.
    """

    list_length: int = _given(10, 1, 50)
    sensitivity: float = _given(6.0, 0.0, 50.0)
    position: float = _given(1.0, 0.0, 5.0)
    outside: bool = True
    outside_fit: float = _given(0.65, 0.0, 1.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """What mentors do.

    Attributes:
        acceptance: the share of requests that a mentor says yes to, on average over mentors.
        acceptance_strength: how alike mentors are in that: each one's share is a draw from
            Beta(acceptance * strength, (1 - acceptance) * strength).
        joining: the share of mentors who join during the run, on a Monday after the first week and
            before the last two, unknown to everyone.
        notice_hours: a session can be booked until so many hours before it starts.
        horizon_days: and at most so many days ahead.
    """

    acceptance: float = _given(0.8, 0.0, 1.0)
    acceptance_strength: float = _given(20.0, 1.0, 10_000.0)
    joining: float = _given(0.1, 0.0, 0.9)
    notice_hours: float = _given(24.0, 0.0, 168.0)
    horizon_days: int = _given(14, 1, 60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratings:
    """What mentees think of a session: base + fit_adds * fit + how good this mentor is (normal with
    mentor_spread) + the day (normal with session_spread), on the scale of 1 to 5.

    Attributes:
        share: how many sessions are rated.
    """

    base: float = _given(3.5, 1.0, 5.0)
    fit_adds: float = _given(1.0, 0.0, 4.0)
    mentor_spread: float = _given(0.3, 0.0, 2.0)
    session_spread: float = _given(0.5, 0.0, 2.0)
    share: float = _given(0.6, 0.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Everything that is assumed. The same scenario, market and policy give the same figures.

    Attributes:
        weeks: how long the run is.
        seeds: so many runs, with the seeds 1, 2, …; figures are means over them.
    """

    weeks: int = _given(12, 2, MOST_WEEKS)
    seeds: int = _given(20, 1, MOST_SEEDS)
    demand: Demand = Demand()
    choice: Choice = Choice()
    supply: Supply = Supply()
    ratings: Ratings = Ratings()

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def read(path: Path) -> Scenario:
    """A scenario from a TOML file. Raises BadScenario."""
    try:
        return from_toml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadScenario(f"{path} cannot be read: {error}.") from error
    except BadScenario as error:
        raise BadScenario(f"{path}: {error}") from error


def from_toml(text: str) -> Scenario:
    """What is left out has its default. Raises BadScenario."""
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadScenario(f"This is not TOML: {error}.") from error
    return from_mapping(given)


def from_mapping(given: Mapping[str, Any]) -> Scenario:
    """As `from_toml`, of what is read already: `weeks`, `seeds` and a table for each part."""
    scenario: Scenario = _part(Scenario, given, "")
    return scenario


def _part(kind: Any, given: Mapping[str, Any], inside: str) -> Any:
    known = {item.name: item for item in fields(kind)}
    values: dict[str, Any] = {}
    for name, value in given.items():
        if name not in known:
            raise BadScenario(f"{inside}{name} is not an assumption. {_near(name, inside, known)}")
        default = known[name].default
        values[name] = _value(f"{inside}{name}", value, default, known[name].metadata)
    return kind(**values)


def _near(name: str, inside: str, known: Mapping[str, Any]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    if close:
        return f"Did you mean {inside}{close[0]}?"
    return f"There are: {', '.join(inside + other for other in known)}."


def _value(name: str, value: Any, default: Any, metadata: Mapping[str, Any]) -> Any:
    if hasattr(default, "__dataclass_fields__"):
        if not isinstance(value, Mapping):
            raise BadScenario(f"{name} is a table, [{name}], and not {value!r}.")
        return _part(type(default), value, f"{name}.")
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise BadScenario(f"{name} is true or false, and not {value!r}.")
        return value
    if isinstance(default, tuple):
        return _several(name, value, metadata)
    return _number(name, value, whole=isinstance(default, int), bounds=metadata["bounds"])


def _several(name: str, value: Any, metadata: Mapping[str, Any]) -> tuple[Any, ...]:
    if "bounds" in metadata:
        rows = value if isinstance(value, list | tuple) else [value]
        if not rows:
            raise BadScenario(f"{name} needs a number at least.")
        numbers = [_number(name, row, whole=False, bounds=metadata["bounds"]) for row in rows]
        return tuple(dict.fromkeys(numbers))
    if not isinstance(value, list | tuple) or not all(
        isinstance(row, str) and row.strip() for row in value
    ):
        raise BadScenario(f"{name} is a list of texts, none of them blank.")
    return tuple(value)


def _number(name: str, value: Any, *, whole: bool, bounds: Bounds) -> float | int:
    kind = "a whole number" if whole else "a number"
    is_kind = isinstance(value, int) or (isinstance(value, float) and not whole)
    # A boolean is an int to Python; nan compares with nothing.
    if isinstance(value, bool) or not is_kind or not bounds[0] <= value <= bounds[1]:
        raise BadScenario(f"{name} is {kind} from {bounds[0]:g} to {bounds[1]:g}, not {value!r}.")
    return int(value) if whole else float(value)
