"""Windows made ahead from weekly hours: kept in step, never over what people made, never twice."""

from __future__ import annotations

from datetime import date, time, timedelta

import pytest
from django.db import connection

from accounts.models import User
from accounts.refusals import Invalid, NotFound
from sessions_app import services
from sessions_app.models import (
    BusyTime,
    HoursException,
    HoursMade,
    Session,
    WeeklyHours,
)
from sessions_app.refusals import SessionsOrphaned
from sessions_app.services import made_hours
from sessions_app.services.hours import AwaySpec, ExceptionSpec, WeeklySpec
from tests.factories import MentorFactory
from tests.people import alice, bob
from tests.weekly import NOW, TUESDAY, at, by_hand, clock, walls, weekly

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


class TestMaking:
    def test_windows_reach_to_the_horizon_and_no_further_than_needed(self, mentor):
        weekly(mentor)

        assert walls(mentor) == [
            "Tue 06 09:00-12:00",
            "Tue 13 09:00-12:00",
            "Tue 20 09:00-12:00",
            "Tue 27 09:00-12:00",
            "Tue 03 09:00-12:00",
        ]
        made = HoursMade.objects.get()
        assert (made.zone, made.until) == ("Europe/London", date(2026, 2, 5))
        assert made.zone_rules == made_hours.zone_rules() != "unknown"

    def test_trap_10_every_other_week_with_a_first_and_a_last_date(self, mentor):
        weekly(mentor, every_n_weeks=2, starts_on=date(2026, 1, 13), ends_on=date(2026, 1, 27))

        assert walls(mentor) == ["Tue 13 09:00-12:00", "Tue 27 09:00-12:00"]

    def test_trap_9_hours_past_midnight_are_one_window(self, mentor):
        weekly(mentor, starts=22, ends=1)

        first = mentor.windows.earliest("starts_at")
        assert (first.starts_at, first.ends_at) == (at(TUESDAY, 22), at(TUESDAY, 1) + timedelta(1))

    def test_a_day_that_has_begun_is_not_offered_backwards(self, mentor):
        weekly(mentor, weekday=0, starts=8, ends=12)

        assert walls(mentor)[0] == "Mon 12 08:00-12:00"

    def test_made_again_nothing_changes(self, mentor):
        weekly(mentor)
        before = list(mentor.windows.order_by("pk").values())

        made_hours.materialise_hours(mentor=mentor, now=NOW)

        assert list(mentor.windows.order_by("pk").values()) == before

    def test_windows_are_changed_in_place_so_that_airtable_knows_them(self, mentor):
        rule = weekly(mentor)
        before = list(mentor.windows.order_by("starts_at").values_list("pk", flat=True))

        weekly(mentor, starts=13, ends=15, id=rule.pk, capacity=4, location="Room 2")

        assert walls(mentor, day=TUESDAY) == ["Tue 06 13:00-15:00"]
        rows = list(mentor.windows.order_by("starts_at"))
        assert [row.pk for row in rows] == before
        assert {(row.capacity, row.location) for row in rows} == {(4, "Room 2")}

    def test_neighbours_may_move_past_each_other(self, mentor):
        early, late = weekly(mentor), weekly(mentor, starts=12, ends=14)
        spec = [
            WeeklySpec(1, time(12), time(14), id=early.pk),
            WeeklySpec(1, time(9), time(12), id=late.pk),
        ]
        services.set_hours(mentor_id=mentor.pk, weekly=spec, by=mentor.user, clock=clock)

        assert walls(mentor, day=TUESDAY) == ["Tue 06 09:00-12:00", "Tue 06 12:00-14:00"]
        assert mentor.windows.filter(weekly_hours=late).earliest("starts_at").starts_at == at(
            TUESDAY, 9
        )

    def test_what_has_begun_is_never_touched(self, mentor):
        rule = weekly(mentor)
        later = at(TUESDAY, 10)
        spec = WeeklySpec(1, time(8), time(18), id=rule.pk)

        services.save_weekly_hours(
            mentor_id=mentor.pk, spec=spec, by=mentor.user, clock=lambda: later
        )

        assert walls(mentor)[:2] == ["Tue 06 09:00-12:00", "Tue 13 08:00-18:00"]

    def test_removed_hours_take_their_windows_along(self, mentor):
        rule = weekly(mentor)
        weekly(mentor, weekday=2)

        services.remove_weekly_hours(weekly_hours_id=rule.pk, by=mentor.user, clock=clock)

        assert {wall[:3] for wall in walls(mentor)} == {"Wed"}

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"weekday": 7}, "weekday"),
            ({"every_n_weeks": 0}, "every_n_weeks"),
            ({"every_n_weeks": 99}, "every_n_weeks"),
            ({"capacity": 0}, "capacity"),
            ({"starts_on": date(9999, 1, 1)}, "starts_on"),
            ({"ends_on": date(2025, 1, 1)}, "ends_on"),
        ],
    )
    def test_misshapen_hours_are_refused_by_field(self, mentor, changes, field):
        with pytest.raises(Invalid) as refusal:
            weekly(mentor, **changes)
        assert field in refusal.value.extra["fields"]
        assert not WeeklyHours.objects.exists()

    @pytest.mark.parametrize(
        ("changes", "refused"),
        [
            ({"starts": 11, "ends": 13}, True),
            ({"starts": 12, "ends": 13}, False),
            ({"weekday": 0, "starts": 22, "ends": 10}, True),
            ({"every_n_weeks": 2}, True),
            ({"ends_on": date(2026, 1, 5), "starts_on": date(2026, 1, 1)}, False),
        ],
    )
    def test_hours_that_overlap_others_are_refused(self, mentor, changes, refused):
        weekly(mentor)
        if not refused:
            weekly(mentor, **changes)
            return
        with pytest.raises(Invalid, match="overlap your other ones from 09:00 to 12:00"):
            weekly(mentor, **changes)

    def test_weeks_in_turn_do_not_overlap(self, mentor):
        weekly(mentor, every_n_weeks=2, starts_on=date(2026, 1, 6))
        weekly(mentor, every_n_weeks=2, starts_on=date(2026, 1, 13))

        assert len(walls(mentor)) == 5

    def test_another_mentors_hours_cannot_be_named(self, mentor):
        theirs = weekly(MentorFactory())

        with pytest.raises(NotFound):
            weekly(mentor, id=theirs.pk)


