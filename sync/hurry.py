"""Somebody is waiting for an answer: how much time is left for asking Airtable."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from sync.errors import Transient

_until: ContextVar[float | None] = ContextVar("airtable_until", default=None)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """No request inside takes longer than what is left of so many seconds.

    A read that cannot be finished in that time raises `Transient`.
    """
    token = _until.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _until.reset(token)


def time_left() -> float | None:
    """Of the time given by `within`; None without it. Raises Transient where there is none left."""
    until = _until.get()
    if until is None:
        return None
    left = until - time.monotonic()
    if left <= 0:
        raise Transient("There was no time left to ask Airtable.")
    return left


def at_most(seconds: float) -> float:
    """So many seconds, or what is left. Raises Transient as `time_left` does."""
    left = time_left()
    return seconds if left is None else min(seconds, left)
