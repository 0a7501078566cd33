"""Many processes, one seat. Each race is first shown without its guard."""

from __future__ import annotations

import uuid
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from accounts import services as accounts
from benchmarks.servers import web
from benchmarks.volley import Shot, fire
from sessions_app.models import Meeting, Notification, Session
from tests.factories import MenteeFactory, MentorFactory
from tests.hours import open_window

pytestmark = [pytest.mark.race, pytest.mark.django_db(transaction=True)]
CLIENTS = 64


def signed_in(mentee):
    token, _row = accounts.issue_token(user=mentee.user, now=timezone.now())
    return {"Authorization": f"Bearer {token}"}


def booking(mentor, window, mentee, **headers):
    body = {"mentor": str(mentor.pk), "starts_at": window.starts_at.isoformat(), "goal": "Help"}
    return Shot("/api/sessions", body, {**signed_in(mentee), **headers})


@pytest.fixture
def constraints_off(transactional_db):
    """Without the database's own guard, to see whether anything else holds."""
    names = {
        "sessions_app_meeting": "mentor_is_in_one_meeting_at_a_time",
        "sessions_app_session": "a_seat_holds_one_live_session",
        "sessions_app_commitment": "person_is_in_one_session_at_a_time",
    }
    definitions = {}
    with connection.cursor() as cursor:
        for table, name in names.items():
            cursor.execute("SELECT pg_get_indexdef(to_regclass(%s))", [name])
            definitions[table] = cursor.fetchone()[0]
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")
            cursor.execute(f"DROP INDEX IF EXISTS {name}")
    yield
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE sessions_app_session, sessions_app_meeting CASCADE")
        cursor.execute(definitions["sessions_app_session"])
        cursor.execute(
            "ALTER TABLE sessions_app_meeting ADD CONSTRAINT mentor_is_in_one_meeting_at_a_time "
            "EXCLUDE USING gist (uuidrange(mentor_id, mentor_id, '[]') WITH &&, "
            "tstzrange(starts_at, ends_at) WITH &&) WHERE (live)"
        )
        cursor.execute(
            "ALTER TABLE sessions_app_commitment ADD CONSTRAINT person_is_in_one_session_at_a_time "
            "EXCLUDE USING gist (uuidrange(user_id, user_id, '[]') WITH &&, "
            "tstzrange(starts_at, ends_at) WITH &&)"
        )


class TestOneSeat:
    @pytest.mark.crowd
    def test_without_lock_and_constraint_the_seat_is_sold_more_than_once(self, constraints_off):
        mentees = MenteeFactory.create_batch(32)
        warm = Shot("/api/sessions/upcoming", {}, signed_in(mentees[0]), "GET")
        sold = 0

        with web("benchmarks.unguarded") as url:
            fire(url, [warm] * 32)
            for days in range(3, 60, 7):  # a race is a matter of luck: it gets several chances
                window = open_window(MentorFactory(booking_horizon_days=90), days=days, hours=0.5)
                hits = fire(url, [booking(window.mentor, window, mentee) for mentee in mentees])
                sold = sum(hit.status == 201 for hit in hits)
                if sold > 1:
                    break

        assert sold > 1, "This race no longer shows itself, so the tests below prove nothing."

    @pytest.mark.parametrize("seats", [1, pytest.param(5, marks=pytest.mark.crowd)])
    def test_64_processes_share_exactly_the_seats_there_are(self, seats):
        mentor = MentorFactory(weekly_load_cap=100)
        window = open_window(mentor, hours=0.5, capacity=seats)
        mentees = MenteeFactory.create_batch(CLIENTS)
        shots = [booking(mentor, window, mentee) for mentee in mentees]

        with web() as url:
            fire(url, [Shot("/healthz", {}, {}, "GET")] * 32)  # every worker has started up
            hits = fire(url, shots)

        statuses = Counter(hit.status for hit in hits)
        assert statuses == {201: seats, 409: CLIENTS - seats}, [
            h.body for h in hits if h.status >= 500
        ]
        assert all(hit.data["code"] == "slot_taken" for hit in hits if hit.status == 409)
        assert Session.objects.filter(status="booked").count() == seats
        assert Meeting.objects.count() == 1
        assert Notification.objects.filter(kind="booked").count() == 2 * seats

    @pytest.mark.timing
    def test_the_slowest_of_64_is_answered_within_a_second(self):
        mentees = MenteeFactory.create_batch(CLIENTS)
        warm = Shot("/api/sessions/upcoming", {}, signed_in(mentees[0]), "GET")

        with web() as url:
            fire(url, [warm] * CLIENTS)
            # Three volleys, each for a seat of its own: what else the machine does at that moment can
            # only make one slower, so the best of them is what the product takes.
            slowest = []
            for days in (3, 6, 10):
                window = open_window(MentorFactory(weekly_load_cap=100), days=days, hours=0.5)
                shots = [booking(window.mentor, window, mentee) for mentee in mentees]
                hits = fire(url, shots)
                assert Counter(hit.status for hit in hits) == {201: 1, 409: CLIENTS - 1}
                slowest.append(max(hit.seconds for hit in hits))

        assert min(slowest) < 1, slowest

    def test_one_mentee_cannot_be_in_two_places(self):
        [mentee] = MenteeFactory.create_batch(1)
        mentors = MentorFactory.create_batch(8)
        windows = [open_window(mentor, hours=0.5) for mentor in mentors]

        with web() as url:
            hits = fire(url, [booking(m, w, mentee) for m, w in zip(mentors, windows, strict=True)])

        assert Counter(hit.status for hit in hits) == {201: 1, 409: 7}
        assert {hit.data["code"] for hit in hits if hit.status == 409} == {"mentee_busy"}

    @pytest.mark.crowd
    def test_the_weekly_cap_holds_across_different_slots(self):
        mentor = MentorFactory(weekly_load_cap=3)
        window = open_window(mentor, hours=4)
        mentees = MenteeFactory.create_batch(8)
        shots = []
        for n, mentee in enumerate(mentees):
            shot = booking(mentor, window, mentee)
            starts_at = window.starts_at + timedelta(minutes=30 * n)
            shots.append(
                Shot(shot.path, {**shot.body, "starts_at": starts_at.isoformat()}, shot.headers)
            )

        with web() as url:
            hits = fire(url, shots)

        assert Counter(hit.status for hit in hits) == {201: 3, 422: 5}
        assert {h.data["code"] for h in hits if h.status == 422} == {"weekly_cap_reached"}


class TestOneIdempotencyKey:
    def test_twenty_at_once_book_once_and_read_the_same_bytes(self):
        mentor = MentorFactory()
        window = open_window(mentor, hours=0.5)
        [mentee] = MenteeFactory.create_batch(1)
        shot = booking(mentor, window, mentee, **{"Idempotency-Key": str(uuid.uuid4())})

        with web() as url:
            hits = fire(url, [shot] * 20)

        assert {hit.status for hit in hits} == {201}
        assert len({hit.body for hit in hits}) == 1
        assert Session.objects.count() == 1
        assert Notification.objects.filter(kind="booked").count() == 2
