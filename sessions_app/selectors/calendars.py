"""What decides about mentors' starts, read for the rule engine."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from datetime import datetime, time, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from accounts.prepared import prepared_cursor
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
# walk-ins (by then whom it was for is one), or they would come before the next in line; longer than
# that it may not, should the sweep rest.
HANDED_ON_WITHIN = timedelta(minutes=2)

# Everything that decides about a mentor's starts, in one round trip however many mentors. Times are
# whole minutes (windows inwards: nothing is offered before one begins), because date objects for
# thousands of rows cost more than the query. `n` is the mentor's place in the list asked for. The
# meetings of whole weeks are read for the weekly cap: those out of reach only say how many they are.
# Our own event, found again in the mentor's calendar, is no other appointment.
_FACTS = """
WITH asked AS (
    SELECT a.id, a.n, m.user_id, m.buffer_before_minutes AS before, m.buffer_after_minutes AS after
    FROM unnest(%(mentors)s::uuid[]) WITH ORDINALITY AS a (id, n)
    JOIN mentors_mentor m ON m.id = a.id
)
SELECT 'window' AS kind, n, ceil(date_part('epoch', starts_at) / 60)::int AS starts,
       floor(date_part('epoch', ends_at) / 60)::int AS ends, capacity, w.id, location,
       0 AS held, 0 AS before, 0 AS after, 0 AS seats
FROM asked JOIN sessions_app_availabilitywindow w ON w.mentor_id = asked.id
WHERE is_active AND starts_at < %(last)s AND ends_at > %(first)s
UNION ALL
SELECT CASE WHEN live AND t.starts_at < %(last_reach)s AND t.ends_at > %(first_reach)s
            THEN 'meeting' ELSE 'seats' END,
       n, floor(date_part('epoch', t.starts_at) / 60)::int,
       ceil(date_part('epoch', t.ends_at) / 60)::int, t.capacity, t.id, '',
       count(*) FILTER (WHERE s.status IN ('pending', 'booked'))::int,
       buffer_before_minutes, buffer_after_minutes, count(*)::int
FROM asked
JOIN sessions_app_meeting t ON t.mentor_id = asked.id
JOIN sessions_app_session s
     ON s.meeting_id = t.id AND s.status <> 'cancelled' AND s.id <> %(without)s
WHERE t.starts_at < %(last_week)s AND t.starts_at >= %(first_week)s
GROUP BY n, t.id
UNION ALL
SELECT CASE WHEN mentee_id = %(viewer)s AND expires_at > %(now)s THEN 'own hold' ELSE 'hold' END,
       n, floor(date_part('epoch', starts_at) / 60)::int,
       ceil(date_part('epoch', ends_at) / 60)::int, capacity, h.id, '',
       1, asked.before, asked.after, 1
FROM asked JOIN sessions_app_hold h ON h.mentor_id = asked.id
WHERE state = 'live' AND expires_at > CASE
    WHEN entry_id IS NULL THEN %(now)s ELSE %(handed_on_by)s
END
UNION ALL
SELECT source, n, floor(date_part('epoch', starts_at) / 60)::int,
       ceil(date_part('epoch', ends_at) / 60)::int, 0, NULL, '', 0, 0, 0, 0
FROM asked JOIN sessions_app_busytime b ON b.mentor_id = asked.id
WHERE starts_at < %(last_reach)s AND ends_at > %(first_reach)s
  AND NOT EXISTS (SELECT 1 FROM sessions_app_session own WHERE b.uid <> ''
                  AND own.mentor_id = asked.id AND own.id::text || '@office-hours' = b.uid)
UNION ALL
SELECT 'calendar', n, floor(date_part('epoch', starts_at) / 60)::int,
       ceil(date_part('epoch', ends_at) / 60)::int, 0, NULL, '', 0, 0, 0, 0
FROM asked JOIN sessions_app_commitment c ON c.user_id = asked.user_id
WHERE c.session_id IS NOT NULL AND starts_at < %(last_reach)s AND ends_at > %(first_reach)s
UNION ALL
SELECT 'own place', n, 0, 0, 0, e.id, '', 0, 0, 0, 0
FROM asked JOIN sessions_app_waitlistentry e ON e.mentor_id = asked.id
WHERE e.mentee_id = %(viewer)s AND e.state IN ('waiting', 'offered')
UNION ALL
SELECT 'viewer', 0, floor(date_part('epoch', starts_at) / 60)::int,
       ceil(date_part('epoch', ends_at) / 60)::int, 0, NULL, '', 0, 0, 0, 0
FROM sessions_app_commitment c
WHERE c.user_id = %(viewer_user)s AND c.session_id IS DISTINCT FROM %(without)s
  AND ends_at > %(first_reach)s
