"""Two rankings in one list: team-draft interleaving (Radlinski, Kurup, Joachims 2008, CIKM).

Like children who pick teams: whoever has fewer picks next, and where they are level a coin decides.
Each picks the best that is left in its own ranking. A mentee then sees one list, and whom they open
or book is a vote for the ranking that picked that mentor.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Final, TypeVar

CONTROL: Final = "control"
TREATMENT: Final = "treatment"

Row = TypeVar("Row")


def draft(
    control: Sequence[Row],
    treatment: Sequence[Row],
    *,
    key: Callable[[Row], Hashable],
    coin: Callable[[], bool],
) -> list[tuple[Row, str]]:
    """Both rankings as one list, each row with the team that picked it.

    In every beginning of the list the teams are level to within one. A row is taken from the ranking
    that picked it, so what it says of itself is what that policy says.

    Args:
        control, treatment: the same rows, in two orders.
        key: what makes two rows the same one, such as the mentor's id.
        coin: thrown whenever the teams are level; True lets the treatment pick first.

    Raises ValueError where one ranking has somebody whom the other has not: with somebody only one
    team can pick, the vote would not be fair.
    """
    if {key(row) for row in control} != {key(row) for row in treatment}:
        raise ValueError("Two rankings of different mentors cannot be compared.")
    taken: set[Hashable] = set()
    teams = {CONTROL: _left(control, key, taken), TREATMENT: _left(treatment, key, taken)}
    sizes = {CONTROL: 0, TREATMENT: 0}
    drafted: list[tuple[Row, str]] = []
    while len(drafted) < len(control):
        level = sizes[CONTROL] == sizes[TREATMENT]
        behind = TREATMENT if sizes[TREATMENT] < sizes[CONTROL] else CONTROL
        team = (TREATMENT if coin() else CONTROL) if level else behind
        row = next(teams[team])
        taken.add(key(row))
        sizes[team] += 1
        drafted.append((row, team))
    return drafted


def _left(
    ranking: Sequence[Row], key: Callable[[Row], Hashable], taken: set[Hashable]
) -> Iterator[Row]:
    """Best first, without whom the other team has by then."""
    return (row for row in ranking if key(row) not in taken)
