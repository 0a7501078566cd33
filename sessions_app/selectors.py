from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db.models import Avg, Count, Q, QuerySet

from accounts.models import User
from accounts.refusals import NotFound
from mentors.models import Mentee, Mentor
from sessions_app.models import AvailabilityWindow, Session
from sessions_app.slots import (
    Calendar,
    Rules,
    Slot,
    Taken,
    Week,
    Window,
    ceil_minute,
    minute,
    open_slots as rule,
)

WEEK = timedelta(days=7)
# Meeting, start, end, capacity and status of a session, as `calendars` reads them.
_Seat = tuple[UUID, datetime, datetime, int, str]


def rules_of(mentor: Mentor) -> Rules:
    return Rules(
        length=mentor.session_minutes,
        buffer_before=mentor.buffer_before_minutes,
        buffer_after=mentor.buffer_after_minutes,
        notice=mentor.minimum_notice_minutes,
        horizon=mentor.booking_horizon_days * 24 * 60,
        weekly_cap=mentor.weekly_load_cap,
    )


def calendars(
    *, mentors: Sequence[Mentor], first: datetime, last: datetime, without: UUID | None = None
) -> dict[UUID, Calendar]:
    """What the rule engine needs of each mentor, in two queries however many mentors.

    Args:
        mentors: with `user` loaded (the week is counted in the mentor's zone).
        first, last: the period asked about; whole weeks around it are read for the weekly cap.
        without: a session to leave out, as if it were not booked: the one being moved.
    """
    ids = [mentor.pk for mentor in mentors]
    windows: dict[UUID, list[Window]] = defaultdict(list)
    # Tuples, not models, here and below: this is read before every booking and for every list.
    offered = (
        AvailabilityWindow.objects.filter(mentor_id__in=ids, is_active=True)
        .filter(starts_at__lt=last, ends_at__gt=first)
        .order_by("mentor_id", "starts_at")
        .values_list("mentor_id", "starts_at", "ends_at", "capacity", "pk", "location")
    )
    for mentor_id, starts_at, ends_at, capacity, pk, location in offered:
        # Inwards to whole minutes: nothing is offered before a window begins.
        windows[mentor_id].append(
            Window(ceil_minute(starts_at), minute(ends_at), capacity, pk, location)
        )
    seats: dict[UUID, list[_Seat]] = defaultdict(list)
    held = (
        Session.objects.filter(mentor_id__in=ids)
        .filter(starts_at__lt=last + 2 * WEEK, ends_at__gt=first - 2 * WEEK)
        .exclude(status=Session.Status.CANCELLED)
        .exclude(pk__in=[without] if without else [])
        .order_by("mentor_id", "starts_at", "meeting_id")
        .values_list("mentor_id", "meeting_id", "starts_at", "ends_at", "capacity", "status")
    )
    for mentor_id, meeting_id, starts_at, ends_at, capacity, status in held:
        seats[mentor_id].append((meeting_id, starts_at, ends_at, capacity, status))
    return {
        mentor.pk: Calendar(
            windows=windows[mentor.pk],
            taken=_taken(seats[mentor.pk]),
            weeks=_weeks(seats[mentor.pk], mentor.user.zone, first, last),
            rules=rules_of(mentor),
        )
        for mentor in mentors
    }


def _taken(seats: Iterable[_Seat]) -> list[Taken]:
    """The live meetings, from their held seats, which come sorted by start."""
    meetings: dict[UUID, Taken] = {}
    for meeting_id, starts_at, ends_at, capacity, status in seats:
        if status in Session.LIVE:
            known = meetings.get(meeting_id)
            meetings[meeting_id] = Taken(
                minute(starts_at),
                minute(ends_at),
                capacity,
                known.held + 1 if known else 1,
                meeting_id,
            )
    return list(meetings.values())


