"""The measures of success: what each is, its target, and the SQL that computes it week by week.

A week is seven days that end at the moment of the refresh; week 0 is the last one. Point j of a measure
is what a person would have seen j weeks ago, over the period that the measure is taken over. What is
not recorded with its time (whether a mentor is active) is asked only for today's point.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext_noop as _

from sessions_app.selectors.load import WEEKS, seats_offered

# Points of the trend, the last one today.
POINTS: Final = 26
# The period that utilization is measured in (PRODUCT), in weeks; and a quarter.
PERIOD: Final = WEEKS
QUARTER: Final = 13
HALF_YEAR: Final = 26

PERCENT, STARS, SECONDS, MILLISECONDS, NUMBER, INDEX = "%", "stars", "s", "ms", "", "index"


@dataclass(frozen=True)
class Measure:
    """One measure of success.

    Args:
        name: for programs.
        label: for people.
        meaning: what exactly is counted, in a sentence.
        counted: what the sample is of, in the plural.
        unit: of value and target; shares are fractions of 1 with the unit %.
        target: what is aimed at; None where there is no target.
        at_least: whether the target is the least (or else the most) that is good enough.
        sql: gives (weeks ago, value, sample). Empty: kept from day to day in `KeptMeasure`.
    """

    name: str
    label: str
    meaning: str
    counted: str
    unit: str
    target: float | None
    at_least: bool
    sql: str = ""

    def meets(self, value: float | None) -> bool | None:
        """Whether this value is good enough; None where there is nothing to compare."""
        if value is None or self.target is None:
            return None
        return value >= self.target if self.at_least else value <= self.target


def week_of(column: str) -> str:
    """How many weeks before the refresh a moment was."""
    # `date_part` counts in floats; `extract` in numerics, which takes several times as long.
    return f"floor(date_part('epoch', %(as_of)s - {column}) / 604800)::int"


def since(column: str, weeks: int) -> str:
    """That a moment lies in these weeks before the refresh."""
    return f"{column} < %(as_of)s AND {column} >= %(as_of)s - interval '{weeks} weeks'"


def points(weeks: int) -> str:
    """The points whose period of so many weeks holds week k."""
    return f"generate_series(greatest(k - {weeks - 1}, 0), least(k, {POINTS - 1})) AS p(j)"


def seen(weeks: int, column: str) -> str:
    """The points whose period of so many weeks holds any of somebody's moments, as the bits of a number.

    Going through the points of each moment instead takes ten times as long for a million of them.
    """
    week = week_of(column)
    low, high = f"greatest({week} - {weeks - 1}, 0)", f"least({week}, {POINTS - 1})"
    return f"bit_or(CASE WHEN {high} >= {low} THEN ((1::bigint << ({high} - {low} + 1)) - 1) << {low} END)"


_EACH_POINT: Final = f"generate_series(0, {POINTS - 1}) AS p(j)"


def _share(weekly: str, weeks: int = PERIOD) -> str:
    """A quotient of sums over the period; `weekly` gives (k, top, bottom)."""
    return f"""
        SELECT j, sum(top)::float / sum(bottom), sum(bottom)
        FROM ({weekly}) AS weekly CROSS JOIN {points(weeks)}
        GROUP BY j HAVING sum(bottom) > 0
    """


def _percentile(share: float, rows: str, weeks: int = PERIOD) -> str:
    """A percentile over the period; `rows` gives (k, value)."""
    return f"""
        SELECT j, percentile_cont({share}) WITHIN GROUP (ORDER BY value), count(*)
        FROM ({rows}) AS each CROSS JOIN {points(weeks)} GROUP BY j
    """


_ALL: Final = POINTS + PERIOD


def room(weeks: int) -> str:
    """(mentor_id, k, room) of these weeks."""
    return seats_offered(week=week_of("w.starts_at"), weeks=weeks)


# Ahead of all measures, of which some share it.
COMMON: Final = f"WITH weekly_room AS MATERIALIZED ({room(_ALL)})"


_UTILIZATION: Final = f"""
    SELECT j, avg(coalesce(b.points >> j & 1, 0)::int), count(*)
    FROM (
        SELECT mentor_id, {seen(PERIOD, "starts_at")} AS points FROM sessions_app_availabilitywindow
        WHERE is_active AND {since("starts_at", _ALL)} GROUP BY 1
    ) o
    JOIN mentors_mentor m ON m.id = o.mentor_id
    JOIN accounts_user u ON u.id = m.user_id
    LEFT JOIN (
        SELECT mentor_id, {seen(PERIOD, "starts_at")} AS points FROM sessions_app_session
        WHERE status <> 'cancelled' AND {since("starts_at", _ALL)} GROUP BY 1
    ) b USING (mentor_id)
    CROSS JOIN {_EACH_POINT}
    WHERE o.points >> j & 1 = 1 AND (j > 0 OR (m.is_active AND u.is_active))
    GROUP BY j
