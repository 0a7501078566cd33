"""Booking through the API: what is answered, and what is stored."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from mentors.models import Block, Mentee, Mentor
from sessions_app.models import Meeting, Notification, Session, SessionEvent
from tests.factories import MentorFactory
from tests.hours import open_window
from tests.people import alice, api, bob, carol, mallory

pytestmark = pytest.mark.django_db


@pytest.fixture
def hours():
    """Bob holds two hours in three days' time, in sessions of half an hour."""
    return open_window(bob().mentor)


def book(client, window, *, headers=None, **changes):
    body = {"mentor": str(window.mentor_id), "starts_at": window.starts_at.isoformat(), **changes}
    return client.post("/api/sessions", body, format="json", headers=headers or {})


def error_of(answer):
    return answer.status_code, answer.json()["code"]


class TestBooking:
    def test_alice_books_bob(self, hours):
        user = alice()
        request_id = uuid.uuid4()

        answer = book(api(user), hours, goal="Meet funds", match_request=str(request_id))

        assert answer.status_code == 201, answer.content
        session = Session.objects.get()
        assert answer.json() == {
            "id": str(session.pk),
            "mentor": {"id": str(hours.mentor_id), "name": "Bob Mentor"},
            "mentee": {"id": str(user.mentee.pk), "name": "Alice Founder"},
            "starts_at": hours.starts_at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "ends_at": (hours.starts_at + timedelta(minutes=30)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "status": "booked",
            "goal": "Meet funds",
            "notes": "",
            "match_request": str(request_id),
            "version": 1,
            "created_at": answer.json()["created_at"],
        }
        assert "meet.jit.si" not in answer.content.decode()
        event = SessionEvent.objects.get()
        assert (event.by, event.from_status, event.to_status) == (user, "", "booked")
        kinds = Notification.objects.filter(session=session).values_list("kind", "recipient__email")
        assert sorted(kinds) == sorted(
            (kind, email)
            for kind in ("booked", "reminder_day", "reminder_hour")
            for email in ("alice@example.com", "bob@example.com")
        )

    def test_nobody_books_themself(self, hours):
        user = hours.mentor.user
        Mentee.objects.create(user=user)

        assert error_of(book(api(user), hours)) == (403, "permission_denied")
        assert not Session.objects.exists()

    def test_a_taken_slot_answers_409_with_the_nearest_open_times(self, hours):
        book(api(mallory()), hours, starts_at=(hours.starts_at + timedelta(minutes=30)).isoformat())

        answer = book(
            api(alice()), hours, starts_at=(hours.starts_at + timedelta(minutes=30)).isoformat()
        )

        assert error_of(answer) == (409, "slot_taken")
        offered = [slot["starts_at"] for slot in answer.json()["alternatives"]]
        expected = [hours.starts_at + timedelta(minutes=m) for m in (0, 60, 90)]
        assert offered == [moment.strftime("%Y-%m-%dT%H:%M:%SZ") for moment in expected]
        assert Session.objects.count() == 1

    def test_a_retry_with_the_same_key_repeats_the_bytes_and_books_once(self, hours):
        client, key = api(alice()), {"Idempotency-Key": "phone-lost-the-answer"}

        first, second = (book(client, hours, headers=key) for _ in range(2))

        assert (first.status_code, first.content) == (201, second.content)
        assert Session.objects.count() == 1
        other = book(client, hours, headers=key, goal="Something else")
        assert error_of(other) == (422, "idempotency_key_reused")

    def test_a_refused_booking_does_not_spend_its_key(self, hours):
        client, key = api(alice()), {"Idempotency-Key": "again"}
        body = {"starts_at": (hours.starts_at - timedelta(hours=5)).isoformat()}
        assert book(client, hours, headers=key, **body).status_code == 422

        assert book(client, hours, headers=key).status_code == 201

    def test_pending_until_the_mentor_accepts(self, hours):
        Mentor.objects.update(approves_bookings=True)
        user = alice()

        session_id = book(api(user), hours).json()["id"]

        assert Session.objects.get().status == "pending"
        assert error_of(
            api(user).patch(f"/api/sessions/{session_id}", {"status": "booked"}, format="json")
        ) == (403, "permission_denied")
        accepted = api(hours.mentor.user).patch(
            f"/api/sessions/{session_id}", {"status": "booked"}, format="json"
        )
        assert (accepted.json()["status"], accepted.json()["version"]) == ("booked", 2)

    def test_group_seats_share_one_meeting_and_one_link(self, hours):
        type(hours).objects.update(capacity=2)

        statuses = [book(api(user), hours).status_code for user in (alice(), mallory())]

        assert statuses == [201, 201]
        assert Meeting.objects.count() == 1
        assert sorted(Session.objects.values_list("seat", flat=True)) == [1, 2]


class TestRefusals:
    @pytest.mark.parametrize(
        ("minutes", "code"),
        [
            (-3 * 24 * 60 - 24 * 60 * 3, "slot_in_past"),
            (-30, "outside_window"),
            (15, "outside_window"),
            (120, "outside_window"),
        ],
    )
    def test_times_that_are_not_offered(self, hours, minutes, code):
        starts_at = hours.starts_at + timedelta(minutes=minutes)

        answer = book(api(alice()), hours, starts_at=starts_at.isoformat())

        assert error_of(answer) == (422, code)
        assert answer.json()["detail"].endswith(".")
        assert not Session.objects.exists()

    def test_too_soon_beyond_horizon_and_a_full_week(self, hours):
        client = api(alice())
        Mentor.objects.update(minimum_notice_minutes=60 * 24 * 10)
        assert error_of(book(client, hours)) == (422, "too_soon")
        Mentor.objects.update(minimum_notice_minutes=0, booking_horizon_days=1)
        assert error_of(book(client, hours)) == (422, "beyond_horizon")
        Mentor.objects.update(booking_horizon_days=60, weekly_load_cap=0)
        assert error_of(book(client, hours)) == (422, "weekly_cap_reached")

    def test_the_mentee_is_elsewhere_then(self, hours):
        other = open_window(MentorFactory(), starts_at=hours.starts_at)
        client = api(alice())
        book(client, other)

        assert error_of(book(client, hours)) == (409, "mentee_busy")

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"starts_at": "2026-12-08T13:30:00"}, "starts_at"),
            ({"starts_at": "tomorrow"}, "starts_at"),
            ({"starts_at": None}, "starts_at"),
            ({"mentor": "bob"}, "mentor"),
            ({"goal": "x" * 4001}, "goal"),
            ({"goal": "a\x00b"}, "goal"),
        ],
    )
    def test_wrong_shapes_name_the_field(self, hours, body, field):
        answer = book(api(alice()), hours, **body)

        assert error_of(answer) == (400, "invalid")
        assert field in answer.json()["fields"]

    def test_malformed_json_unknown_mentor_and_nobody(self, hours):
        client = api(alice())

        broken = client.post("/api/sessions", "{", content_type="application/json")

        assert error_of(broken) == (400, "malformed")
        assert error_of(book(client, hours, mentor=str(uuid.uuid4()))) == (404, "not_found")
        assert error_of(book(api(), hours)) == (401, "not_authenticated")

    def test_mentors_and_managers_have_no_seat_to_take(self, hours):
        for person in (carol(), hours.mentor.user):
            assert error_of(book(api(person), hours)) == (403, "permission_denied")

    @pytest.mark.parametrize("change", [{"visibility": "private"}, {"is_active": False}])
    def test_a_mentor_that_alice_cannot_see_does_not_exist_for_her(self, hours, change):
        Mentor.objects.update(**change)

        assert error_of(book(api(alice()), hours)) == (404, "not_found")

    def test_a_conflict_of_interest_is_not_bookable(self, hours):
        user = alice()
        Block.objects.create(mentor=hours.mentor, mentee=user.mentee, kind="conflict")

        assert error_of(book(api(user), hours)) == (404, "not_found")

    def test_an_end_that_is_not_the_slots_is_refused(self, hours):
        ends_at = hours.starts_at + timedelta(minutes=45)

        answer = book(api(alice()), hours, ends_at=ends_at.isoformat())

        assert error_of(answer) == (400, "invalid")
        assert "ends_at" in answer.json()["fields"]


