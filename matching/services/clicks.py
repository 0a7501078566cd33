"""That a mentor was opened from a list is written down beside the mentor's place in it."""

from __future__ import annotations

import logging
from datetime import datetime
from uuid import UUID

from django.db import DatabaseError

from accounts.models import User
from matching.models import MatchImpression

logger = logging.getLogger(__name__)


def note_opened(*, user: object, request_id: str, mentor_id: UUID, now: datetime) -> bool:
    """Note the first time that a person opens a mentor from what they asked; in one query.

    What somebody else asked, a mentor who was not in that list, and an id that is none change nothing.
    Nor does it ever fail: whoever opens the page shall not go without it for a count.

    Args:
        request_id: as the address says it, so anything at all.

    Returns:
        Whether this was the first time.
    """
    try:
        asked = UUID(request_id)
    except ValueError:
        return False
    if not isinstance(user, User):
        return False
    opened = MatchImpression.objects.filter(
        request_id=asked, request__user=user, mentor_id=mentor_id, clicked_at=None
    )
    try:
        return bool(opened.update(clicked_at=now))
    except DatabaseError:
        logger.exception("That a mentor was opened could not be noted.")
        return False