"""

# Demand: what was booked, and each week in which a mentee asked and booked nothing.
_POSSIBLE: Final = f"""
    WITH made AS (
        SELECT mentee_id, mentor_id, {week_of("created_at")} AS k, count(*) AS seats
        FROM sessions_app_session WHERE status <> 'cancelled' AND {since("created_at", _ALL)}
        GROUP BY 1, 2, 3
    ), asked AS (
        SELECT DISTINCT e.id AS mentee_id, {week_of("r.created_at")} AS k
        FROM matching_matchrequest r JOIN mentors_mentee e ON e.user_id = r.user_id
        WHERE {since("r.created_at", _ALL)}
    ), demand AS (
        SELECT k, sum(booked) AS booked, sum(wanted) AS wanted FROM (
            SELECT k, seats AS booked, seats AS wanted FROM made
            UNION ALL
            SELECT a.k, 0, 1 FROM asked a
            WHERE NOT EXISTS (SELECT FROM made WHERE made.mentee_id = a.mentee_id AND made.k = a.k)
        ) AS each GROUP BY k
    ), supply AS (
        SELECT k, sum(least(room, m.weekly_load_cap)) AS room
        FROM weekly_room r JOIN mentors_mentor m ON m.id = r.mentor_id GROUP BY k
    )
    SELECT j, least(1.0, sum(d.booked)::float / least(sum(d.wanted), sum(s.room))), sum(d.booked)
    FROM demand d LEFT JOIN supply s USING (k) CROSS JOIN {points(PERIOD)}
    GROUP BY j HAVING least(sum(d.wanted), sum(s.room)) > 0
"""

_GROWTH: Final = f"""
    WITH made AS (
        SELECT {week_of("created_at")} AS k, count(*) AS seats FROM sessions_app_session
        WHERE status <> 'cancelled' AND {since("created_at", _ALL + HALF_YEAR)} GROUP BY 1
    )
    SELECT j, now.seats::float / before.seats - 1, now.seats
    FROM generate_series(0, {POINTS - 1}) AS p(j)
    CROSS JOIN LATERAL (SELECT sum(seats) AS seats FROM made WHERE k BETWEEN j AND j + {PERIOD - 1}) now
    CROSS JOIN LATERAL (
        SELECT sum(seats) AS seats FROM made
        WHERE k BETWEEN j + {HALF_YEAR} AND j + {HALF_YEAR + PERIOD - 1}
    ) before
    WHERE now.seats IS NOT NULL AND before.seats > 0
