"""The sweep that makes windows when the horizon, a zone or the zone rules are not what they were."""

from __future__ import annotations

from datetime import date, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from accounts.models import User
from mentors.models import Mentor
from sessions_app import services
from sessions_app.models import (
    AvailabilityWindow,
    HoursMade,
    WeeklyHours,
)
from sessions_app.services import made_hours
from tests.factories import MenteeFactory, MentorFactory
from tests.people import alice, bob, carol
from tests.weekly import NOW, TUESDAY, at, clock, walls, weekly

pytestmark = pytest.mark.django_db


@pytest.fixture
def mentor():
    """Bob in London, bookable four weeks ahead."""
    return bob(time_zone="Europe/London", booking_horizon_days=28, weekly_load_cap=20).mentor


def book(mentor, starts_at):
    user = User.objects.filter(email="alice@example.com").first() or alice()
    return services.book_session(
        mentor_id=mentor.pk, mentee=user.mentee, starts_at=starts_at, by=user, clock=clock
    )


class TestTheSweep:
    def due(self, now=NOW):
        return list(made_hours.mentors_due(now=now).values_list("pk", flat=True))

    def test_it_makes_what_nobody_has_made_and_then_has_nothing_to_do(self, mentor):
        WeeklyHours.objects.create(
            mentor=mentor, weekday=1, starts=time(9), ends=time(12), starts_on=date(2025, 1, 1)
        )
        assert self.due() == [mentor.pk]

        assert services.make_due_hours(clock=clock) == 5

        assert self.due() == []
        assert services.make_due_hours(clock=clock) == 0

    @pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
    def test_the_horizon_is_always_covered_and_nobody_is_due_twice_a_day(self, zone):
        mentor = bob(time_zone=zone, booking_horizon_days=10).mentor
        WeeklyHours.objects.create(
            mentor=mentor, weekday=1, starts=time(9), ends=time(12), starts_on=date(2025, 1, 1)
        )
        runs = 0
        for hour in range(0, 24 * 8, 3):
            now = NOW + timedelta(hours=hour)
            runs += len(self.due(now))
            services.make_due_hours(clock=lambda now=now: now)
            assert self.due(now) == []
            today = now.astimezone(ZoneInfo(zone)).date()
            assert HoursMade.objects.get().until > today + timedelta(days=10)
        assert runs <= 9

    def test_another_zone_makes_the_windows_anew_and_moves_no_session(self, mentor):
        weekly(mentor)
        session = book(mentor, at(TUESDAY, 9))
        ids = set(mentor.windows.values_list("pk", flat=True))
        User.objects.filter(pk=mentor.user_id).update(time_zone="America/New_York")
        assert self.due() == [mentor.pk]

        services.make_due_hours(clock=clock)

        assert walls(mentor, zone=ZoneInfo("America/New_York"), day=TUESDAY) == [
            "Tue 06 09:00-12:00"
        ]
        assert set(mentor.windows.values_list("pk", flat=True)) == ids
        session.refresh_from_db()
        assert session.starts_at == at(TUESDAY, 9)

    def test_trap_25_a_new_time_zone_database_makes_everybody_due(self, mentor, monkeypatch):
        weekly(mentor)
        monkeypatch.setattr(made_hours, "zone_rules", lambda: "2099a")

        assert self.due() == [mentor.pk]
        services.make_due_hours(clock=clock)
        assert HoursMade.objects.get().zone_rules == "2099a"

    def test_a_longer_horizon_is_filled(self, mentor):
        weekly(mentor)
        Mentor.objects.update(booking_horizon_days=60)

        assert services.make_due_hours(clock=clock) > 3

    def test_inactive_mentors_and_those_without_hours_are_left_alone(self, mentor):
        assert self.due() == []
        rule = weekly(mentor)
        HoursMade.objects.all().delete()
        Mentor.objects.update(is_active=False)
        assert self.due() == []
        assert rule.pk

    def test_the_queries_do_not_grow_with_the_weeks(self, mentor, django_assert_max_num_queries):
        for weekday in range(5):
            weekly(mentor, weekday=weekday, starts=14, ends=16)
        Mentor.objects.update(booking_horizon_days=300)
        with django_assert_max_num_queries(16):
            assert services.make_due_hours(clock=clock) > 150
        assert AvailabilityWindow.objects.count() > 200

    def test_hours_that_cannot_be_made_keep_no_other_mentor_waiting(self, mentor):
        """Fewer seats than are booked, written past the services: that mentor's hours stay as they are."""
        rule = weekly(mentor, capacity=2)
        book(mentor, at(TUESDAY, 9))
        services.book_session(
            mentor_id=mentor.pk,
            mentee=MenteeFactory(),
            starts_at=at(TUESDAY, 9),
            by=carol(),
            clock=clock,
        )
        WeeklyHours.objects.filter(pk=rule.pk).update(capacity=1)
        other = MentorFactory(booking_horizon_days=28)
        WeeklyHours.objects.create(
            mentor=other, weekday=1, starts=time(9), ends=time(12), starts_on=date(2025, 1, 1)
        )
        HoursMade.objects.all().delete()

        services.make_due_hours(clock=clock)

        assert list(HoursMade.objects.values_list("mentor", flat=True)) == [other.pk]
