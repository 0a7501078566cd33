"""What ranking knows of a mentor. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from uuid import UUID

# So long is somebody new, while they had no session; what explanations call "new here".
NEW_FOR: Final = timedelta(days=45)

# And while they were in fewer lists than this. Enough to see who is booked when shown, at one booking in
# twenty (`explore.py`), and few enough to be over within days.
ENOUGH_SHOWN: Final = 20


class Tag(NamedTuple):
    """One piece of expertise; `weight` is 1 to 5."""

    area: str
    sub_area: str
    weight: int


@dataclass(slots=True, kw_only=True)
class Candidate:
    """What ranking knows of a mentor.

    Not frozen: a hundred are made for every answer, and frozen they take four times as long to make.

    Attributes:
        next_start: the next bookable start as last computed; None without one within the horizon.
        free_7d: open starts in the next seven days as last computed.
        cosines: of the profile's chunks with the question, descending; empty without vectors.
        passage_no: the number of the best chunk that is not the whole profile, where there is one.
        bm25: of the profile's words, as a share of the most a profile could have (0 to 1); coverage: the
            share of the question's words, all counted alike, that the profile has (0 to 1).
        booked_28d: sessions that started in the last 28 days or are still to come; booked_7d: those that
            start in the next seven days; sessions: all there ever were. Cancelled ones never count.
        idle_days: since the last session with them began, or since they joined where there was none; 0
            while one is still to come.
        last_seen: when the mentor last came by; None where that is not known.
        requests: bookings that waited for the mentor's yes and were answered or lapsed; accepted: those that
            got it. Mentors who let founders book at once have none.
        connection: what ties the mentor to the founder who asks: "met" (a session with somebody else of
            the same company), "named" (the founder's own profile names the company), or "".
        shown: in how many lists somebody new was, counted up to `ENOUGH_SHOWN`; of others it is not
            counted.
    """

    mentor_id: UUID
    name: str = ""
    company: str = ""
    weekly_load_cap: int = 5
    created_at: datetime
    is_bookable: bool = True
    next_start: datetime | None = None
    free_7d: int = 0
    cosines: tuple[float, ...] = ()
    passage_no: int | None = None
    bm25: float = 0.0
    coverage: float = 0.0
    tags: tuple[Tag, ...] = ()
    booked_28d: int = 0
    idle_days: float = 0.0
    booked_7d: int = 0
    sessions: int = 0
    rating_total: int = 0
    rating_count: int = 0
    last_seen: datetime | None = None
    requests: int = 0
    accepted: int = 0
    connection: str = ""
    shown: int = 0

    @property
    def cosine(self) -> float | None:
        """Of the best chunk; None without vectors."""
        return self.cosines[0] if self.cosines else None

    def is_new(self, now: datetime) -> bool:
        """Joined lately, no session yet, and hardly ever shown."""
        return not self.sessions and self.shown < ENOUGH_SHOWN and now - self.created_at <= NEW_FOR
