# ruff: noqa: S608 - SQL made of constants; what people write is a parameter
"""The first of a search's two statements: whom the words find, and how the others are to be found.

It needs no vector. So it is sent before the question is embedded, and runs on the database's core while the
model works on ours (`matching/services/searching.py`): together they take little more time than the model alone.

`{who}` below is the ORM's own SQL with the rules and filters in it, as (id, horizon, next_start).
"""

from __future__ import annotations

import functools
import unicodedata
from typing import Final

from matching.vector_index import VectorIndex

# Up to so many mentors all are compared; so are those who pass a filter, if there are as few of them.
EXACT_UP_TO: Final = 2_000

# Among more mentors N, it pays to compare n of them exactly while n * a < (K / (n / N)) * b, where a is
# the time to compare one, b to walk past one, K how many must pass. So n < sqrt(K * b / a * N), and K b / a
# is about 160, estimated from published timings, not measured here (2 cores, 10,000 and 100,000 mentors of 2 to 3 chunks).
EXACT_FACTOR: Final = 160

# Mentors looked at for the share that passes. Near the switch, about 4 %, that is known to 2.5 %.
SAMPLE: Final = 64

# Of the sample. A walk meets four times the mentors it is to find, so a half has some to spare.
FREE_FOR_MOST: Final = 0.5

# Words of a question are looked up from the rarest on until they have so many hits in all: what nearly
# everyone writes costs most to look up and tells least. What the others say is added on the candidates.
MOST_HITS: Final = 4_000

# Best by words before any rule is asked: so many are asked about at most, and so many of them are
# candidates even without times, because who is asked for by name must be found.
ASKED_ABOUT: Final = 2_000
NAMED: Final = 40

# Where half of all pass and have room, those who are found by words are found among far fewer, and those
# who are shown are among the first of them.
MOST_HITS_WHERE_FREE: Final = 2_000
ASKED_ABOUT_WHERE_FREE: Final = 400


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

ROOM: Final = """
    coalesce(w.next_start >= %(now)s
        AND w.next_start <= %(now)s + make_interval(days => w.horizon), false)
"""
# Asked mentor by mentor: OFFSET keeps the planner from asking all of them beforehand.
IS_ELIGIBLE: Final = f"""
    CROSS JOIN LATERAL (
        SELECT {ROOM} AS room FROM ({{who}}) AS w (id, horizon, next_start)
        WHERE w.id = {{id}} OFFSET 0
    ) AS eligible
"""

# BM25 (Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework", 3.4) with k1 = 1.5, and
# b = 0.6, for a profile is long because a person knows many things, not because it is wordy. It is
# given as a share of what a profile could have at most, that repeats every word of the question
# without end: so it means the same whoever else there is, and says how much the words tell at all.
# Rarity counts to the power of 1.5, between BM25 and the cosine of tf-idf (2): founders write
# sentences, and what their everyday words find is chance.
# `coverage` is the share of the question's words that the profile has, each counted alike: it goes into
# the score, which may not change with who else there is, as rarity does.
BM25: Final = "sum(word.weight * n / (n + 1.5 * (0.4 + 0.6 * i.length / corpus.length)))"

_WORDS: Final = f"""
    corpus AS MATERIALIZED (
        SELECT coalesce(max(mentors), 0)::float8 AS mentors,
            greatest(max(uses)::float8 / nullif(max(mentors), 0), 1) AS length
        FROM matching_wordfrequency WHERE word = ''
    ), word AS MATERIALIZED (
        SELECT word, df, power(ln(1 + greatest(mentors - df + 0.5, 0.5) / (df + 0.5)), 1.5) AS weight,
            sum(df) OVER (ORDER BY df, word) AS hits
        FROM (
            SELECT lexeme AS word, coalesce(f.mentors, 0)::float8 AS df
            FROM unnest(to_tsvector('english', {FOLDED.format("%(text)s::text")}))
            LEFT JOIN matching_wordfrequency f ON f.word = lexeme
        ) AS asked CROSS JOIN corpus
    )
"""

# `narrow`: so few pass the rules that all who do are compared. `roomless`: many pass, but few of them
# have room; then these few are compared, and the walk fills up with the others. `free_for_most`: so many
# pass and have room that whoever is met on the walk is asked about afterwards, until there are enough.
_PLAN: Final = f"""
    size AS MATERIALIZED (
        SELECT mentors, {{is_exact}} OR mentors <= {EXACT_UP_TO} AS small,
            greatest({EXACT_UP_TO}, sqrt({EXACT_FACTOR} * mentors)) AS most
        FROM corpus
    ), sample AS MATERIALIZED (
        SELECT count(*)::float8 AS looked, count(eligible.room)::float8 AS passed,
            (count(*) FILTER (WHERE eligible.room))::float8 AS free
        FROM (SELECT id FROM mentors_mentor ORDER BY id LIMIT {SAMPLE}) AS m
        LEFT JOIN LATERAL (
            SELECT {ROOM} AS room FROM ({{who}}) AS w (id, horizon, next_start)
            WHERE w.id = m.id OFFSET 0
        ) AS eligible ON true
        WHERE (SELECT NOT small FROM size)
    ), plan AS MATERIALIZED (
        SELECT small OR passed / greatest(looked, 1) * mentors <= most AS narrow,
            NOT small AND passed / greatest(looked, 1) * mentors > most
                AND free / greatest(looked, 1) * mentors <= most AS roomless,
            NOT small AND passed / greatest(looked, 1) * mentors > most
                AND free >= {FREE_FOR_MOST} * looked AS free_for_most,
            -- The plan is made once for each connection; making one takes as long as half a search.
            set_config('plan_cache_mode', 'force_generic_plan', false)
        FROM size CROSS JOIN sample
    ), few (id, room) AS MATERIALIZED (
        SELECT w.id, {ROOM} FROM ({{who}}) AS w (id, horizon, next_start)
        WHERE (SELECT narrow FROM plan)
    )
"""

