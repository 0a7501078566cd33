"""Commands that meet on one session, one hour or one pair of people, from separate processes."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import pairwise

import pytest
from django.db import connection
from django.utils import timezone

from accounts import services as accounts
from accounts.models import User
from benchmarks.servers import web
from benchmarks.volley import Shot, fire
from mentors.models import Mentee
from sessions_app.models import Meeting, Notification, Session
from sessions_app.services.moves import LEGAL
from tests.factories import MenteeFactory, MentorFactory
from tests.hours import open_window
from tests.line import book
from tests.races.crew import waiting

pytestmark = [
    pytest.mark.race,
    pytest.mark.crowd,
    pytest.mark.django_db(transaction=True),
]
HALF = timedelta(minutes=30)


@pytest.fixture(scope="module")
def url(django_db_setup):
    """One server for all of them: they share nothing but the database, which each finds empty."""
    with web() as address:
        yield address


def signed_in(user):
    token, _row = accounts.issue_token(user=user, now=timezone.now())
    return {"Authorization": f"Bearer {token}"}


def warm(url, user):
    """Every worker has started up and seen the code that is raced for."""
    fire(url, [Shot("/api/sessions/upcoming", {}, signed_in(user), "GET")] * 24)


def booking(mentor, starts_at, mentee):
    body = {"mentor": str(mentor.pk), "starts_at": starts_at.isoformat()}
    return Shot("/api/sessions", body, signed_in(mentee.user))


def changing(session, by, **change):
    return Shot(f"/api/sessions/{session.pk}", change, signed_in(by), "PATCH")


def moving(session, starts_at):
    return changing(session, session.mentee.user, starts_at=starts_at.isoformat())


def cancelling(session):
    return Shot(f"/api/sessions/{session.pk}", {}, signed_in(session.mentee.user), "DELETE")


def hours_with(sessions, *, days=3, halves=4):
    """A mentor's hours, the first halves of them booked."""
    mentor = MentorFactory(weekly_load_cap=100, booking_horizon_days=90)
    hours = open_window(mentor, days=days, hours=halves / 2)
    booked = [
        book(mentee.user, hours, hours.starts_at + n * HALF)
        for n, mentee in enumerate(MenteeFactory.create_batch(sessions))
    ]
    return hours, booked


def live_starts(mentor):
    """When that mentor's live meetings begin, each with its one live session."""
    live = Session.objects.filter(mentor=mentor, status__in=Session.LIVE)
    starts = sorted(live.values_list("starts_at", flat=True))
    meetings = Meeting.objects.filter(mentor=mentor, live=True)
    assert sorted(meetings.values_list("starts_at", flat=True)) == starts
    assert len(set(starts)) == len(starts), "One hour went to two."
    return starts


def deadlocks():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
        return cursor.fetchone()[0]


class TestTrap11Moving:
    def test_a_move_against_bookings_of_the_same_hour(self, url):
        """One of them has it; who moves keeps the old hour or has the new one, and never both."""
        walk_ins, before = MenteeFactory.create_batch(15), deadlocks()
        warm(url, walk_ins[0].user)
        for days in (3, 10, 17):
            hours, [session] = hours_with(1, days=days)
            target = hours.starts_at + 2 * HALF
            shots = [booking(hours.mentor, target, mentee) for mentee in walk_ins]
            shots[7:7] = [moving(session, target)]

            hits = fire(url, shots)

            moved = hits.pop(7).status
            statuses = Counter(hit.status for hit in hits)
            session.refresh_from_db()
            if moved == 200:
                assert statuses == {409: 15}
                assert (session.starts_at, session.version) == (target, 2)
                assert live_starts(hours.mentor) == [target]
            else:
                assert (moved, statuses) == (409, {201: 1, 409: 14})
                assert (session.starts_at, session.version) == (hours.starts_at, 1)
                assert live_starts(hours.mentor) == [hours.starts_at, target]
        assert deadlocks() == before

    def test_the_same_move_many_times_is_one_move(self, url):
        hours, [session] = hours_with(1)
        target = hours.starts_at + HALF

        hits = fire(url, [moving(session, target)] * 12)

        assert {hit.status for hit in hits} == {200}
        assert live_starts(hours.mentor) == [target]
        assert session.events.filter(moved_to=target).count() == 1
        assert Notification.objects.filter(session=session, kind="moved").count() == 2

    def test_two_who_want_each_others_hour_both_stay(self, url):
        hours, [one, other] = hours_with(2)
        before = deadlocks()

        crossing = [moving(one, other.starts_at), moving(other, one.starts_at)]
        hits = fire(url, crossing * 6)

        assert {(hit.status, hit.data["code"]) for hit in hits} == {(409, "slot_taken")}
        assert live_starts(hours.mentor) == [one.starts_at, other.starts_at]
        assert deadlocks() == before

    def test_moves_that_cross_in_every_direction(self, url):
        """Six sessions run for the hours of one another and for two free ones."""
        hours, sessions = hours_with(6, halves=8)
        before = deadlocks()
        shots = [
            moving(session, hours.starts_at + ((n * ahead + 1) % 8) * HALF)
            for n, session in enumerate(sessions)
            for ahead in (1, 3, 5)
        ]

        hits = fire(url, shots)

        assert {hit.status for hit in hits} <= {200, 409}, hits
        assert len(live_starts(hours.mentor)) == 6
        assert deadlocks() == before

    def test_two_mentors_whose_people_move_across_each_other(self, url):
        """A founder with two mentors moves both sessions to one hour: only one of them goes there."""
        [mentee], before = MenteeFactory.create_batch(1), deadlocks()
        hours = [hours_with(0)[0] for _ in range(2)]
        target = hours[0].starts_at + 3 * HALF
        sessions = [
            book(mentee.user, each, each.starts_at + n * HALF) for n, each in enumerate(hours)
        ]

        hits = fire(url, [moving(session, target) for session in sessions] * 6)

        by_session = [{hit.status for hit in hits[n::2]} for n in (0, 1)]
        assert sorted(by_session, key=min) == [{200}, {409}], hits
        at_target = Session.objects.filter(mentee=mentee, starts_at=target)
        assert at_target.filter(status="booked").count() == 1
        assert deadlocks() == before


