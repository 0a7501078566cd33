"""A time comes free while people wait for it and others walk in, from many processes at once."""

from __future__ import annotations

import threading
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from accounts import services as accounts
from benchmarks.servers import web
from benchmarks.volley import Shot, fire
from sessions_app import services
from sessions_app.models import Hold, Session, WaitlistEntry
from sessions_app.services.waitlist import expire_holds
from tests.factories import MenteeFactory, MentorFactory
from tests.line import cancel, full_hour, wait

pytestmark = [
    pytest.mark.race,
    pytest.mark.crowd,
    pytest.mark.django_db(transaction=True),
]
WALK_INS = 32


@pytest.fixture(scope="module")
def url(django_db_setup):
    """One server for all of them: they share nothing but the database, which each finds empty."""
    with web() as address:
        yield address


def signed_in(mentee):
    token, _row = accounts.issue_token(user=mentee.user, now=timezone.now())
    return {"Authorization": f"Bearer {token}"}


def booking(hours, mentee):
    body = {"mentor": str(hours.mentor_id), "starts_at": hours.starts_at.isoformat()}
    return Shot("/api/sessions", body, signed_in(mentee))


def cancelling(session):
    return Shot(f"/api/sessions/{session.pk}", {}, signed_in(session.mentee), "DELETE")


def joining(hours, mentee):
    return Shot("/api/waitlist", {"mentor": str(hours.mentor_id)}, signed_in(mentee))


def answering(place, what):
    return Shot(f"/api/waitlist/{place.pk}/{what}", {}, signed_in(place.mentee))


def warm(url, mentee):
    """Every worker has started up and seen the code that is raced for."""
    fire(url, [Shot("/api/sessions/upcoming", {}, signed_in(mentee), "GET")] * 24)


def fresh_hour(days=3):
    return full_hour(MentorFactory(weekly_load_cap=100, booking_horizon_days=90), days=days)


def live_seats(hours):
    """How many people think that the one seat is theirs."""
    taken = Session.objects.filter(mentor=hours.mentor, status__in=Session.LIVE).count()
    return taken + Hold.objects.filter(mentor=hours.mentor, state=Hold.State.LIVE).count()


class TestAFreedTime:
    def test_offered_only_by_the_sweep_it_goes_to_whoever_walks_in(self):
        walk_ins = MenteeFactory.create_batch(WALK_INS)
        jumped = 0

        with web("benchmarks.late_offers") as url:
            warm(url, walk_ins[0])
            for days in range(3, 60, 7):  # a race is a matter of luck: it gets several chances
                hours, session = fresh_hour(days)
                wait(MenteeFactory().user, hours.mentor)
                shots = [booking(hours, mentee) for mentee in walk_ins]
                hits = fire(url, [cancelling(session), *shots])
                jumped = sum(hit.status == 201 for hit in hits)
                if jumped:
                    break

        assert jumped, "This race no longer shows itself, so the test below proves nothing."

    def test_trap_13_no_walk_in_is_faster_than_the_line(self, url):
        walk_ins = MenteeFactory.create_batch(WALK_INS)

        warm(url, walk_ins[0])
        for days in range(3, 24, 7):
            hours, session = fresh_hour(days)
            place = wait(MenteeFactory().user, hours.mentor)
            shots = [booking(hours, mentee) for mentee in walk_ins]
            first, *hits = fire(url, [cancelling(session), *shots])

            assert first.status == 200, first.body
            assert Counter(hit.status for hit in hits) == {409: WALK_INS}
            assert {hit.data["code"] for hit in hits} == {"slot_taken"}
            hold = Hold.objects.get(entry=place)
            assert (hold.state, hold.starts_at) == (Hold.State.LIVE, hours.starts_at)

    def test_cancel_waitlist_and_walk_in_at_once_never_promise_the_seat_twice(self, url):
        walk_ins, joiners = MenteeFactory.create_batch(16), MenteeFactory.create_batch(8)

        warm(url, walk_ins[0])
        for days in range(3, 24, 7):
            hours, session = fresh_hour(days)
            shots = [joining(hours, mentee) for mentee in joiners]
            shots += [booking(hours, mentee) for mentee in walk_ins]
            shots.insert(8, cancelling(session))
            hits = fire(url, shots)

            assert {hit.status for hit in hits} <= {200, 201, 409}, hits
            assert live_seats(hours) <= 1
            line = WaitlistEntry.objects.filter(mentor=hours.mentor, state="waiting")
            # Nobody waits for a time that is open: who came too late to be offered it was told.
            assert live_seats(hours) == 1 or not line.exists()


