"""What two policies make of the same requests, side by side. Nothing of it is stored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from accounts.models import User
from matching import ranking, selectors
from matching.services.filters import Filters, eligible_for
from matching.services.questions import understand
from matching.services.searching import alike_by, find_candidates
from mentors.models import Mentor

PLACES: Final = 10

# Smaller parts of a value decide nothing that could be seen.
TOLD_FROM: Final = 0.005


@dataclass(frozen=True, slots=True)
class Place:
    """A mentor in one of the two lists.

    Attributes:
        before: the place in the other list, from 1; None where it is not in it.
        parts: what the value is the sum of, the largest first, without what is too small to see.
    """

    mentor_id: UUID
    name: str
    place: int
    before: int | None
    value: float
    parts: tuple[tuple[str, float], ...]
    is_explored: bool
    is_bookable: bool

    @property
    def up(self) -> int:
        """Places up from the other list."""
        return max(0, (self.before or 0) - self.place)

    @property
    def down(self) -> int:
        return max(0, self.place - self.before) if self.before else 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """One request: the first ten by the one policy and by the other."""

    query: str
    old: tuple[Place, ...]
    new: tuple[Place, ...]

    @property
    def rows(self) -> list[tuple[int, Place, Place]]:
        return [
            (place, *pair)
            for place, pair in enumerate(zip(self.old, self.new, strict=True), start=1)
        ]

    @property
    def moved(self) -> int:
        """How many of the new list's places have somebody else in them."""
        return sum(row.before != row.place for row in self.new)


def compare(
    *,
    queries: Sequence[str],
    old: ranking.Policy,
    new: ranking.Policy,
    by: User,
    now: datetime,
) -> list[Comparison]:
    """Both policies' lists for each request, as a program manager would be shown them.

    Each request is embedded and its candidates are found once. To be called with no transaction open.
    """
    eligible = selectors.Eligible(eligible_for(by, Filters(), now))
    pairs: list[tuple[str, list[ranking.Ranked], list[ranking.Ranked]]] = []
    for text in queries:
        question = understand(text)
        candidates = find_candidates(question=question, eligible=eligible, now=now)
        first, second = (
            ranking.rank(
                candidates,
                asked=question.asked,
                model_id=question.model_id,
                now=now,
                policy=policy,
                alike=alike_by(question.model_id),
                seed=f"{now:%Y-%m-%d} {text}",
            )
            for policy in (old, new)
        )
        pairs.append((text, first, second))
    shown = {
        row.candidate.mentor_id for _, *lists in pairs for one in lists for row in one[:PLACES]
    }
    names = _names(shown)
    return [
        Comparison(text, _places(first, second, names), _places(second, first, names))
        for text, first, second in pairs
    ]


def _names(mentor_ids: Iterable[UUID]) -> dict[UUID, str]:
    mentors = Mentor.objects.select_related("user").filter(pk__in=list(mentor_ids))
    return {mentor.pk: str(mentor.user) for mentor in mentors}


def _places(
    ranked: Sequence[ranking.Ranked],
    other: Sequence[ranking.Ranked],
    names: Mapping[UUID, str],
) -> tuple[Place, ...]:
    there = {row.candidate.mentor_id: place for place, row in enumerate(other, start=1)}
    return tuple(
        Place(
            mentor_id=row.candidate.mentor_id,
            name=names.get(row.candidate.mentor_id, ""),
            place=place,
            before=there.get(row.candidate.mentor_id),
            value=row.value,
            parts=_told(row.parts),
            is_explored=row.is_explored,
            is_bookable=row.candidate.is_bookable,
        )
        for place, row in enumerate(ranked[:PLACES], start=1)
    )


def _told(parts: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    seen = [(name, added) for name, added in parts.items() if abs(added) >= TOLD_FROM]
    return tuple(sorted(seen, key=lambda part: -abs(part[1])))