_LEXICAL: Final = f"""
    hit AS MATERIALIZED (
        SELECT mentor_id, weight, n FROM word
        CROSS JOIN LATERAL (
            SELECT mentor_id, count::float8 AS n FROM matching_wordcount c
            WHERE c.word = word.word OFFSET 0
        ) AS c
        WHERE word.hits <= (SELECT CASE WHEN free_for_most THEN {MOST_HITS_WHERE_FREE} ELSE {MOST_HITS} END FROM plan)
            OR ({{rarest_at_least}} AND word.hits = word.df)
    ), rare AS MATERIALIZED (
        -- As if all profiles were of one length: those of thousands cost too much to look up.
        SELECT mentor_id, sum(weight * n / (n + 1.5)) AS score FROM hit
        WHERE (SELECT NOT narrow FROM plan) GROUP BY mentor_id
        UNION ALL
        SELECT hit.mentor_id, {BM25.replace("word.", "hit.")} FROM hit
        JOIN few ON few.id = hit.mentor_id
        JOIN matching_wordindex i ON i.mentor_id = hit.mentor_id
        CROSS JOIN corpus
        WHERE (SELECT narrow FROM plan) GROUP BY hit.mentor_id
    ), lexical AS MATERIALIZED (
        (SELECT few.id FROM rare JOIN few ON few.id = rare.mentor_id WHERE (SELECT narrow FROM plan)
        ORDER BY few.room DESC, score DESC, few.id LIMIT {{depth}})
        UNION
        (SELECT few.id FROM rare JOIN few ON few.id = rare.mentor_id WHERE (SELECT narrow FROM plan)
        ORDER BY score DESC, few.id LIMIT {NAMED})
        UNION ALL
        -- Asked about in the order of the ranking, so that the limit ends the asking.
        (SELECT rare.mentor_id FROM (
            SELECT mentor_id, row_number() OVER (ORDER BY score DESC, mentor_id) AS named FROM (
                SELECT mentor_id, score FROM rare WHERE (SELECT NOT narrow FROM plan)
                ORDER BY score DESC, mentor_id LIMIT (
                    SELECT CASE WHEN free_for_most THEN {ASKED_ABOUT_WHERE_FREE} ELSE {ASKED_ABOUT} END FROM plan
                )
            ) AS best
        ) AS rare {IS_ELIGIBLE.replace("{id}", "rare.mentor_id")}
        WHERE eligible.room OR named <= {NAMED}
        LIMIT (SELECT CASE WHEN free_for_most THEN {NAMED} ELSE {{depth}} END FROM plan))
    )
"""

# Which way the nearest are found: "all" are compared, or the "few" who pass; few have room ("roomless"), half
# of all are "free", or else "some" are.
WAY: Final = """
    CASE WHEN small THEN 'all' WHEN narrow THEN 'few' WHEN roomless THEN 'roomless' WHEN free_for_most THEN 'free'
        ELSE 'some' END
"""

# What it gives. Arrays stay text, which nobody has to read on the way to the second statement.
_FOUND: Final = f"""
    SELECT {WAY} AS way, length,
        (SELECT array_agg(word ORDER BY word)::text FROM word) AS words,
        (SELECT array_agg(weight ORDER BY word)::text FROM word) AS weights,
        (SELECT array_agg(id)::text FROM lexical) AS by_words
    FROM plan CROSS JOIN size CROSS JOIN corpus
"""


@functools.lru_cache(maxsize=64)
def looking_up(who: str, index: VectorIndex | None, depth: int) -> str:
    """The statement; its parameters are named. The arguments are those of `statement`."""
    if index is None or not index.is_possible:
        is_exact = "false" if index is None else "true"
    else:
        is_exact = f"""NOT coalesce((
            SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('{index.name}')), false)"""
    parts = {
        "who": who,
        "depth": str(depth),
        "is_exact": is_exact,
        # Without vectors nothing else finds anybody, so one word at least is looked up.
        "rarest_at_least": "true" if index is None else "false",
    }
    text = "WITH " + ", ".join((_WORDS, _PLAN, _LEXICAL)) + _FOUND
    for name, part in parts.items():
        text = text.replace(f"{{{name}}}", part)
    return text