"""


_TOOK_PART: Final = POINTS + QUARTER


def _active(table: str, took_part: str) -> str:
    """The share of those who had joined by then and took part in the quarter before; `took_part` gives
    (id, points)."""
    return f"""
        SELECT j, avg(coalesce(t.points >> j & 1, 0)::int), count(*)
        FROM {table} m LEFT JOIN ({took_part}) AS t ON t.id = m.id CROSS JOIN {_EACH_POINT}
        WHERE m.is_active AND m.created_at < %(as_of)s - j * interval '1 week'
        GROUP BY j
    """


def _met(person: str) -> str:
    return f"""
        SELECT {person}_id AS id, {seen(QUARTER, "starts_at")} AS points FROM sessions_app_session
        WHERE status <> 'cancelled' AND {since("starts_at", _TOOK_PART)} GROUP BY 1
    """


_MENTORS_ACTIVE: Final = _active("mentors_mentor", _met("mentor"))
_MENTEES_ACTIVE: Final = _active(
    "mentors_mentee",
    f"""
        SELECT id, bit_or(points) AS points FROM (
            {_met("mentee")}
            UNION ALL
            SELECT e.id, {seen(QUARTER, "r.created_at")} FROM matching_matchrequest r
            JOIN mentors_mentee e ON e.user_id = r.user_id
            WHERE {since("r.created_at", _TOOK_PART)} GROUP BY 1
        ) AS either GROUP BY 1
    """,
)

# The Gini coefficient of seats booked per seat of room, over the areas that have room.
_EVENNESS: Final = f"""
    WITH area_of AS (SELECT DISTINCT mentor_id, area FROM mentors_expertise),
    roomy AS (
        SELECT area, k, sum(room) AS room FROM weekly_room JOIN area_of USING (mentor_id)
        GROUP BY 1, 2
    ), busy AS (
        SELECT area, k, sum(seats) AS seats FROM (
            SELECT mentor_id, {week_of("starts_at")} AS k, count(*) AS seats
            FROM sessions_app_session WHERE status <> 'cancelled' AND {since("starts_at", _ALL)}
            GROUP BY 1, 2
        ) s JOIN area_of USING (mentor_id) GROUP BY 1, 2
    ), loads AS (
        SELECT j, area, coalesce(sum(seats), 0)::float / sum(room) AS load
        FROM roomy LEFT JOIN busy USING (area, k) CROSS JOIN {points(PERIOD)}
        GROUP BY j, area HAVING sum(room) > 0
    )
    SELECT j, 2 * sum(place * load) / (count(*) * sum(load)) - (count(*) + 1)::float / count(*), count(*)
    FROM (SELECT j, load, row_number() OVER (PARTITION BY j ORDER BY load) AS place FROM loads) AS ranked
    GROUP BY j HAVING sum(load) > 0
"""

# There can be none, because the database refuses them. Looked at all the same.
_DOUBLE: Final = """
    SELECT 0, count(*) FILTER (WHERE next_starts < ends_at)::float, count(*) FROM (
        SELECT ends_at, lead(starts_at) OVER (PARTITION BY mentor_id ORDER BY starts_at) AS next_starts
        FROM sessions_app_meeting WHERE live
        UNION ALL
        SELECT ends_at, lead(starts_at) OVER (PARTITION BY mentee_id ORDER BY starts_at)
        FROM sessions_app_session WHERE status IN ('pending', 'booked')
    ) AS each
