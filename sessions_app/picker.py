"""A mentor's open times as a page shows them: by the viewer's day, and empty days with their reason."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _, gettext_lazy, ngettext

from accounts.dates import date_format
from accounts.times import utc
from mentors.models import Mentee, Mentor
from sessions_app import selectors
from sessions_app.slots import Calendar, Slot, Why, at, minute, open_slots, why_empty
from sessions_app.zones import city

DAY = timedelta(days=1)
DAYS_SHOWN = 14
# Outside these hours a time may be a slip; it is bookable, but said.
NIGHT, EARLY, LATE = time(5), time(7), time(21)
NO_HOURS = gettext_lazy("No office hours.")


@dataclass(frozen=True, slots=True)
class Choice:
    """One bookable start, on the viewer's clock and on the mentor's."""

    starts_at: datetime
    ends_at: datetime
    theirs: datetime
    name: str
    seats_left: int
    seats: int
    location: str

    @property
    def value(self) -> str:
        return utc(self.starts_at)

    @property
    def oddness(self) -> str:
        return oddness(self.starts_at, self.ends_at)

    @property
    def label(self) -> str:
        """All of it, for those who hear one time without its heading."""
        words = {
            "day": date_format(self.starts_at.date(), "l j F"),
            "start": self.start,
            "end": date_format(self.ends_at.time(), "H:i"),
            "city": _city_of(self.starts_at),
            "left": self.seats_left,
            "seats": self.seats,
        }
        if self.seats > 1:
            return (
                _("%(day)s, %(start)s to %(end)s, %(city)s time, %(left)s of %(seats)s seats left")
                % words
            )
        return _("%(day)s, %(start)s to %(end)s, %(city)s time") % words

    @property
    def start(self) -> str:
        # By time of day, and elsewhere by day, of which there are few: each is put into words once.
        return date_format(self.starts_at.time(), "H:i")

    @property
    def short(self) -> str:
        return date_format(self.starts_at, "D j M, H:i")

    @property
    def when(self) -> str:
        return f"{date_format(self.starts_at.date(), 'D j F')}, {self.clock}"

    @property
    def clock(self) -> str:
        return f"{self.start}\N{EN DASH}{date_format(self.ends_at.time(), 'H:i')}"

    @property
    def for_them(self) -> str:
        """The mentor's own clock, with the day where it is another one."""
        return other_clock(self.starts_at, self.theirs, self.name)

    @property
    def warning(self) -> str:
        """What is easily overlooked: an hour at night, or another day on the other side."""
        said = []
        if self.oddness:
            said.append(
                _("Mind the hour: %(time)s is %(oddness)s for you.")
                % {"time": date_format(self.starts_at, "H:i"), "oddness": self.oddness}
            )
        if self.theirs.date() != self.starts_at.date():
            said.append(
                _("%(here)s for you is %(there)s for %(name)s.")
                % {
                    "here": date_format(self.starts_at, "l"),
                    "there": date_format(self.theirs, "l"),
                    "name": self.name,
                }
            )
        return " ".join(said)


@dataclass(frozen=True, slots=True)
class Day:
    """A day with times, or days in a row without any for one reason."""

    first: date
    last: date
    choices: tuple[Choice, ...]
    why: str = ""


@dataclass(frozen=True, slots=True)
class Picker:
    """`next_day`: the first day with times after those shown. `earlier`, `later`: where to page to.

    `has_place`, `has_hold`: whether the viewer has a place in the mentor's line, and holds a time with them.
    """

    days: tuple[Day, ...]
    first: date
    last: date
    next_day: date | None
    earlier: date | None
    later: date | None
    chosen: Choice | None
    has_place: bool
    has_hold: bool

    @property
    def count(self) -> int:
        return sum(len(day.choices) for day in self.days)

    @property
    def why_empty(self) -> str:
        """Of the reasons for empty days, one that is more than the absence of hours."""
        reasons = [day.why for day in self.days if day.why]
        return next((why for why in reasons if why != str(NO_HOURS)), reasons[0] if reasons else "")

    @property
    def strip(self) -> list[Day]:
        """Every day by itself, for the row of days above the times."""
        return [
            Day(day.first + DAY * n, day.first + DAY * n, day.choices)
            for day in self.days
            for n in range((day.last - day.first).days + 1)
        ]


def oddness(starts_at: datetime, ends_at: datetime) -> str:
    """What is unusual about an hour on the clock it is given on; nothing between 7 and 21."""
    if starts_at.time() < NIGHT:
        return _("at night")
    if starts_at.time() < EARLY:
        return _("early")
    ends_late = ends_at.time() > LATE or ends_at.date() > starts_at.date()
    return _("late") if ends_late else ""


def other_clock(mine: datetime, theirs: datetime, name: str) -> str:
    """Like "08:30 for Amara (New York)", with the day where it is another one."""
    words = {
        "time": date_format(theirs, "H:i"),
        "day": date_format(theirs, "l j F"),
        "name": name,
        "city": _city_of(theirs),
    }
    if mine.replace(tzinfo=None) == theirs.replace(tzinfo=None):
        return _("The same time for %(name)s (%(city)s)") % words
    if mine.date() == theirs.date():
        return _("%(time)s for %(name)s (%(city)s)") % words
    return _("%(day)s, %(time)s for %(name)s (%(city)s)") % words


