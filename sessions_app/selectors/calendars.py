"""What decides about mentors' starts, read for the rule engine."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import connection

from mentors.models import Mentee, Mentor
from sessions_app.slots import (
    Block,
    Calendar,
    Rules,
    Slot,
    Taken,
    Week,
    Why,
    Window,
    minute,
    open_slots as rule,
)

# The longest session with its longest buffer: what may reach into a period from outside it.
REACH = timedelta(hours=12)
WEEK = timedelta(days=7)
# An offer that nobody answered is handed on by the sweep. Until then it still keeps its seat from
# walk-ins, or they would come before the next in line; longer than that it may not, should the sweep rest.
HANDED_ON_WITHIN = timedelta(minutes=2)

# Everything that decides about a mentor's starts, in one round trip however many mentors. Times are
# whole minutes (windows inwards: nothing is offered before one begins), because date objects for
# thousands of rows cost more than the query. `n` is the mentor's place in the list asked for.
_FACTS = """
WITH asked AS (
    SELECT a.id, a.n, m.user_id, m.buffer_before_minutes AS before, m.buffer_after_minutes AS after
    FROM unnest(%(mentors)s::uuid[]) WITH ORDINALITY AS a (id, n)
    JOIN mentors_mentor m ON m.id = a.id
)
SELECT 'window', n, ceil(date_part('epoch', starts_at) / 60)::bigint,
       floor(date_part('epoch', ends_at) / 60)::bigint, capacity, 0, 0, 0, w.id, location, NULL::int[]
FROM asked JOIN sessions_app_availabilitywindow w ON w.mentor_id = asked.id
WHERE is_active AND starts_at < %(last)s AND ends_at > %(first)s
UNION ALL
SELECT 'meeting', n, floor(date_part('epoch', starts_at) / 60)::bigint,
       ceil(date_part('epoch', ends_at) / 60)::bigint, capacity, (
           SELECT count(*) FROM sessions_app_session s
           WHERE s.meeting_id = t.id AND s.status IN ('pending', 'booked') AND s.id <> %(without)s
       ), buffer_before_minutes, buffer_after_minutes, t.id, '', NULL
FROM asked JOIN sessions_app_meeting t ON t.mentor_id = asked.id
WHERE live AND starts_at < %(last_reach)s AND ends_at > %(first_reach)s
UNION ALL
SELECT CASE WHEN mentee_id = %(viewer)s THEN 'own hold' ELSE 'hold' END, n,
       floor(date_part('epoch', starts_at) / 60)::bigint,
       ceil(date_part('epoch', ends_at) / 60)::bigint, capacity, 1,
       asked.before, asked.after, h.id, '', NULL
FROM asked JOIN sessions_app_hold h ON h.mentor_id = asked.id
WHERE state = 'live' AND expires_at > CASE
    WHEN entry_id IS NULL OR mentee_id = %(viewer)s THEN %(now)s ELSE %(handed_on_by)s
END
UNION ALL
SELECT source, n, floor(date_part('epoch', starts_at) / 60)::bigint,
       ceil(date_part('epoch', ends_at) / 60)::bigint, 0, 0, 0, 0, NULL, '', NULL
FROM asked JOIN sessions_app_busytime b ON b.mentor_id = asked.id
WHERE starts_at < %(last_reach)s AND ends_at > %(first_reach)s
UNION ALL
SELECT 'calendar', n, floor(date_part('epoch', starts_at) / 60)::bigint,
       ceil(date_part('epoch', ends_at) / 60)::bigint, 0, 0, 0, 0, NULL, '', NULL
FROM asked JOIN sessions_app_commitment c ON c.user_id = asked.user_id
WHERE c.session_id IS NOT NULL AND starts_at < %(last_reach)s AND ends_at > %(first_reach)s
UNION ALL
SELECT 'booked', n, 0, 0, 0, 0, 0, 0, NULL, '',
       array_agg(floor(date_part('epoch', starts_at) / 60)::int)
FROM asked JOIN sessions_app_session s ON s.mentor_id = asked.id
WHERE status <> 'cancelled' AND s.id <> %(without)s
  AND starts_at >= %(first_week)s AND starts_at < %(last_week)s
