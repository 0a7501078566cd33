"""The mentors about to be shown, with the starts that are really open."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final, TypeAlias
from uuid import UUID

from accounts.models import User
from matching import ranking
from matching.models import MentorEmbedding
from matching.services.filters import SLOTS_WITHIN, Filters, mentee_of
from mentors.models import Mentee, Mentor
from sessions_app.selectors import open_slots_of
from sessions_app.slots import Slot

SLOTS_SHOWN: Final = 6

# Read beyond those shown, to take the place of mentors whose opening turns out to be gone.
SPARE: Final = 5

Shown: TypeAlias = tuple[Mentor, ranking.Ranked, tuple[Slot, ...]]


def with_slots(
    ranked: Sequence[ranking.Ranked],
    filters: Filters,
    mentee: Mentee | None,
    limit: int,
    now: datetime,
) -> list[Shown]:
    """The first `limit` with their open starts; openings that are gone by now lose their place.

    What retrieval knows of openings is a minute old at times. Where a time is wished for, it must be
    seen to hold, so every candidate is asked; otherwise only those shown and a few to spare.
    """
    asked = load(ranked if filters.wants_time else ranked[: limit + SPARE])
    first, last = filters.span(now) if filters.wants_time else (now, now + SLOTS_WITHIN)
    free = open_slots_of(
        mentors=[mentor for mentor, _row in asked],
        viewer=mentee,
        first=first,
        last=last,
        now=now,
        per_mentor=SLOTS_SHOWN,
    )
    found = [(mentor, row, tuple(free[mentor.pk])) for mentor, row in asked]
    if filters.wants_time:
        return [shown for shown in found if shown[-1]][:limit]
    # A stable sort: within each group the order of the ranking stays.
    found.sort(key=lambda shown: (not shown[1].is_named, not _has_room(shown[1], shown[2], last)))
    return found[:limit]


def _has_room(row: ranking.Ranked, slots: Sequence[Slot], last: datetime) -> bool:
    """Open starts that were just seen, or an opening later than was looked."""
    opening = row.candidate.next_start
    return bool(slots) or (opening is not None and opening >= last)


def load(ranked: Sequence[ranking.Ranked]) -> list[tuple[Mentor, ranking.Ranked]]:
    """The rows with their mentors, in their order, in one query; without who is gone meanwhile."""
    ids = [row.candidate.mentor_id for row in ranked]
    mentors = Mentor.objects.select_related("user").in_bulk(ids)
    return [(mentors[pk], row) for pk, row in zip(ids, ranked, strict=True) if pk in mentors]


def passages(rows: Iterable[ranking.Ranked], model_id: str) -> dict[UUID, str]:
    """The piece of each mentor's profile that fits best, by mentor; in one query.

    Read for those who are shown and not with the candidates, because most of these are not.
    """
    wanted = {(row.candidate.mentor_id, row.candidate.passage_no) for row in rows}
    chunks = MentorEmbedding.objects.filter(
        model_id=model_id,
        mentor__in=[mentor for mentor, number in wanted if number is not None],
        chunk_no__in={number for _mentor, number in wanted if number is not None},
    )
    found = chunks.values_list("mentor", "chunk_no", "text")
    return {mentor: text for mentor, number, text in found if (mentor, number) in wanted}


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
