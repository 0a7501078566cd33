from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import F, Q

from mentors.models import Mentor
from sessions_app import selectors
from sessions_app.models import MentorOpening
from sessions_app.slots import minute, open_slots

AHEAD = timedelta(days=62)
BATCH = 500


def refresh_openings(*, now: datetime, limit: int = BATCH) -> int:
    """Compute again the openings that are out of date or whose next start can no longer be booked.

    Each is stored with the generation it was read at: a change that came in between leaves it out of
    date, to be found by the next run. Returns how many were computed.
    """
    due = MentorOpening.objects.filter(
        ~Q(generation=F("computed_generation"))
        | Q(next_start__lt=now + F("mentor__minimum_notice_minutes") * timedelta(minutes=1))
        # The counts look 7 and 14 days ahead, so they change with the days too.
        | Q(computed_at__lt=now - timedelta(hours=6))
    )
    generations = dict(due.order_by("mentor_id").values_list("mentor_id", "generation")[:limit])
    if not generations:
        return 0
    mentors = list(Mentor.objects.select_related("user").filter(pk__in=generations))
    calendars = selectors.calendars(mentors=mentors, first=now, last=now + AHEAD, now=now)
    rows = []
    for mentor in mentors:
        week, fortnight = minute(now + timedelta(days=7)), minute(now + timedelta(days=14))
        starts = [
            slot.starts
            for slot in open_slots(
                calendars[mentor.pk], now=now, first=minute(now), last=minute(now + AHEAD)
            )
            if mentor.is_active
        ]
        rows.append(
            (
                mentor.pk,
                generations[mentor.pk],
                starts[0] * 60 if starts else None,
                sum(start < week for start in starts),
                sum(start < fortnight for start in starts),
            )
        )
    _store(rows, now)
    return len(rows)


def _store(rows: Sequence[tuple[object, ...]], now: datetime) -> None:
    """Write the results in one statement; never over a newer computation."""
    ids, generations, starts, week, fortnight = (list(column) for column in zip(*rows, strict=True))
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE sessions_app_mentoropening AS opening
            SET next_start = to_timestamp(fresh.starts), free_7d = fresh.week,
                free_14d = fresh.fortnight, computed_at = %s, computed_generation = fresh.generation
            FROM unnest(%s::uuid[], %s::bigint[], %s::bigint[], %s::int[], %s::int[])
                 AS fresh (id, generation, starts, week, fortnight)
            WHERE opening.mentor_id = fresh.id AND opening.computed_generation <= fresh.generation
            """,
            [now, ids, generations, starts, week, fortnight],
        )
