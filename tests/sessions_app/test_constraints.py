"""What the database forbids, whoever asks: each rule by its name."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from sessions_app.models import AvailabilityWindow, Feedback, Meeting, MentorOpening, Session
from sessions_app.services import refresh_openings
from tests.factories import MenteeFactory, MentorFactory
from tests.hours import open_window

pytestmark = pytest.mark.django_db
START = timezone.now().replace(microsecond=0) + timedelta(days=1)


def meeting(mentor, minutes=0, length=30, **changes):
    starts_at = START + timedelta(minutes=minutes)
    return Meeting.objects.create(
        mentor=mentor, starts_at=starts_at, ends_at=starts_at + timedelta(minutes=length), **changes
    )


def seat(of, mentee=None, **changes):
    values = {
        "meeting": of,
        "mentor": of.mentor,
        "mentee": mentee or MenteeFactory(),
        "starts_at": of.starts_at,
        "ends_at": of.ends_at,
        "capacity": of.capacity,
    }
    return Session.objects.create(**{**values, **changes})


def refused(name, call):
    with pytest.raises(IntegrityError) as caught, transaction.atomic():
        call()
    assert caught.value.__cause__.diag.constraint_name == name


def test_windows_of_a_mentor_do_not_overlap_and_may_touch():
    window = open_window(MentorFactory())
    mentor = window.mentor
    refused(
        "windows_of_a_mentor_do_not_overlap",
        lambda: open_window(mentor, starts_at=window.starts_at + timedelta(hours=1)),
    )
    open_window(mentor, starts_at=window.ends_at)
    open_window(MentorFactory(), starts_at=window.starts_at)
    AvailabilityWindow.objects.filter(pk=window.pk).update(is_active=False)
    open_window(mentor, starts_at=window.starts_at, hours=1)


def test_a_mentor_is_in_one_live_meeting_at_a_time():
    mentor = MentorFactory()
    first = meeting(mentor, capacity=5)
    # Staggered group sessions: seat numbers alone would let both stand.
    refused("mentor_is_in_one_meeting_at_a_time", lambda: meeting(mentor, 15, capacity=5))
    meeting(mentor, 30)
    Meeting.objects.filter(pk=first.pk).update(live=False)
    meeting(mentor, 0)


def test_a_mentee_is_in_one_live_session_at_a_time():
    mentee = MenteeFactory()
    first = seat(meeting(MentorFactory()), mentee)
    other = meeting(MentorFactory(), 15)
    refused("mentee_is_in_one_session_at_a_time", lambda: seat(other, mentee))
    Session.objects.filter(pk=first.pk).update(status="cancelled")
    seat(other, mentee)


def test_a_seat_holds_one_live_session_and_there_are_no_more_seats_than_capacity():
    group = meeting(MentorFactory(), capacity=2)
    seat(group, seat=1)
    refused("a_seat_holds_one_live_session", lambda: seat(group, seat=1))
    refused("session_has_one_of_the_seats", lambda: seat(group, seat=3))
    refused("session_has_one_of_the_seats", lambda: seat(group, seat=0))


def test_a_session_is_when_its_meeting_is():
    group = meeting(MentorFactory(), capacity=2)
    session = seat(group, seat=2)

    Meeting.objects.filter(pk=group.pk).update(
        starts_at=START + timedelta(days=1), ends_at=START + timedelta(days=1, minutes=30)
    )

    session.refresh_from_db()
    assert session.starts_at == START + timedelta(days=1)
    refused(
        "session_has_one_of_the_seats",
        lambda: Meeting.objects.filter(pk=group.pk).update(capacity=1),
    )

    def elsewhere():
        Session.objects.filter(pk=session.pk).update(ends_at=START + timedelta(days=3))
        with transaction.atomic():
            Meeting.objects.count()

    refused("session_is_when_its_meeting_is", elsewhere)


def test_times_ratings_and_statuses():
    mentor = MentorFactory()
    refused("window_ends_after_it_starts", lambda: open_window(mentor, hours=0))
    refused("meeting_ends_after_it_starts", lambda: meeting(mentor, length=0))
    session = seat(meeting(mentor))
    refused(
        "session_status_is_known",
        lambda: Session.objects.filter(pk=session.pk).update(status="unknown"),
    )
    for name in ("overall", "expertise", "communication", "helpfulness"):
        for value in (0, 6):
            ratings = {"overall": 3, name: value}
            refused(
                f"{name}_rating_is_1_to_5",
                lambda ratings=ratings: Feedback.objects.create(
                    session=session, side="mentee", **ratings
                ),
            )
    Feedback.objects.create(session=session, side="mentee", overall=5)
    refused(
        "each_side_gives_feedback_once",
        lambda: Feedback.objects.create(session=session, side="mentee", overall=4),
    )
    Feedback.objects.create(session=session, side="mentor", overall=4)


class TestOpenings:
    """The derived row follows every write path, plain SQL updates included."""

    def test_it_follows_windows_bookings_and_settings(self):
        window = open_window(MentorFactory())
        mentor = window.mentor

        def opening():
            refresh_openings(now=timezone.now())
            return MentorOpening.objects.get(mentor=mentor)

        assert (opening().next_start, opening().free_7d) == (window.starts_at, 4)
        seat(
            Meeting.objects.create(
                mentor=mentor,
                starts_at=window.starts_at,
                ends_at=window.starts_at + timedelta(minutes=30),
            )
        )
        assert (opening().next_start, opening().free_7d) == (
            window.starts_at + timedelta(minutes=30),
            3,
        )
        type(mentor).objects.update(session_minutes=60)
        assert opening().free_7d == 1
        type(mentor).objects.update(is_active=False)
        assert (opening().next_start, opening().free_7d) == (None, 0)
        type(mentor).objects.update(is_active=True)
        AvailabilityWindow.objects.all().delete()
        assert opening().next_start is None

    def test_nothing_to_do_costs_one_query(self, django_assert_num_queries):
        open_window(MentorFactory())
        refresh_openings(now=timezone.now())

        with django_assert_num_queries(1):
            assert refresh_openings(now=timezone.now()) == 0

    def test_a_mentor_with_hours_can_be_deleted(self):
        window = open_window(MentorFactory())

        window.mentor.delete()

        connection.check_constraints()
        assert not MentorOpening.objects.exists()
