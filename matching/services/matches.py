"""What an answer consists of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from matching import ranking
from matching.explanations import Reason
from mentors.models import Mentor
from sessions_app.slots import Slot


class Match(NamedTuple):
    """A mentor for a request. `slots` are real and bookable; none means "no times yet".

    `is_explored`: shown in the place that the policy keeps for somebody new; `team`: whose pick it was
    in an experiment.
    """

    mentor: Mentor
    score: int
    reasons: tuple[Reason, ...]
    slots: tuple[Slot, ...]
    is_bookable: bool
    is_explored: bool = False
    team: str = ""

    @property
    def band(self) -> str:
        return ranking.band(self.score)


@dataclass(frozen=True, slots=True)
class MatchAnswer:
    """`hidden`: mentors left out because this person said before that they are not relevant."""

    query: str
    request_id: UUID
    matches: tuple[Match, ...]
    hidden: frozenset[UUID] = frozenset()
