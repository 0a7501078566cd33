"""The one statement that fills each table of a refresh. Parameters: refresh, as_of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from analytics.measures import COMMON, MEASURES, PERIOD, POINTS, room, since

# How many days the daily tables go back.
DAYS: Final = 182

# Each measure is a part of its own, so that one of them can be read, and tried, by itself.
_MEASURES: Final = """
    INSERT INTO analytics_measurepoint (refresh_id, name, weeks_ago, value, sample)
    {common}
    {parts}
"""
_KEPT: Final = f"""
    SELECT DISTINCT ON (name, j) %(refresh)s, name, j, value, sample
    FROM (
        SELECT *, floor((%(as_of)s::date - day) / 7)::int AS j FROM analytics_keptmeasure
        WHERE day <= %(as_of)s::date AND day > %(as_of)s::date - {POINTS * 7}
    ) AS kept ORDER BY name, j, day DESC
"""


def _measures() -> str:
    parts = [
        f"SELECT %(refresh)s, '{measure.name}', found.* FROM ({measure.sql}) AS found(j, value, sample)"
        f" WHERE value IS NOT NULL"
        for measure in MEASURES
        if measure.sql
    ]
    return _MEASURES.format(
        common=COMMON, parts="\n    UNION ALL\n    ".join([*parts, f"({_KEPT})"])
    )


_LOAD: Final = "offered, room, booked, completed, no_shows, rating, ratings, utilization"

# Of each mentor, the last 28 days.
_PER_MENTOR: Final = f"""
    SELECT m.id AS mentor_id, m.created_at, m.is_active AND u.is_active AS is_active,
        coalesce(r.offered, 0) AS offered,
        least(coalesce(r.offered, 0), m.weekly_load_cap * {PERIOD}) AS room,
        coalesce(s.booked, 0) AS booked, coalesce(s.completed, 0) AS completed,
        coalesce(s.no_shows, 0) AS no_shows, f.stars, coalesce(f.ratings, 0) AS ratings
    FROM mentors_mentor m
    JOIN accounts_user u ON u.id = m.user_id
    LEFT JOIN (
        SELECT mentor_id, sum(room)::bigint AS offered FROM ({room(PERIOD)}) AS weekly GROUP BY 1
    ) r ON r.mentor_id = m.id
    LEFT JOIN (
        SELECT mentor_id, count(*) AS booked,
            count(*) FILTER (WHERE status = 'completed') AS completed,
            count(*) FILTER (WHERE status = 'no_show') AS no_shows
        FROM sessions_app_session WHERE status <> 'cancelled' AND {since("starts_at", PERIOD)}
        GROUP BY 1
    ) s ON s.mentor_id = m.id
    LEFT JOIN (
        SELECT s.mentor_id, sum(f.overall) AS stars, count(*) AS ratings
        FROM sessions_app_feedback f JOIN sessions_app_session s ON s.id = f.session_id
        WHERE f.side = 'mentee' AND {since("f.submitted_at", PERIOD)}
        GROUP BY 1
    ) f ON f.mentor_id = m.id
"""

MENTORS: Final = f"""
    INSERT INTO analytics_mentorfigures (refresh_id, mentor_id, created_at, {_LOAD})
    SELECT %(refresh)s, mentor_id, created_at, offered, room, booked, completed, no_shows,
        stars::float / nullif(ratings, 0), ratings,
        CASE WHEN room > 0 THEN least(1.0, booked::float / room) END
    FROM ({_PER_MENTOR}) AS each
"""

AREAS: Final = f"""
    INSERT INTO analytics_areafigures (refresh_id, area, mentors, mentors_booked, {_LOAD})
    SELECT %(refresh)s, area,
        count(*) FILTER (WHERE is_active AND offered > 0),
        count(*) FILTER (WHERE is_active AND offered > 0 AND booked > 0),
        sum(offered), sum(room), sum(booked), sum(completed), sum(no_shows),
        sum(stars)::float / nullif(sum(ratings), 0), sum(ratings),
        CASE WHEN sum(room) > 0 THEN least(1.0, sum(booked)::float / sum(room)) END
    FROM ({_PER_MENTOR}) AS each
    JOIN (SELECT DISTINCT mentor_id, area FROM mentors_expertise) AS knows USING (mentor_id)
    GROUP BY area
"""

_DAYS: Final = f"""
    generate_series(%(as_of)s::date - {DAYS - 1}, %(as_of)s::date, interval '1 day') AS d(day)