class TestByHand:
    def test_made_windows_are_cut_around_one_by_hand(self, mentor):
        weekly(mentor)

        window = by_hand(mentor, at(TUESDAY, 10), capacity=6, location="The café")

        assert walls(mentor, day=TUESDAY) == [
            "Tue 06 09:00-10:00",
            "Tue 06 10:00-11:00",
            "Tue 06 11:00-12:00",
        ]
        made_hours.materialise_hours(mentor=mentor, now=NOW)
        window.refresh_from_db()
        assert (window.capacity, window.weekly_hours, window.is_active) == (6, None, True)

    def test_hours_added_later_are_cut_around_it_too(self, mentor):
        by_hand(mentor, at(TUESDAY, 8), hours=2)
        weekly(mentor)

        assert walls(mentor, day=TUESDAY) == ["Tue 06 08:00-10:00", "Tue 06 10:00-12:00"]

    def test_one_that_somebody_moves_is_theirs_and_not_made_again(self, mentor):
        weekly(mentor)
        window = mentor.windows.earliest("starts_at")

        by_hand(mentor, at(TUESDAY, 14), window_id=window.pk)
        made_hours.materialise_hours(mentor=mentor, now=NOW)

        assert walls(mentor, day=TUESDAY) == ["Tue 06 14:00-15:00"]
        window.refresh_from_db()
        assert window.weekly_hours is None
        skipped = HoursException.objects.get()
        assert (skipped.date, skipped.starts, skipped.weekly_hours_id is not None) == (
            TUESDAY,
            None,
            True,
        )

    def test_one_that_somebody_closes_stays_closed(self, mentor):
        weekly(mentor)
        window = mentor.windows.earliest("starts_at")

        services.withdraw_window(window_id=window.pk, by=mentor.user, clock=clock)
        made_hours.materialise_hours(mentor=mentor, now=NOW)

        assert walls(mentor)[0] == "Tue 13 09:00-12:00"
        services.remove_exception(
            exception_id=HoursException.objects.get().pk, by=mentor.user, clock=clock
        )
        assert walls(mentor)[0] == "Tue 06 09:00-12:00"

    def test_one_that_plain_sql_closes_stays_closed(self, mentor):
        weekly(mentor)
        window = mentor.windows.earliest("starts_at")
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE sessions_app_availabilitywindow SET is_active = false WHERE id = %s",
                [window.pk],
            )

        made_hours.materialise_hours(mentor=mentor, now=NOW)

        assert walls(mentor)[0] == "Tue 13 09:00-12:00"

    def test_closing_one_by_hand_does_not_let_the_hours_close_over_it(self, mentor):
        weekly(mentor)
        window = by_hand(mentor, at(TUESDAY, 10))

        services.withdraw_window(window_id=window.pk, by=mentor.user, clock=clock)
        made_hours.materialise_hours(mentor=mentor, now=NOW)

        assert walls(mentor, day=TUESDAY) == ["Tue 06 09:00-10:00", "Tue 06 11:00-12:00"]
        assert walls(mentor)[2] == "Tue 13 09:00-12:00"

    def test_replacing_the_windows_skips_what_is_not_among_them(self, mentor):
        weekly(mentor)
        rows = list(mentor.windows.order_by("starts_at"))
        kept = rows[1]

        services.replace_windows(
            mentor_id=mentor.pk,
            specs=[
                services.WindowSpec(kept.starts_at, kept.ends_at, id=kept.pk),
                services.WindowSpec(at(TUESDAY, 15), at(TUESDAY, 16)),
            ],
            by=mentor.user,
            clock=clock,
        )
        made_hours.materialise_hours(mentor=mentor, now=NOW)

        assert walls(mentor) == ["Tue 06 15:00-16:00", "Tue 13 09:00-12:00"]
        kept.refresh_from_db()
        assert kept.weekly_hours is not None