def _weeks(seats: Iterable[_Seat], zone: ZoneInfo, first: datetime, last: datetime) -> list[Week]:
    """The weeks that touch the period, Monday 00:00 to Monday 00:00 in the mentor's zone."""
    local = first.astimezone(zone).date()
    monday = local - timedelta(days=local.weekday())
    starts = [int(seat[1].timestamp()) // 60 for seat in seats]
    weeks: list[Week] = []
    while True:
        # From dates to instants one by one: a week with a clock change is not 168 hours long.
        begin = minute(datetime.combine(monday, time.min, zone))
        end = minute(datetime.combine(monday + WEEK, time.min, zone))
        if begin >= minute(last):
            return weeks
        weeks.append(Week(begin, end, sum(begin <= start < end for start in starts)))
        monday += WEEK


def busy_times(mentee: Mentee | None, *, without: UUID | None = None) -> list[tuple[int, int]]:
    """The mentee's own live sessions as minutes, sorted."""
    if mentee is None:
        return []
    rows = (
        Session.objects.filter(mentee=mentee, status__in=Session.LIVE)
        .exclude(pk__in=[without] if without else [])
        .order_by("starts_at")
        .values_list("starts_at", "ends_at")
    )
    return [(minute(starts_at), minute(ends_at)) for starts_at, ends_at in rows]


def open_slots(
    *,
    mentor_ids: Sequence[UUID],
    viewer: Mentee | None,
    first: datetime,
    last: datetime,
    now: datetime,
    per_mentor: int | None = None,
) -> dict[UUID, list[Slot]]:
    """The open starts of each mentor in [first, last), in four queries however many mentors.

    Args:
        viewer: whose own sessions make times impossible; None leaves them out.
        per_mentor: stop after so many for each mentor.
    """
    mentors = list(Mentor.objects.select_related("user").filter(pk__in=mentor_ids, is_active=True))
    first = max(first, now)
    found: dict[UUID, list[Slot]] = {pk: [] for pk in mentor_ids}
    if first >= last:
        return found
    busy = busy_times(viewer)
    for pk, calendar in calendars(mentors=mentors, first=first, last=last).items():
        slots = rule(calendar, now=now, first=minute(first), last=minute(last), busy=busy)
        for slot in slots:
            found[pk].append(slot)
            if per_mentor is not None and len(found[pk]) >= per_mentor:
                break
    return found


def sessions_of(user: User) -> QuerySet[Session]:
    """The sessions that person is part of, on either side, with the people loaded."""
    return _with_people().filter(Q(mentor__user=user) | Q(mentee__user=user))


def sessions_for(user: User) -> QuerySet[Session]:
    """The sessions that person may see: their own, or all for a program manager."""
    return _with_people() if user.is_program_manager else sessions_of(user)


def session_for(*, user: User, session_id: UUID) -> Session:
    """The one door to a session. Raises NotFound for a stranger as for a session that is not there."""
    session = sessions_for(user).filter(pk=session_id).first()
    if session is None:
        raise NotFound
    return session


def upcoming(user: User, *, now: datetime) -> QuerySet[Session]:
    return (
        sessions_of(user)
        .filter(ends_at__gt=now, status__in=Session.LIVE)
        .order_by("starts_at", "id")
    )


def past(user: User, *, now: datetime) -> QuerySet[Session]:
    return (
        sessions_of(user)
        .exclude(ends_at__gt=now, status__in=Session.LIVE)
        .order_by("-starts_at", "id")
    )


def _with_people() -> QuerySet[Session]:
    return Session.objects.select_related("meeting", "mentor__user", "mentee__user")


def windows_of(mentor: Mentor, *, first: datetime, last: datetime) -> QuerySet[AvailabilityWindow]:
    return mentor.windows.filter(is_active=True, starts_at__lt=last, ends_at__gt=first).order_by(
        "starts_at"
    )


def ratings(mentor_ids: Sequence[UUID]) -> dict[UUID, tuple[float, int]]:
    """Mean overall rating by mentees, and of how many, for each mentor that has any."""
    rows = (
        Session.objects.filter(mentor_id__in=mentor_ids, feedback__side="mentee")
        .values("mentor_id")
        .annotate(mean=Avg("feedback__overall"), n=Count("feedback"))
        .order_by()
    )
    return {row["mentor_id"]: (float(row["mean"]), int(row["n"])) for row in rows}
