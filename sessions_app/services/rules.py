"""What the rule engine says about one wanted start, as a slot or a refusal with the next best step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _, ngettext

from mentors.models import Mentee, Mentor
from sessions_app import selectors
from sessions_app.refusals import UnableToBook
from sessions_app.slots import Calendar, Slot, Why, minute, open_slots, reasons

Clock = Callable[[], datetime]
# How many other times a refusal offers, and how far from the wanted one it looks for them.
ALTERNATIVES = 3
BEFORE, AFTER = timedelta(days=7), timedelta(days=21)
# Other times help against all of these.
_WITH_ALTERNATIVES = frozenset(Why) - {Why.IN_PAST, Why.BEYOND_HORIZON, Why.MENTEE_BUSY}
# What a program manager may set aside, knowingly. Not: where somebody would be in two places.
OVERRIDABLE = frozenset(
    {
        Why.OUTSIDE_WINDOW,
        Why.TOO_SOON,
        Why.BEYOND_HORIZON,
        Why.TOO_CLOSE,
        Why.BUSY,
        Why.AWAY,
        Why.WEEK_FULL,
    }
)


class Refused(Exception):
    """Carries a refusal out of a transaction, with what the alternatives are found in."""

    def __init__(self, refusal: UnableToBook, times: Times) -> None:
        super().__init__(str(refusal))
        self.refusal, self.times = refusal, times

    def with_alternatives(self, wanted: datetime, *, now: datetime) -> UnableToBook:
        """The refusal with the nearest open slots, computed outside the locks it was made under."""
        if self.refusal.why in _WITH_ALTERNATIVES:
            self.refusal.extra = {"alternatives": self.times.nearest(wanted, now=now)}
        return self.refusal


@dataclass(frozen=True, slots=True)
class Times:
    """What the rule engine needs to answer for one mentor and one mentee around a wanted start."""

    mentor: Mentor
    calendar: Calendar

    def open_slot(
        self, starts_at: datetime, *, now: datetime, override: bool = False
    ) -> tuple[Slot, list[Why]]:
        """The slot at that start, and the rules that were set aside for it.

        Raises Refused where a rule closes it (with `override`: one that nobody may set aside).
        """
        found, slot = reasons(self.calendar, start=minute(starts_at), now=now)
        if starts_at.second or starts_at.microsecond:
            found.append(Why.OUTSIDE_WINDOW)
        standing = [why for why in found if not (override and why in OVERRIDABLE)]
        if standing:
            raise self.refused(standing[0])
        return slot, found

    def refused(self, reason: Why) -> Refused:
        return Refused(UnableToBook(reason, sentence(reason, self.mentor)), self)

    def nearest(self, wanted: datetime, *, now: datetime) -> list[dict[str, Any]]:
        """The open slots nearest to the wanted start, in order of time."""
        first, last = minute(max(wanted - BEFORE, now)), minute(wanted + AFTER)
        slots = open_slots(self.calendar, now=now, first=first, last=last)
        nearest = sorted(slots, key=lambda slot: (abs(slot.starts_at - wanted), slot.starts))
        return slots_as_data(sorted(nearest[:ALTERNATIVES], key=lambda slot: slot.starts))


def times_around(
    mentor: Mentor,
    mentee: Mentee | None,
    wanted: datetime,
    *,
    now: datetime,
    without: UUID | None = None,
) -> Times:
    """In one query.

    Args:
        without: a session to leave out: the one being moved.
    """
    calendars = selectors.calendars(
        mentors=[mentor],
        first=wanted - BEFORE,
        last=wanted + AFTER,
        now=now,
        viewer=mentee,
        without=without,
    )
    return Times(mentor, calendars[mentor.pk])


def why_not(
    *, mentor: Mentor, mentee: Mentee | None, starts_at: datetime, now: datetime
) -> dict[str, Any]:
    """Whether that start is open to this mentee, and if not, why not and what is instead."""
    try:
        times_around(mentor, mentee, starts_at, now=now).open_slot(starts_at, now=now)
    except Refused as refused:
        refusal = refused.with_alternatives(starts_at, now=now)
        return {"open": False, "code": refusal.code, "detail": str(refusal), **refusal.extra}
    return {"open": True}


def sentence(reason: Why, mentor: Mentor) -> str:
    """What a rule means for the person who asked, and what they can do."""
    cap = mentor.weekly_load_cap
    week_full = ngettext(
        "%(name)s takes at most %(cap)s session a week, and that week is full. Choose another week.",
        "%(name)s takes at most %(cap)s sessions a week, and that week is full. Choose another week.",
        cap,
    )
    return {
        Why.IN_PAST: _("That time has passed. Choose a later one."),
        Why.OUTSIDE_WINDOW: _("%(name)s has no office hours then. Choose one of the open times."),
        Why.TOO_SOON: _("%(name)s needs %(hours)s h notice. Choose a later time."),
        Why.BEYOND_HORIZON: _(
            "%(name)s opens times %(days)s days ahead. Choose an earlier one, or come back later."
        ),
        Why.MENTEE_BUSY: _(
            "You already have a session at that time. Choose another one, or move that one."
        ),
        Why.TAKEN: _("Someone has just taken that time. Choose another one."),
        Why.HELD: _(
            "That time is held for somebody who waited for it. Choose another one, or join the line."
        ),
        Why.TOO_CLOSE: _(
            "%(name)s keeps a break between sessions, and that time is too close to another one. "
            "Choose another one."
        ),
        Why.BUSY: _("%(name)s has another appointment then. Choose another time."),
        Why.AWAY: _("%(name)s is away then. Choose a time before or after."),
        Why.WEEK_FULL: week_full,
    }[reason] % {
        "name": mentor.user.name or _("This mentor"),
        "hours": max(1, round(mentor.minimum_notice_minutes / 60)),
        "days": mentor.booking_horizon_days,
        "cap": cap,
    }


def slots_as_data(slots: Sequence[Slot]) -> list[dict[str, Any]]:
    return [
        {"starts_at": slot.starts_at, "ends_at": slot.ends_at, "seats_left": slot.seats_left}
        for slot in slots
    ]