class TestExceptionsAndHolidays:
    def save(self, mentor, **changes):
        spec = ExceptionSpec(**{"date": TUESDAY, **changes})
        return services.save_exception(mentor_id=mentor.pk, spec=spec, by=mentor.user, clock=clock)

    def test_a_closed_date(self, mentor):
        weekly(mentor)
        exception = self.save(mentor, reason="Conference")
        assert walls(mentor)[0] == "Tue 13 09:00-12:00"

        services.remove_exception(exception_id=exception.pk, by=mentor.user, clock=clock)
        assert walls(mentor)[0] == "Tue 06 09:00-12:00"

    def test_other_times_on_a_date_which_then_change(self, mentor):
        weekly(mentor)
        exception = self.save(mentor, starts=time(18), ends=time(20), capacity=3)
        assert walls(mentor, day=TUESDAY) == ["Tue 06 18:00-20:00"]
        window = mentor.windows.get(exception=exception)
        assert window.capacity == 3

        self.save(mentor, starts=time(17), ends=time(20), id=exception.pk)
        assert walls(mentor, day=TUESDAY) == ["Tue 06 17:00-20:00"]
        assert mentor.windows.get(exception=exception).pk == window.pk

        services.withdraw_window(window_id=window.pk, by=mentor.user, clock=clock)
        made_hours.materialise_hours(mentor=mentor, now=NOW)
        assert walls(mentor, day=TUESDAY) == []

    def test_a_holiday_closes_weekly_hours_but_not_what_an_exception_opens(self, mentor):
        weekly(mentor)
        services.save_holiday(day=TUESDAY, name="Epiphany", by=None, clock=clock)
        assert walls(mentor)[0] == "Tue 13 09:00-12:00"

        self.save(mentor, starts=time(10), ends=time(11))
        assert walls(mentor)[0] == "Tue 06 10:00-11:00"

    def test_a_holiday_lists_everybodys_sessions_first_and_can_go_again(self, mentor):
        weekly(mentor)
        session = book(mentor, at(TUESDAY, 9))

        with pytest.raises(SessionsOrphaned) as refusal:
            services.save_holiday(day=TUESDAY, name="Epiphany", by=None, clock=clock)
        assert [row["session"] for row in refusal.value.extra["conflicts"]] == [session.pk]
        assert walls(mentor)[0] == "Tue 06 09:00-12:00"

        keep = services.Decision(session.pk, services.Action.KEEP)
        holiday = services.save_holiday(
            day=TUESDAY, name="Epiphany", by=mentor.user, clock=clock, decisions=[keep]
        )
        assert walls(mentor)[0] == "Tue 13 09:00-12:00"
        services.remove_holiday(holiday_id=holiday.pk, by=None, clock=clock)
        assert walls(mentor)[0] == "Tue 06 09:00-12:00"

    @pytest.mark.parametrize(
        ("changes", "field"),
        [
            ({"date": date(2026, 1, 4)}, "date"),
            ({"starts": time(9)}, "ends"),
            ({"ends": time(9)}, "starts"),
            ({"capacity": 0}, "capacity"),
            ({"date": date(9999, 1, 1)}, "date"),
        ],
    )
    def test_misshapen_exceptions(self, mentor, changes, field):
        with pytest.raises(Invalid) as refusal:
            self.save(mentor, **changes)
        assert field in refusal.value.extra["fields"]


class TestTimeAway:
    def test_it_can_be_added_and_taken_back(self, mentor):
        weekly(mentor)
        spec = AwaySpec(at(TUESDAY, 10), at(TUESDAY, 11), "Dentist")
        away = services.save_time_away(mentor_id=mentor.pk, spec=spec, by=mentor.user, clock=clock)
        assert away.source == BusyTime.Source.AWAY
        with pytest.raises(Exception, match="is away then"):
            book(mentor, at(TUESDAY, 10))

        services.remove_time_away(busy_time_id=away.pk, by=mentor.user, clock=clock)
        assert book(mentor, at(TUESDAY, 10)).status == Session.Status.BOOKED

    def test_a_calendars_busy_time_is_not_ours_to_change(self, mentor):
        row = BusyTime.objects.create(
            mentor=mentor,
            starts_at=at(TUESDAY, 10),
            ends_at=at(TUESDAY, 11),
            source=BusyTime.Source.CALENDAR,
            uid="event@calendar",
        )
        with pytest.raises(NotFound):
            services.remove_time_away(busy_time_id=row.pk, by=mentor.user, clock=clock)
        spec = AwaySpec(row.starts_at, row.ends_at, id=row.pk)
        with pytest.raises(NotFound):
            services.save_time_away(mentor_id=mentor.pk, spec=spec, by=mentor.user, clock=clock)

    @pytest.mark.parametrize("hours", [(11, 10), (10, 10)])
    def test_an_end_before_its_start(self, mentor, hours):
        spec = AwaySpec(at(TUESDAY, hours[0]), at(TUESDAY, hours[1]))
        with pytest.raises(Invalid):
            services.save_time_away(mentor_id=mentor.pk, spec=spec, by=mentor.user, clock=clock)
