# ruff: noqa: S608 - SQL made of constants
"""The last part of the statement of a search: what ranking needs to know of each candidate.

Each kind of fact is read for all candidates at once: asked one by one, the same rows take ten times as
long. `candidates.ids` and `lexis` come from the parts before.
"""

from __future__ import annotations

from typing import Final

from matching.vector_index import VectorIndex

# Unit vectors: the inner product is the cosine, and the cheaper operator.
COSINE: Final = "-(e.vector <#> (SELECT vector FROM question))"

_IS_CANDIDATE: Final = "= ANY((SELECT ids FROM candidates)::uuid[])"

_CHUNKS: Final = f"""
    near AS MATERIALIZED (
        SELECT mentor_id, array_agg(cosine ORDER BY cosine DESC)::float4[] AS cosines,
            -- Chunk 0 is the whole profile: as a passage to quote from, anything else is better.
            (array_agg(chunk_no ORDER BY chunk_no = 0, cosine DESC))[1] AS passage_no
        FROM (
            SELECT e.mentor_id, e.chunk_no, {COSINE} AS cosine FROM matching_mentorembedding e
            WHERE e.mentor_id {_IS_CANDIDATE} AND e.model_id = '{{model}}'
        ) AS chunk GROUP BY mentor_id
    )
"""
_NO_CHUNKS: Final = """
    near AS MATERIALIZED (
        SELECT NULL::uuid AS mentor_id, NULL::float4[] AS cosines, NULL::int AS passage_no WHERE false
    )
"""

# `met`: whom else the founder had a session with, by company.
_FACTS: Final = f"""
    tag AS MATERIALIZED (
        SELECT mentor_id, array_agg(ARRAY[area, sub_area, weight::text]
                                    ORDER BY weight DESC, area, sub_area, id) AS tags
        FROM mentors_expertise WHERE mentor_id {_IS_CANDIDATE} GROUP BY mentor_id
    ), held AS MATERIALIZED (
        SELECT s.mentor_id, count(*) FILTER (WHERE live) AS ever,
            count(*) FILTER (WHERE live AND s.starts_at >= %(since)s) AS lately,
            max(s.starts_at) FILTER (WHERE live) AS last,
            count(*) FILTER (WHERE live AND s.starts_at >= %(now)s AND s.starts_at < %(next_week)s) AS soon,
            coalesce(sum(f.overall), 0) AS rating_total, count(f.overall) AS ratings
        FROM sessions_app_session s CROSS JOIN LATERAL (SELECT s.status <> 'cancelled' AS live) AS l
        LEFT JOIN sessions_app_feedback f ON f.session_id = s.id AND f.side = 'mentee'
        WHERE s.mentor_id {_IS_CANDIDATE} GROUP BY s.mentor_id
    ), met AS MATERIALIZED (
        SELECT m.id, lower(m.company) AS company
        FROM sessions_app_session s JOIN mentors_mentor m ON m.id = s.mentor_id
        WHERE s.mentee_id = %(mentee)s AND s.status = 'completed' AND m.company <> ''
    )
"""

_READ: Final = """
    SELECT candidate.id, u.name, m.company, m.weekly_load_cap, date_part('epoch', m.created_at),
        coalesce(o.next_start >= %(now)s
            AND o.next_start <= %(now)s + make_interval(days => m.booking_horizon_days), false),
        date_part('epoch', o.next_start), coalesce(o.free_7d, 0),
        near.cosines, near.passage_no,
        coalesce(lexis.bm25, 0), coalesce(lexis.coverage, 0), date_part('epoch', u.last_seen_at),
        m.company <> '' AND EXISTS (
            SELECT FROM met WHERE met.company = lower(m.company) AND met.id <> candidate.id
        ),
        tag.tags, coalesce(held.ever, 0), coalesce(held.lately, 0), coalesce(held.soon, 0),
        greatest(0, date_part('epoch', %(now)s - coalesce(held.last, m.created_at)) / 86400),
        coalesce(held.rating_total, 0), coalesce(held.ratings, 0),
        -- Declined by the mentor, or lapsed; what founders take back themselves says nothing.
        CASE WHEN m.approves_bookings THEN (
            SELECT ARRAY[count(*), count(*) FILTER (WHERE e.to_status = 'booked')]
            FROM sessions_app_session s
            JOIN sessions_app_sessionevent e ON e.session_id = s.id
            WHERE s.mentor_id = candidate.id AND s.starts_at >= %(requests_since)s
                AND e.from_status = 'pending' AND (e.to_status = 'booked'
                    OR e.to_status = 'cancelled' AND (e.by_id = m.user_id OR e.at >= s.answer_by))
        ) END,
        CASE WHEN m.created_at >= %(new_since)s THEN (
            SELECT count(*) FROM (
                SELECT FROM matching_matchimpression i WHERE i.mentor_id = candidate.id
                LIMIT {enough_shown}
            ) AS few
        ) ELSE 0 END
    FROM unnest((SELECT ids FROM candidates)) AS candidate (id)
    JOIN mentors_mentor m ON m.id = candidate.id
    JOIN accounts_user u ON u.id = m.user_id
    LEFT JOIN sessions_app_mentoropening o ON o.mentor_id = candidate.id
    LEFT JOIN lexis ON lexis.mentor_id = candidate.id
    LEFT JOIN near ON near.mentor_id = candidate.id
    LEFT JOIN tag ON tag.mentor_id = candidate.id
    LEFT JOIN held ON held.mentor_id = candidate.id
    ORDER BY candidate.id
"""


def reading(index: VectorIndex | None) -> str:
    """The facts' own parts, and the SELECT at the end. None: there are no vectors to read."""
    return ", ".join((_NO_CHUNKS if index is None else _CHUNKS, _FACTS)) + _READ
