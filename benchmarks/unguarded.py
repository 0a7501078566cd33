"""The web application without the lock: the variant that shows what the races look for."""

from __future__ import annotations

from uuid import UUID

from config.wsgi import application
from mentors.models import Mentee, Mentor
from sessions_app.services import booking


def _no_lock(mentor_id: UUID, mentee: Mentee) -> tuple[Mentor, Mentee]:
    return Mentor.objects.select_related("user").get(pk=mentor_id), mentee


booking.lock_pair = _no_lock

__all__ = ["application"]
