"""Sessions that a change of hours displaces: listed before anything is saved, decided one by one."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from accounts.models import User
from accounts.refusals import Invalid
from mentors.models import Mentor
from sessions_app import services
from sessions_app.models import (
    AvailabilityWindow,
    BusyTime,
    Meeting,
    Notification,
    Session,
    SessionEvent,
    WeeklyHours,
)
from sessions_app.refusals import IllegalMove, SessionsOrphaned, UnableToBook
from sessions_app.selectors import displaced
from sessions_app.selectors.displaced import Cause
from sessions_app.services import Action, Decision
from sessions_app.services.hours import AwaySpec, ExceptionSpec, WeeklySpec
from tests.factories import MenteeFactory, MentorFactory
from tests.hours import open_window
from tests.people import alice, bob, carol, mallory

pytestmark = pytest.mark.django_db
LONDON = ZoneInfo("Europe/London")
NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)


def clock():
    return NOW


def at(hour, minute=0, day=6):
    return datetime(2026, 1, day, hour, minute, tzinfo=LONDON)


@pytest.fixture
def mentor():
    """Bob, every Tuesday from nine to twelve in London."""
    mentor = bob(time_zone="Europe/London", booking_horizon_days=28, weekly_load_cap=20).mentor
    spec = WeeklySpec(1, time(9), time(12), capacity=3)
    services.save_weekly_hours(mentor_id=mentor.pk, spec=spec, by=mentor.user, clock=clock)
    return mentor


@pytest.fixture
def session(mentor):
    """Alice's, on Tuesday at eleven."""
    return book(alice(), mentor, at(11))


def book(user, mentor, starts_at):
    return services.book_session(
        mentor_id=mentor.pk, mentee=user.mentee, starts_at=starts_at, by=user, clock=clock
    )


def inbox(mentor, now=NOW):
    return displaced.displaced_sessions(mentor=mentor, now=now)


def shorten(mentor, *decisions, ends=time(11)):
    """Bob's hours end at eleven instead of twelve."""
    rule = WeeklyHours.objects.get(mentor=mentor)
    return services.save_weekly_hours(
        mentor_id=mentor.pk,
        spec=WeeklySpec(1, time(9), ends, capacity=rule.capacity, id=rule.pk),
        by=mentor.user,
        clock=clock,
        decisions=decisions,
    )


def close_tuesday(mentor, decisions):
    window = mentor.windows.get(starts_at=at(9))
    services.withdraw_window(window_id=window.pk, by=mentor.user, clock=clock, decisions=decisions)


def move_window(mentor, decisions):
    window = mentor.windows.get(starts_at=at(9))
    services.save_window(
        mentor_id=mentor.pk,
        window_id=window.pk,
        starts_at=at(14),
        ends_at=at(17),
        capacity=1,
        location="",
        by=mentor.user,
        clock=clock,
        decisions=decisions,
    )


def replace_all(mentor, decisions):
    services.replace_windows(
        mentor_id=mentor.pk, specs=[], by=mentor.user, clock=clock, decisions=decisions
    )


def shorten_hours(mentor, decisions):
    shorten(mentor, *decisions)


def remove_hours(mentor, decisions):
    rule = WeeklyHours.objects.get(mentor=mentor)
    services.remove_weekly_hours(
        weekly_hours_id=rule.pk, by=mentor.user, clock=clock, decisions=decisions
    )


def except_tuesday(mentor, decisions):
    spec = ExceptionSpec(date(2026, 1, 6))
    services.save_exception(
        mentor_id=mentor.pk, spec=spec, by=mentor.user, clock=clock, decisions=decisions
    )


def go_away(mentor, decisions):
    spec = AwaySpec(at(11, 15), at(18))
    services.save_time_away(
        mentor_id=mentor.pk, spec=spec, by=mentor.user, clock=clock, decisions=decisions
    )


def set_everything(mentor, decisions):
    services.set_hours(
        mentor_id=mentor.pk,
        weekly=[],
        exceptions=[],
        away=[],
        by=mentor.user,
        clock=clock,
        decisions=decisions,
    )


def go_abroad(mentor, decisions):
    services.change_time_zone(
        mentor_id=mentor.pk,
        time_zone="Asia/Tokyo",
        by=mentor.user,
        clock=clock,
        decisions=decisions,
    )


def deactivate(mentor, decisions):
    services.deactivate_mentor(
        mentor_id=mentor.pk, by=mentor.user, clock=clock, decisions=decisions
    )


def declare_holiday(mentor, decisions):
    services.save_holiday(
        day=date(2026, 1, 6), name="Epiphany", by=mentor.user, clock=clock, decisions=decisions
    )


COMMANDS = [
    close_tuesday, move_window, replace_all, shorten_hours, remove_hours, except_tuesday, go_away,
    set_everything, go_abroad, deactivate, declare_holiday,
]  # fmt: skip


