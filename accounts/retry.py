"""Work that the database asked to try again: a deadlock, or a conflict between transactions."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import OperationalError, connection

Result = TypeVar("Result")
# deadlock_detected, serialization_failure
AGAIN = ("40P01", "40001")
TRIES = 4


def retrying(work: Callable[[], Result]) -> Result:
    """Do the work, and again where the database undid it for no fault of its own.

    Only the outermost transaction can be tried again; inside another one the error goes up to it.

    Args:
        work: opens its transaction itself, and changes nothing outside it.
    """
    if connection.in_atomic_block:
        return work()
    for attempt in range(1, TRIES):
        try:
            return work()
        except OperationalError as error:
            if getattr(error.__cause__, "sqlstate", None) not in AGAIN:
                raise
            # Not in step with the one it met.
            time.sleep(random.uniform(0.01, 0.05) * attempt)  # noqa: S311
    return work()