"""


def _recent(column: str) -> str:
    # From the midnight that the first day began with: a day is never shown by its second half.
    return f"{column} >= (%(as_of)s::date - {DAYS - 1})::timestamp AT TIME ZONE 'UTC' AND {column} < %(as_of)s"


def _day_of(column: str) -> str:
    return f"({column} AT TIME ZONE 'UTC')::date"


SESSION_DAYS: Final = f"""
    INSERT INTO analytics_sessionday
        (refresh_id, day, made, cancelled, completed, no_shows, mentors, mentees)
    SELECT %(refresh)s, d.day, coalesce(made, 0), coalesce(cancelled, 0), coalesce(completed, 0),
        coalesce(no_shows, 0), coalesce(mentors, 0), coalesce(mentees, 0)
    FROM {_DAYS}
    LEFT JOIN (
        SELECT {_day_of("created_at")} AS day, count(*) AS made FROM sessions_app_session
        WHERE status <> 'cancelled' AND {_recent("created_at")} GROUP BY 1
    ) AS booked ON booked.day = d.day
    LEFT JOIN (
        SELECT {_day_of("starts_at")} AS day,
            count(*) FILTER (WHERE status = 'cancelled') AS cancelled,
            count(*) FILTER (WHERE status = 'completed') AS completed,
            count(*) FILTER (WHERE status = 'no_show') AS no_shows,
            count(DISTINCT mentor_id) FILTER (WHERE status <> 'cancelled') AS mentors,
            count(DISTINCT mentee_id) FILTER (WHERE status <> 'cancelled') AS mentees
        FROM sessions_app_session WHERE {_recent("starts_at")} GROUP BY 1
    ) AS held ON held.day = d.day
"""

MATCH_DAYS: Final = f"""
    INSERT INTO analytics_matchday
        (refresh_id, day, requests, people, answered, opened, booked, judged, best_score, p95_ms)
    SELECT %(refresh)s, d.day, coalesce(requests, 0), coalesce(people, 0), coalesce(answered, 0),
        coalesce(opened, 0), coalesce(booked, 0), coalesce(judged, 0), best_score, p95_ms
    FROM {_DAYS}
    LEFT JOIN (
        SELECT {_day_of("r.created_at")} AS day, count(*) AS requests,
            count(DISTINCT r.user_id) AS people, count(i.request_id) AS answered,
            count(*) FILTER (WHERE i.opened) AS opened, count(b.match_request) AS booked,
            avg(i.best) AS best_score, percentile_cont(0.95) WITHIN GROUP (ORDER BY r.took_ms) AS p95_ms
        FROM matching_matchrequest r
        LEFT JOIN (
            SELECT request_id, bool_or(clicked_at IS NOT NULL) AS opened,
                max(score) FILTER (WHERE position = 1) AS best
            FROM matching_matchimpression
            WHERE request_id IN (SELECT id FROM matching_matchrequest WHERE {_recent("created_at")})
            GROUP BY 1
        ) AS i ON i.request_id = r.id
        LEFT JOIN (
            SELECT DISTINCT match_request FROM sessions_app_session WHERE match_request IS NOT NULL
        ) AS b ON b.match_request = r.id
        WHERE {_recent("r.created_at")} GROUP BY 1
    ) AS asked ON asked.day = d.day
    LEFT JOIN (
        SELECT {_day_of("created_at")} AS day, count(*) AS judged FROM matching_matchfeedback
        WHERE {_recent("created_at")} GROUP BY 1
    ) AS said ON said.day = d.day
"""

FEEDBACK_WEEKS: Final = f"""
    INSERT INTO analytics_feedbackweek (refresh_id, week, side, completed, given, in_time, overall,
        expertise, communication, helpfulness, goals_achieved, would_recommend)
    SELECT %(refresh)s, date_trunc('week', s.ends_at AT TIME ZONE 'UTC')::date, side.name,
        count(*), count(f.id),
        count(*) FILTER (WHERE f.submitted_at <= s.ends_at + interval '48 hours'),
        avg(f.overall), avg(f.expertise), avg(f.communication), avg(f.helpfulness),
        avg(f.goals_achieved::int), avg(f.would_recommend::int)
    FROM sessions_app_session s
    CROSS JOIN (VALUES ('mentee'), ('mentor')) AS side(name)
    LEFT JOIN sessions_app_feedback f ON f.session_id = s.id AND f.side = side.name
    WHERE s.status = 'completed' AND s.ends_at < %(as_of)s
        -- From a Monday: a week is never shown by its second half.
        AND s.ends_at >= date_trunc('week', %(as_of)s::date - {DAYS - 1}) AT TIME ZONE 'UTC'
    GROUP BY 2, 3
"""


def statements() -> Iterator[tuple[str, str]]:
    """What is computed, in words, and its statement."""
    yield "mentors", MENTORS
    yield "areas", AREAS
    yield "sessions by day", SESSION_DAYS
    yield "matches by day", MATCH_DAYS
    yield "feedback by week", FEEDBACK_WEEKS
    yield "measures of success", _measures()