def pick(
    *,
    mentor: Mentor,
    viewer: Mentee | None,
    zone: ZoneInfo,
    from_day: date | None,
    chosen: datetime | None,
    now: datetime,
    without: UUID | None = None,
) -> Picker:
    """Two weeks of a mentor's times in the viewer's zone. The queries do not grow with the days.

    Args:
        mentor: with `user` loaded.
        viewer: whose own sessions make times impossible.
        from_day: the first day to show; default that of `chosen`, else today.
        chosen: the start to mark, if it is open.
        without: a session that counts as not booked: the one being moved.
    """
    today = now.astimezone(zone).date()
    last_day = at(selectors.opens_until(mentor, now) - 1).astimezone(zone).date()
    wanted = from_day or (chosen.astimezone(zone).date() if chosen else today)
    first = max(today, min(wanted, last_day))
    if not from_day:  # keep to whole pages, so that "earlier" leads back to today
        first = today + DAY * ((first - today).days // DAYS_SHOWN * DAYS_SHOWN)
    last = min(first + DAY * (DAYS_SHOWN - 1), last_day)

    taking = mentor.is_active and mentor.user.is_active
    # Whole days are asked for, so that a reason can be found for each.
    end = _midnight(last_day + DAY, zone)
    calendar = selectors.calendars(
        mentors=[mentor], first=now, last=end, now=now, viewer=viewer, without=without
    )[mentor.pk]
    slots = open_slots(calendar, now=now, first=minute(now), last=minute(end))
    by_day: dict[date, list[Choice]] = defaultdict(list)
    for slot in slots if taking else ():
        choice = _choice(slot, mentor, zone)
        by_day[choice.starts_at.date()].append(choice)
    reasons = _Reasons(calendar, mentor, zone, now)
    return Picker(
        days=tuple(_days(first, last, by_day, reasons)),
        first=first,
        last=last,
        next_day=next((day for day in sorted(by_day) if day > last), None),
        earlier=max(today, first - DAY * DAYS_SHOWN) if first > today else None,
        later=last + DAY if last < last_day else None,
        chosen=next(
            (choice for day in by_day.values() for choice in day if choice.starts_at == chosen),
            None,
        ),
        has_place=calendar.place is not None,
        has_hold=calendar.hold is not None,
    )


def _days(
    first: date, last: date, by_day: dict[date, list[Choice]], reasons: _Reasons
) -> Iterator[Day]:
    empty: Day | None = None
    for n in range((last - first).days + 1):
        day = first + DAY * n
        choices = by_day.get(day, [])
        why = "" if choices else reasons.of(day)
        if empty and (choices or why != empty.why):
            yield empty
            empty = None
        if choices:
            yield Day(day, day, tuple(choices))
        else:
            empty = Day(empty.first if empty else day, day, (), why)
    if empty:
        yield empty


@dataclass(frozen=True, slots=True)
class _Reasons:
    """Why a day is empty, in a sentence."""

    calendar: Calendar
    mentor: Mentor
    zone: ZoneInfo
    now: datetime

    def of(self, day: date) -> str:
        first = max(minute(_midnight(day, self.zone)), minute(self.now))
        last = minute(_midnight(day + DAY, self.zone))
        if not (self.mentor.is_active and self.mentor.user.is_active):
            return _("Not taking sessions at the moment.")
        # Only the viewer's own sessions are in the way.
        return self._sentence(why_empty(self.calendar, now=self.now, first=first, last=last))

    def _sentence(self, why: Why) -> str:
        name = self.mentor.user.get_short_name()
        if why == Why.WEEK_FULL:
            cap = self.mentor.weekly_load_cap
            return ngettext(
                "Nothing free: %(name)s takes one session a week, and this week has it.",
                "Nothing free: %(name)s takes at most %(cap)s sessions a week, and this week is full.",
                cap,
            ) % {"name": name, "cap": cap}
        if why == Why.TOO_SOON:
            hours = max(1, round(self.mentor.minimum_notice_minutes / 60))
            return ngettext(
                "Too soon: %(name)s asks for one hour of notice.",
                "Too soon: %(name)s asks for %(hours)s hours of notice.",
                hours,
            ) % {"name": name, "hours": hours}
        return {
            Why.MENTEE_BUSY: _("You already have a session at these times."),
            Why.TAKEN: _("All times are taken."),
            Why.TOO_CLOSE: _("All times are taken."),
            Why.HELD: _("The last times are held for somebody who waited for them."),
            Why.BUSY: _("%(name)s has other appointments at these times.") % {"name": name},
            Why.AWAY: _("%(name)s is away.") % {"name": name},
            Why.BEYOND_HORIZON: _("Not open for booking yet."),
        }.get(why, str(NO_HOURS))


def offered(times: Iterable[Mapping[str, Any]], mentor: Mentor, zone: ZoneInfo) -> list[Choice]:
    """The other times that a refusal names."""
    return [
        Choice(
            starts_at=slot["starts_at"].astimezone(zone),
            ends_at=slot["ends_at"].astimezone(zone),
            theirs=slot["starts_at"].astimezone(mentor.user.zone),
            name=mentor.user.get_short_name(),
            seats_left=slot["seats_left"],
            seats=1,
            location="",
        )
        for slot in times
    ]


def _choice(slot: Slot, mentor: Mentor, zone: ZoneInfo) -> Choice:
    return Choice(
        starts_at=slot.starts_at.astimezone(zone),
        ends_at=slot.ends_at.astimezone(zone),
        theirs=slot.starts_at.astimezone(mentor.user.zone),
        name=mentor.user.get_short_name(),
        seats_left=slot.seats_left,
        seats=slot.meeting.capacity if slot.meeting else slot.window.capacity,
        location=slot.window.location,
    )


def _city_of(moment: datetime) -> str:
    return city(moment.tzinfo) if isinstance(moment.tzinfo, ZoneInfo) else "UTC"


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time.min, zone)
