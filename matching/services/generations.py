"""Rows that are few and the same for everybody, read once in a generation of answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.db import connection

from matching.selectors import Asker

T = TypeVar("T")


def of_generation(asker: Asker, read: Callable[[], T]) -> T:
    """What `read` reads, once in a generation for each process: rows that are few and the same for all.

    Only for what is watched by triggers.
    """
    if connection.in_atomic_block or not asker.is_settled:
        return read()
    key = connection.settings_dict["NAME"], read
    generation, value = _known.get(key, (None, None))
    if generation != asker.generation:
        value = read()
        _known[key] = asker.generation, value
    return value  # type: ignore[return-value]


# By database, because a process may work on several, one after the other.
_known: dict[tuple[str, Callable[[], object]], tuple[int, Any]] = {}
