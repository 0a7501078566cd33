"""The web application without the lock: the variant that shows what the race tests look for."""

from __future__ import annotations

from config.wsgi import application
from mentors.models import Mentor
from sessions_app.services import booking


def _no_lock(mentor_id, mentee):
    return Mentor.objects.select_related("user").get(pk=mentor_id)


booking.lock_pair = _no_lock

__all__ = ["application"]
