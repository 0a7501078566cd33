"""What a simulation assumes of those who ask and those who are asked. Read from TOML, and checked."""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final, TypeAlias

MOST_WEEKS: Final = 104
MOST_SEEDS: Final = 200
Bounds: TypeAlias = tuple[float, float]


class BadScenario(Exception):
    """An assumption cannot be used; the message names it and says what it may be."""


def _given(default: Any, lowest: float, highest: float, meaning: str) -> Any:
    """A field with its default, the range it may lie in (ends included), and what it means."""
    return field(default=default, metadata={"bounds": (lowest, highest), "meaning": meaning})


def _said(default: Any, meaning: str) -> Any:
    return field(default=default, metadata={"meaning": meaning})


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """Who asks, how often, and for what."""

    to_capacity: tuple[float, ...] = _given(
        (0.6, 0.9),
        0.0,
        10.0,
        "requests in all weeks, by the sessions mentors could hold; each is played",
    )
    popularity: float = _given(
        1.0,
        0.0,
        3.0,
        "Zipf: the k-th goal is asked for 1/k^popularity as often as the first; 0: alike",
    )
    requests_each: float = _given(6.0, 1.0, 1000.0, "times that one mentee asks in the whole run")
    tries: int = _given(2, 1, 10, "lists that a mentee asks for before giving up")
    goals: tuple[str, ...] = _said(
        (), "what is asked for, in words; none: what mentees look for and people asked for lately"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Whom a mentee chooses from a list: a multinomial logit with an outside option (McFadden 1974).

    The weight of a mentor in place p is exp(sensitivity * fit) / log2(p + 1)^position, that of leaving
    without having asked anybody exp(sensitivity * outside_fit). Fit is the relevance of a mentor for a
    goal among all mentors, 0 to 1.
    """

    list_length: int = _given(10, 1, 50, "mentors shown")
    sensitivity: float = _given(
        6.0, 0.0, 50.0, "6: a fit .1 higher is chosen 1.8 times as often; 0: by place alone"
    )
    position: float = _given(
        1.0,
        0.0,
        5.0,
        "1: place 10 is looked at .29 times as often as the first, as in nDCG; 0: as often",
    )
    outside: bool = _said(True, "whether mentees may leave without asking anybody")
    outside_fit: float = _given(
        0.65, 0.0, 1.5, "how well the first must fit to be chosen as readily as leaving"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Supply:
    """What mentors do. Each one's share of yes is a draw from Beta(acceptance * acceptance_strength,
    (1 - acceptance) * acceptance_strength)."""

    acceptance: float = _given(
        0.8, 0.0, 1.0, "share of requests that mentors say yes to, on average"
    )
    acceptance_strength: float = _given(
        20.0, 1.0, 10_000.0, "how alike mentors are in that; 20: four in five accept .68 to .90"
    )
    joining: float = _given(
        0.1,
        0.0,
        0.9,
        "share of mentors who join after the first week and before the last two, unknown",
    )
    notice_hours: float = _given(24.0, 0.0, 168.0, "a session is booked so long ahead at least")
    horizon_days: int = _given(14, 1, 60, "and so long ahead at most")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratings:
    """What mentees think of a session, 1 to 5: base + fit_adds * fit + how good this mentor is (normal
    with mentor_spread) + the day (normal with session_spread)."""

    base: float = _given(3.5, 1.0, 5.0, "rating of an average mentor who does not fit at all")
    fit_adds: float = _given(1.0, 0.0, 4.0, "what a perfect fit adds")
    mentor_spread: float = _given(0.3, 0.0, 2.0, "how much mentors differ (standard deviation)")
    session_spread: float = _given(0.5, 0.0, 2.0, "and sessions of one mentor")
    share: float = _given(0.6, 0.0, 1.0, "of sessions that are rated")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Everything that is assumed. The same scenario, market and policy give the same figures."""

    weeks: int = _given(12, 2, MOST_WEEKS, "how long a run is")
    seeds: int = _given(20, 1, MOST_SEEDS, "so many runs, 1, 2, …; figures are means over them")
    demand: Demand = Demand()
    choice: Choice = Choice()
    supply: Supply = Supply()
    ratings: Ratings = Ratings()

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    def as_toml(self) -> str:
        """Every assumption with what it means, as `from_toml` reads it."""
        return "\n".join(_lines(self)) + "\n"


def _lines(part: Any) -> Iterator[str]:
    inner = []
    for item in fields(part):
        value = getattr(part, item.name)
        if hasattr(value, "__dataclass_fields__"):
            inner.append((item.name, value))
        else:
            # JSON writes numbers, texts, booleans and lists as TOML reads them.
            yield f"{item.name} = {json.dumps(value, ensure_ascii=False)}  # {item.metadata['meaning']}"
    for name, value in inner:
        yield from ("", f"[{name}]")
        yield from _lines(value)


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
