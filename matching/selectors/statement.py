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
from typing import Final, NamedTuple

from matching.ranking import ENOUGH_SHOWN
from matching.selectors.by_words import BM25, IS_ELIGIBLE, ROOM
from matching.selectors.reading import COSINE, reading
from matching.vector_index import VectorIndex

# The walk through the index: how wide, and after how many vectors it gives up (an eighth of a second).
EF_SEARCH: Final = 200
MOST_STEPS: Final = 20_000

# Times work_mem, which is small on many servers; the walk also ends when this is used up.
STEPS_MEMORY: Final = 8

# Chunks that are walked to for one candidate by meaning: the nearest are often of one mentor, and the
# last of a walk are found less surely than the first. Where half of all are free the last of a walk are seldom
# shown, and it is the walk that most wait for.
CHUNKS_EACH: Final = 8
CHUNKS_EACH_WHERE_FREE: Final = 6

# What the first statement found.
_KNOWN: Final = f"""
    corpus AS (SELECT %(length)s::float8 AS length), word AS MATERIALIZED (
        SELECT word, weight FROM unnest(%(words)s::text[], %(weights)s::float8[]) AS asked (word, weight)
    ), lexical AS (
        SELECT id FROM unnest(%(by_words)s::uuid[]) AS found (id)
    ), walk AS MATERIALIZED (
        -- Read by the walk when it begins. In here, because a SET would be a round trip of its own.
        SELECT true AS is_prepared,
            set_config('hnsw.ef_search', '{EF_SEARCH}', true),
            set_config('hnsw.iterative_scan', 'relaxed_order', true),
            set_config('hnsw.max_scan_tuples', '{MOST_STEPS}', true),
            set_config('hnsw.scan_mem_multiplier', '{STEPS_MEMORY}', true)
    )
"""

# Those who are compared exactly: all who pass, or only those of them who have room.
_FEW: Final = f"""
    few (id, room) AS MATERIALIZED (
        SELECT w.id, {ROOM} FROM ({{who}}) AS w (id, horizon, next_start)
    )
"""
_FEW_WITH_ROOM: Final = """
    few (id, room) AS MATERIALIZED (
        SELECT w.id, true FROM ({who}) AS w (id, horizon, next_start)
        WHERE w.next_start >= %(now)s AND w.next_start <= %(now)s + make_interval(days => w.horizon)
    )
"""

# The nearest of the few. Where everyone is compared, one pass is faster than looking each up.
_COMPARED: Final = """
    SELECT few.id FROM few JOIN ({fit}) AS fit ON fit.mentor_id = few.id
    ORDER BY few.room DESC, fit.best DESC, few.id LIMIT {{depth}}
"""
_ALL_COMPARED: Final = _COMPARED.format(
    fit=f"""
        SELECT e.mentor_id, max({COSINE}) AS best FROM matching_mentorembedding e
        WHERE e.model_id = '{{model}}' GROUP BY e.mentor_id
    """
)
_FEW_COMPARED: Final = _COMPARED.format(
    fit=f"""
        SELECT one.id AS mentor_id, chunk.best FROM few AS one CROSS JOIN LATERAL (
            SELECT max({COSINE}) AS best FROM matching_mentorembedding e
            WHERE e.mentor_id = one.id AND e.model_id = '{{model}}' OFFSET 0
        ) AS chunk
        WHERE chunk.best IS NOT NULL
    """
)

# Mentors from the nearest outwards, as the index gives their chunks.
_WALK: Final = """
    SELECT mentor_id FROM (
        SELECT e.mentor_id, {{distance}} AS distance FROM matching_mentorembedding e {more}
        WHERE e.model_id = '{{model}}' AND (SELECT is_prepared FROM walk) {which}
        ORDER BY {{distance}} LIMIT {{chunks_walked}}
    ) AS chunk GROUP BY mentor_id ORDER BY min(distance), mentor_id
"""
_ASK: Final = IS_ELIGIBLE.replace("{id}", "e.mentor_id")
_WITH_ROOM_MET: Final = _WALK.format(more=_ASK, which="AND eligible.room")
_MET: Final = _WALK.format(more=_ASK, which="")
_ALL_MET: Final = _WALK.format(more="", which="")

