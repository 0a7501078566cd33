"""What happened after people asked: which mentors they opened and booked, by who put them there.

One statement, for an experiment and for the weeks before it alike, so that the needed sample is computed
from the same figures that are then waited for.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import connection

from matching.experiments import ATTRIBUTED_WITHIN, CONTROL, COUNTS, TREATMENT, Asked
from matching.models import Experiment

# How far back the share of successful requests before an experiment is looked up.
BEFORE: Final = timedelta(days=28)

# Whoever comes back to a list, reloads it or narrows it down asks again, and is answered from the same
# draws: what one person asks in the same words on one day is one request, in which a mentor counts once.
#
# A booking counts for the request that its form came from; one that names none, for the list from which
# the mentor was opened last. Both for seven days. An id that a client sends may be anybody's, so it
# counts only where the mentee asked this themself and was shown this mentor.
_STATEMENT: Final = """
    WITH asked AS MATERIALIZED (
        SELECT id, user_id, created_at, arm, query, (created_at AT TIME ZONE %(zone)s)::date AS day
        FROM matching_matchrequest WHERE {which}
    ), shown AS MATERIALIZED (
        SELECT i.id, i.mentor_id, i.team, i.clicked_at, asked.id AS request_id, asked.user_id,
            asked.created_at
        FROM asked JOIN matching_matchimpression i ON i.request_id = asked.id
    ), booked AS MATERIALIZED (
        SELECT shown.id,
            bool_or(EXISTS (
                SELECT FROM sessions_app_sessionevent e
                WHERE e.session_id = s.id AND e.to_status = 'booked'
            )) AS accepted,
            bool_or(NOT EXISTS (
                SELECT FROM sessions_app_session other
                WHERE other.mentor_id = s.mentor_id AND other.created_at < s.created_at
                    AND other.starts_at > s.created_at - %(period)s AND other.status <> 'cancelled'
            )) AS unused
        FROM sessions_app_session s
        JOIN mentors_mentee m ON m.id = s.mentee_id
        JOIN shown ON shown.user_id = m.user_id AND shown.mentor_id = s.mentor_id
        WHERE s.created_at >= shown.created_at
            AND s.created_at < coalesce(shown.clicked_at, shown.created_at) + %(within)s
            AND (s.match_request = shown.request_id OR (
                s.match_request IS NULL AND s.booked_by_id = m.user_id
                AND shown.clicked_at <= s.created_at AND NOT EXISTS (
                    SELECT FROM matching_matchimpression later
                    JOIN matching_matchrequest r ON r.id = later.request_id
                    WHERE r.user_id = shown.user_id AND later.mentor_id = shown.mentor_id
                        AND later.clicked_at > shown.clicked_at AND later.clicked_at <= s.created_at
                )
            ))
        GROUP BY shown.id
    )
    SELECT asked.user_id, min(asked.created_at), asked.arm, {counts}
    FROM asked
    LEFT JOIN shown ON shown.request_id = asked.id
    LEFT JOIN booked ON booked.id = shown.id
    GROUP BY asked.user_id, asked.day, asked.query, asked.arm
    ORDER BY min(asked.created_at), asked.user_id, asked.query
"""

_COUNTED: Final = {
    "shown": "TRUE",
    "click": "shown.clicked_at IS NOT NULL",
    "booking": "booked.id IS NOT NULL",
    "accepted": "booked.accepted",
    "unused": "booked.unused",
}


def running() -> Experiment | None:
    """The experiment that is under way, with its two policies."""
    found = Experiment.objects.filter(state=Experiment.State.RUNNING)
    return found.select_related("control", "treatment").first()


def requests_of(experiment: Experiment) -> list[Asked]:
    """All that was asked in an experiment, the earliest first, with what came of it by team."""
    return _read(
        "experiment_id = %(experiment)s",
        {"experiment": experiment.pk, "zone": experiment.time_zone},
    )


def requests_before(now: datetime, zone: str) -> list[Asked]:
    """What mentees asked outside experiments in the last 28 days, as if the control had answered."""
    return _read(
        "experiment_id IS NULL AND created_at >= %(since)s AND created_at < %(now)s"
        " AND user_id IN (SELECT user_id FROM mentors_mentee)",
        {"since": now - BEFORE, "now": now, "zone": zone},
    )


def _read(which: str, values: dict[str, Any]) -> list[Asked]:
    # Outside experiments nobody's team is written down; it was everybody's policy, the control.
    teams = {CONTROL: "shown.team <> 'treatment'", TREATMENT: "shown.team = 'treatment'"}
    columns = [
        f"count(DISTINCT shown.mentor_id) FILTER (WHERE {mine} AND {_COUNTED[name]})"
        for mine in teams.values()
        for name in COUNTS
    ]
    statement = _STATEMENT.format(which=which, counts=", ".join(columns))
    values = {"within": ATTRIBUTED_WITHIN, "period": BEFORE, **values}
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [_asked(*row) for row in cursor.fetchall()]


def _asked(user_id: UUID, at: datetime, arm: str, *counts: int) -> Asked:
    half = len(COUNTS)
    return Asked(
        user_id,
        at,
        arm,
        {
            CONTROL: dict(zip(COUNTS, counts[:half], strict=True)),
            TREATMENT: dict(zip(COUNTS, counts[half:], strict=True)),
        },
    )
