"""200 mentors with two full weeks, in the database at hand: what the slots are computed from."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from accounts.models import User
from mentors.models import Mentee, Mentor
from sessions_app.models import AvailabilityWindow, BusyTime, Hold, Meeting, Session

MENTORS, DAYS = 200, 14
# The clocks of New York change inside the fortnight; Kolkata is on the half hour.
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
ZONES = ("America/New_York", "Europe/Berlin", "Asia/Kolkata", "UTC", "Australia/Sydney")
OPENS, HOURS = time(8), 10
LENGTH = timedelta(minutes=30)
MEETINGS_A_DAY, SEATS = 3, 4


def build() -> tuple[list[Mentor], Mentee]:
    """The mentors, and a mentee with sessions of their own who looks at them all."""
    mentors = [_mentor(n) for n in range(MENTORS)]
    people = [_mentees(n) for n in range(MENTORS)]
    for rows in ([m.user for m in mentors], [m.user for group in people for m in group]):
        User.objects.bulk_create(rows)
    Mentor.objects.bulk_create(mentors)
    Mentee.objects.bulk_create(mentee for group in people for mentee in group)
    for n, mentor in enumerate(mentors):
        _fill(n, mentor, people[n])
    return mentors, people[0][0]


def _mentor(n: int) -> Mentor:
    zone = ZONES[n % len(ZONES)]
    user = User(email=f"mentor{n}@example.com", name=f"Mentor {n}", time_zone=zone)
    user.set_unusable_password()
    return Mentor(
        user=user,
        consent_at=NOW,
        session_minutes=30,
        # Some keep a break, and one in fifty has no more room in a week so well filled.
        buffer_before_minutes=5 if n % 5 == 0 else 0,
        buffer_after_minutes=10 if n % 3 == 0 else 0,
        weekly_load_cap=15 if n % 50 == 0 else 100,
    )


def _mentees(n: int) -> list[Mentee]:
    """A group of their own for each mentor, so nobody is in two places."""
    users = [User(email=f"mentee{n}-{k}@example.com", name="Mentee") for k in range(SEATS)]
    for user in users:
        user.set_unusable_password()
    return [Mentee(user=user, consent_at=NOW) for user in users]


def _fill(n: int, mentor: Mentor, people: list[Mentee]) -> None:
    chance = random.Random(n)
    zone = ZoneInfo(mentor.user.time_zone)
    seats = SEATS if n % 7 == 0 else 1
    windows, meetings, sessions = [], [], []
    for day in _weekdays():
        window = _window(mentor, day, zone, seats)
        windows.append(window)
        # One in eight lies off the steps, as it does once a mentor has changed their hours.
        for place in sorted(chance.sample(range(0, HOURS, 2), MEETINGS_A_DAY)):
            late = timedelta(minutes=10 if chance.random() < 0.12 else 0)
            starts_at = window.starts_at + timedelta(hours=place) + late
            meeting = _meeting(mentor, window, starts_at)
            meetings.append(meeting)
            held = chance.randint(1, seats)
            sessions += [_session(meeting, person, k + 1) for k, person in enumerate(people[:held])]
    AvailabilityWindow.objects.bulk_create(windows)
    Meeting.objects.bulk_create(meetings)
    Session.objects.bulk_create(sessions)
    BusyTime.objects.bulk_create(_busy(n, mentor, windows, chance))
    if n % 10 == 0:
        _hold(mentor, people[-1], windows[2])


def _weekdays() -> Iterator[date]:
    """The working days of the fortnight. The first one begins with the day after now."""
    for ahead in range(1, DAYS + 1):
        day = NOW.date() + timedelta(days=ahead)
        if day.weekday() < 5:
            yield day


def _window(mentor: Mentor, day: date, zone: ZoneInfo, seats: int) -> AvailabilityWindow:
    starts_at = datetime.combine(day, OPENS, zone).astimezone(UTC)
    return AvailabilityWindow(
        mentor=mentor,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(hours=HOURS),
        capacity=seats,
    )


def _meeting(mentor: Mentor, window: AvailabilityWindow, starts_at: datetime) -> Meeting:
    return Meeting(
        mentor=mentor,
        window=window,
        starts_at=starts_at,
        ends_at=starts_at + LENGTH,
        capacity=window.capacity,
        buffer_before_minutes=mentor.buffer_before_minutes,
        buffer_after_minutes=mentor.buffer_after_minutes,
    )


def _session(meeting: Meeting, mentee: Mentee, seat: int) -> Session:
    return Session(
        meeting=meeting,
        mentor=meeting.mentor,
        mentee=mentee,
        starts_at=meeting.starts_at,
        ends_at=meeting.ends_at,
        capacity=meeting.capacity,
        seat=seat,
    )


def _busy(
    n: int, mentor: Mentor, windows: list[AvailabilityWindow], chance: random.Random
) -> Iterator[BusyTime]:
    """An hour and a half in the mentor's own calendar now and then, and a day away for some."""
    for window in windows[::5]:
        starts_at = window.starts_at + timedelta(minutes=chance.randrange(0, HOURS * 60, 45))
        ends_at = starts_at + timedelta(minutes=90)
        yield BusyTime(
            mentor=mentor, starts_at=starts_at, ends_at=ends_at, source=BusyTime.Source.CALENDAR
        )
    if n % 20 == 0:
        away = windows[5]
        yield BusyTime(mentor=mentor, starts_at=away.starts_at, ends_at=away.ends_at)


def _hold(mentor: Mentor, mentee: Mentee, window: AvailabilityWindow) -> None:
    starts_at = window.ends_at - LENGTH
    Hold.objects.create(
        mentor=mentor,
        mentee=mentee,
        window=window,
        starts_at=starts_at,
        ends_at=window.ends_at,
        capacity=window.capacity,
        expires_at=NOW + timedelta(hours=1),
    )
