"""Who could help: the SQL that finds the candidates and reads what ranking needs of them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol
from uuid import UUID

import numpy as np
from django.conf import settings
from django.core.exceptions import EmptyResultSet
from django.db.models import QuerySet
from numpy.typing import NDArray

from accounts.prepared import prepared_cursor
from matching.ranking import LOAD_PERIOD, NEW_FOR, Candidate, Tag
from matching.selectors.by_words import looking_up
from matching.selectors.statement import statement
from matching.vector_index import VectorIndex
from mentors.models import Mentee, Mentor

# Candidates by meaning, and as many by words. A list shows at most 50 of them.
DEPTH: Final = 60

# How far back it counts whether a mentor answered requests.
REQUESTS_FOR: Final = timedelta(days=182)

# Shorter names of companies are found in any text.
SHORTEST_COMPANY: Final = 3


class WhoMayBeFound(Protocol):
    """Every hard rule and filter of a search."""

    def sql(self) -> tuple[str, dict[str, Any]]:
        """SQL for (id, horizon in days, next start) of each, and its parameters by name.

        Raises EmptyResultSet if Django can tell that there are none.
        """
        ...


@dataclass(frozen=True, slots=True)
class Eligible:
    """As a query for mentors has them."""

    mentors: QuerySet[Mentor]

    def sql(self) -> tuple[str, dict[str, Any]]:
        """See `WhoMayBeFound`."""
        rows = self.mentors.order_by().values_list(
            "pk", "booking_horizon_days", "opening__next_start"
        )
        sql, params = rows.query.sql_with_params()
        # By name, because the statement of a search says it six times.
        number = itertools.count()
        named = re.sub(r"%[s%]", lambda m: f"%(who{next(number)})s" if m[0] == "%s" else m[0], sql)
        return named, {f"who{place}": value for place, value in enumerate(params)}


@dataclass(frozen=True, slots=True)
class LookUp:
    """Whom the words of a question find, as the database is asked for it; read when it is wanted.

    `asked`: the text, the index and the depth. For another question it is of no use.
    """

    asked: tuple[str, VectorIndex | None, int]
    cursor: Any

    def found(self) -> tuple[str, dict[str, Any]]:
        """The way to go on, and parameters of the second statement. To be called once."""
        with self.cursor as cursor:
            way, length, words, weights, by_words = cursor.fetchone()
        return way, {"length": length, "words": words, "weights": weights, "by_words": by_words}


def look_up(
    *,
    eligible: WhoMayBeFound,
    text: str,
    index: VectorIndex | None,
    now: datetime,
    depth: int = DEPTH,
) -> LookUp | None:
    """The first of the two statements of `retrieve`, for whoever has something to do meanwhile.

    Args:
        index: of the model that the question is being embedded by; None: it is not.
    """
    try:
        who, who_params = eligible.sql()
    except EmptyResultSet:
        return None
    return _look_up(who, who_params, text, index, now, depth)


def _look_up(
    who: str,
    who_params: dict[str, Any],
    text: str,
    index: VectorIndex | None,
    now: datetime,
    depth: int,
) -> LookUp:
    cursor = prepared_cursor()
    cursor.execute(looking_up(who, index, depth), {**who_params, "text": text, "now": now})
    return LookUp((text, index, depth), cursor)


def retrieve(
    *,
    eligible: WhoMayBeFound,
    text: str,
    vector: NDArray[np.float32] | None,
    model_id: str,
    now: datetime,
    mentee: Mentee | None = None,
    depth: int = DEPTH,
    looked_up: LookUp | None = None,
) -> list[Candidate]:
    """The mentors nearest to a question by meaning and by words, in two queries. No order is promised.

    Those who can be booked come first into the list that is cut at `depth`: with enough of them,
    nobody without times is read at all, unless found by words alone.

    Args:
        vector: the question as a unit vector, shape (dimensions,); None: by words alone.
        model_id: whose vectors to compare.
        mentee: who asks, for what connects them to a mentor; None for a program manager.
        looked_up: the first of the two queries, if it was asked before.
    """
    try:
        who, who_params = eligible.sql()
    except EmptyResultSet:
        return []
    index = None if vector is None else VectorIndex(model_id, len(vector), settings.VECTOR_INDEX)
    if looked_up is None or looked_up.asked != (text, index, depth):
        looked_up = _look_up(who, who_params, text, index, now, depth)
    way, found = looked_up.found()
    values = {
        **who_params,
        **found,
        "now": now,
        "since": now - LOAD_PERIOD,
        "next_week": now + timedelta(days=7),
        "requests_since": now - REQUESTS_FOR,
        "new_since": now - NEW_FOR,
        "mentee": mentee and mentee.pk,
        **({} if vector is None else {"vector": _literal(vector)}),
    }
    with prepared_cursor() as cursor:
        cursor.execute(statement(who, index, depth, way), values)
        rows = cursor.fetchall()
    about = f"{mentee.goals}\n{mentee.seeks}" if mentee else ""
    return [_candidate(about, *row) for row in rows]


# Compared in the database: reading the vectors takes seven times as long as comparing twenty of them there.
_LIKENESS: Final = """
    WITH whole AS MATERIALIZED (
        SELECT mentor_id, vector FROM matching_mentorembedding
        WHERE mentor_id = ANY(%(mentors)s::uuid[]) AND model_id = %(model)s AND chunk_no = 0
    )
    SELECT a.mentor_id, array_agg(-(a.vector <#> b.vector) ORDER BY b.mentor_id)
    FROM whole a CROSS JOIN whole b GROUP BY a.mentor_id ORDER BY a.mentor_id
"""


def likeness(mentor_ids: Sequence[UUID], model_id: str) -> NDArray[np.float64]:
    """How alike the whole profiles of some mentors are, by their cosine, in one query.

    Shape (len(mentor_ids), len(mentor_ids)) in their order. Somebody without vectors is like nobody.
    """
    with prepared_cursor() as cursor:
        cursor.execute(_LIKENESS, {"mentors": list(mentor_ids), "model": model_id})
        rows = cursor.fetchall()
    found = np.zeros((len(mentor_ids), len(mentor_ids)))
    if rows:
        at = {mentor_id: place for place, mentor_id in enumerate(mentor_ids)}
        places = [at[mentor_id] for mentor_id, _cosines in rows]
        found[np.ix_(places, places)] = [cosines for _mentor_id, cosines in rows]
    return found


def _literal(vector: NDArray[np.float32]) -> str:
    """A vector as pgvector reads it: "[0.1,-0.2,…]", every digit of a float32 kept."""
    return "[" + ",".join(map(repr, vector.tolist())) + "]"


def _connection(company: str, about: str, *, has_met: bool) -> str:
    """See `Candidate.connection`.

    Args:
        about: what the founder wrote of themselves. A company counts as it is written there: "Square"
            is one, "square" is not.
    """
    if has_met:
        return "met"
    if len(company) < SHORTEST_COMPANY or company not in about:
        return ""
    return "named" if re.search(rf"(?<!\w){re.escape(company)}(?!\w)", about) else ""


def _candidate(
    about: str,
    mentor_id: UUID,
    name: str,
    company: str,
    weekly_load_cap: int,
    created_at: float,
    bookable: bool,  # noqa: FBT001 - a column
    next_start: float | None,
    free_7d: int,
    cosines: list[float] | None,
    passage_no: int | None,
    bm25: float,
    coverage: float,
    last_seen: float | None,
    has_met: bool,  # noqa: FBT001 - a column
    tags: list[list[str]] | None,
    sessions: int,
    booked_28d: int,
    booked_7d: int,
    idle_days: float,
    rating_total: int,
    rating_count: int,
    requests: list[int] | None,
    shown: int,
) -> Candidate:
    return Candidate(
        mentor_id=mentor_id,
        name=name,
        company=company,
        weekly_load_cap=weekly_load_cap,
        # As seconds, because hundreds of dates take longer to read than the rest of a row.
        created_at=datetime.fromtimestamp(created_at, UTC),
        is_bookable=bookable,
        next_start=datetime.fromtimestamp(next_start, UTC) if bookable and next_start else None,
        free_7d=free_7d,
        cosines=tuple(cosines or ()),
        passage_no=passage_no,
        bm25=float(bm25),
        coverage=float(coverage),
        tags=tuple(Tag(area, sub_area, int(weight)) for area, sub_area, weight in tags or ()),
        sessions=sessions,
        booked_28d=booked_28d,
        booked_7d=booked_7d,
        idle_days=idle_days,
        rating_total=rating_total,
        rating_count=rating_count,
        last_seen=datetime.fromtimestamp(last_seen, UTC) if last_seen else None,
        requests=requests[0] if requests else 0,
        accepted=requests[1] if requests else 0,
        connection=_connection(company, about, has_met=has_met),
        shown=shown,
    )
