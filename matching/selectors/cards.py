# ruff: noqa: S608 - made of the models' own columns
"""What a list says of its mentors: in one query, of those who are about to be shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from uuid import UUID

from django.db.models import Model

from accounts.models import User
from accounts.prepared import prepared_cursor
from mentors.models import Expertise, Mentor
from mentors.rows import LISTED, mentor_of


class Card(NamedTuple):
    """A mentor with account and expertise, heaviest first; and the piece of the profile that fits best.

    `piece` is "" where there is none.
    """

    mentor: Mentor
    piece: str


def _columns(model: type[Model], alias: str) -> str:
    known = {field.attname: field.column for field in model._meta.concrete_fields}
    return ", ".join(f'{alias}."{known[name]}"' for name in LISTED[model])


_SKILL: Final = [name for name in LISTED[Expertise] if name != "mentor_id"]
_CARDS: Final = f"""
    SELECT {_columns(Mentor, "m")}, {_columns(User, "u")}, coalesce(piece.text, ''), (
        SELECT jsonb_agg(jsonb_build_array({", ".join(f'x."{name}"' for name in _SKILL)})
                         ORDER BY x.weight DESC, x.area, x.sub_area, x.id)
        FROM mentors_expertise x WHERE x.mentor_id = m.id
    )
    FROM unnest(%(mentors)s::uuid[], %(numbers)s::int[]) AS asked (id, number)
    JOIN mentors_mentor m ON m.id = asked.id
    JOIN accounts_user u ON u.id = m.user_id
    LEFT JOIN matching_mentorembedding piece ON piece.mentor_id = asked.id
        AND piece.model_id = %(model)s AND piece.chunk_no = asked.number
"""
_OF_THE_USER: Final = len(LISTED[Mentor])
_BEHIND_THEM: Final = _OF_THE_USER + len(LISTED[User])


def cards(pieces: Mapping[UUID, int | None], model_id: str) -> dict[UUID, Card]:
    """The mentors who are still there, by their key.

    Args:
        pieces: the number of the piece that fits best among those of `model_id`, by mentor; None: without
            vectors.
    """
    values: dict[str, Any] = {
        "mentors": list(pieces),
        "numbers": list(pieces.values()),
        "model": model_id,
    }
    with prepared_cursor() as cursor:
        cursor.execute(_CARDS, values)
        found = [_card(row) for row in cursor.fetchall()]
    return {card.mentor.pk: card for card in found}


def _card(row: tuple[Any, ...]) -> Card:
    piece, skills = row[_BEHIND_THEM:]
    if isinstance(skills, str):
        skills = json.loads(skills)
    mentor = dict(zip(LISTED[Mentor], row[:_OF_THE_USER], strict=True))
    user = dict(zip(LISTED[User], row[_OF_THE_USER:_BEHIND_THEM], strict=True))
    expertise = [
        {**dict(zip(_SKILL, skill, strict=True)), "id": UUID(skill[0]), "mentor_id": mentor["id"]}
        for skill in skills or ()
    ]
    return Card(mentor_of(mentor, user, expertise), piece)
