"""Where a session's room is. One interface, and one provider for each way to have a room."""

from __future__ import annotations

import secrets
from typing import Protocol

from django.conf import settings

from mentors.models import Mentor


class LinkProvider(Protocol):
    """Makes the address of a meeting's room."""

    def new_link(self) -> str:
        """An address for one meeting."""

    @property
    def is_private(self) -> bool:
        """Whether only this meeting's people can know the address, so that who opens it came."""


class BuiltIn:
    """A room of its own for every meeting, on our own video service, with a name nobody guesses."""

    is_private = True

    def new_link(self) -> str:
        return f"{settings.MEETING_BASE_URL}/office-hours-{secrets.token_urlsafe(18)}"


class Manual:
    """The mentor's own room, the same for all their meetings. Its waiting room is theirs to keep."""

    is_private = False

    def __init__(self, link: str) -> None:
        self._link = link

    def new_link(self) -> str:
        return self._link


def provider_of(mentor: Mentor) -> LinkProvider:
    return Manual(mentor.meeting_link) if mentor.meeting_link else BuiltIn()


def is_built_in(link: str) -> bool:
    return link.startswith(f"{settings.MEETING_BASE_URL}/office-hours-")