class TestReadingAndCancelling:
    @pytest.fixture
    def session(self, hours):
        book(api(alice()), hours, goal="Meet funds")
        return Session.objects.select_related("mentor__user", "mentee__user").get()

    def test_both_people_and_the_manager_see_it_and_a_stranger_does_not(self, session):
        for person in (session.mentor.user, session.mentee.user, carol()):
            assert api(person).get(f"/api/sessions/{session.pk}").status_code == 200
        stranger = api(mallory())
        for path in ("", "/calendar.ics"):
            assert error_of(stranger.get(f"/api/sessions/{session.pk}{path}")) == (404, "not_found")
        assert error_of(stranger.delete(f"/api/sessions/{session.pk}")) == (404, "not_found")
        assert error_of(stranger.post(f"/api/sessions/{session.pk}/join")) == (404, "not_found")

    def test_lists_are_ones_own(self, session):
        mine, hers = api(session.mentee.user), api(carol())

        for path in ("/api/sessions", "/api/sessions/upcoming"):
            assert [row["id"] for row in mine.get(path).json()["results"]] == [str(session.pk)]
            assert hers.get(path).json()["results"] == []

    def test_notes_are_the_callers_own(self, session):
        path = f"/api/sessions/{session.pk}"
        mine, theirs = api(session.mentee.user), api(session.mentor.user)

        mine.patch(path, {"notes": "Ask about the fund"}, format="json")
        theirs.patch(path, {"notes": "Seems early"}, format="json")

        assert mine.get(path).json()["notes"] == "Ask about the fund"
        assert theirs.get(path).json()["notes"] == "Seems early"
        assert api(carol()).get(path).json()["notes"] == ""

    def test_cancel_frees_the_seat_and_may_be_repeated(self, session):
        client = api(session.mentee.user)

        first = client.delete(f"/api/sessions/{session.pk}?reason=Ill")
        again = client.delete(f"/api/sessions/{session.pk}")

        assert [first.status_code, again.status_code] == [200, 200]
        assert first.json()["status"] == again.json()["status"] == "cancelled"
        assert again.json()["version"] == 2
        assert not Meeting.objects.get().live
        assert SessionEvent.objects.get(to_status="cancelled").reason == "Ill"
        states = dict(Notification.objects.values_list("kind", "state").distinct())
        assert states == {
            "booked": "dropped", "reminder_day": "dropped", "reminder_hour": "dropped",
            "cancelled": "due",
        }  # fmt: skip
        other = {"mentor": str(session.mentor_id), "starts_at": session.starts_at.isoformat()}
        assert api(mallory()).post("/api/sessions", other, format="json").status_code == 201

    def test_the_same_hour_can_be_booked_again_after_cancelling(self, session):
        client = api(session.mentee.user)
        client.delete(f"/api/sessions/{session.pk}")

        body = {"mentor": str(session.mentor_id), "starts_at": session.starts_at.isoformat()}

        assert client.post("/api/sessions", body, format="json").status_code == 201

    def test_a_session_that_is_over_cannot_be_cancelled(self, session):
        past = timezone.now() - timedelta(days=1)
        Meeting.objects.update(starts_at=past, ends_at=past + timedelta(minutes=30))

        answer = api(session.mentee.user).delete(f"/api/sessions/{session.pk}")

        assert error_of(answer) == (422, "illegal_move")

    def test_the_cut_off_binds_the_mentee_and_not_the_mentor(self, session):
        from accounts.models import ProgramSettings

        ProgramSettings.objects.create(cancel_cutoff_minutes=60 * 24 * 30)
        path = f"/api/sessions/{session.pk}"

        assert error_of(api(session.mentee.user).delete(path)) == (422, "cutoff_passed")
        assert api(session.mentor.user).delete(path).status_code == 200

    def test_join_opens_a_quarter_of_an_hour_before_and_is_noted(self, session):
        path = f"/api/sessions/{session.pk}/join"
        client = api(session.mentee.user)
        assert error_of(client.post(path)) == (403, "too_early")
        soon = timezone.now() + timedelta(minutes=14)
        Meeting.objects.update(starts_at=soon, ends_at=soon + timedelta(minutes=30))

        answer = client.post(path)

        assert answer.json() == {"meeting_url": Meeting.objects.get().meeting_url}
        session.refresh_from_db()
        assert session.mentee_joined_at is not None
        assert session.mentor_joined_at is None

    def test_the_calendar_file_is_the_session(self, session):
        from icalendar import Calendar

        answer = api(session.mentee.user).get(f"/api/sessions/{session.pk}/calendar.ics")

        event = Calendar.from_ical(answer.content).walk("VEVENT")[0]
        assert answer["Content-Type"].startswith("text/calendar")
        assert event["UID"] == f"{session.pk}@office-hours"
        assert event["DTSTART"].dt == session.starts_at
        assert b"meet.jit.si" not in answer.content

    def test_the_calendar_file_may_be_asked_for_by_its_type(self, session):
        url, headers = f"/api/sessions/{session.pk}/calendar.ics", {"Accept": "text/calendar"}

        assert api(session.mentee.user).get(url, headers=headers).status_code == 200
        refused = api(mallory()).get(url, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (404, "not_found")


class TestQueriesStayFew:
    def test_a_booking_costs_the_same_however_full_the_calendar_is(
        self, hours, django_assert_max_num_queries
    ):
        client = api(alice())
        client.get("/api/sessions")  # last_seen_at is written here
        with django_assert_max_num_queries(24):
            assert book(client, hours).status_code == 201

    def test_lists_do_not_ask_per_row(self, hours, django_assert_max_num_queries):
        client = api(alice())
        for minutes in (0, 30, 60):
            starts_at = hours.starts_at + timedelta(minutes=minutes)
            assert book(client, hours, starts_at=starts_at.isoformat()).status_code == 201

        with django_assert_max_num_queries(3):
            assert len(client.get("/api/sessions").json()["results"]) == 3
