"""The one order in which every command takes its locks: mentors by id, then mentees, then sessions."""

from __future__ import annotations

from uuid import UUID

from accounts.refusals import NotFound
from mentors.models import Mentee, Mentor


def lock_mentor(mentor_id: UUID) -> Mentor:
    """Lock what everything about a mentor's time passes through. Raises NotFound.

    Without it two bookings read the same weekly count, and under load an exclusion constraint alone
    deadlocks. `no_key`: rows that refer to the mentor can still be written meanwhile.
    """
    locked = Mentor.objects.select_for_update(no_key=True, of=("self",)).select_related("user")
    try:
        return locked.get(pk=mentor_id)
    except Mentor.DoesNotExist:
        raise NotFound from None


def lock_mentee(mentee_id: UUID) -> Mentee:
    """Lock a mentee, after the mentor. Raises NotFound."""
    locked = Mentee.objects.select_for_update(no_key=True, of=("self",)).select_related("user")
    try:
        return locked.get(pk=mentee_id)
    except Mentee.DoesNotExist:
        raise NotFound from None
