"""Seats of meetings that are booked, when the seats of their hours change."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from sessions_app import services
from sessions_app.models import BusyTime, Meeting, WeeklyHours
from sessions_app.refusals import SeatsBooked, UnableToBook
from sessions_app.selectors.displaced import displaced_sessions
from sessions_app.services.hours import WeeklySpec
from tests.factories import MenteeFactory
from tests.people import alice, bob, mallory

pytestmark = pytest.mark.django_db
LONDON = ZoneInfo("Europe/London")
NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)


def clock():
    return NOW


def at(hour):
    return datetime(2026, 1, 6, hour, tzinfo=LONDON)


@pytest.fixture
def mentor():
    """Bob, every Tuesday from nine to twelve in London, three seats in each session."""
    mentor = bob(time_zone="Europe/London", booking_horizon_days=28, weekly_load_cap=20).mentor
    spec = WeeklySpec(1, time(9), time(12), capacity=3)
    services.save_weekly_hours(mentor_id=mentor.pk, spec=spec, by=mentor.user, clock=clock)
    return mentor


@pytest.fixture
def session(mentor):
    return book(alice(), mentor, at(11))


def book(user, mentor, starts_at):
    return services.book_session(
        mentor_id=mentor.pk, mentee=user.mentee, starts_at=starts_at, by=user, clock=clock
    )


def set_seats(mentor, seats):
    rule = WeeklyHours.objects.get(mentor=mentor)
    return services.save_weekly_hours(
        mentor_id=mentor.pk,
        spec=WeeklySpec(1, time(9), time(12), capacity=seats, id=rule.pk),
        by=mentor.user,
        clock=clock,
    )


def test_trap_21_fewer_seats_than_are_booked_are_refused_with_the_list(mentor, session):
    book(mallory(), mentor, at(11))

    with pytest.raises(SeatsBooked, match="2 people are booked") as refusal:
        set_seats(mentor, 1)

    names = [row["mentee"]["name"] for row in refusal.value.extra["conflicts"]]
    assert names == ["Alice Founder", "Mallory Stranger"]
    assert Meeting.objects.get().capacity == 3
    window = mentor.windows.get(starts_at=at(9))
    with pytest.raises(SeatsBooked):
        services.save_window(
            mentor_id=mentor.pk,
            window_id=window.pk,
            starts_at=window.starts_at,
            ends_at=window.ends_at,
            capacity=1,
            location="",
            by=mentor.user,
            clock=clock,
        )
    with pytest.raises(SeatsBooked):
        services.replace_windows(
            mentor_id=mentor.pk,
            specs=[services.WindowSpec(at(9), at(12), 1, id=window.pk)],
            force=True,
            by=mentor.user,
            clock=clock,
        )


def test_as_few_as_are_booked_is_fine_whatever_seat_they_hold(mentor, session):
    second = book(mallory(), mentor, at(11))
    third = book(MenteeFactory().user, mentor, at(11))
    services.cancel_session(session_id=session.pk, by=mentor.user, reason="", clock=clock)
    services.cancel_session(session_id=third.pk, by=mentor.user, reason="", clock=clock)
    assert second.seat == 2

    set_seats(mentor, 1)

    second.refresh_from_db()
    assert (second.seat, second.capacity, second.status) == (1, 1, "booked")
    assert Meeting.objects.get(pk=second.meeting_id).capacity == 1


def test_more_seats_open_a_group_and_leave_a_session_of_two_alone(mentor, session):
    set_seats(mentor, 5)
    assert Meeting.objects.get().capacity == 5
    set_seats(mentor, 1)
    set_seats(mentor, 4)
    assert Meeting.objects.get().capacity == 1


def test_trap_21_other_hours_at_the_same_time_are_no_way_around_it(mentor, session):
    book(mallory(), mentor, at(11))
    tuesday = at(9).date()
    ways = (
        lambda seats: services.save_exception(
            mentor_id=mentor.pk,
            spec=services.ExceptionSpec(tuesday, time(9), time(12), capacity=seats),
            by=mentor.user,
            clock=clock,
        ),
        lambda seats: services.save_window(
            mentor_id=mentor.pk,
            starts_at=at(9),
            ends_at=at(12),
            capacity=seats,
            location="",
            by=mentor.user,
            clock=clock,
        ),
    )
    for way in ways:
        with pytest.raises(SeatsBooked, match="2 people are booked"):
            way(1)
        assert Meeting.objects.get().capacity == 3

    ways[0](2)

    assert Meeting.objects.get().capacity == 2


def test_what_a_date_allows_is_not_lost_by_opening_it_as_usual(mentor, session):
    """As usual are three seats; on that date there are five, and four are booked."""
    exception = services.save_exception(
        mentor_id=mentor.pk,
        spec=services.ExceptionSpec(at(9).date(), time(9), time(12), capacity=5),
        by=mentor.user,
        clock=clock,
    )
    for mentee in MenteeFactory.create_batch(3):
        book(mentee.user, mentor, at(11))

    with pytest.raises(SeatsBooked, match="4 people are booked"):
        services.remove_exception(exception_id=exception.pk, by=mentor.user, clock=clock)
    assert Meeting.objects.get().capacity == 5


def test_trap_16_a_group_seen_again_in_the_mentors_calendar_clashes_with_nothing(mentor, session):
    """Each session of a group has an event of its own, and all of them are at one time."""
    second = book(mallory(), mentor, at(11))
    BusyTime.objects.bulk_create(
        BusyTime(
            mentor=mentor,
            source="calendar",
            uid=row.ical_uid,
            starts_at=row.starts_at,
            ends_at=row.ends_at,
        )
        for row in (session, second)
    )

    assert displaced_sessions(mentor=mentor, now=NOW) == []
    third = book(MenteeFactory().user, mentor, at(11))
    assert third.meeting_id == session.meeting_id
    moved = services.reschedule_session(
        session_id=third.pk,
        starts_at=at(11) + timedelta(minutes=30),
        by=third.mentee.user,
        clock=clock,
    )
    assert moved.starts_at == at(11) + timedelta(minutes=30)
    BusyTime.objects.create(
        mentor=mentor, source="calendar", uid="x@office-hours", starts_at=at(9), ends_at=at(10)
    )
    with pytest.raises(UnableToBook, match="another appointment"):
        book(MenteeFactory().user, mentor, at(9))
