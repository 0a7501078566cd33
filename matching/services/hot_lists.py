"""The list of mentors as it is opened again and again, kept for five minutes and ended by any change.

As with answers (`matching/generation.py`), nothing is ever taken back: the key holds the number that every change of a
profile, an expertise, a block or a photo counts up. All viewers share a list unless something is between
them and a mentor, so that what is hot is computed once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from django.core.cache import cache
from django.db import connection
from django.utils.translation import get_language

from accounts.models import User
from matching.services.filters import Filters, mentee_of

KEPT_FOR: Final = timedelta(minutes=5)
# Of another shape after a change of the code that writes it.
_SHAPE: Final = 1
_VIEWER: Final = """
    SELECT state.generation, state.is_settled,
           (SELECT id FROM mentors_mentor WHERE user_id = %(user)s),
           ARRAY(SELECT mentor_id FROM mentors_block WHERE mentee_id = %(mentee)s ORDER BY mentor_id)
    FROM matching_generation_now() AS state
"""


def hot_list(
    *, user: User, filters: Filters, page: str, make: Callable[[], Mapping[str, Any]]
) -> Mapping[str, Any]:
    """The kept list, or a new one.

    Args:
        page: what else it depends on: the address with cursor and length.
        make: makes it. What it returns can be pickled.
    """
    # Inside a transaction what is read may be what only the transaction has written; and who is free at a
    # time depends on the clock.
    if connection.in_atomic_block or filters.wants_time:
        return make()
    mentee = mentee_of(user)
    with connection.cursor() as cursor:
        cursor.execute(_VIEWER, {"user": user.pk, "mentee": mentee.pk if mentee else None})
        generation, is_settled, *viewer = cursor.fetchone()
    made_from = (
        *(generation, viewer, user.is_program_manager, mentee is not None),
        *(filters.as_json(), page, get_language()),
    )
    digest = hashlib.sha256(repr(made_from).encode()).hexdigest()
    key = f"mentors:{_SHAPE}:{digest}"
    kept: Mapping[str, Any] | None = cache.get(key)
    if kept is None:
        kept = make()
        if is_settled:
            cache.set(key, kept, timeout=KEPT_FOR.total_seconds())
    return kept