def everything():
    """What a refused change must leave as it was."""
    models = (AvailabilityWindow, WeeklyHours, BusyTime, Session, Meeting, Mentor, SessionEvent)
    return [list(model.objects.order_by("pk").values()) for model in models] + [
        list(User.objects.order_by("pk").values("pk", "time_zone"))
    ]


class TestEveryCommandAsks:
    @pytest.mark.parametrize("command", COMMANDS)
    def test_trap_20_it_lists_the_sessions_and_saves_nothing(self, mentor, session, command):
        before = everything()

        with pytest.raises(SessionsOrphaned) as refusal:
            command(mentor, [])

        [conflict] = refusal.value.extra["conflicts"]
        assert conflict["session"] == session.pk
        assert conflict["mentee"]["name"] == "Alice Founder"
        assert everything() == before

    @pytest.mark.parametrize("command", COMMANDS)
    def test_kept_it_takes_place_as_agreed_and_somebody_is_named_for_it(
        self, mentor, session, command
    ):
        command(mentor, [Decision(session.pk, Action.KEEP)])

        session.refresh_from_db()
        assert (session.status, session.starts_at, session.kept_at) == ("booked", at(11), NOW)
        event = session.events.latest("pk")
        assert (event.by, event.from_status, event.to_status) == (mentor.user, "booked", "booked")
        assert inbox(mentor) == []

    @pytest.mark.parametrize("command", COMMANDS)
    def test_cancelled_with_a_reason_for_the_mentee(self, mentor, session, command):
        command(mentor, [Decision(session.pk, Action.CANCEL, reason="I am ill, sorry.")])

        session.refresh_from_db()
        assert session.status == "cancelled"
        event = session.events.latest("pk")
        assert (event.by, event.reason) == (mentor.user, "I am ill, sorry.")
        assert Notification.objects.filter(session=session, kind="cancelled").count() == 2

    def test_moved_to_a_time_in_the_hours_as_they_are_then(self, mentor, session):
        shorten(mentor, Decision(session.pk, Action.MOVE, at(10, 30)))

        session.refresh_from_db()
        assert (session.status, session.starts_at, session.version) == ("booked", at(10, 30), 2)
        assert inbox(mentor) == []

    def test_a_mentor_who_leaves_may_move_sessions_first(self, mentor, session):
        deactivate(mentor, [Decision(session.pk, Action.MOVE, at(9))])

        session.refresh_from_db()
        mentor.refresh_from_db()
        assert (session.starts_at, mentor.is_active) == (at(9), False)
        assert inbox(mentor) == []

    def test_a_move_to_a_time_that_is_not_open_undoes_the_change(self, mentor, session):
        before = everything()
        with pytest.raises(UnableToBook):
            shorten(mentor, Decision(session.pk, Action.MOVE, at(11, 30)))
        with pytest.raises(Invalid, match="Alice"):
            shorten(mentor, Decision(session.pk, Action.MOVE))
        assert everything() == before

    def test_each_session_has_its_own_decision(self, mentor, session):
        theirs = book(mallory(), mentor, at(11, 30))
        with pytest.raises(SessionsOrphaned) as refusal:
            shorten(mentor, Decision(session.pk, Action.KEEP))
        listed = [row["session"] for row in refusal.value.extra["conflicts"]]
        assert listed == [session.pk, theirs.pk]

        shorten(
            mentor,
            Decision(session.pk, Action.MOVE, at(9)),
            Decision(theirs.pk, Action.CANCEL),
        )

        statuses = Session.objects.order_by("starts_at").values_list("status", flat=True)
        assert list(statuses) == ["booked", "cancelled"]

    def test_the_times_offered_are_open_after_the_change(self, mentor, session):
        with pytest.raises(SessionsOrphaned) as refusal:
            shorten(mentor)
        [conflict] = refusal.value.extra["conflicts"]
        offered = [slot["starts_at"] for slot in conflict["alternatives"]]
        assert offered == [at(9), at(9, 30), at(10), at(10, 30), at(9, day=13)]

    def test_decisions_about_other_peoples_sessions_change_nothing(self, mentor, session):
        other = open_window(MentorFactory(), starts_at=at(15))
        theirs = book(mallory(), other.mentor, at(15))

        shorten(mentor, Decision(session.pk, Action.KEEP), Decision(theirs.pk, Action.CANCEL))

        theirs.refresh_from_db()
        assert theirs.status == "booked"

    def test_what_is_not_displaced_is_not_asked_about(self, mentor, session):
        shorten(mentor, ends=time(11, 30))
        assert inbox(mentor) == []

    def test_hours_that_are_cut_in_two_still_carry_what_is_booked_across(self, mentor, session):
        services.save_window(
            mentor_id=mentor.pk,
            starts_at=at(11, 15),
            ends_at=at(11, 45),
            capacity=1,
            location="Café",
            by=mentor.user,
            clock=clock,
        )
        assert mentor.windows.filter(is_active=True, starts_at__lt=at(12)).count() == 3
        assert inbox(mentor) == []