class TestOnePlace:
    def test_twenty_joins_at_once_are_one_place(self, url):
        hours, _session = fresh_hour()
        [mentee] = MenteeFactory.create_batch(1)

        hits = fire(url, [joining(hours, mentee)] * 20)

        assert Counter(hit.status for hit in hits) == {201: 1, 200: 19}, hits
        assert WaitlistEntry.objects.count() == 1

    def test_ten_lines_at_most_holds_across_mentors(self, url):
        """The places are counted under the mentee's lock."""
        [mentee] = MenteeFactory.create_batch(1)
        hours = [fresh_hour()[0] for _ in range(14)]

        hits = fire(url, [joining(one, mentee) for one in hours])

        assert Counter(hit.status for hit in hits) == {201: 10, 422: 4}


class TestOneAnswer:
    @pytest.fixture
    def offered(self):
        """A time is offered to the first in line; another is behind."""
        hours, session = fresh_hour()
        places = [wait(mentee.user, hours.mentor) for mentee in MenteeFactory.create_batch(2)]
        cancel(session)
        return hours, *places

    def settled(self, hours, first, second):
        """Who has it in the end: exactly one of the two."""
        booked = Session.objects.filter(mentee=first.mentee, status="booked").count()
        offered = Hold.objects.filter(entry=second, state=Hold.State.LIVE).count()
        assert booked + offered == 1
        assert live_seats(hours) == 1
        return "booked" if booked else "offered on"

    def test_trap_22_accept_against_pass(self, url, offered):
        hours, first, second = offered

        warm(url, first.mentee)
        shots = [answering(first, what) for what in ("accept", "pass") * 8]
        hits = fire(url, shots)

        accepted = [hit.data["id"] for hit in hits[::2] if hit.status == 201]
        passed = [hit for hit in hits[1::2] if hit.status == 200]
        assert {hit.status for hit in hits} <= {200, 201, 410}, hits
        if self.settled(hours, first, second) == "booked":
            assert (len(set(accepted)), len(passed)) == (1, 0)
        else:
            assert (len(accepted), len(passed)) == (0, 8)

    def test_trap_22_accept_against_expiry(self, url, offered):
        hours, first, second = offered
        # The sweep's clock is ahead: to it the offer is over, to the web server it is not.
        over = Hold.objects.get(entry=first).expires_at + timedelta(seconds=1)

        def sweep():
            expire_holds(now=over)
            connection.close()

        warm(url, first.mentee)
        sweeps = [threading.Thread(target=sweep) for _ in range(3)]
        for thread in sweeps:
            thread.start()
        hits = fire(url, [answering(first, "accept")] * 8)
        for thread in sweeps:
            thread.join()

        assert {hit.status for hit in hits} <= {201, 410}, hits
        if self.settled(hours, first, second) == "booked":
            assert len({hit.data["id"] for hit in hits if hit.status == 201}) == 1
        else:
            assert {hit.status for hit in hits} == {410}

    def test_sweeps_at_once_make_one_offer(self):
        hours, _session = fresh_hour()
        place = wait(MenteeFactory().user, hours.mentor)
        type(hours).objects.create(
            mentor=hours.mentor,
            starts_at=hours.starts_at + timedelta(hours=2),
            ends_at=hours.starts_at + timedelta(hours=4),
        )

        def sweep():
            services.tend_waitlists(now=timezone.now())
            connection.close()

        sweeps = [threading.Thread(target=sweep) for _ in range(6)]
        for thread in sweeps:
            thread.start()
        for thread in sweeps:
            thread.join()

        assert Hold.objects.filter(entry=place).count() == 1
