"""The line for a mentor's time."""

from __future__ import annotations

from datetime import datetime

from mentors.models import Mentor


def offer_open_seats(*, mentor: Mentor, now: datetime) -> int:
    """Offer what is open to those who wait, in order. The caller holds the mentor's lock.

    Returns how many offers were made.
    """
    return 0
