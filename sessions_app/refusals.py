"""Why a session or a window could not be had, in sentences for the person who asked."""

from __future__ import annotations

from typing import Any

from accounts.refusals import Refusal
from sessions_app.slots import Why


class UnableToBook(Refusal):
    """A booking that a rule refuses. The code is the rule's."""

    def __init__(self, why: Why, sentence: str, **extra: Any) -> None:
        super().__init__(sentence, **extra)
        self.why = why
        self.code = why.code


class IllegalMove(Refusal):
    code = "illegal_move"


class VersionChanged(Refusal):
    """Somebody changed the session since this person saw it. `version` and `starts_at` say how it is."""

    code = "version_changed"


class CutoffPassed(Refusal):
    code = "cutoff_passed"


class TooEarly(Refusal):
    code = "too_early"


class LinkExpired(Refusal):
    """A link from a mail that does nothing any more. The sentence says how things are now."""

    code = "link_expired"


class SessionsOrphaned(Refusal):
    """A change of hours that would displace booked sessions. `conflicts` lists them.

    It is made once every one of them has a decision: keep, move or cancel.
    """

    code = "sessions_orphaned"


class SeatsBooked(SessionsOrphaned):
    """Fewer seats than are booked. Nothing to decide: somebody has to move or cancel first."""


class WindowsOverlap(Refusal):
    code = "invalid"


class TimesAreOpen(Refusal):
    """Nobody needs to wait for what can be booked now. `alternatives` lists it."""

    code = "times_open"


class TooManyPlaces(Refusal):
    code = "too_many_places"


class OfferEnded(Refusal):
    """An offer that was booked, passed on, or not answered in time."""

    code = "offer_ended"


class HoldEnded(Refusal):
    code = "hold_ended"
