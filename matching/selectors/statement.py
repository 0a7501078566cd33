# ruff: noqa: S608 - SQL made of constants; what people write is a parameter
"""The two SQL statements of a search, part by part. The first is in by_words.py.

Four sets are gathered, each cut where nobody behind the cut would be shown: the nearest by meaning, the
best by words, whoever is asked for by name, and, where these are few, those who are left. Whoever is in
one of them is then compared exactly: every chunk's cosine, and BM25 over every word.

How the nearest are found depends on how many mentors there are to choose from. Of few, all are compared
(`few`), so a filter that leaves three mentors finds these three. Of many, the HNSW index is walked from the
nearest outwards, each mentor met on the way is asked about by the hard rules and filters, and the walk ends
when enough have passed (`hnsw.iterative_scan`). Its cost grows with the inverse of the share that passes,
so that share is estimated first, on a sample. No set is ever cut before the rules were asked.

`{who}` below is the ORM's own SQL with the rules and filters in it, as (id, horizon, next_start).
"""

from __future__ import annotations

import functools
from typing import Final

from matching.ranking import ENOUGH_SHOWN
from matching.selectors.by_words import BM25, IS_ELIGIBLE, ROOM
from matching.selectors.reading import COSINE, reading
from matching.vector_index import VectorIndex

# The walk through the index gives up after so many vectors (an eighth of a second). It is as wide as it is to
# be long, if pgvector allows: a narrow one that is resumed costs more for what it finds.
MOST_STEPS: Final = 20_000
WIDEST_WALK: Final = 1_000

# Times work_mem, which is small on many servers; the walk also ends when this is used up.
STEPS_MEMORY: Final = 8

# Chunks that are walked to for one candidate by meaning: the nearest are often of one mentor, and the
# last of a walk are found less surely than the first.
CHUNKS_EACH: Final = 5

# What the first statement found, and who passes where these are few; see there.
_KNOWN: Final = f"""
    corpus AS (SELECT %(length)s::float8 AS length), size AS (SELECT %(small)s::bool AS small),
    word AS MATERIALIZED (
        SELECT word, weight FROM unnest(%(words)s::text[], %(weights)s::float8[]) AS asked (word, weight)
    ), lexical AS (
        SELECT id FROM unnest(%(by_words)s::uuid[]) AS found (id)
    ), plan AS MATERIALIZED (
        SELECT %(narrow)s::bool AS narrow, %(roomless)s::bool AS roomless, %(free_for_most)s::bool AS free_for_most,
            -- Read by the walk when it begins. In here, because a SET would be a round trip of its own.
            set_config('hnsw.ef_search', '{{width}}', true),
            set_config('hnsw.iterative_scan', 'relaxed_order', true),
            set_config('hnsw.max_scan_tuples', '{MOST_STEPS}', true),
            set_config('hnsw.scan_mem_multiplier', '{STEPS_MEMORY}', true)
    ), few (id, room) AS MATERIALIZED (
        SELECT w.id, {ROOM} FROM ({{who}}) AS w (id, horizon, next_start)
        WHERE (SELECT narrow FROM plan)
        UNION ALL
        SELECT w.id, true FROM ({{who}}) AS w (id, horizon, next_start)
        WHERE (SELECT roomless FROM plan) AND w.next_start >= %(now)s
            AND w.next_start <= %(now)s + make_interval(days => w.horizon)
    )
"""

# Mentors from the nearest outwards, as the index gives their chunks.
_WALK: Final = """
    SELECT mentor_id FROM (
        SELECT e.mentor_id, {{distance}} AS distance FROM matching_mentorembedding e {more}
        WHERE e.model_id = '{{model}}' AND {when}
        ORDER BY {{distance}} LIMIT {{chunks_walked}}
    ) AS chunk GROUP BY mentor_id ORDER BY min(distance), mentor_id
"""
_ASKING: Final = _WALK.format(
    more=IS_ELIGIBLE.replace("{id}", "e.mentor_id"),
    when="(SELECT NOT narrow AND NOT free_for_most FROM plan)"
    " AND (eligible.room OR (SELECT roomless FROM plan))",
)
_STRAIGHT: Final = _WALK.format(more="", when="(SELECT free_for_most FROM plan)")

