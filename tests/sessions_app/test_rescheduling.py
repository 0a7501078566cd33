"""Moving a session: one row, one time, one calendar event, whatever happens on the way."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import ProgramSettings
from mentors.models import Mentee, Mentor
from sessions_app.models import Commitment, Meeting, Notification, Session, SessionEvent
from tests.factories import MenteeFactory, MentorFactory
from tests.hours import open_window
from tests.line import wait
from tests.people import alice, api, bob, browser, carol, mallory
from tests.sessions_app.test_booking_api import book, error_of

pytestmark = pytest.mark.django_db
HALF = timedelta(minutes=30)


@pytest.fixture
def hours():
    """Bob holds two hours in three days' time, in sessions of half an hour."""
    return open_window(bob().mentor)


@pytest.fixture
def session(hours):
    book(api(alice()), hours)
    return Session.objects.get()


def api_of(person):
    return api(person.user)


def move(client, session, starts_at, **changes):
    body = {"starts_at": starts_at.isoformat(), **changes}
    return client.patch(f"/api/sessions/{session.pk}", body, format="json")


class TestMoving:
    def test_trap_11_the_same_row_has_the_new_time_and_its_event_a_higher_sequence(
        self, hours, session
    ):
        was, uid = session.starts_at, session.ical_uid

        answer = move(api_of(session.mentee), session, was + HALF, version=1)

        assert answer.status_code == 200, answer.content
        assert (answer.json()["version"], answer.json()["id"]) == (2, str(session.pk))
        session = Session.objects.get()
        assert (session.starts_at, session.ical_uid) == (was + HALF, uid)
        assert Meeting.objects.get().starts_at == was + HALF
        event = SessionEvent.objects.latest("at")
        assert (event.moved_from, event.moved_to) == (was, was + HALF)
        moved = Notification.objects.filter(kind="moved", version=2)
        assert {row.recipient.email for row in moved} == {"alice@example.com", "bob@example.com"}
        reminders = Notification.objects.filter(kind="reminder_day", state="due")
        assert {row.version for row in reminders} == {2}

    def test_onto_a_time_that_overlaps_its_own(self, session):
        Mentor.objects.update(start_step_minutes=15)

        answer = move(api_of(session.mentee), session, session.starts_at + HALF / 2)

        assert answer.status_code == 200, answer.content

    def test_the_freed_time_can_be_booked_by_somebody_else(self, hours, session):
        move(api_of(session.mentee), session, session.starts_at + HALF)

        assert book(api(mallory()), hours).status_code == 201

    def test_a_refused_move_leaves_it_where_it_is_and_offers_others(self, hours, session):
        book(api(mallory()), hours, starts_at=(hours.starts_at + HALF).isoformat())

        answer = move(api_of(session.mentee), session, session.starts_at + HALF)

        assert error_of(answer) == (409, "slot_taken")
        # Its own time is no alternative to itself taken by itself: it is free for this session.
        assert len(answer.json()["alternatives"]) == 3
        again = Session.objects.get(pk=session.pk)
        assert (again.starts_at, again.version, again.status) == (session.starts_at, 1, "booked")

    def test_to_where_it_is_changes_nothing(self, session):
        answer = move(api_of(session.mentee), session, session.starts_at)

        assert (answer.status_code, answer.json()["version"]) == (200, 1)
        assert not Notification.objects.filter(kind="moved").exists()

    def test_an_old_version_is_refused_with_what_is_so_now(self, session):
        client = api_of(session.mentee)
        move(client, session, session.starts_at + HALF, version=1)

        answer = move(client, session, session.starts_at + 2 * HALF, version=1)

        assert error_of(answer) == (409, "version_changed")
        assert answer.json()["version"] == 2

    def test_a_full_week_does_not_count_the_session_that_moves_in_it(self, session):
        Mentor.objects.update(weekly_load_cap=1)

        assert move(api_of(session.mentee), session, session.starts_at + HALF).status_code == 200

    def test_the_mentor_may_move_it_too_and_a_stranger_gets_404(self, session):
        assert move(api_of(session.mentor), session, session.starts_at + HALF).status_code == 200
        stranger = move(api(mallory()), session, session.starts_at + 2 * HALF)
        assert error_of(stranger) == (404, "not_found")

    def test_who_is_moved_by_the_mentor_waits_on_and_who_moves_themself_does_not(
        self, hours, session
    ):
        place = wait(session.mentee.user, session.mentor, wanted_from=hours.ends_at)

        move(api_of(session.mentor), session, session.starts_at + HALF)

        place.refresh_from_db()
        assert place.state == "waiting"
        move(api_of(session.mentee), session, session.starts_at + 2 * HALF)
        place.refresh_from_db()
        assert place.state == "booked"

    def test_after_the_cutoff_only_the_mentor_and_program_managers_can(self, session):
        ProgramSettings.objects.create(reschedule_cutoff_minutes=60 * 24 * 30)

        assert error_of(move(api_of(session.mentee), session, session.starts_at + HALF)) == (
            422,
            "cutoff_passed",
        )
        assert move(api_of(session.mentor), session, session.starts_at + HALF).status_code == 200

    def test_a_cancelled_one_cannot_be_moved(self, session):
        client = api_of(session.mentee)
        client.delete(f"/api/sessions/{session.pk}")

        answer = move(client, session, session.starts_at + HALF)

        assert error_of(answer) == (422, "illegal_move")


