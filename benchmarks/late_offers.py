"""The web application in which what is freed is offered to the line later, by the sweep alone: the
variant that shows what the races of the waitlist look for."""

from __future__ import annotations

from datetime import datetime

from config.wsgi import application
from mentors.models import Mentor
from sessions_app.services import waitlist


def _later(*, mentor: Mentor, now: datetime) -> int:
    return 0


waitlist.offer_open_seats = _later

__all__ = ["application"]