_NEAREST: Final = f"""
    question AS MATERIALIZED (SELECT %(vector)s::vector AS vector), nearest AS MATERIALIZED (
        (SELECT few.id FROM few JOIN (
            -- Where there are few in all, one pass over everyone's is faster than looking each up.
            SELECT e.mentor_id, max({COSINE}) AS best FROM matching_mentorembedding e
            WHERE e.model_id = '{{model}}' AND (SELECT small FROM size) GROUP BY e.mentor_id
            UNION ALL
            SELECT one.id, chunk.best FROM few AS one CROSS JOIN LATERAL (
                SELECT max({COSINE}) AS best FROM matching_mentorembedding e
                WHERE e.mentor_id = one.id AND e.model_id = '{{model}}' OFFSET 0
            ) AS chunk
            WHERE (SELECT NOT small FROM size) AND chunk.best IS NOT NULL
        ) AS fit ON fit.mentor_id = few.id
        ORDER BY few.room DESC, fit.best DESC, few.id LIMIT {{depth}})
        UNION ALL
        (SELECT mentor_id FROM ({_ASKING}) AS walk LIMIT {{depth}})
        UNION ALL
        (SELECT walk.mentor_id FROM ({_STRAIGHT}) AS walk {IS_ELIGIBLE.replace("{id}", "walk.mentor_id")}
        WHERE eligible.room LIMIT {{depth}})
    )
"""
_NO_NEAREST: Final = "nearest AS MATERIALIZED (SELECT NULL::uuid AS id WHERE false)"

_CANDIDATES: Final = f"""
    found AS MATERIALIZED (SELECT id FROM nearest UNION SELECT id FROM lexical), candidate AS MATERIALIZED (
        SELECT id FROM found
        UNION
        -- Not embedded yet, or no vectors at all: still there, behind everyone who is known to fit.
        (SELECT few.id FROM few JOIN sessions_app_mentoropening o ON o.mentor_id = few.id
        WHERE (SELECT narrow FROM plan) AND (SELECT count(*) FROM found) < {{depth}}
        ORDER BY few.room DESC, o.next_start NULLS LAST, few.id LIMIT {{depth}})
        UNION
        (SELECT o.mentor_id FROM sessions_app_mentoropening o
        {IS_ELIGIBLE.replace("{id}", "o.mentor_id")}
        WHERE (SELECT NOT narrow FROM plan) AND (SELECT count(*) FROM found) < {{depth}}
        ORDER BY o.next_start LIMIT {{depth}})
    ), candidates AS MATERIALIZED (SELECT array_agg(id) AS ids FROM candidate), lexis AS MATERIALIZED (
        SELECT c.mentor_id, {BM25} / (SELECT sum(weight) FROM word) AS bm25,
            count(*)::float8 / (SELECT count(*) FROM word) AS coverage
        FROM (
            -- Mentor by mentor, whose words stand side by side in the index of that order: word by word, each
            -- would be on another page.
            SELECT mentor_id, word, count::float8 AS n FROM matching_wordcount
            WHERE mentor_id = ANY((SELECT ids FROM candidates)::uuid[])
                AND word = ANY((SELECT array_agg(word) FROM word)::text[])
            OFFSET 0
        ) AS c
        JOIN word ON word.word = c.word
        JOIN matching_wordindex i ON i.mentor_id = c.mentor_id
        CROSS JOIN corpus
        GROUP BY c.mentor_id
    )
"""


@functools.lru_cache(maxsize=64)
def statement(who: str, index: VectorIndex | None, depth: int) -> str:
    """The second statement; its parameters are named.

    Args:
        who: SQL that gives (id, horizon, next_start) of all who may be found.
        depth: candidates by meaning, and as many by words. Not a parameter, because a plan that does
            not know how many are wanted is made for many.
        index: of the question's model; None to search by words alone.
    """
    parts = {
        "who": who,
        "depth": str(depth),
        "enough_shown": str(ENOUGH_SHOWN),
        "chunks_walked": str(depth * CHUNKS_EACH),
        "width": str(min(depth * CHUNKS_EACH, WIDEST_WALK)),
        "model": index.model_id.replace("'", "''").replace("%", "%%") if index else "",
        "distance": f"{index.expression} <=> (SELECT vector FROM question)" if index else "",
    }
    nearest = _NO_NEAREST if index is None else _NEAREST
    text = "WITH " + ", ".join((_KNOWN, nearest, _CANDIDATES, reading(index)))
    for name, part in parts.items():
        text = text.replace(f"{{{name}}}", part)
    return text
