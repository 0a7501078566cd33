"""The mentors about to be shown, with the starts that are really open."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final, NamedTuple, TypeAlias

from accounts.models import User
from matching import ranking, selectors
from matching.services.filters import SLOTS_WITHIN, Filters, mentee_of
from mentors.models import Mentee, Mentor
from sessions_app.selectors import open_slots_of
from sessions_app.slots import Slot

SLOTS_SHOWN: Final = 6

# Read beyond those shown, to take the place of mentors whose opening turns out to be gone.
SPARE: Final = 3

# Makes one list of one ranking or two, each row with the team that put it there, if any.
Order: TypeAlias = Callable[
    [Sequence[Sequence[ranking.Ranked]]], Sequence[tuple[ranking.Ranked, str]]
]


class Shown(NamedTuple):
    """`piece` of the profile is what fits the question best; see `selectors.Card`."""

    mentor: Mentor
    piece: str
    row: ranking.Ranked
    slots: tuple[Slot, ...]
    team: str


def with_slots(
    rankings: Sequence[Sequence[ranking.Ranked]],
    order: Order,
    filters: Filters,
    mentee: Mentee | None,
    limit: int,
    model_id: str,
    now: datetime,
) -> list[Shown]:
    """The first `limit` with their open starts; openings that are gone by now lose their place.

    What retrieval knows of openings is a minute old at times. Where a time is wished for, it must be
    seen to hold, so every candidate is asked; otherwise only those shown and a few to spare.

    The order is made once to know whom to ask, and again from those who are left: were two rankings
    made into one before anybody dropped out, one of them could lose more places than the other.
    """
    ranked = [row for row, _team in order(rankings)]
    asked = load(ranked if filters.wants_time else ranked[: limit + SPARE], model_id)
    first, last = filters.span(now) if filters.wants_time else (now, now + SLOTS_WITHIN)
    free = open_slots_of(
        mentors=[card.mentor for card, _row in asked],
        viewer=mentee,
        first=first,
        last=last,
        now=now,
        per_mentor=SLOTS_SHOWN,
    )
    people = {
        row.candidate.mentor_id: card
        for card, row in asked
        if free[card.mentor.pk] or not filters.wants_time
    }

    def place(row: ranking.Ranked) -> tuple[bool, bool]:
        slots = free[row.candidate.mentor_id]
        return not row.is_named, not _has_room(row, slots, last)

    # A stable sort: within each group the order of the ranking stays.
    left = [
        sorted((row for row in ranking if row.candidate.mentor_id in people), key=place)
        for ranking in rankings
    ]
    found = [(people[row.candidate.mentor_id], row, team) for row, team in order(left)[:limit]]
    return [Shown(*card, row, tuple(free[card.mentor.pk]), team) for card, row, team in found]


def _has_room(row: ranking.Ranked, slots: Sequence[Slot], last: datetime) -> bool:
    """Open starts that were just seen, or an opening later than was looked."""
    opening = row.candidate.next_start
    return bool(slots) or (opening is not None and opening >= last)


def load(
    ranked: Sequence[ranking.Ranked], model_id: str
) -> list[tuple[selectors.Card, ranking.Ranked]]:
    """The rows with their mentors, in their order, in one query; without who is gone meanwhile."""
    pieces = {row.candidate.mentor_id: row.candidate.passage_no for row in ranked}
    found = selectors.cards(pieces, model_id)
    return [(found[pk], row) for pk, row in zip(pieces, ranked, strict=True) if pk in found]


def only_free(
    mentors: Sequence[Mentor], *, user: User, filters: Filters, now: datetime
) -> list[Mentor]:
    """Those with a start in the wanted period that this person can really book; all if none is wanted."""
    if not filters.wants_time:
        return list(mentors)
    first, last = filters.span(now)
    free = open_slots_of(
        mentors=mentors,
        viewer=mentee_of(user),
        first=first,
        last=last,
        now=now,
        per_mentor=1,
    )
    return [mentor for mentor in mentors if free.get(mentor.pk)]
