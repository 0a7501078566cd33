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
        SELECT id, user_id, created_at, arm, dense_rank() OVER (
            ORDER BY user_id, arm, (created_at AT TIME ZONE %(zone)s)::date, query
        ) AS number
        FROM matching_matchrequest WHERE {which}
    ), shown AS MATERIALIZED (
        SELECT i.id, i.mentor_id, i.team, i.clicked_at, asked.number
        FROM asked JOIN matching_matchimpression i ON i.request_id = asked.id
    ), credited AS MATERIALIZED (
        SELECT s.id AS session_id, s.mentor_id, s.created_at, credit.id
        FROM sessions_app_session s
        JOIN mentors_mentee m ON m.id = s.mentee_id
        CROSS JOIN LATERAL (
            SELECT i.id
            FROM matching_matchimpression i JOIN matching_matchrequest r ON r.id = i.request_id
            WHERE r.id = s.match_request AND i.mentor_id = s.mentor_id AND r.user_id = m.user_id
                AND s.created_at >= r.created_at
                AND s.created_at < coalesce(i.clicked_at, r.created_at) + %(within)s
            UNION ALL
            (SELECT i.id
            FROM matching_matchrequest r JOIN matching_matchimpression i ON i.request_id = r.id
            WHERE s.match_request IS NULL AND s.booked_by_id = m.user_id
                AND r.user_id = m.user_id AND i.mentor_id = s.mentor_id
                AND i.clicked_at <= s.created_at AND i.clicked_at > s.created_at - %(within)s
            ORDER BY i.clicked_at DESC LIMIT 1)
        ) AS credit
        WHERE s.created_at >= (SELECT min(created_at) FROM asked)
            AND m.user_id IN (SELECT user_id FROM asked)
    ), booked AS MATERIALIZED (
        SELECT credited.id,
            bool_or(EXISTS (
                SELECT FROM sessions_app_sessionevent e
                WHERE e.session_id = credited.session_id AND e.to_status = 'booked'
            )) AS accepted,
            bool_or(NOT EXISTS (
                SELECT FROM sessions_app_session other
                WHERE other.mentor_id = credited.mentor_id AND other.status <> 'cancelled'
                    AND other.created_at < credited.created_at
                    AND other.starts_at > credited.created_at - %(period)s
            )) AS unused
        FROM credited
        GROUP BY credited.id
    ), mentor AS (
        SELECT number, team, bool_or(clicked_at IS NOT NULL) AS click, bool_or(booked.id IS NOT NULL) AS booking,
            bool_or(coalesce(accepted, false)) AS accepted, bool_or(coalesce(unused, false)) AS unused
        FROM shown LEFT JOIN booked ON booked.id = shown.id
        GROUP BY number, team, mentor_id
    ), counted AS (
        SELECT number, {counts} FROM mentor GROUP BY number
    ), request AS (
        SELECT number, user_id, min(created_at) AS at, arm FROM asked GROUP BY number, user_id, arm
    )
    SELECT user_id, at, arm, {names}
    FROM request LEFT JOIN counted USING (number)
    ORDER BY at, number
"""


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
    teams = {CONTROL: "team <> 'treatment'", TREATMENT: "team = 'treatment'"}
    columns = {
        f"{team}_{name}": mine if name == "shown" else f"{mine} AND {name}"
        for team, mine in teams.items()
        for name in COUNTS
    }
    statement = _STATEMENT.format(
        which=which,
        counts=", ".join(
            f"count(*) FILTER (WHERE {rule}) AS {name}" for name, rule in columns.items()
        ),
        names=", ".join(f"coalesce({name}, 0)" for name in columns),
    )
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
