"""Hours through the API: reading, replacing, conflicts, open slots."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from mentors.models import Mentor
from sessions_app.models import AvailabilityWindow, Session
from tests.factories import MentorFactory
from tests.hours import open_window
from tests.people import alice, api, bob, carol, mallory

pytestmark = pytest.mark.django_db


@pytest.fixture
def hours():
    return open_window(bob().mentor)


def path(window, rest=""):
    return f"/api/availability/{window.mentor_id}{rest}"


def put(client, window, *specs, **options):
    return client.put(path(window), {"windows": list(specs), **options}, format="json")


def spec(starts_at, hours=1, **changes):
    ends_at = starts_at + timedelta(hours=hours)
    return {"starts_at": starts_at.isoformat(), "ends_at": ends_at.isoformat(), **changes}


def book(user, window):
    body = {"mentor": str(window.mentor_id), "starts_at": window.starts_at.isoformat()}
    assert api(user).post("/api/sessions", body, format="json").status_code == 201


class TestReplacing:
    def test_bob_replaces_his_future_hours(self, hours):
        gone = open_window(hours.mentor, starts_at=hours.starts_at + timedelta(hours=5))
        later = hours.starts_at + timedelta(days=1)

        answer = put(
            api(hours.mentor.user),
            hours,
            spec(hours.starts_at, hours=3, id=str(hours.pk), capacity=2),
            spec(later, location="Room 4"),
        )

        assert answer.status_code == 200, answer.content
        first, second = AvailabilityWindow.objects.order_by("starts_at")
        assert (first.pk, first.capacity) == (hours.pk, 2)
        assert first.ends_at - first.starts_at == timedelta(hours=3)
        assert (second.starts_at, second.location) == (later, "Room 4")
        assert not AvailabilityWindow.objects.filter(pk=gone.pk).exists()
        assert [row["id"] for row in answer.json()["windows"]] == [str(first.pk), str(second.pk)]

    def test_two_windows_may_change_places(self, hours):
        other = open_window(hours.mentor, starts_at=hours.starts_at + timedelta(hours=2))

        answer = put(
            api(hours.mentor.user),
            hours,
            spec(other.starts_at, 2, id=str(hours.pk)),
            spec(hours.starts_at, 2, id=str(other.pk)),
        )

        assert answer.status_code == 200, answer.content
        hours.refresh_from_db()
        assert hours.starts_at == other.starts_at

    def test_booked_sessions_are_listed_before_their_hours_go(self, hours):
        book(alice(), hours)
        client = api(hours.mentor.user)

        answer = put(client, hours)

        assert (answer.status_code, answer.json()["code"]) == (409, "sessions_orphaned")
        [conflict] = answer.json()["conflicts"]
        assert conflict["mentee"]["name"] == "Alice Founder"
        assert AvailabilityWindow.objects.exists()
        check = {"mentor": str(hours.mentor_id), "windows": []}
        listed = client.post("/api/availability/check-conflicts", check, format="json").json()
        assert [row["session"] for row in listed["conflicts"]] == [str(Session.objects.get().pk)]

        assert put(client, hours, force=True).status_code == 200
        assert not AvailabilityWindow.objects.exists()
        assert Session.objects.get().status == "booked"

    @pytest.mark.parametrize(
        ("windows", "status"),
        [
            ([(1, 0)], 400),
            ([(1, -1)], 400),
            ([(1, 2), (2, 2)], 400),
            ([(-48 * 7, 1)], 400),
        ],
    )
    def test_misshapen_windows_change_nothing(self, hours, windows, status):
        specs = [
            spec(hours.starts_at + timedelta(hours=start), length) for start, length in windows
        ]

        answer = put(api(hours.mentor.user), hours, *specs)

        assert (answer.status_code, answer.json()["code"]) == (status, "invalid")
        assert AvailabilityWindow.objects.get().pk == hours.pk

    def test_naive_times_and_foreign_windows_are_refused(self, hours):
        client = api(hours.mentor.user)
        naive = {"starts_at": "2026-12-08T10:00:00", "ends_at": "2026-12-08T11:00:00"}
        theirs = open_window(MentorFactory())

        assert put(client, hours, naive).status_code == 400
        stolen = put(client, hours, spec(hours.starts_at, id=str(theirs.pk)))
        assert stolen.status_code == 404

    def test_a_window_named_twice_is_refused_not_merged(self, hours):
        later = hours.starts_at + timedelta(days=2)
        twice = [spec(hours.starts_at, id=str(hours.pk)), spec(later, id=str(hours.pk))]

        answer = put(api(hours.mentor.user), hours, *twice, force=True)

        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
        assert AvailabilityWindow.objects.get().ends_at == hours.ends_at

    def test_checking_refuses_the_windows_that_saving_would(self, hours):
        backwards = spec(hours.starts_at, hours=-1)
        body = {"mentor": str(hours.mentor_id), "windows": [backwards]}

        answer = api(hours.mentor.user).post(
            "/api/availability/check-conflicts", body, format="json"
        )

        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")

    def test_nothing_is_offered_before_a_window_begins(self):
        window = open_window(bob().mentor)
        window.starts_at += timedelta(seconds=30)
        window.save()

        slots = api(alice()).get(path(window, "/slots")).json()["slots"]

        assert slots[0]["starts_at"] > window.starts_at.isoformat()

    def test_only_bob_and_carol_may(self, hours):
        assert put(api(alice()), hours).status_code == 403
        assert put(api(MentorFactory().user), hours).status_code == 403
        assert put(api(carol()), hours).status_code == 200

    def test_a_window_that_has_begun_stays(self, hours):
        AvailabilityWindow.objects.update(starts_at=timezone.now() - timedelta(hours=1))

        assert put(api(hours.mentor.user), hours).json() == {"windows": []}
        assert AvailabilityWindow.objects.exists()


class TestSlots:
    def test_open_starts_with_seats(self, hours):
        book(alice(), hours)

        answer = api(mallory()).get(path(hours, "/slots")).json()

        assert [slot["seats_left"] for slot in answer["slots"]] == [1, 1, 1]
        assert "why_empty" not in answer

    def test_ones_own_sessions_make_times_impossible(self, hours):
        user = alice()
        book(user, open_window(MentorFactory(), starts_at=hours.starts_at))

        assert len(api(user).get(path(hours, "/slots")).json()["slots"]) == 3

    def test_an_empty_answer_says_which_rule_it_was(self, hours):
        Mentor.objects.filter(pk=hours.mentor_id).update(weekly_load_cap=0)

        answer = api(alice()).get(path(hours, "/slots")).json()

        assert answer == {"slots": [], "why_empty": "weekly_cap_reached"}

    @pytest.mark.parametrize(
        "query",
        ["?from=yesterday", "?from=2026-01-01&to=2026-12-01", "?to=2020-01-01", "?tz=Mars/Base"],
    )
    def test_periods_that_make_no_sense(self, hours, query):
        answer = api(alice()).get(path(hours, "/slots") + query)

        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")

    def test_unknown_mentor(self, hours):
        assert api(alice()).get(f"/api/availability/{uuid.uuid4()}/slots").status_code == 404
        assert api().get(path(hours, "/slots")).status_code == 401

    def test_slots_cost_the_same_for_a_day_and_for_two_months(
        self, hours, django_assert_max_num_queries
    ):
        for day in range(1, 50):
            open_window(hours.mentor, starts_at=hours.starts_at + timedelta(days=day))
        client = api(alice())
        client.get(path(hours))

        with django_assert_max_num_queries(9):
            client.get(path(hours, "/slots"))
        last = (timezone.now() + timedelta(days=60)).date()
        with django_assert_max_num_queries(9):
            slots = client.get(path(hours, f"/slots?to={last}")).json()["slots"]
        assert len(slots) > 100