GROUP BY n
UNION ALL
SELECT 'own place', n, 0, 0, 0, 0, 0, 0, e.id, '', NULL
FROM asked JOIN sessions_app_waitlistentry e ON e.mentor_id = asked.id
WHERE e.mentee_id = %(viewer)s AND e.state IN ('waiting', 'offered')
UNION ALL
SELECT 'viewer', 0, floor(date_part('epoch', starts_at) / 60)::bigint,
       ceil(date_part('epoch', ends_at) / 60)::bigint, 0, 0, 0, 0, NULL, '', NULL
FROM sessions_app_commitment c
WHERE c.user_id = %(viewer_user)s AND c.session_id IS DISTINCT FROM %(without)s
  AND ends_at > %(first_reach)s
ORDER BY 2, 3
"""
_NOBODY = UUID(int=0)
_BLOCKS = {"away": Why.AWAY, "calendar": Why.BUSY}


def rules_of(mentor: Mentor) -> Rules:
    return Rules(
        length=mentor.session_minutes,
        step=mentor.start_step_minutes or mentor.session_minutes,
        buffer_before=mentor.buffer_before_minutes,
        buffer_after=mentor.buffer_after_minutes,
        notice=mentor.minimum_notice_minutes,
        weekly_cap=mentor.weekly_load_cap,
    )


def calendars(
    *,
    mentors: Sequence[Mentor],
    first: datetime,
    last: datetime,
    now: datetime,
    viewer: Mentee | None = None,
    without: UUID | None = None,
) -> dict[UUID, Calendar]:
    """What the rule engine needs of each mentor, in one query however many mentors.

    Args:
        mentors: with `user` loaded (weeks and the horizon are counted in the mentor's zone).
        first, last: the period asked about; whole weeks around it are read for the weekly cap.
        now: holds that have expired by then are none (but see HANDED_ON_WITHIN), and the horizon is
            counted from it.
        viewer: whose own appointments close times, and whose own hold closes none.
        without: a session to leave out, as if it were not booked: the one being moved.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _FACTS,
            {
                "mentors": [mentor.pk for mentor in mentors],
                "first": first,
                "last": last,
                "first_reach": first - REACH,
                "last_reach": last + REACH,
                "first_week": first - WEEK - REACH,
                "last_week": last + WEEK + REACH,
                "now": now,
                "handed_on_by": now - HANDED_ON_WITHIN,
                "without": without or _NOBODY,
                "viewer": viewer.pk if viewer else _NOBODY,
                "viewer_user": viewer.user_id if viewer else _NOBODY,
            },
        )
        facts = [_Facts() for _mentor in range(len(mentors) + 1)]
        for kind, n, *row in cursor:
            _READ[kind](facts[n], kind, *row)
    busy = facts[0].busy
    return {
        mentor.pk: Calendar(
            windows=fact.windows,
            taken=_with_holds(fact.taken, fact.holds),
            blocks=fact.blocks,
            weeks=_weeks(fact.seats, mentor.user.zone, first, last),
            rules=rules_of(mentor),
            busy=busy,
            until=opens_until(mentor, now),
            hold=fact.hold,
            place=fact.place,
        )
        for mentor, fact in zip(mentors, facts[1:], strict=True)
    }


