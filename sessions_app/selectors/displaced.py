"""Booked sessions that a mentor's hours no longer carry: which, why, and where they could go.

Nothing here changes anything. A displaced session takes place as agreed until somebody decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from mentors.models import Mentor
from sessions_app.hours import Period, covers, joined
from sessions_app.models import Meeting, Session
from sessions_app.selectors.calendars import calendars
from sessions_app.slots import Slot, minute, open_slots

# How many other times are offered for a session, for how many sessions at once, and from where.
OFFERED, MOST_SESSIONS = 5, 12
BEFORE, AFTER = timedelta(days=7), timedelta(days=28)


class Cause(StrEnum):
    """Why a session is displaced. The values are the API's words."""

    MENTOR_INACTIVE = "mentor_inactive"
    CLOCK_CHANGED = "clock_changed"
    OUTSIDE_HOURS = "outside_hours"
    BUSY = "busy"


@dataclass(frozen=True, slots=True)
class Displaced:
    session: Session
    cause: Cause


@dataclass(frozen=True, slots=True)
class Busy:
    """A busy time, with the calendar's name for it: our own event in a calendar displaces nothing."""

    starts_at: datetime
    ends_at: datetime
    uid: str = ""


def displaced_sessions(*, mentor: Mentor, now: datetime) -> list[Displaced]:
    """The mentor's inbox: the live sessions to come that need a decision, soonest first.

    Those that somebody let stand are not in it. Three queries at most.

    Args:
        mentor: with `user` loaded.
    """
    return [row for row in uncovered(mentor=mentor, now=now) if row.session.kept_at is None]


def uncovered(*, mentor: Mentor, now: datetime) -> list[Displaced]:
    """The live sessions to come that the hours do not carry, whether or not they were let stand."""
    sessions = list(to_come(mentor, now))
    if not sessions:
        return []
    windows = mentor.windows.filter(is_active=True, ends_at__gt=now)
    busy = mentor.busy_times.filter(ends_at__gt=now)
    return judged(
        sessions,
        windows=list(windows.values_list("starts_at", "ends_at")),
        busy=[Busy(*row) for row in busy.values_list("starts_at", "ends_at", "uid")],
        active=mentor.is_active and mentor.user.is_active,
    )


def to_come(mentor: Mentor, now: datetime) -> QuerySet[Session]:
    """The mentor's live sessions that have not begun, with their people."""
    return (
        Session.objects.select_related("meeting", "mentor__user", "mentee__user")
        .filter(mentor=mentor, status__in=Session.LIVE, starts_at__gt=now)
        .order_by("starts_at", "id")
    )


def judged(
    sessions: Iterable[Session],
    *,
    windows: Iterable[Period],
    busy: Sequence[Busy],
    active: bool = True,
) -> list[Displaced]:
    """Those of the sessions that these windows and busy times would not carry, with the cause.

    Windows that touch count as one: where hours are cut in two, the mentor is there all the same.
    """
    hours, sessions = joined(windows), list(sessions)
    # Of a group each session has its event, all of them at one time.
    own = {row.ical_uid for row in sessions}
    busy = [row for row in busy if row.uid not in own]
    causes = ((row, _cause(row, hours, busy, active=active)) for row in sessions)
    return [Displaced(row, cause) for row, cause in causes if cause is not None]


def _cause(
    session: Session, hours: Sequence[Period], busy: Sequence[Busy], *, active: bool
) -> Cause | None:
    if not active:
        return Cause.MENTOR_INACTIVE
    if clock_of(session.meeting) != session.meeting.agreed_local:
        return Cause.CLOCK_CHANGED
    if not covers(hours, session.starts_at, session.ends_at):
        return Cause.OUTSIDE_HOURS
    if any(row.starts_at < session.ends_at and session.starts_at < row.ends_at for row in busy):
        return Cause.BUSY
    return None


def clock_of(meeting: Meeting) -> str:
    """What clocks show at the meeting's moment where it was agreed, as `agreed_local` is written.

    The same as `agreed_local` unless that country has changed its rules since. (A meeting without a
    note of it has nothing to differ from.)
    """
    if not meeting.agreed_local:
        return ""
    return f"{meeting.starts_at.astimezone(ZoneInfo(meeting.zone)):%Y-%m-%dT%H:%M}"


def sentence(row: Displaced) -> str:
    """The cause, for the mentor."""
    meeting = row.session.meeting
    return {
        Cause.MENTOR_INACTIVE: _("No sessions are taken at the moment."),
        Cause.CLOCK_CHANGED: _(
            "The clocks have new rules: %(agreed)s was agreed, it is %(now)s now."
        )
        % {"agreed": meeting.agreed_local[-5:], "now": clock_of(meeting)[-5:]},
        Cause.OUTSIDE_HOURS: _("It lies outside the hours."),
        Cause.BUSY: _("Something else is at that time."),
    }[row.cause]


def alternatives(
    rows: Sequence[Displaced], *, mentor: Mentor, now: datetime
) -> dict[UUID, list[Slot]]:
    """For each of the first sessions the open times nearest to it, in order, for both its people.

    Asked one by one, each as if it were not booked itself, so for so many at most.
    """
    found = {}
    for row in rows[:MOST_SESSIONS]:
        session = row.session
        first, last = max(session.starts_at - BEFORE, now), session.starts_at + AFTER
        [calendar] = calendars(
            mentors=[mentor],
            first=first,
            last=last,
            now=now,
            viewer=session.mentee,
            without=session.pk,
        ).values()
        wanted = minute(session.starts_at)
        nearest = sorted(
            (
                slot
                for slot in open_slots(calendar, now=now, first=minute(first), last=minute(last))
                if slot.starts != wanted
            ),
            key=lambda slot: (abs(slot.starts - wanted), slot.starts),
        )
        found[session.pk] = sorted(nearest[:OFFERED], key=lambda slot: slot.starts)
    return found
