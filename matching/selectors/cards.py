"""What a list says of its mentors beside their own row: in one query, of those who are shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from django.db import connection

from mentors.models import Expertise

_CARDS: Final = """
    SELECT asked.id, coalesce(piece.text, ''), (
        SELECT jsonb_agg(jsonb_build_array(x.id, x.area, x.sub_area, x.seniority, x.weight)
                         ORDER BY x.weight DESC, x.area, x.sub_area, x.id)
        FROM mentors_expertise x WHERE x.mentor_id = asked.id
    )
    FROM unnest(%(mentors)s::uuid[], %(numbers)s::int[]) AS asked (id, number)
    LEFT JOIN matching_mentorembedding piece ON piece.mentor_id = asked.id
        AND piece.model_id = %(model)s AND piece.chunk_no = asked.number
"""


def cards(
    pieces: Mapping[UUID, int | None], model_id: str
) -> dict[UUID, tuple[str, list[Expertise]]]:
    """The piece of each profile that fits best, and the mentor's expertise, heaviest first.

    Args:
        pieces: the number of that piece among those of `model_id`, by mentor; None: without vectors.

    Returns:
        both, by mentor; "" for a piece that there is not.
    """
    values: dict[str, Any] = {
        "mentors": list(pieces),
        "numbers": list(pieces.values()),
        "model": model_id,
    }
    with connection.cursor() as cursor:
        cursor.execute(_CARDS, values)
        return {pk: (text, _skills(pk, rows)) for pk, text, rows in cursor.fetchall()}


def _skills(mentor_id: UUID, rows: Any) -> list[Expertise]:
    if isinstance(rows, str):
        rows = json.loads(rows)
    return [
        Expertise.from_db(connection.alias, _ATTRIBUTES, [UUID(pk), mentor_id, *row])
        for pk, *row in rows or ()
    ]


# As the columns of an Expertise stand in the statement, with the mentor behind the key.
_ATTRIBUTES: Final = ("id", "mentor_id", "area", "sub_area", "seniority", "weight")
