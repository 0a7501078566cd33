"""What explanations may say of a mentor who is shown, gathered from the row and what moved it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from matching.explanations import (
    EXPLORED,
    FILTER,
    LANGUAGE,
    MEANING,
    ROOM,
    SPARE_TIME,
    WORDS,
    Facts,
    Reason,
    Viewer,
    explain,
)
from matching.services.courses import Course
from matching.services.shown import Shown
from matching.words import Asked


@dataclass(frozen=True, slots=True)
class Why:
    """Explains the mentors of one list.

    Attributes:
        course: whose policies ordered it.
        moved_up: for each of them, who is further up because of spare time; of the whole ranking.
    """

    asked: Asked
    viewer: Viewer
    course: Course
    moved_up: Sequence[Collection[UUID]]

    def of(self, shown: Shown) -> tuple[Reason, ...]:
        """At most three reasons, each from a signal that moved this mentor."""
        mentor, piece, row, slots, _team = shown
        candidate = row.candidate
        facts = Facts(
            signals=self._signals(shown),
            tags=candidate.tags,
            industries=mentor.industries,
            stages=mentor.stages,
            languages=mentor.languages,
            company=candidate.company,
            headline=mentor.headline,
            bio=mentor.bio,
            passage=piece,
            score=row.score,
            starts=[slot.starts_at for slot in slots],
            rating_total=candidate.rating_total,
            rating_count=candidate.rating_count,
            requests=candidate.requests,
            accepted=candidate.accepted,
            connection=candidate.connection,
            sessions_held=candidate.sessions,
            joined_at=mentor.created_at,
        )
        return explain(self.asked, facts, self.viewer)

    def _signals(self, shown: Shown) -> dict[str, float]:
        row, viewer = shown.row, self.viewer
        candidate, which = row.candidate, self.course.which(shown.team)
        policy = self.course.policies[which]
        meaning = policy.meaning if candidate.cosine is not None else 0.0
        return {
            **row.parts,
            MEANING: meaning * (candidate.cosine or 0.0),
            WORDS: (1 - meaning) * candidate.bm25,
            ROOM: float(bool(shown.slots)),
            SPARE_TIME: float(candidate.mentor_id in self.moved_up[which]),
            EXPLORED: float(row.is_explored),
            FILTER: float(bool(viewer.industries or viewer.stages or viewer.languages)),
            LANGUAGE: 1.0,
        }