class TestGroups:
    def test_trap_15_one_who_moves_leaves_the_others_and_their_room_alone(self):
        mentor = MentorFactory(weekly_load_cap=20)
        window = open_window(mentor, capacity=3)
        mentees = MenteeFactory.create_batch(3)
        for mentee in mentees:
            assert book(api(mentee.user), window).status_code == 201
        mover = Session.objects.get(mentee=mentees[1])
        room = mover.meeting.meeting_url

        answer = move(api(mentees[1].user), mover, mover.starts_at + HALF)

        assert answer.status_code == 200, answer.content
        stay = Session.objects.exclude(pk=mover.pk)
        assert {row.starts_at for row in stay} == {window.starts_at}
        assert {row.meeting.meeting_url for row in stay} == {room}
        mover.refresh_from_db()
        assert mover.seat == 1
        assert mover.meeting.meeting_url != room
        assert Meeting.objects.filter(live=True).count() == 2

    def test_into_a_group_that_has_a_seat_and_back_out(self):
        mentor = MentorFactory(weekly_load_cap=20)
        window = open_window(mentor, capacity=2)
        first, second, third = MenteeFactory.create_batch(3)
        book(api(first.user), window)
        later = (window.starts_at + HALF).isoformat()
        book(api(second.user), window, starts_at=later)
        mover = Session.objects.get(mentee=second)

        assert move(api(second.user), mover, window.starts_at).status_code == 200

        assert Meeting.objects.filter(live=True).count() == 1
        assert error_of(book(api(third.user), window)) == (409, "slot_taken")

    def test_trap_15_attendees_are_not_shown_to_one_another_unless_the_program_does(self):
        mentor = MentorFactory()
        window = open_window(mentor, capacity=3)
        users = [alice(), mallory()]
        for user in users:
            book(api(user), window)
        address = f"/sessions/{Session.objects.get(mentee=users[0].mentee).pk}/"
        answer = book(api(users[0]), window)
        assert error_of(answer) == (409, "mentee_busy")

        page = browser(users[0]).get(address).content.decode()
        assert "One other seat is taken." in page
        assert "Mallory" not in page
        assert "Mallory Stranger" in browser(mentor.user).get(address).content.decode()
        ProgramSettings.objects.create(shows_group_attendees=True)
        assert "Mallory Stranger" in browser(users[0]).get(address).content.decode()


class TestOverride:
    def test_a_program_manager_sets_rules_aside_knowingly(self, hours):
        mentee, carols = alice().mentee, api(carol())
        outside = hours.ends_at + timedelta(hours=3)
        body = {"mentee": str(mentee.pk), "starts_at": outside.isoformat()}
        assert error_of(book(carols, hours, **body)) == (422, "outside_window")

        answer = book(carols, hours, override=True, **body)

        assert answer.status_code == 201, answer.content
        assert SessionEvent.objects.get().overrode == ["outside_window"]
        assert Session.objects.get().booked_by.email == "carol@example.com"

    def test_nobody_is_put_in_two_places_by_that(self, hours):
        book(api(alice()), hours)
        other = MenteeFactory()
        body = {"mentee": str(other.pk), "override": True}

        assert error_of(book(api(carol()), hours, **body)) == (409, "slot_taken")

    def test_others_may_not(self, hours):
        answer = book(api(alice()), hours, override=True)

        assert error_of(answer) == (403, "permission_denied")
        stranger = MenteeFactory()
        assert error_of(book(api(mallory()), hours, mentee=str(stranger.pk))) == (404, "not_found")

    def test_a_move_can_be_overridden_too(self, session):
        outside = session.starts_at + timedelta(hours=8)
        assert move(api(carol()), session, outside, override=True).status_code == 200
        assert SessionEvent.objects.latest("at").overrode == ["outside_window"]