"""


def _newcomers(share: float) -> str:
    """Rows that Airtable had before this database was bound to it are no newcomers."""
    return _percentile(
        share,
        f"""
            SELECT {week_of("admitted_at")} AS k,
                extract(epoch FROM admitted_at - appeared_at)::float AS value
            FROM sync_invitation WHERE {since("admitted_at", _ALL)}
            AND appeared_at >= coalesce((SELECT min(bound_at) FROM sync_basebinding), '-infinity')
        """,
    )


MEASURES: Final = (
    Measure(
        "utilization", _("Mentors in use"),
        _("Of the active mentors who offered hours in 28 days, the share with at least one session."),
        _("mentors"), PERCENT, 0.9, True, _UTILIZATION,
    ),
    Measure(
        "possible", _("Bookings of what was possible"),
        _("Bookings of 28 days, of demand or room, whichever is less. Demand is what was booked and each "
        "week in which a mentee asked and booked nothing."),
        _("bookings"), PERCENT, None, True, _POSSIBLE,
    ),
    Measure(
        "rating", _("Session rating"), _("Mean of what mentees gave in 28 days, of 5."), _("ratings"), STARS, 4.5, True,
        _share(
            f"SELECT {week_of('submitted_at')} AS k, sum(overall) AS top, count(*) AS bottom"
            f" FROM sessions_app_feedback WHERE side = 'mentee' AND {since('submitted_at', _ALL)}"
            " GROUP BY 1"
        ),
    ),
    Measure(
        "growth", _("Growth in bookings"),
        _("Sessions booked in 28 days, against the 28 days half a year before."),
        _("bookings"), PERCENT, 0.3, True, _GROWTH,
    ),
    Measure(
        "mentors_active", _("Mentors taking part"),
        _("Of the active mentors, the share with a session in a quarter."),
        _("mentors"), PERCENT, 0.7, True, _MENTORS_ACTIVE,
    ),
    Measure(
        "mentees_active", _("Mentees taking part"),
        _("Of the active mentees, the share who asked or had a session in a quarter."),
        _("mentees"), PERCENT, 0.7, True, _MENTEES_ACTIVE,
    ),
    Measure(
        "unevenness", _("Unevenness between areas"),
        _("How unevenly areas of expertise are booked, per seat of their room in 28 days: 0 is even, 1 is all in "
        "one (Gini coefficient). The target is ours."),
        _("areas"), INDEX, 0.4, False, _EVENNESS,
    ),
    Measure(
        "rated_in_time", _("Sessions rated within 48 hours"),
        _("Of the sessions completed in 28 days, the share that their mentee rated within 48 hours."),
        _("sessions"), PERCENT, 0.7, True,
        _share(
            f"SELECT {week_of('s.ends_at')} AS k, count(*) AS bottom,"
            " count(*) FILTER (WHERE f.submitted_at <= s.ends_at + interval '48 hours') AS top"
            " FROM sessions_app_session s"
            " LEFT JOIN sessions_app_feedback f ON f.session_id = s.id AND f.side = 'mentee'"
            f" WHERE s.status = 'completed' AND {since('s.ends_at', _ALL)}"
            " AND s.ends_at <= %(as_of)s - interval '48 hours' GROUP BY 1"
        ),
    ),
    Measure(
        "no_shows", _("No-shows"), _("Of the sessions of 28 days that were not cancelled, the share missed by "
        "somebody."),
        _("sessions"), PERCENT, None, False,
        _share(
            f"SELECT {week_of('ends_at')} AS k, count(*) FILTER (WHERE status = 'no_show') AS top,"
            " count(*) AS bottom FROM sessions_app_session"
            f" WHERE status IN ('completed', 'no_show') AND {since('ends_at', _ALL)} GROUP BY 1"
        ),
    ),
    Measure(
        "confirmation", _("Confirmation mail"),
        _("How long 95 of 100 confirmations of 28 days took from booking to the mail server."),
        _("mails"), SECONDS, 30.0, False,
        _percentile(
            0.95,
            f"SELECT {week_of('created_at')} AS k,"
            " extract(epoch FROM coalesce(sent_at, %(as_of)s) - created_at)::float AS value"
            " FROM sessions_app_notification WHERE kind = 'booked' AND state IN ('sent', 'due')"
            f" AND {since('created_at', _ALL)}",
        ),
    ),
    Measure(
        "airtable_edit", _("Airtable edit live"),
        _("How long 95 of 100 edits of a day took from Airtable to here."), _("edits"), SECONDS, 10.0, False,
    ),
    Measure(
        "newcomer_95", _("New person can sign in"),
        _("How long 95 of 100 people of 28 days waited from their row in Airtable to their account."),
        _("people"), SECONDS, 15.0, False, _newcomers(0.95),
    ),
    Measure(
        "newcomer_99", _("New person can sign in, at worst"), _("The same, of 99 of 100 people."),
        _("people"), SECONDS, 60.0, False, _newcomers(0.99),
    ),
    Measure(
        "double_bookings", _("Double bookings"),
        _("People who are to be in two sessions at once. The database refuses to store one."),
        _("appointments"), NUMBER, 0.0, False, _DOUBLE,
    ),
    Measure(
        "api", _("API response"), _("What 95 of 100 API requests of seven days stayed below, in the server."),
        _("requests"), MILLISECONDS, 500.0, False,
    ),
    Measure(
        "match", _("Match response"), _("What 95 of 100 answers of 28 days took in the server."),
        _("answers"), MILLISECONDS, 200.0, False,
        _percentile(
            0.95,
            f"SELECT {week_of('created_at')} AS k, took_ms::float AS value"
            f" FROM matching_matchrequest WHERE {since('created_at', _ALL)}",
        ),
    ),
)  # fmt: skip
BY_NAME: Final = {measure.name: measure for measure in MEASURES}
