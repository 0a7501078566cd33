"""Who could help: one SQL statement that finds the candidates and reads what ranking needs of them.

Exact by design: every vector of every eligible mentor is compared, so a filter that leaves three
mentors finds these three. An approximate index would have to be asked again and again under such
a filter, and pays only from some 50,000 vectors on.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import numpy as np
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet
from numpy.typing import NDArray

from matching.ranking import Candidate, Tag
from mentors.models import Mentor

# Candidates by meaning, and as many by words. A list shows at most 50 of them.
DEPTH: Final = 100

# By words alone, whether they have time or not: who is asked for by name must be found.
NAMED_DEPTH: Final = 20

# Words of a question are looked up from the rarest on until they have so many hits in all: what nearly
# everyone writes costs most to look up and tells least. Up to about a thousand mentors it is every word.
MOST_HITS: Final = 10_000

# How far back a mentor's bookings count for the even load, the period utilization is measured in.
LOAD_DAYS: Final = 28


def _accents() -> tuple[str, str]:
    """Accented Latin letters and what they are without: "Irigoyen, Tomás" is typed "tomas"."""
    pairs = [
        (letter, bare)
        for letter in map(chr, range(0xC0, 0x250))
        if letter == letter.lower()
        and len(bare := unicodedata.normalize("NFD", letter)[0]) == 1
        and bare != letter
        and bare.isascii()
    ]
    pairs += [("ø", "o"), ("ł", "l"), ("đ", "d"), ("ı", "i"), ("ß", "s")]  # noqa: RUF001
    return "".join(letter for letter, _ in pairs), "".join(bare for _, bare in pairs)


# A SQL expression around a text, the same for profiles and for questions. (Postgres' own unaccent
# is an extension that the embedded server does not have.)
FOLDED: Final = "translate(lower({{}}), '{}', '{}')".format(*_accents())

# BM25 (Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework", 3.4) with k1 = 1.5, and
# b = 0.6, for a profile is long because a person knows many things, not because it is wordy. It is
# given as a share of what a profile could have at most, that repeats every word of the question
# without end: so it means the same whoever else there is, and says how much the words tell at all.
# Rarity counts to the power of 1.5, between BM25 and the cosine of tf-idf (2): founders write
# sentences, and what their everyday words find is chance.
# `coverage` is the share of the question's words, weighed likewise, that the profile has.
_WORDS: Final = f"""
    asked AS MATERIALIZED (
        SELECT lexeme AS word FROM unnest(to_tsvector('english', {FOLDED.format("%s")}))
    ), corpus AS MATERIALIZED (
        SELECT count(*)::float8 AS mentors, greatest(avg(length), 1)::float8 AS length
        FROM matching_wordindex
    ), frequency AS (
        SELECT asked.word, count(c.mentor_id)::float8 AS df
        FROM asked LEFT JOIN matching_wordcount c ON c.word = asked.word
        GROUP BY asked.word
    ), word AS MATERIALIZED (
        SELECT word, power(ln(1 + (mentors - df + 0.5) / (df + 0.5)), 1.5) AS weight
        FROM (SELECT word, df, sum(df) OVER (ORDER BY df, word) AS hits FROM frequency) rarest
        CROSS JOIN corpus
        WHERE hits <= {MOST_HITS} OR hits = df
    ), hit AS MATERIALIZED (
        SELECT c.word, c.mentor_id, c.count::float8 AS n
        FROM word JOIN matching_wordcount c ON c.word = word.word
    ), lexical AS (
        SELECT hit.mentor_id,
            sum(weight * n / (n + 1.5 * (0.4 + 0.6 * i.length / corpus.length)))
                / (SELECT sum(weight) FROM word) AS bm25,
            sum(weight) / (SELECT sum(weight) FROM word) AS coverage
        FROM hit
        JOIN eligible ON eligible.id = hit.mentor_id
        JOIN word ON word.word = hit.word
        JOIN matching_wordindex i ON i.mentor_id = hit.mentor_id
        CROSS JOIN corpus
        GROUP BY hit.mentor_id
    )