class TestTwoRoles:
    """One person may be both mentor and mentee, and is in one place at a time."""

    def test_a_mentor_who_is_booked_elsewhere_as_a_mentee_shows_no_slot_then(self, hours):
        bobs = hours.mentor.user
        mentee = Mentee.objects.create(user=bobs)
        other = open_window(MentorFactory(), starts_at=hours.starts_at)
        assert book(api(bobs), other).status_code == 201

        answer = book(api(alice()), hours)

        assert error_of(answer) == (409, "slot_taken")
        assert "another appointment" in answer.json()["detail"]
        assert Commitment.objects.get(user=bobs).session.mentee == mentee

    def test_nor_can_they_take_a_seat_while_they_mentor(self, hours, session):
        bobs = hours.mentor.user
        Mentee.objects.create(user=bobs)
        other = open_window(MentorFactory(), starts_at=hours.starts_at)

        assert error_of(book(api(bobs), other)) == (409, "mentee_busy")


class TestPage:
    def test_alice_moves_her_session_and_nothing_is_lost_on_a_refusal(self, hours, session):
        browser_of_alice = browser(session.mentee.user)
        address = f"/sessions/{session.pk}/move/"
        page = browser_of_alice.get(address).content.decode()
        assert "Move your session with Bob" in page
        target = session.starts_at + HALF
        form = {"start": target.isoformat(), "version": "1", "idempotency_key": "k"}
        book(api(mallory()), hours, starts_at=target.isoformat())

        refused = browser_of_alice.post(address, form)
        assert refused.status_code == 409
        assert "Someone has just taken that time" in refused.content.decode()

        form["start"] = (target + HALF).isoformat()
        moved = [browser_of_alice.post(address, form) for _ in range(2)]
        assert [answer.status_code for answer in moved] == [302, 302]
        session.refresh_from_db()
        assert (session.starts_at, session.version) == (target + HALF, 2)

    def test_a_page_of_before_is_told_so(self, session):
        client = browser(session.mentee.user)
        address = f"/sessions/{session.pk}/move/"
        move(api_of(session.mentor), session, session.starts_at + HALF)

        answer = client.post(
            address, {"start": (session.starts_at + 2 * HALF).isoformat(), "version": "1"}
        )

        assert answer.status_code == 409
        assert "changed since you saw it" in answer.content.decode()

    def test_strangers_and_the_signed_out_get_nothing(self, session, client):
        address = f"/sessions/{session.pk}/move/"
        assert browser(mallory()).get(address).status_code == 404
        assert client.get(address).status_code == 302


class TestWhy:
    def test_the_api_says_which_rule_and_what_is_instead(self, hours, session):
        client = api(mallory())
        address = f"/api/availability/{hours.mentor_id}/why"

        def ask(moment):
            return client.get(address, {"at": moment.isoformat()}).json()

        assert ask(hours.starts_at + HALF) == {"open": True}
        taken = ask(hours.starts_at)
        assert (taken["open"], taken["code"], len(taken["alternatives"])) == (
            False,
            "slot_taken",
            3,
        )
        assert ask(timezone.now() - HALF)["code"] == "slot_in_past"
        assert ask(hours.ends_at + HALF)["code"] == "outside_window"
        assert client.get(address).status_code == 400

    def test_the_page_answers_in_the_zone_that_is_shown(self, hours, session):
        client = browser(mallory(time_zone="Asia/Kolkata"))
        local = session.starts_at + timedelta(hours=5, minutes=30)

        page = client.get(
            f"/mentors/{hours.mentor_id}/",
            {"date": f"{local:%Y-%m-%d}", "time": f"{local:%H:%M}"},
        ).content.decode()

        assert "Someone has just taken that time" in page
        assert "The nearest free times" in page
