"""After the hour: who came, who did not, who says so, and who decides."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from sessions_app import services
from sessions_app.models import AvailabilityWindow, Meeting, Notification, Session
from tests.factories import MenteeFactory
from tests.hours import open_window
from tests.people import alice, api, bob, browser, carol, mallory
from tests.sessions_app.test_booking_api import book, error_of

pytestmark = pytest.mark.django_db
MINUTE = timedelta(minutes=1)


@pytest.fixture
def session():
    book(api(alice()), open_window(bob().mentor))
    return Session.objects.get()


def begin(session, *, ago, length=30 * MINUTE, **changes):
    """Let the session have begun so long ago."""
    starts_at = timezone.now() - ago
    Meeting.objects.update(starts_at=starts_at, ends_at=starts_at + length)
    Session.objects.update(**changes)
    session.refresh_from_db()
    return session


def patch(person, session, **body):
    return api(person).patch(f"/api/sessions/{session.pk}", body, format="json")


def finish(session):
    assert services.finish_ended_sessions(now=timezone.now()) == 1
    session.refresh_from_db()
    return session.status, session.mentor_attendance, session.mentee_attendance


class TestTheEnd:
    def test_nobody_opened_the_room_so_nothing_is_known(self, session):
        begin(session, ago=60 * MINUTE)

        assert finish(session) == ("completed", "unknown", "unknown")
        assert Notification.objects.filter(kind="feedback").count() == 2
        assert not Meeting.objects.get().live

    def test_both_came(self, session):
        now = timezone.now()
        begin(session, ago=60 * MINUTE, mentor_joined_at=now, mentee_joined_at=now)

        assert finish(session) == ("completed", "attended", "attended")

    def test_one_came_to_our_own_room_so_the_other_did_not(self, session):
        begin(session, ago=60 * MINUTE, mentor_joined_at=timezone.now())

        assert finish(session) == ("no_show", "attended", "absent")
        told = Notification.objects.get(kind="no_show")
        assert told.recipient == session.mentee.user

    def test_a_room_that_everybody_knows_proves_nothing(self, session):
        begin(session, ago=60 * MINUTE, mentor_joined_at=timezone.now())
        Meeting.objects.update(meeting_url="https://video.example.com/bob")

        assert finish(session) == ("completed", "attended", "unknown")

    def test_trap_19_a_cancelled_session_is_never_a_no_show(self, session):
        api(session.mentee.user).delete(f"/api/sessions/{session.pk}")
        begin(session, ago=60 * MINUTE)

        assert services.finish_ended_sessions(now=timezone.now()) == 0
        answer = patch(session.mentor.user, session, status="no_show", absent="mentee")
        assert error_of(answer) == (422, "illegal_move")

    def test_the_mentor_ends_it_early_and_the_mentee_may_not(self, session):
        assert error_of(patch(session.mentor.user, session, status="completed")) == (
            403,
            "too_early",
        )
        begin(session, ago=10 * MINUTE)

        assert error_of(patch(session.mentee.user, session, status="completed")) == (
            403,
            "permission_denied",
        )
        assert patch(session.mentor.user, session, status="completed").status_code == 200


class TestAGroup:
    """The mentor opens the room once, from whichever of its sessions, and is there for everybody."""

    @pytest.fixture
    def group(self):
        window = open_window(bob(weekly_load_cap=20).mentor, capacity=3)
        for person in (alice(), mallory()):
            book(api(person), window)
        return window, list(Session.objects.order_by("seat"))

    def test_a_mentor_who_opened_it_is_absent_for_nobody(self, group):
        _window, [first, second] = group
        begin(first, ago=MINUTE)
        for person, session in (
            (first.mentor.user, first),
            (first.mentee.user, first),
            (second.mentee.user, second),
        ):
            assert api(person).post(f"/api/sessions/{session.pk}/join").status_code == 200

        services.finish_ended_sessions(now=timezone.now() + 60 * MINUTE)

        for session in (first, second):
            session.refresh_from_db()
            seen = session.status, session.mentor_attendance, session.mentee_attendance
            assert seen == ("completed", "attended", "attended")
        assert not Notification.objects.filter(kind="no_show").exists()

    def test_nor_for_those_who_come_later(self, group):
        window, [first, _second] = group
        begin(first, ago=-10 * MINUTE)
        api(first.mentor.user).post(f"/api/sessions/{first.pk}/join")
        AvailabilityWindow.objects.update(starts_at=timezone.now() - MINUTE)
        late = services.book_session(
            mentor_id=window.mentor_id,
            mentee=MenteeFactory(),
            starts_at=Meeting.objects.get().starts_at,
            by=carol(),
            clock=timezone.now,
            override=True,
        )
        assert late.mentor_joined_at is not None

    def test_a_mentee_joins_for_themself_alone(self, group):
        _window, [first, second] = group
        begin(first, ago=MINUTE)

        api(first.mentee.user).post(f"/api/sessions/{first.pk}/join")

        second.refresh_from_db()
        assert second.mentee_joined_at is None


class TestReports:
    def test_a_person_may_be_a_few_minutes_late(self, session):
        begin(session, ago=5 * MINUTE)

        answer = patch(session.mentor.user, session, status="no_show", absent="mentee")

        assert error_of(answer) == (403, "too_early")

    def test_bob_reports_alice_and_she_says_otherwise(self, session):
        begin(session, ago=60 * MINUTE)
        finish(session)

        reported = patch(session.mentor.user, session, status="no_show", absent="mentee")
        assert (reported.status_code, reported.json()["status"]) == (200, "no_show")
        assert Notification.objects.get(kind="no_show").recipient == session.mentee.user

        disputed = patch(session.mentee.user, session, status="completed")
        assert (disputed.status_code, disputed.json()["status"]) == (200, "completed")
        session.refresh_from_db()
        assert (session.mentor_attendance, session.mentee_attendance) == ("attended", "unknown")
        again = patch(session.mentor.user, session, status="no_show", absent="mentee")
        assert error_of(again) == (422, "illegal_move")

        decided = patch(carol(), session, status="no_show", absent="mentee")
        assert decided.status_code == 200
        reasons = list(session.events.order_by("at").values_list("from_status", "to_status"))
        assert reasons[-3:] == [
            ("completed", "no_show"),
            ("no_show", "completed"),
            ("completed", "no_show"),
        ]

    def test_nobody_reports_themself_or_for_the_other(self, session):
        begin(session, ago=60 * MINUTE)

        own = patch(session.mentee.user, session, status="no_show", absent="mentee")
        assert error_of(own) == (403, "permission_denied")
        patch(session.mentor.user, session, status="no_show", absent="mentee")
        other = patch(session.mentor.user, session, status="completed")
        assert error_of(other) == (403, "permission_denied")
        assert error_of(patch(mallory(), session, status="completed")) == (404, "not_found")

    def test_the_record_speaks_for_who_opened_the_room(self, session):
        begin(session, ago=60 * MINUTE, mentee_joined_at=timezone.now())

        answer = patch(session.mentor.user, session, status="no_show", absent="mentee")

        assert error_of(answer) == (422, "illegal_move")

    def test_after_two_days_it_is_too_late(self, session):
        begin(session, ago=timedelta(hours=49))

        answer = patch(session.mentor.user, session, status="no_show", absent="mentee")

        assert error_of(answer) == (422, "illegal_move")

    def test_by_page(self, session):
        begin(session, ago=20 * MINUTE)
        bobs, alices = browser(session.mentor.user), browser(session.mentee.user)
        assert "Alice did not come" in bobs.get(f"/sessions/{session.pk}/").content.decode()

        assert bobs.post(f"/sessions/{session.pk}/absence/").status_code == 302
        page = alices.get(f"/sessions/{session.pk}/").content.decode()
        assert "You are noted as absent" in page
        assert alices.post(f"/sessions/{session.pk}/dispute/").status_code == 302
        session.refresh_from_db()
        assert session.status == "completed"
        assert browser(mallory()).post(f"/sessions/{session.pk}/dispute/").status_code == 404


class TestAnswers:
    """Trap 22: an answer, a cancellation and a lapse at one moment; one of them wins."""

    def test_a_request_lapses_when_its_answer_is_due_and_not_before(self, session):
        Session.objects.update(status="pending", answer_by=timezone.now() + MINUTE)
        assert services.lapse_pending_sessions(now=timezone.now()) == 0

        assert services.lapse_pending_sessions(now=timezone.now() + 2 * MINUTE) == 1

        session.refresh_from_db()
        assert session.status == "cancelled"
        assert not Meeting.objects.get().live
        assert Notification.objects.filter(kind="cancelled").count() == 2
        assert error_of(patch(session.mentor.user, session, status="booked"))[0] == 422

    def test_an_accepted_one_does_not_lapse(self, session):
        Session.objects.update(status="pending", answer_by=timezone.now() + MINUTE)
        assert patch(session.mentor.user, session, status="booked").status_code == 200

        assert services.lapse_pending_sessions(now=timezone.now() + 2 * MINUTE) == 0