"""  # noqa: S608 - made of constants

# Unit vectors: the inner product is the cosine, and the cheaper operator.
_CHUNKS: Final = """
    chunk AS MATERIALIZED (
        SELECT e.mentor_id, e.chunk_no, -(e.vector <#> %s::vector) AS cosine
        FROM eligible JOIN matching_mentorembedding e ON e.mentor_id = eligible.id
        WHERE e.model_id = %s
    )
"""
_NO_CHUNKS: Final = """
    chunk AS MATERIALIZED (
        SELECT NULL::uuid AS mentor_id, 0 AS chunk_no, NULL::float8 AS cosine WHERE false
    )
"""

_CANDIDATES: Final = """
    pool AS MATERIALIZED (
        SELECT eligible.id, near.best, lexical.bm25, lexical.coverage, o.next_start, o.free_7d,
            coalesce(o.next_start >= %s
                AND o.next_start <= %s + make_interval(days => m.booking_horizon_days),
                false) AS bookable
        FROM eligible
        JOIN mentors_mentor m ON m.id = eligible.id
        LEFT JOIN (SELECT mentor_id, max(cosine) AS best FROM chunk GROUP BY mentor_id) near
            ON near.mentor_id = eligible.id
        LEFT JOIN lexical ON lexical.mentor_id = eligible.id
        LEFT JOIN sessions_app_mentoropening o ON o.mentor_id = eligible.id
    ), candidate AS MATERIALIZED (
        (SELECT id FROM pool WHERE best IS NOT NULL
            ORDER BY bookable DESC, best DESC, id LIMIT %s)
        UNION
        (SELECT id FROM pool WHERE bm25 IS NOT NULL
            ORDER BY bookable DESC, bm25 DESC, id LIMIT %s)
        UNION
        (SELECT id FROM pool WHERE bm25 IS NOT NULL ORDER BY bm25 DESC, id LIMIT %s)
        UNION
        -- Not embedded yet, or no vectors at all: still there, behind everyone who is known to fit.
        (SELECT id FROM pool WHERE best IS NULL
            ORDER BY bookable DESC, next_start NULLS LAST, id LIMIT %s)
    ), near AS MATERIALIZED (
        -- One pass: looked up candidate by candidate, the list of chunks would be read 200 times.
        SELECT chunk.mentor_id, array_agg(chunk.cosine ORDER BY chunk.cosine DESC) AS cosines,
            -- Chunk 0 is the whole profile: as a passage to quote from, anything else is better.
            (array_agg(chunk.chunk_no ORDER BY chunk.chunk_no = 0, chunk.cosine DESC))[1] AS best_chunk
        FROM chunk JOIN candidate ON candidate.id = chunk.mentor_id
        GROUP BY chunk.mentor_id
    )
"""

_READ: Final = """
    SELECT pool.id, u.name, m.company, m.weekly_load_cap, m.created_at,
        pool.bookable, pool.next_start, coalesce(pool.free_7d, 0),
        near.cosines, coalesce(passage.text, ''),
        coalesce(pool.bm25, 0), coalesce(pool.coverage, 0),
        expertise.tags, load.booked, load.held, rating.total, rating.n
    FROM candidate
    JOIN pool ON pool.id = candidate.id
    JOIN mentors_mentor m ON m.id = pool.id
    JOIN accounts_user u ON u.id = m.user_id
    LEFT JOIN near ON near.mentor_id = pool.id
    LEFT JOIN matching_mentorembedding passage
        ON passage.mentor_id = pool.id AND passage.chunk_no = near.best_chunk
            AND passage.model_id = %s
    LEFT JOIN LATERAL (
        SELECT jsonb_agg(jsonb_build_array(x.area, x.sub_area, x.weight)
                         ORDER BY x.weight DESC, x.area, x.sub_area) AS tags
        FROM mentors_expertise x WHERE x.mentor_id = pool.id
    ) expertise ON true
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE s.starts_at >= %s) AS booked, count(*) AS held
        FROM sessions_app_session s WHERE s.mentor_id = pool.id AND s.status <> 'cancelled'
    ) load
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(f.overall), 0) AS total, count(f.overall) AS n
        FROM sessions_app_session s
        JOIN sessions_app_feedback f ON f.session_id = s.id AND f.side = 'mentee'
        WHERE s.mentor_id = pool.id
    ) rating
    ORDER BY pool.id
"""


@dataclass(frozen=True, slots=True)
class Eligible:
    """Who may be found at all: a query for mentors that has every hard rule and filter in it."""

    mentors: QuerySet[Mentor]

    def sql(self) -> tuple[str, Sequence[Any]]:
        """The ids as a subquery. Raises EmptyResultSet if Django can tell that there are none."""
        sql, params = self.mentors.order_by().values("pk").query.sql_with_params()
        return sql, params


def retrieve(
    *,
    eligible: Eligible,
    text: str,
    vector: NDArray[np.float32] | None,
    model_id: str,
    now: datetime,
    depth: int = DEPTH,
) -> list[Candidate]:
    """The mentors nearest to a question by meaning and by words, in one query. No order is promised.

    Those who can be booked come first into the list that is cut at `depth`: with enough of them,
    nobody without times is read at all, unless found by words alone.

    Args:
        vector: the question as a unit vector, shape (dimensions,); None: by words alone.
        model_id: whose vectors to compare.
    """
    try:
        who, who_params = eligible.sql()
    except EmptyResultSet:
        return []
    near: list[Any] = [] if vector is None else [_literal(vector), model_id]
    statement = f"""
        WITH eligible (id) AS MATERIALIZED ({who}), {_WORDS},
        {_NO_CHUNKS if vector is None else _CHUNKS}, {_CANDIDATES} {_READ}
    """  # the ORM's own SQL and constants; every value is a parameter
    cuts = [depth, depth, NAMED_DEPTH, depth]
    since = now - timedelta(days=LOAD_DAYS)
    with connection.cursor() as cursor:
        cursor.execute(statement, [*who_params, text, *near, now, now, *cuts, model_id, since])
        return [_candidate(*row) for row in cursor.fetchall()]


def _literal(vector: NDArray[np.float32]) -> str:
    """A vector as pgvector reads it: "[0.1,-0.2,…]", every digit of a float32 kept."""
    return "[" + ",".join(map(repr, vector.tolist())) + "]"


def _candidate(
    mentor_id: UUID,
    name: str,
    company: str,
    weekly_load_cap: int,
    created_at: datetime,
    bookable: bool,  # noqa: FBT001 - a column
    next_start: datetime | None,
    free_7d: int,
    cosines: list[float] | None,
    passage: str,
    bm25: float,
    coverage: float,
    tags: Any,
    booked: int,
    held: int,
    rating_total: int,
    rating_count: int,
) -> Candidate:
    if isinstance(tags, str):
        tags = json.loads(tags)
    return Candidate(
        mentor_id=mentor_id,
        name=name,
        company=company,
        weekly_load_cap=weekly_load_cap,
        created_at=created_at,
        is_bookable=bookable,
        next_start=next_start if bookable else None,
        free_7d=free_7d,
        cosines=tuple(cosines or ()),
        passage=passage,
        bm25=float(bm25),
        coverage=float(coverage),
        tags=tuple(Tag(area, sub_area, weight) for area, sub_area, weight in tags or ()),
        booked_28d=booked,
        sessions=held,
        rating_total=int(rating_total),
        rating_count=rating_count,
    )
