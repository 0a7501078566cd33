"""A program with two years behind it, made by a few statements: for measuring, not for looking at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection


@dataclass(frozen=True)
class Size:
    """How much of everything. `ahead`: how far into the future sessions are booked."""

    sessions: int
    mentors: int
    mentees: int
    requests: int
    ahead: timedelta = timedelta(0)


# What is not written by the product here: triggers and their outbox would take longer than the rest.
_TABLES = (
    "accounts_user", "mentors_mentor", "mentors_mentee", "mentors_expertise", "sessions_app_meeting",
    "sessions_app_session", "sessions_app_availabilitywindow", "sessions_app_busytime",
    "sessions_app_feedback", "sessions_app_notification", "matching_matchrequest",
    "matching_matchimpression",
)  # fmt: skip
_AREAS = (
    "Fundraising", "Sales", "Hiring", "Legal", "Product", "Design", "Growth", "Finance", "Operations",
    "Engineering", "Data", "Partnerships",
)  # fmt: skip


# A key made of a kind and a number, so that rows find each other without being looked up.
def _id(kind: int, n: str) -> str:
    return f"('{kind:08d}' || lpad(to_hex({n}), 24, '0'))::uuid"


# Each mentor has a session every few days; one in twelve is cancelled, one in forty missed.
_BUILD = f"""
    INSERT INTO accounts_user (id, password, is_superuser, email, name, role, status, time_zone, language,
        photo_source, photo, created_at, sign_in_epoch)
    SELECT {_id(1, "n")}, '!', false, 'm' || n || '@example.com', 'Mentor ' || n, 'mentor', 'active', 'UTC',
        'en', '', '', %(now)s - interval '2 years', 0 FROM generate_series(1, %(mentors)s) n
    UNION ALL
    SELECT {_id(2, "n")}, '!', false, 'e' || n || '@example.com', 'Mentee ' || n, 'mentee', 'active', 'UTC',
        'en', '', '', %(now)s - interval '2 years', 0 FROM generate_series(1, %(mentees)s) n;

    INSERT INTO mentors_mentor (id, user_id, headline, bio, company, title, industries, stages, languages,
        linkedin, visibility, is_active, approves_bookings, weekly_load_cap, session_minutes,
        buffer_before_minutes, buffer_after_minutes, minimum_notice_minutes, booking_horizon_days,
        meeting_link, is_synthetic, created_at, updated_at)
    SELECT {_id(3, "n")}, {_id(1, "n")}, '', '', '', '', '{{}}', '{{}}', '{{}}', '', 'public', true, false,
        5, 30, 0, 5 * (n %% 3), 120, 60, '', false, %(now)s - interval '2 years', %(now)s
    FROM generate_series(1, %(mentors)s) n;

    INSERT INTO mentors_mentee (id, user_id, company, stage, industry, goals, seeks, is_active,
        is_synthetic, created_at, updated_at)
    SELECT {_id(4, "n")}, {_id(2, "n")}, '', '', '', '', '', true, false,
        %(now)s - interval '2 years', %(now)s FROM generate_series(1, %(mentees)s) n;

    INSERT INTO mentors_expertise (id, mentor_id, area, sub_area, seniority, weight)
    SELECT gen_random_uuid(), {_id(3, "n")}, (%(areas)s::text[])[1 + (n * k) %% 12], k::text, 'expert', 3
    FROM generate_series(1, %(mentors)s) n, (VALUES (1), (5)) AS two(k);

    INSERT INTO sessions_app_meeting (id, mentor_id, starts_at, ends_at, capacity, location, meeting_url,
        live, buffer_before_minutes, buffer_after_minutes, agreed_local, zone, created_at)
    SELECT {_id(5, "n")}, {_id(3, "1 + n %% %(mentors)s")}, starts, starts + interval '30 minutes', 1, '', '',
        false, 0, 0, '', '', starts - interval '3 days'
    FROM (
        SELECT n, date_trunc('hour', %(now)s) + %(ahead)s - interval '2 years' * (n::float / %(sessions)s) AS starts
        FROM generate_series(1, %(sessions)s) n
    ) AS each;

    INSERT INTO sessions_app_session (id, meeting_id, mentor_id, mentee_id, starts_at, ends_at, capacity,
        seat, status, goal, mentee_notes, mentor_notes, match_request, version, mentor_attendance,
        mentee_attendance, created_at, updated_at)
    SELECT {_id(6, "n")}, {_id(5, "n")}, m.mentor_id, {_id(4, "1 + (n::bigint * 7919) %% %(mentees)s")}, m.starts_at,
        m.ends_at, 1, 1,
        CASE WHEN n %% 12 = 0 THEN 'cancelled' WHEN m.ends_at > %(now)s THEN 'booked'
            WHEN n %% 40 = 1 THEN 'no_show' ELSE 'completed' END,
        '', '', '', CASE WHEN n <= %(requests)s AND n %% 3 = 0 THEN {_id(7, "n")} END, 1, 'unknown', 'unknown',
        m.created_at, m.created_at
    FROM generate_series(1, %(sessions)s) n JOIN sessions_app_meeting m ON m.id = {_id(5, "n")};

    INSERT INTO sessions_app_availabilitywindow (id, mentor_id, starts_at, ends_at, capacity, location,
        is_active, created_at, updated_at)
    SELECT gen_random_uuid(), {_id(3, "n")}, starts, starts + interval '2 hours', 1, '', true, starts, starts
    FROM generate_series(1, %(mentors)s) n,
        generate_series(%(now)s - interval '1 year', %(now)s + interval '30 days', interval '1 week') starts;

    INSERT INTO sessions_app_busytime (id, mentor_id, starts_at, ends_at, source, uid, reason, created_at)
    SELECT gen_random_uuid(), {_id(3, "n")}, starts, starts + interval '1 hour', 'calendar', '', '', starts
    FROM generate_series(1, %(mentors)s) n,
        generate_series(%(now)s - interval '1 year', %(now)s, interval '10 days') starts;

    INSERT INTO sessions_app_feedback (id, session_id, side, overall, expertise, helpfulness, goals_achieved,
        topics, tags, comment, submitted_at)
    SELECT gen_random_uuid(), s.id, side, 3 + (random() * 2)::int, 4, 5, true, '{{}}', '{{}}', '',
        s.ends_at + random() * interval '4 days'
    FROM sessions_app_session s, (VALUES ('mentee', .7), ('mentor', .4)) AS sides(side, share)
    WHERE s.status = 'completed' AND random() < share;

    INSERT INTO sessions_app_notification (id, session_id, recipient_id, kind, version, state, attempts,
        next_attempt_at, last_error, sent_at, created_at)
    SELECT gen_random_uuid(), s.id, e.user_id, 'booked', 1, 'sent', 1, s.created_at, '',
        s.created_at + random() * interval '9 seconds', s.created_at
    FROM sessions_app_session s JOIN mentors_mentee e ON e.id = s.mentee_id
    WHERE s.starts_at > %(now)s - interval '40 weeks';

    INSERT INTO matching_matchrequest (id, user_id, query, filters, model_id, policy, policy_version, arm,
        advice, took_ms, from_cache, created_at)
    SELECT {_id(7, "n")}, {_id(2, "1 + (n::bigint * 31) %% %(mentees)s")}, 'help', '{{}}', 'm', 'p', 1, '', '',
        20 + (random() * 60)::int, false, %(now)s - interval '1 year' * (n::float / %(requests)s)
    FROM generate_series(1, %(requests)s) n;

    INSERT INTO matching_matchimpression (request_id, mentor_id, position, score, reasons, is_explored, team,
        clicked_at)
    SELECT {_id(7, "n")}, {_id(3, "1 + (n + k) %% %(mentors)s")}, k, 95 - 3 * k, '[]', false, '',
        CASE WHEN k = 1 AND n %% 2 = 0 THEN %(now)s END
    FROM generate_series(1, %(requests)s) n, generate_series(1, 5) k;
"""


def build(size: Size, *, now: datetime) -> None:
    """Fill the database at hand, which is empty."""
    with connection.cursor() as cursor:
        # Checking two million keys as well, where we may leave that out.
        cursor.execute("SELECT current_setting('is_superuser')")
        which = "ALL" if cursor.fetchone()[0] == "on" else "USER"
        for table in _TABLES:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {which}")
        cursor.execute(_BUILD, {"now": now, "areas": list(_AREAS), **vars(size)})
        for table in _TABLES:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER {which}")
        cursor.execute("VACUUM ANALYZE")  # as autovacuum would have done by the night