class TestTheInbox:
    def test_zone_changed_by_another_path(self, mentor, session):
        User.objects.filter(pk=mentor.user_id).update(time_zone="America/New_York")
        services.make_due_hours(clock=clock)

        mentor = Mentor.objects.select_related("user").get()
        assert [(row.session.pk, row.cause) for row in inbox(mentor)] == [
            (session.pk, Cause.OUTSIDE_HOURS)
        ]

    def test_trap_16_a_clash_in_a_calendar_is_a_question_and_never_a_cancellation(
        self, mentor, session
    ):
        busy = BusyTime.objects.create(
            mentor=mentor,
            starts_at=at(10),
            ends_at=at(11, 5),
            source=BusyTime.Source.CALENDAR,
            uid="dentist@calendar",
        )
        [row] = inbox(mentor)
        assert row.cause == Cause.BUSY
        session.refresh_from_db()
        assert session.status == "booked"

        busy.ends_at = at(11)
        busy.save()
        assert inbox(mentor) == []

    def test_trap_16_our_own_event_in_their_calendar_is_no_clash(self, mentor, session):
        BusyTime.objects.create(
            mentor=mentor,
            starts_at=session.starts_at,
            ends_at=session.ends_at,
            source=BusyTime.Source.CALENDAR,
            uid=session.ical_uid,
        )
        assert inbox(mentor) == []

    def test_trap_25_new_zone_rules_are_noticed_and_move_nobody(self, mentor, session):
        """As if London had been an hour ahead when this was agreed, and is not any more."""
        Meeting.objects.update(agreed_local="2026-01-06T12:00")

        [row] = inbox(mentor)

        assert row.cause == Cause.CLOCK_CHANGED
        assert "12:00 was agreed, it is 11:00 now" in displaced.sentence(row)
        session.refresh_from_db()
        assert session.starts_at == at(11)
        services.decide_displaced(
            mentor_id=mentor.pk,
            decisions=[Decision(session.pk, Action.MOVE, at(10))],
            by=mentor.user,
            clock=clock,
        )
        assert inbox(mentor) == []

    def test_a_mentor_who_is_paused_by_another_path(self, mentor, session):
        Mentor.objects.update(is_active=False)
        mentor.refresh_from_db()
        assert [row.cause for row in inbox(mentor)] == [Cause.MENTOR_INACTIVE]

    def test_deciding_twice_is_told(self, mentor, session):
        AvailabilityWindow.objects.update(is_active=False)
        keep = [Decision(session.pk, Action.KEEP)]
        services.decide_displaced(mentor_id=mentor.pk, decisions=keep, by=mentor.user, clock=clock)
        with pytest.raises(IllegalMove):
            services.decide_displaced(
                mentor_id=mentor.pk, decisions=keep, by=mentor.user, clock=clock
            )

    def test_what_was_displaced_before_is_not_asked_about_again(self, mentor, session):
        AvailabilityWindow.objects.update(is_active=False)
        go_away(mentor, [])
        assert [row.session.pk for row in inbox(mentor)] == [session.pk]

    def test_one_that_was_let_stand_for_another_reason_is_asked_about(self, mentor, session):
        go_away(mentor, [Decision(session.pk, Action.KEEP)])
        shorten(mentor)  # it lay across another appointment, and still does
        BusyTime.objects.all().delete()
        shorten(mentor, ends=time(12))

        with pytest.raises(SessionsOrphaned):
            shorten(mentor)
        with pytest.raises(SessionsOrphaned):
            deactivate(mentor, [])

    def test_what_a_manager_booked_beside_the_hours_is_no_question(self, mentor):
        services.book_session(
            mentor_id=mentor.pk,
            mentee=alice().mentee,
            starts_at=at(18),
            by=carol(),
            clock=clock,
            override=True,
        )
        assert inbox(mentor) == []

    def test_past_and_cancelled_sessions_are_nobodys_question(self, mentor, session):
        AvailabilityWindow.objects.update(is_active=False)
        assert inbox(mentor, now=at(11)) == []
        Session.objects.update(status="cancelled")
        assert inbox(mentor) == []

    def test_its_queries_do_not_grow_with_the_sessions(
        self, mentor, session, django_assert_max_num_queries
    ):
        for hour in (9, 10):
            book(mallory() if hour == 9 else MenteeFactory().user, mentor, at(hour))
        AvailabilityWindow.objects.update(is_active=False)
        with django_assert_max_num_queries(3):
            assert len(inbox(mentor)) == 3