"""
_Row = tuple[Any, ...]
_NOBODY = UUID(int=0)
_BLOCKS = {"away": Why.AWAY, "calendar": Why.BUSY}
# Of the mentor's own columns; with a page of text in each row, reading them all takes longer than
# the answer.
RULE_COLUMNS = (
    "session_minutes", "start_step_minutes", "buffer_before_minutes", "buffer_after_minutes",
    "minimum_notice_minutes", "weekly_load_cap", "booking_horizon_days", "user__time_zone",
)  # fmt: skip


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
    with prepared_cursor() as cursor:
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
        for row in cursor.fetchall():
            _READ[row[0]](facts[row[1]], row)
    weeks = {zone: _mondays(zone, first, last) for zone in {m.user.zone for m in mentors}}
    busy = sorted(facts[0].busy)
    return {
        mentor.pk: Calendar(
            windows=sorted(fact.windows),
            taken=_with_holds(fact.taken, fact.holds),
            blocks=sorted(fact.blocks),
            weeks=_weeks(fact.seats, weeks[mentor.user.zone]),
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

    __slots__ = ("blocks", "busy", "hold", "holds", "place", "seats", "taken", "windows")

    def __init__(self) -> None:
        self.windows: list[Window] = []
        self.taken: list[Taken] = []
        self.holds: list[Taken] = []
        self.blocks: list[Block] = []
        self.busy: list[tuple[int, int]] = []
        # The starts that count towards the weekly cap, one for each seat.
        self.seats: list[int] = []
        self.hold: tuple[int, int, UUID] | None = None
        self.place: UUID | None = None

    def read_window(self, row: _Row) -> None:
        _, _, starts, ends, capacity, pk, location, *_ = row
        self.windows.append(Window(starts, ends, capacity, pk, location))

    def read_meeting(self, row: _Row) -> None:
        _, _, starts, ends, capacity, pk, _, held, before, after, seats = row
        self.seats += [starts] * seats
        if held:
            self.taken.append(Taken(starts, ends, capacity, held, pk, before, after))

    def read_seats(self, row: _Row) -> None:
        _, _, starts, *_, seats = row
        self.seats += [starts] * seats

    def read_hold(self, row: _Row) -> None:
        _, _, starts, ends, capacity, _, _, held, before, after, seats = row
        self.holds.append(Taken(starts, ends, capacity, held, None, before, after))
        self.seats += [starts] * seats  # what is held may be booked any moment

    def read_own_hold(self, row: _Row) -> None:
        _, _, starts, ends, _, pk, *_ = row
        self.hold = starts, ends, pk

    def read_own_place(self, row: _Row) -> None:
        _, _, _, _, _, pk, *_ = row
        self.place = pk

    def read_block(self, row: _Row) -> None:
        kind, _, starts, ends, *_ = row
        self.blocks.append(Block(starts, ends, _BLOCKS[kind]))

    def read_viewer(self, row: _Row) -> None:
        _, _, starts, ends, *_ = row
        self.busy.append((starts, ends))


_READ = {
    "window": _Facts.read_window,
    "meeting": _Facts.read_meeting,
    "seats": _Facts.read_seats,
    "hold": _Facts.read_hold,
    "own hold": _Facts.read_own_hold,
    "own place": _Facts.read_own_place,
    "away": _Facts.read_block,
    "calendar": _Facts.read_block,
    "viewer": _Facts.read_viewer,
}


def _with_holds(taken: list[Taken], holds: list[Taken]) -> list[Taken]:
    """Meetings with the seats that are held in them, and meetings to be where only seats are held."""
    if not holds:
        return sorted(taken)
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


def _mondays(zone: ZoneInfo, first: datetime, last: datetime) -> list[int]:
    """The Mondays 00:00, in that zone, from the week of `first` to the end of the week of `last`."""
    local = first.astimezone(zone).date()
    monday = local - timedelta(days=local.weekday())
    end_of_period = minute(last)
    mondays: list[int] = []
    while len(mondays) < 2 or mondays[-1] < end_of_period:
        # From dates to instants one by one: a week with a clock change is not 168 hours long.
        mondays.append(minute(datetime.combine(monday, time.min, zone)))
        monday += WEEK
    return mondays


def _weeks(seats: list[int], mondays: Sequence[int]) -> list[Week]:
    seats.sort()
    counts = [bisect_left(seats, monday) for monday in mondays]
    return [
        Week(begin, end, after - before)
        for (begin, before), (end, after) in pairwise(zip(mondays, counts, strict=True))
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
    """As `open_slots_of`, in two queries, of mentors who are not at hand."""
    mentors = list(
        Mentor.objects.select_related("user")
        .only("is_active", *RULE_COLUMNS)
        .filter(pk__in=mentor_ids, is_active=True)
    )
    found = open_slots_of(
        mentors=mentors, viewer=viewer, first=first, last=last, now=now, per_mentor=per_mentor
    )
    return {pk: found.get(pk, []) for pk in mentor_ids}


def open_slots_of(
    *,
    mentors: Sequence[Mentor],
    viewer: Mentee | None,
    first: datetime,
    last: datetime,
    now: datetime,
    per_mentor: int | None = None,
) -> dict[UUID, list[Slot]]:
    """The open starts of each mentor in [first, last), in one query however many mentors.

    Args:
        mentors: with `user` loaded. Who is not active has none.
        viewer: whose own sessions make times impossible; None leaves them out.
        per_mentor: at most so many for each mentor.
    """
    first = max(first, now)
    found: dict[UUID, list[Slot]] = {mentor.pk: [] for mentor in mentors}
    if first >= last:
        return found
    mentors = [mentor for mentor in mentors if mentor.is_active]
    known = calendars(mentors=mentors, first=first, last=last, now=now, viewer=viewer)
    for pk, calendar in known.items():
        slots = rule(calendar, now=now, first=minute(first), last=minute(last))
        found[pk] = slots[:per_mentor]
    return found
