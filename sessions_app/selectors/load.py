"""How much of what mentors offered was used: the figure that the program is measured by."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection
from django.db.models import Count

from mentors.models import Mentor
from sessions_app.models import Session

WEEKS: Final = 4
PERIOD: Final = timedelta(weeks=WEEKS)


@dataclass(frozen=True, slots=True)
class Load:
    """Of one mentor, over the last four weeks.

    Attributes:
        offered: seats that the hours had room for, one after the other with their pauses, busy times left out.
        places: how many of them could have been booked: no more than the weekly cap allows.
        booked: seats in sessions that were not cancelled.
    """

    offered: int
    places: int
    booked: int

    @property
    def share(self) -> float | None:
        """Booked of `places`, 0 to 1; None where nothing was offered.

        Hours that were opened for a session and closed again would make it more than all.
        """
        return min(1.0, self.booked / self.places) if self.places else None


# Sessions one after the other with their pauses, in what is left of each window when the mentor is away or busy
# elsewhere. Seats that were taken count by themselves. Parameters: as_of, and mentors where they are named.
_SEATS: Final = """
    SELECT w.mentor_id, {week} AS k, sum(w.capacity * CASE
        WHEN piece.minutes < m.session_minutes THEN 0
        ELSE 1 + floor((piece.minutes - m.session_minutes) / (m.step * ceil(
            (m.session_minutes + m.pause)::float / m.step)))
    END)::bigint AS room
    FROM sessions_app_availabilitywindow w
    JOIN (
        SELECT id, session_minutes, coalesce(start_step_minutes, session_minutes) AS step,
            greatest(buffer_before_minutes, buffer_after_minutes) AS pause
        FROM mentors_mentor
    ) m ON m.id = w.mentor_id
    LEFT JOIN (
        SELECT b.mentor_id, range_agg(tstzrange(b.starts_at, b.ends_at)) AS times
        FROM sessions_app_busytime b
        WHERE b.starts_at < %(as_of)s + interval '1 day'
            AND b.ends_at > %(as_of)s - interval '{weeks} weeks' {of_busy}
        GROUP BY 1
    ) busy ON busy.mentor_id = w.mentor_id
    CROSS JOIN LATERAL (
        SELECT date_part('epoch', upper(left_over) - lower(left_over)) / 60 AS minutes
        FROM unnest(tstzmultirange(tstzrange(w.starts_at, w.ends_at))
            - coalesce(busy.times, '{{}}'::tstzmultirange)) AS left_over
    ) piece
    WHERE w.is_active AND w.starts_at < %(as_of)s
        AND w.starts_at >= %(as_of)s - interval '{weeks} weeks' {of_window}
    GROUP BY 1, 2
"""


def seats_offered(*, week: str, weeks: int, named: bool = False) -> str:
    """SQL that gives (mentor_id, k, room): the seats that the hours of the last weeks had room for.

    Mentors who offered nothing have no row. Both what mentors see of themselves and the program's figures
    are made of it (`analytics`), so that they say the same.

    Args:
        week: SQL for k, the week that the window `w` is counted in.
        weeks: how many weeks before the parameter `as_of`.
        named: only of the mentors in the parameter `mentors`.
    """
    only = "AND {}.mentor_id = ANY(%(mentors)s)" if named else ""
    return _SEATS.format(
        week=week, weeks=weeks, of_window=only.format("w"), of_busy=only.format("b")
    )


def loads(mentor_ids: Collection[UUID], *, now: datetime) -> dict[UUID, Load]:
    """The load of each of these mentors, in three queries however many they are."""
    caps = dict(Mentor.objects.filter(pk__in=mentor_ids).values_list("pk", "weekly_load_cap"))
    with connection.cursor() as cursor:
        cursor.execute(
            seats_offered(week="0", weeks=WEEKS, named=True), {"as_of": now, "mentors": list(caps)}
        )
        offered = {mentor_id: room for mentor_id, _week, room in cursor.fetchall()}
    booked = dict(
        Session.objects.filter(mentor__in=caps, starts_at__gte=now - PERIOD, starts_at__lt=now)
        .exclude(status=Session.Status.CANCELLED)
        .values_list("mentor")
        .annotate(seats=Count("pk"))
        .order_by()
    )
    return {
        mentor_id: Load(
            offered=offered.get(mentor_id, 0),
            places=min(offered.get(mentor_id, 0), cap * WEEKS),
            booked=booked.get(mentor_id, 0),
        )
        for mentor_id, cap in caps.items()
    }
