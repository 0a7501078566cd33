"""Places in line: taking one, and what an answer to an offer does."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from sessions_app import services
from sessions_app.models import Hold, Notification, Session, WaitlistEntry
from sessions_app.refusals import OfferEnded, TimesAreOpen, TooManyPlaces
from tests.factories import MentorFactory
from tests.hours import open_window
from tests.line import book, cancel, full_hour, later, offer_to, wait
from tests.people import alice, bob, carol, mallory

pytestmark = pytest.mark.django_db
State = WaitlistEntry.State


def state_of(place):
    return WaitlistEntry.objects.get(pk=place.pk).state


def tend(**ahead):
    services.tend_waitlists(now=later(**ahead))


class TestJoining:
    def test_who_need_not_wait_is_shown_the_open_times(self):
        hours = open_window(bob().mentor)

        with pytest.raises(TimesAreOpen) as refused:
            wait(alice(), hours.mentor)

        starts = [slot["starts_at"] for slot in refused.value.extra["alternatives"]]
        assert starts == [hours.starts_at + timedelta(minutes=30 * n) for n in range(3)]
        assert not WaitlistEntry.objects.exists()

    def test_one_may_wait_for_other_days_than_the_open_ones(self):
        hours = open_window(bob().mentor)

        place = wait(alice(), hours.mentor, wanted_from=hours.ends_at)

        assert state_of(place) == State.WAITING

    def test_joining_again_changes_the_wish_and_keeps_the_place(self):
        hours, _session = full_hour(bob().mentor)
        user = alice()
        first = wait(user, hours.mentor, goal="One")
        wait(mallory(), hours.mentor)

        again = wait(user, hours.mentor, goal="Two", wanted_from=later(days=1))

        assert (again.pk, again.created_at) == (first.pk, first.created_at)
        assert WaitlistEntry.objects.get(pk=first.pk).goal == "Two"

    def test_who_left_may_join_again_at_the_end(self):
        hours, _session = full_hour(bob().mentor)
        user = alice()
        first = wait(user, hours.mentor)
        services.leave_waitlist(entry_id=first.pk, by=user, clock=timezone.now)

        assert wait(user, hours.mentor).pk != first.pk

    def test_nobody_waits_in_more_than_ten_lines(self):
        user = alice()
        for _ in range(10):
            hours, _session = full_hour(MentorFactory())
            wait(user, hours.mentor)
        hours, _session = full_hour(MentorFactory())

        with pytest.raises(TooManyPlaces):
            wait(user, hours.mentor)

    def test_a_program_manager_may_take_somebody_out_of_the_line(self):
        hours, _session = full_hour(bob().mentor)
        place = wait(alice(), hours.mentor)

        services.leave_waitlist(entry_id=place.pk, by=carol(), clock=timezone.now)

        assert state_of(place) == State.LEFT


class TestAnswering:
    @pytest.fixture
    def offered(self):
        """Alice is offered Bob's half hour; Mallory is next."""
        hours, session = full_hour(bob().mentor)
        user, next_one = alice(), mallory()
        place = wait(user, hours.mentor, goal="Meet funds")
        behind = wait(next_one, hours.mentor)
        cancel(session)
        return hours, user, place, next_one, behind

    def accept(self, user, place):
        return services.accept_offer(by=user, entry_id=place.pk, clock=timezone.now)

    def test_accepting_books_it_with_what_was_written(self, offered):
        hours, user, place, _next, _behind = offered

        session = self.accept(user, place)

        assert (session.starts_at, session.goal) == (hours.starts_at, "Meet funds")
        assert (session.status, session.booked_by) == ("booked", user)
        assert Hold.objects.get().state == Hold.State.USED
        assert state_of(place) == State.BOOKED
        assert Notification.objects.filter(session=session, kind="booked").count() == 2

    def test_accepting_twice_gives_the_same_session(self, offered):
        _hours, user, place, _next, _behind = offered

        assert self.accept(user, place) == self.accept(user, place)
        assert Session.objects.filter(status="booked").count() == 1

    def test_the_link_of_a_mail_means_its_own_offer(self, offered):
        _hours, user, _place, _next, _behind = offered
        hold = offer_to(user)

        session = services.accept_offer(by=user, hold_id=hold.pk, clock=timezone.now)

        assert session.starts_at == hold.starts_at

    def test_trap_15_an_offer_taken_in_time_outlives_the_notice(self):
        mentor = bob(minimum_notice_minutes=120).mentor
        soon = timezone.now().replace(second=0, microsecond=0) + timedelta(minutes=125)
        _hours, session = full_hour(mentor, starts_at=soon)
        user = alice()
        place = wait(user, mentor)
        cancel(session)

        services.accept_offer(by=user, entry_id=place.pk, clock=lambda: later(minutes=20))

        assert state_of(place) == State.BOOKED

    def test_too_late_is_said_with_other_times(self, offered):
        hours, user, place, next_one, _behind = offered
        other = open_window(hours.mentor, starts_at=hours.starts_at + timedelta(days=1))

        with pytest.raises(OfferEnded) as refused:
            services.accept_offer(by=user, entry_id=place.pk, clock=lambda: later(hours=13))

        assert refused.value.extra["alternatives"][0]["starts_at"] == other.starts_at
        assert Session.objects.filter(status="booked").count() == 0
        assert offer_to(next_one).starts_at == hours.starts_at

    def test_a_late_yes_is_one_where_nobody_else_waits(self, offered):
        hours, user, place, next_one, behind = offered
        services.leave_waitlist(entry_id=behind.pk, by=next_one, clock=timezone.now)

        session = services.accept_offer(by=user, entry_id=place.pk, clock=lambda: later(hours=13))

        assert session.starts_at == hours.starts_at
        assert (state_of(place), Hold.objects.get().state) == (State.BOOKED, Hold.State.EXPIRED)

    def test_an_old_offer_books_nothing_for_who_has_a_session_by_now(self, offered):
        hours, user, _place, _next, _behind = offered
        hold = offer_to(user)
        book(user, open_window(hours.mentor, starts_at=hours.starts_at + timedelta(days=1)))

        with pytest.raises(OfferEnded):
            services.accept_offer(by=user, hold_id=hold.pk, clock=timezone.now)

        assert Session.objects.filter(mentee=user.mentee).count() == 1

    def test_passing_makes_the_next_offer_at_once_and_keeps_the_place(self, offered):
        hours, user, place, next_one, behind = offered

        services.pass_offer(by=user, entry_id=place.pk, clock=timezone.now)

        assert (state_of(place), state_of(behind)) == (State.WAITING, State.OFFERED)
        assert offer_to(next_one).starts_at == hours.starts_at
        services.pass_offer(by=user, entry_id=place.pk, clock=timezone.now)  # again: no matter
        assert state_of(behind) == State.OFFERED

    def test_what_was_passed_on_is_not_offered_again_to_the_same_person(self, offered):
        _hours, user, place, next_one, behind = offered
        services.pass_offer(by=user, entry_id=place.pk, clock=timezone.now)

        services.pass_offer(by=next_one, entry_id=behind.pk, clock=timezone.now)
        tend()

        assert (state_of(place), state_of(behind)) == (State.WAITING, State.WAITING)

    def test_trap_13_what_everybody_passed_on_is_open_to_all_again(self, offered):
        hours, user, place, next_one, behind = offered
        services.pass_offer(by=user, entry_id=place.pk, clock=timezone.now)
        services.pass_offer(by=next_one, entry_id=behind.pk, clock=timezone.now)

        assert book(user, hours).status == "booked"
        assert state_of(place) == State.BOOKED

    def test_booking_another_time_gives_the_offer_to_the_next(self, offered):
        hours, user, place, next_one, _behind = offered
        other = open_window(hours.mentor, starts_at=hours.starts_at + timedelta(days=1))

        book(user, other)

        assert state_of(place) == State.BOOKED
        assert offer_to(next_one).starts_at == hours.starts_at

    def test_leaving_gives_the_offer_to_the_next(self, offered):
        hours, user, place, next_one, _behind = offered

        services.leave_waitlist(entry_id=place.pk, by=user, clock=timezone.now)
        services.leave_waitlist(entry_id=place.pk, by=user, clock=timezone.now)

        assert state_of(place) == State.LEFT
        assert offer_to(next_one).starts_at == hours.starts_at