class _Facts:
    """The rows of one mentor, by kind; the viewer's own are the first one's."""

    __slots__ = ("blocks", "booked", "busy", "hold", "holds", "place", "taken", "windows")

    def __init__(self) -> None:
        self.windows: list[Window] = []
        self.taken: list[Taken] = []
        self.holds: list[Taken] = []
        self.blocks: list[Block] = []
        self.busy: list[tuple[int, int]] = []
        self.booked: list[int] = []
        self.hold: tuple[int, int, UUID] | None = None
        self.place: UUID | None = None

    def read_window(self, _kind: str, starts: int, ends: int, *row: Any) -> None:
        capacity, _held, _before, _after, pk, location, _booked = row
        self.windows.append(Window(starts, ends, capacity, pk, location))

    def read_meeting(self, _kind: str, starts: int, ends: int, *row: Any) -> None:
        capacity, held, before, after, pk, _location, _booked = row
        if held:  # without the one being moved, the hour may be free
            self.taken.append(Taken(starts, ends, capacity, held, pk, before, after))

    def read_hold(self, _kind: str, starts: int, ends: int, *row: Any) -> None:
        capacity, held, before, after, _pk, _location, _booked = row
        self.holds.append(Taken(starts, ends, capacity, held, None, before, after))

    def read_own_hold(self, _kind: str, starts: int, ends: int, *row: Any) -> None:
        self.hold = (starts, ends, row[4])

    def read_own_place(self, _kind: str, _starts: int, _ends: int, *row: Any) -> None:
        self.place = row[4]

    def read_block(self, kind: str, starts: int, ends: int, *_row: Any) -> None:
        self.blocks.append(Block(starts, ends, _BLOCKS[kind]))

    def read_booked(self, _kind: str, _starts: int, _ends: int, *row: Any) -> None:
        self.booked = row[-1]

    def read_viewer(self, _kind: str, starts: int, ends: int, *_row: Any) -> None:
        self.busy.append((starts, ends))

    @property
    def seats(self) -> list[int]:
        """The starts that count towards the weekly cap: what is held may be booked any moment."""
        return [*self.booked, *(hold.starts for hold in self.holds)]


_READ = {
    "window": _Facts.read_window,
    "meeting": _Facts.read_meeting,
    "hold": _Facts.read_hold,
    "own hold": _Facts.read_own_hold,
    "own place": _Facts.read_own_place,
    "away": _Facts.read_block,
    "calendar": _Facts.read_block,
    "booked": _Facts.read_booked,
    "viewer": _Facts.read_viewer,
}


def _with_holds(taken: list[Taken], holds: list[Taken]) -> list[Taken]:
    """Meetings with the seats that are held in them, and meetings to be where only seats are held."""
    if not holds:
        return taken
    by_period = {(meeting.starts, meeting.ends): meeting for meeting in taken}
    for hold in holds:
        there = by_period.get((hold.starts, hold.ends))
        by_period[hold.starts, hold.ends] = there._replace(held=there.held + 1) if there else hold
    return sorted(by_period.values())


def opens_until(mentor: Mentor, now: datetime) -> int:
    """The midnight, on the mentor's clock, after the last day that is open for booking."""
    zone = mentor.user.zone
    last = now.astimezone(zone).date() + timedelta(days=mentor.booking_horizon_days)
    return minute(datetime.combine(last + timedelta(days=1), time.min, zone))


def _weeks(starts: Sequence[int], zone: ZoneInfo, first: datetime, last: datetime) -> list[Week]:
    """The weeks that touch the period, Monday 00:00 to Monday 00:00 in the mentor's zone."""
    local = first.astimezone(zone).date()
    monday = local - timedelta(days=local.weekday())
    end_of_period = minute(last)
    bounds: list[int] = []
    while not bounds or bounds[-1] < end_of_period:
        # From dates to instants one by one: a week with a clock change is not 168 hours long.
        bounds.append(minute(datetime.combine(monday, time.min, zone)))
        monday += WEEK
    bounds.append(minute(datetime.combine(monday, time.min, zone)))
    held = sorted(starts)
    counts = [bisect_left(held, bound) for bound in bounds]
    return [
        Week(begin, end, after - before)
        for (begin, before), (end, after) in pairwise(zip(bounds, counts, strict=True))
    ]


def open_slots(
    *,
    mentor_ids: Sequence[UUID],
    viewer: Mentee | None,
    first: datetime,
    last: datetime,
    now: datetime,
    per_mentor: int | None = None,
) -> dict[UUID, list[Slot]]:
    """The open starts of each mentor in [first, last), in two queries however many mentors.

    Args:
        viewer: whose own sessions make times impossible; None leaves them out.
        per_mentor: at most so many for each mentor.
    """
    mentors = list(Mentor.objects.select_related("user").filter(pk__in=mentor_ids, is_active=True))
    first = max(first, now)
    found: dict[UUID, list[Slot]] = {pk: [] for pk in mentor_ids}
    if first >= last:
        return found
    known = calendars(mentors=mentors, first=first, last=last, now=now, viewer=viewer)
    for pk, calendar in known.items():
        slots = rule(calendar, now=now, first=minute(first), last=minute(last))
        found[pk] = slots[:per_mentor]
    return found