_ASKED_FOR_ROOM: Final = f"SELECT mentor_id FROM ({_WITH_ROOM_MET}) AS met LIMIT {{depth}}"
_ASKED: Final = f"SELECT mentor_id FROM ({_MET}) AS met LIMIT {{depth}}"
_ASKED_AFTERWARDS: Final = f"""
    SELECT met.mentor_id FROM ({_ALL_MET}) AS met {IS_ELIGIBLE.replace("{id}", "met.mentor_id")}
    WHERE eligible.room LIMIT {{depth}}
"""

# Not embedded yet, or no vectors at all: still there, behind everyone who is known to fit.
_REST_OF_FEW: Final = """
    SELECT few.id FROM few JOIN sessions_app_mentoropening o ON o.mentor_id = few.id
    WHERE (SELECT count(*) FROM found) < {depth}
    ORDER BY few.room DESC, o.next_start NULLS LAST, few.id LIMIT {depth}
"""
_REST_OF_MANY: Final = f"""
    SELECT o.mentor_id FROM sessions_app_mentoropening o
    {IS_ELIGIBLE.replace("{id}", "o.mentor_id")}
    WHERE (SELECT count(*) FROM found) < {{depth}}
    ORDER BY o.next_start LIMIT {{depth}}
"""


class _Way(NamedTuple):
    """How the nearest are found: who is compared, the nearest, and who else there is."""

    few: str
    nearest: str
    rest: str


# See `WAY` in by_words.py for which is taken when.
_WAYS: Final = {
    "all": _Way(_FEW, _ALL_COMPARED, _REST_OF_FEW),
    "few": _Way(_FEW, _FEW_COMPARED, _REST_OF_FEW),
    "roomless": _Way(_FEW_WITH_ROOM, f"({_FEW_COMPARED}) UNION ALL ({_ASKED})", _REST_OF_MANY),
    "free": _Way("", _ASKED_AFTERWARDS, _REST_OF_MANY),
    "some": _Way("", _ASKED_FOR_ROOM, _REST_OF_MANY),
}

_CANDIDATES: Final = f"""
    question AS MATERIALIZED (SELECT {{vector}}::vector AS vector),
    nearest (id) AS MATERIALIZED ({{nearest}}),
    found AS MATERIALIZED (SELECT id FROM nearest UNION SELECT id FROM lexical),
    candidate AS MATERIALIZED (SELECT id FROM found UNION ({{rest}})),
    candidates AS MATERIALIZED (SELECT array_agg(id) AS ids FROM candidate), lexis AS MATERIALIZED (
        SELECT c.mentor_id, {BM25} / (SELECT sum(weight) FROM word) AS bm25,
            count(*)::float8 / (SELECT count(*) FROM word) AS coverage
        FROM (
            -- Mentor by mentor, whose words stand side by side in the index of that order: word by word, each
            -- would be on another page.
            SELECT mentor_id, word, count::float8 AS n FROM matching_wordcount
            WHERE mentor_id = ANY((SELECT ids FROM candidates)::uuid[]) AND word = ANY(%(words)s::text[])
            OFFSET 0
        ) AS c
        JOIN word ON word.word = c.word
        JOIN matching_wordindex i ON i.mentor_id = c.mentor_id
        CROSS JOIN corpus
        GROUP BY c.mentor_id
    )
"""


@functools.lru_cache(maxsize=64)
def statement(who: str, index: VectorIndex | None, depth: int, way: str) -> str:
    """The second statement; its parameters are named.

    Args:
        who: SQL that gives (id, horizon, next_start) of all who may be found.
        depth: candidates by meaning, and as many by words. Not a parameter, because a plan that does
            not know how many are wanted is made for many.
        index: of the question's model; None to search by words alone.
        way: to find the nearest, as the first statement says.
    """
    few, nearest, rest = _WAYS[way]
    parts = {
        "nearest": nearest if index else "SELECT NULL::uuid WHERE false",
        "rest": rest,
        "who": who,
        "depth": str(depth),
        "enough_shown": str(ENOUGH_SHOWN),
        "chunks_walked": str(depth * (CHUNKS_EACH_WHERE_FREE if way == "free" else CHUNKS_EACH)),
        "vector": "%(vector)s" if index else "NULL",
        "model": index.model_id.replace("'", "''").replace("%", "%%") if index else "",
        "distance": f"{index.expression} <=> (SELECT vector FROM question)" if index else "",
    }
    text = "WITH " + ", ".join(filter(None, (_KNOWN, few, _CANDIDATES, reading(index))))
    for name, part in parts.items():
        text = text.replace(f"{{{name}}}", part)
    return text