class TestTrap22Answers:
    def pending(self, days=3):
        mentor = MentorFactory(approves_bookings=True, booking_horizon_days=90)
        hours = open_window(mentor, days=days, hours=0.5)
        return book(MenteeFactory().user, hours)

    def history(self, session):
        """Its states in order, each moved from the one before."""
        events = list(session.events.order_by("id").values_list("from_status", "to_status"))
        chain = all(came[1] == went[0] for came, went in pairwise(events))
        return [to for _was, to in events], chain

    def test_without_lock_and_comparison_two_answers_count(self):
        forked = False
        with web("benchmarks.careless") as url:
            warm(url, MenteeFactory().user)
            for days in range(3, 60, 7):  # a race is a matter of luck: it gets several chances
                session = self.pending(days)
                answers = [
                    changing(session, session.mentor.user, status="booked"),
                    cancelling(session),
                ]
                fire(url, answers * 8)
                forked = not self.history(session)[1]
                if forked:
                    break

        assert forked, "This race no longer shows itself, so the test below proves nothing."

    def test_approve_cancel_and_lapse_at_once_are_one_history(self, url):
        before = deadlocks()
        warm(url, MenteeFactory().user)
        for days in (3, 10):
            session = self.pending(days)
            # The sweep's clock is ahead: to it the time for an answer is over, to the server not.
            over = session.answer_by + timedelta(seconds=1)
            sweep = (
                "from datetime import datetime; from sessions_app import services; "
                f"services.lapse_pending_sessions(now=datetime.fromisoformat({str(over)!r}))"
            )
            answers = [
                changing(session, session.mentor.user, status="booked"),
                cancelling(session),
            ]

            with waiting(sweep, workers=2):
                hits = fire(url, answers * 6)

            assert {hit.status for hit in hits} <= {200, 422}, hits
            states, is_chain = self.history(session)
            session.refresh_from_db()
            assert is_chain
            assert states in (["pending", "cancelled"], ["pending", "booked", "cancelled"])
            assert all(to in LEGAL[was] for was, to in pairwise(states))
            assert (session.status, session.version) == ("cancelled", len(states))
            assert not Meeting.objects.get(pk=session.meeting_id).live
            told = Notification.objects.filter(session=session, kind="cancelled")
            assert told.count() == 2
        assert deadlocks() == before


class TestTrap27MentorsOfEachOther:
    """Each is the other's mentor, and both book the same hour: the two transactions need what the
    other one has written, which the locks on mentors and mentees do not order."""

    def pair(self):
        mentors = MentorFactory.create_batch(2, weekly_load_cap=100, booking_horizon_days=90)
        for mentor in mentors:
            Mentee.objects.create(user=mentor.user, consent_at=timezone.now())
        return [User.objects.select_related("mentor", "mentee").get(pk=m.user_id) for m in mentors]

    def volley(self, url, *, pairs, days):
        shots = []
        for _ in range(pairs):
            one, other = self.pair()
            starts_at = open_window(one.mentor, days=days, hours=0.5).starts_at
            open_window(other.mentor, starts_at=starts_at, hours=0.5)
            shots += [
                booking(one.mentor, starts_at, other.mentee),
                booking(other.mentor, starts_at, one.mentee),
            ]
        return fire(url, shots)

    def test_without_a_second_try_a_deadlock_reaches_the_person(self):
        failed, before = False, deadlocks()
        with web("benchmarks.careless") as url:
            warm(url, MenteeFactory().user)
            for days in range(3, 60, 7):
                hits = self.volley(url, pairs=5, days=days)
                failed = any(hit.status >= 500 for hit in hits)
                if failed:
                    break

        assert failed, "This race no longer shows itself, so the test below proves nothing."
        assert deadlocks() > before

    def test_one_of_the_two_is_booked_and_nobody_sees_a_fault(self, url):
        warm(url, MenteeFactory().user)
        for days in (3, 10, 17):
            hits = self.volley(url, pairs=5, days=days)

            for one, other in zip(hits[::2], hits[1::2], strict=True):
                assert sorted([one.status, other.status]) == [201, 409], (one, other)
        assert Session.objects.count() == 15
