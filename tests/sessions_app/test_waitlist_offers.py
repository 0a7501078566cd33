"""The line for a mentor: who is offered what, in which order, and until when."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from mentors.models import Block, Mentor
from sessions_app import services
from sessions_app.models import BusyTime, Hold, Notification, WaitlistEntry
from sessions_app.refusals import UnableToBook
from sessions_app.services.waitlist import offer_ends_at, offer_open_seats
from tests.factories import MenteeFactory, MentorFactory
from tests.hours import open_window
from tests.line import book, cancel, full_hour, later, offer_to, program, wait
from tests.people import alice, bob, mallory

pytestmark = pytest.mark.django_db
State = WaitlistEntry.State


def state_of(place):
    return WaitlistEntry.objects.get(pk=place.pk).state


def tend(**ahead):
    services.tend_waitlists(now=later(**ahead))


class TestOffering:
    def test_trap_13_the_cancellation_itself_makes_the_offer(self):
        hours, session = full_hour(bob().mentor)
        user = alice()
        place = wait(user, hours.mentor, goal="Meet funds")

        cancel(session)

        hold = offer_to(user)
        assert (hold.starts_at, hold.entry_id, hold.capacity) == (hours.starts_at, place.pk, 1)
        assert state_of(place) == State.OFFERED
        message = Notification.objects.get(hold=hold)
        assert (message.kind, message.recipient, message.state) == ("waitlist_offer", user, "due")

    def test_trap_13_a_walk_in_cannot_jump_a_live_offer(self):
        hours, session = full_hour(bob().mentor)
        wait(alice(), hours.mentor)
        cancel(session)

        with pytest.raises(UnableToBook) as refused:
            book(mallory(), hours)

        assert refused.value.code == "slot_taken"
        assert "waited" in str(refused.value)

    def test_the_line_is_served_in_order(self):
        hours, session = full_hour(bob().mentor, hours=1)
        second = book(MenteeFactory().user, hours, hours.starts_at + timedelta(minutes=30))
        people = [MenteeFactory().user for _ in range(3)]
        places = [wait(person, hours.mentor) for person in people]

        cancel(session)
        assert [state_of(place) for place in places] == [
            State.OFFERED,
            State.WAITING,
            State.WAITING,
        ]

        cancel(second)
        assert [state_of(place) for place in places] == [
            State.OFFERED,
            State.OFFERED,
            State.WAITING,
        ]
        assert offer_to(people[1]).starts_at == second.starts_at

    def test_only_days_that_are_wanted_are_offered(self):
        hours, session = full_hour(bob().mentor)
        picky = alice()
        starts = hours.starts_at
        place = wait(picky, hours.mentor, wanted_from=starts + timedelta(minutes=1))
        edge = wait(
            mallory(),
            hours.mentor,
            wanted_from=starts,
            wanted_until=starts + timedelta(minutes=1),
        )

        cancel(session)

        assert (state_of(place), state_of(edge)) == (State.WAITING, State.OFFERED)

    def test_the_end_of_the_wanted_days_is_not_wanted(self):
        hours, session = full_hour(bob().mentor)
        place = wait(alice(), hours.mentor, wanted_until=hours.starts_at)

        cancel(session)

        assert state_of(place) == State.WAITING

    def test_who_is_elsewhere_then_is_not_asked(self):
        hours, session = full_hour(bob().mentor)
        busy, free = alice(), mallory()
        waiting = wait(busy, hours.mentor)
        wait(free, hours.mentor)
        book(busy, open_window(MentorFactory(), starts_at=hours.starts_at))

        cancel(session)

        assert state_of(waiting) == State.WAITING
        assert offer_to(free).starts_at == hours.starts_at

    def test_nobody_is_offered_two_mentors_at_once(self):
        first, session = full_hour(bob().mentor)
        second, other = full_hour(MentorFactory(), starts_at=first.starts_at)
        user = alice()
        wait(user, first.mentor)
        place = wait(user, second.mentor)

        cancel(session)
        cancel(other)

        assert offer_to(user).mentor == first.mentor
        assert state_of(place) == State.WAITING

    @pytest.mark.parametrize("what", ["apart", "paused", "suspended", "private"])
    def test_who_could_not_book_is_not_asked(self, what):
        hours, session = full_hour(bob().mentor)
        user, next_one = alice(), mallory()
        place = wait(user, hours.mentor)
        if what == "apart":
            Block.objects.create(mentor=hours.mentor, mentee=user.mentee, kind="personal")
        elif what == "paused":
            type(user.mentee).objects.filter(pk=user.mentee.pk).update(is_active=False)
        elif what == "suspended":
            type(user).objects.filter(pk=user.pk).update(status="suspended")
        wait(next_one, hours.mentor)
        if what == "private":
            Mentor.objects.filter(pk=hours.mentor_id).update(visibility="private")

        cancel(session)

        assert state_of(place) == State.WAITING
        assert Hold.objects.exists() is (what != "private")

    def test_the_weekly_cap_counts_what_is_offered(self):
        mentor = bob(weekly_load_cap=1).mentor
        _hours, session = full_hour(mentor, hours=2)
        places = [wait(MenteeFactory().user, mentor) for _ in range(3)]

        cancel(session)

        assert [state_of(place) for place in places] == [
            State.OFFERED,
            State.WAITING,
            State.WAITING,
        ]

    def test_seats_of_a_group_are_offered_one_to_each(self):
        mentor = bob(weekly_load_cap=20).mentor
        hours = open_window(mentor, hours=0.5, capacity=2)
        sessions = [book(MenteeFactory().user, hours) for _ in range(2)]
        people = [MenteeFactory().user for _ in range(3)]
        places = [wait(person, mentor) for person in people]

        for session in sessions:
            cancel(session)

        assert [state_of(place) for place in places] == [
            State.OFFERED,
            State.OFFERED,
            State.WAITING,
        ]
        accepted = [
            services.accept_offer(by=person, entry_id=place.pk, clock=timezone.now)
            for person, place in zip(people[:2], places[:2], strict=True)
        ]
        assert len({session.meeting_id for session in accepted}) == 1
        assert sorted(session.seat for session in accepted) == [1, 2]

    def test_a_start_too_near_for_an_answer_is_left_to_whoever_comes_by(self):
        mentor = bob(minimum_notice_minutes=0).mentor
        soon = timezone.now().replace(second=0, microsecond=0) + timedelta(minutes=29)
        _hours, session = full_hour(mentor, starts_at=soon)
        place = wait(alice(), mentor)

        cancel(session)

        assert state_of(place) == State.WAITING

    def test_moving_a_session_offers_the_time_it_leaves(self):
        hours, session = full_hour(bob().mentor)
        user = alice()
        wait(user, hours.mentor, wanted_until=hours.ends_at)
        elsewhere = open_window(hours.mentor, starts_at=hours.starts_at + timedelta(hours=3))

        services.reschedule_session(
            session_id=session.pk,
            starts_at=elsewhere.starts_at,
            by=session.mentee.user,
            clock=timezone.now,
        )

        assert offer_to(user).starts_at == hours.starts_at

    def test_asking_the_line_takes_the_same_queries_for_two_as_for_twenty(
        self, django_assert_max_num_queries
    ):
        hours, _session = full_hour(bob().mentor)
        for mentee in MenteeFactory.create_batch(20):
            wait(mentee.user, hours.mentor)

        with django_assert_max_num_queries(6):
            offer_open_seats(mentor=hours.mentor, now=timezone.now())


class TestUntilWhen:
    @pytest.mark.parametrize(
        ("ahead", "lasts"),
        [
            (timedelta(days=10), timedelta(hours=12)),
            (timedelta(days=1), timedelta(hours=6)),
            (timedelta(hours=1), timedelta(minutes=30)),
            (timedelta(minutes=20), timedelta(minutes=20)),
        ],
    )
    def test_an_offer_lasts_a_quarter_of_what_is_left_within_bounds(self, ahead, lasts):
        now = timezone.now()

        assert offer_ends_at(starts_at=now + ahead, now=now) == now + lasts

    def test_the_program_says_how_long_at_most(self):
        program(waitlist_offer_minutes=60)
        now = timezone.now()

        assert offer_ends_at(starts_at=now + timedelta(days=3), now=now) == now + timedelta(hours=1)


class TestSweep:
    def test_an_unanswered_offer_goes_to_the_next_in_line(self):
        hours, session = full_hour(bob().mentor)
        user, next_one = alice(), mallory()
        place = wait(user, hours.mentor)
        wait(next_one, hours.mentor)
        cancel(session)

        tend(hours=13)

        assert Hold.objects.get(mentee=user.mentee).state == Hold.State.EXPIRED
        assert state_of(place) == State.WAITING
        assert offer_to(next_one).starts_at == hours.starts_at

    def test_trap_13_a_walk_in_is_not_faster_than_the_sweep(self):
        hours, session = full_hour(bob().mentor)
        too_late = alice()
        wait(too_late, hours.mentor)
        next_one = MenteeFactory().user
        wait(next_one, hours.mentor)
        cancel(session)
        expired = Hold.objects.get().expires_at

        for walk_in in (mallory(), too_late):
            with pytest.raises(UnableToBook):
                book(walk_in, hours, clock=lambda: expired + timedelta(seconds=29))
        services.tend_waitlists(now=expired + timedelta(seconds=30))

        assert offer_to(next_one).starts_at == hours.starts_at

    def test_without_a_sweep_an_unanswered_offer_does_not_close_the_time_for_good(self):
        hours, session = full_hour(bob().mentor)
        wait(alice(), hours.mentor)
        cancel(session)
        expired = Hold.objects.get().expires_at

        booked = book(mallory(), hours, clock=lambda: expired + timedelta(minutes=2))

        assert booked.starts_at == hours.starts_at

    def test_after_two_unanswered_offers_the_place_is_given_up(self):
        mentor = bob().mentor
        hours, session = full_hour(mentor)
        _hours, later_session = full_hour(mentor, starts_at=hours.starts_at + timedelta(hours=2))
        place = wait(alice(), mentor)
        cancel(session)
        tend(hours=13)
        cancel(later_session)
        assert state_of(place) == State.OFFERED

        tend(hours=26)

        assert state_of(place) == State.LEFT

    def test_hours_that_opened_by_plain_sql_are_offered(self):
        hours, _session = full_hour(bob().mentor)
        user = alice()
        wait(user, hours.mentor)
        opened = open_window(hours.mentor, starts_at=hours.starts_at + timedelta(hours=3))

        tend()

        assert offer_to(user).starts_at == opened.starts_at

    def test_a_raised_cap_is_offered(self):
        mentor = bob(weekly_load_cap=1).mentor
        hours, _session = full_hour(mentor, hours=2)
        user = alice()
        wait(user, mentor)
        Mentor.objects.filter(pk=mentor.pk).update(weekly_load_cap=2)

        tend()

        assert offer_to(user).starts_at == hours.starts_at + timedelta(minutes=30)

    def test_an_offer_whose_hours_were_closed_is_taken_back_without_blame(self):
        hours, session = full_hour(bob().mentor)
        place = wait(alice(), hours.mentor)
        cancel(session)
        BusyTime.objects.create(
            mentor=hours.mentor, starts_at=hours.starts_at, ends_at=hours.ends_at
        )

        tend()

        assert Hold.objects.get().state == Hold.State.PASSED
        assert state_of(place) == State.WAITING

    def test_an_offer_of_a_mentor_who_stops_is_taken_back_too(self):
        hours, session = full_hour(bob().mentor)
        place = wait(alice(), hours.mentor)
        cancel(session)
        Mentor.objects.update(is_active=False)

        tend()

        assert Hold.objects.get().state == Hold.State.PASSED
        assert state_of(place) == State.WAITING

    def test_an_offer_stands_while_the_mentee_sorts_out_their_own_appointments(self):
        hours, session = full_hour(bob().mentor)
        user = alice()
        place = wait(user, hours.mentor)
        cancel(session)
        book(user, open_window(MentorFactory(), starts_at=hours.starts_at))

        tend()

        assert state_of(place) == State.OFFERED

    def test_a_wish_that_is_over_is_closed(self):
        hours, _session = full_hour(bob().mentor)
        place = wait(alice(), hours.mentor, wanted_until=later(hours=2))

        tend(hours=3)

        assert state_of(place) == State.LEFT

    def test_running_twice_changes_nothing(self):
        hours, session = full_hour(bob().mentor)
        for mentee in MenteeFactory.create_batch(3):
            wait(mentee.user, hours.mentor)
        cancel(session)
        tend(hours=13)
        before = list(Hold.objects.order_by("pk").values())

        tend(hours=13)

        assert list(Hold.objects.order_by("pk").values()) == before

    def test_looking_for_openings_takes_the_same_queries_for_many_mentors(
        self, django_assert_max_num_queries
    ):
        for _ in range(6):
            hours, _session = full_hour(MentorFactory())
            for mentee in MenteeFactory.create_batch(2):
                wait(mentee.user, hours.mentor)

        with django_assert_max_num_queries(10):
            tend()
