"""The waitlist through the API: what is answered, what is stored, and what a stranger sees."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest

from sessions_app.models import Hold, Session, WaitlistEntry
from tests.factories import MenteeFactory, MentorFactory
from tests.hours import open_window
from tests.line import book, cancel, full_hour, offer_to, post, wait
from tests.people import alice, api, bob, carol, mallory

pytestmark = pytest.mark.django_db


@pytest.fixture
def full():
    """Bob's half hour, taken."""
    return full_hour(bob().mentor)


@pytest.fixture
def offered(full):
    """Alice is offered Bob's half hour."""
    hours, session = full
    user = alice()
    place = wait(user, hours.mentor, goal="Meet funds")
    cancel(session)
    return user, place, hours


def text(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class TestJoining:
    def test_alice_joins_and_reads_her_place(self, full):
        hours, _session = full
        wait(mallory(), hours.mentor)
        user = alice()

        answer = post(
            user,
            "/api/waitlist",
            {
                "mentor": str(hours.mentor_id),
                "wanted_until": hours.ends_at.isoformat(),
                "goal": "Meet funds",
            },
        )

        assert answer.status_code == 201, answer.content
        place = WaitlistEntry.objects.get(mentee=user.mentee)
        assert answer.json() == {
            "id": str(place.pk),
            "mentor": {"id": str(hours.mentor_id), "name": "Bob Mentor"},
            "mentee": {"id": str(user.mentee.pk), "name": "Alice Founder"},
            "wanted_from": None,
            "wanted_until": text(hours.ends_at),
            "goal": "Meet funds",
            "state": "waiting",
            "position": 2,
            "offer": None,
            "created_at": answer.json()["created_at"],
        }
        assert api(user).get("/api/waitlist").json()["results"] == [answer.json()]
        assert api(user).get(f"/api/waitlist/{place.pk}").json() == answer.json()

    def test_again_changes_the_wish_and_keeps_the_place(self, full):
        hours, _session = full
        user = alice()
        body = {"mentor": str(hours.mentor_id)}
        first = post(user, "/api/waitlist", body)
        wait(mallory(), hours.mentor)

        again = post(user, "/api/waitlist", body | {"goal": "Other"})

        assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
        assert (again.json()["position"], again.json()["goal"]) == (1, "Other")

    def test_an_open_time_is_offered_instead(self):
        hours = open_window(bob().mentor, hours=0.5)

        answer = post(alice(), "/api/waitlist", {"mentor": str(hours.mentor_id)})

        assert answer.status_code == 409
        assert answer.json()["code"] == "times_open"
        assert answer.json()["alternatives"] == [
            {"starts_at": text(hours.starts_at), "ends_at": text(hours.ends_at), "seats_left": 1}
        ]

    @pytest.mark.parametrize(
        "wrong",
        [
            {"wanted_from": "2026-12-07T00:00:00"},
            {"wanted_from": "2099-12-08T00:00:00Z", "wanted_until": "2099-12-07T00:00:00Z"},
            {"wanted_until": "2020-12-07T00:00:00Z"},
            {"goal": "x" * 4001},
        ],
    )
    def test_a_misshapen_wish_is_refused_by_the_name_of_its_field(self, full, wrong):
        hours, _session = full

        answer = post(alice(), "/api/waitlist", {"mentor": str(hours.mentor_id), **wrong})

        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
        assert set(answer.json()["fields"]) <= set(wrong)

    def test_trap_12_a_retried_join_is_one_place_and_the_same_bytes(self, full):
        hours, _session = full
        user, body = alice(), {"mentor": str(hours.mentor_id)}
        key = {"Idempotency-Key": str(uuid.uuid4())}

        answers = [post(user, "/api/waitlist", body, **key) for _ in range(3)]

        assert {answer.status_code for answer in answers} == {201}
        assert len({answer.content for answer in answers}) == 1
        assert WaitlistEntry.objects.count() == 1

    def test_mentors_and_program_managers_have_no_place_to_take(self, full):
        hours, _session = full

        for user in (hours.mentor.user, carol()):
            answer = post(user, "/api/waitlist", {"mentor": str(hours.mentor_id)})
            assert answer.status_code == 403

    def test_a_private_mentor_has_no_line_for_mentees(self):
        hours, _session = full_hour(bob().mentor)
        type(hours.mentor).objects.update(visibility="private")

        answer = post(alice(), "/api/waitlist", {"mentor": str(hours.mentor_id)})

        assert answer.status_code == 404


class TestAnswering:
    def test_the_offer_is_in_the_place(self, offered):
        user, place, hours = offered
        hold = offer_to(user)

        answer = api(user).get(f"/api/waitlist/{place.pk}").json()

        assert answer["state"] == "offered"
        assert answer["offer"] == {
            "id": str(hold.pk),
            "starts_at": text(hours.starts_at),
            "ends_at": text(hours.ends_at),
            "expires_at": text(hold.expires_at),
        }
        [held] = api(user).get("/api/holds").json()["holds"]
        assert (held["id"], held["waitlist_entry"]) == (str(hold.pk), str(place.pk))

    def test_accepting_answers_with_the_session(self, offered):
        user, place, hours = offered

        answer = post(user, f"/api/waitlist/{place.pk}/accept")

        session = Session.objects.get(mentee=user.mentee)
        assert answer.status_code == 201
        assert answer["Location"] == f"/api/sessions/{session.pk}"
        assert (answer.json()["starts_at"], answer.json()["goal"]) == (
            text(hours.starts_at),
            "Meet funds",
        )
        assert post(user, f"/api/waitlist/{place.pk}/accept").json()["id"] == str(session.pk)

    def test_passing_answers_with_the_place_that_is_kept(self, offered):
        user, place, _hours = offered

        answer = post(user, f"/api/waitlist/{place.pk}/pass")

        assert (answer.status_code, answer.json()["state"]) == (200, "waiting")
        assert answer.json()["offer"] is None
        assert Hold.objects.get().state == Hold.State.PASSED

    def test_an_ended_offer_is_410_with_what_is_open(self, offered):
        user, place, hours = offered
        post(user, f"/api/waitlist/{place.pk}/pass")
        book(mallory(), hours)
        other = open_window(hours.mentor, starts_at=hours.starts_at + timedelta(days=1))

        answer = post(user, f"/api/waitlist/{place.pk}/accept")

        assert (answer.status_code, answer.json()["code"]) == (410, "offer_ended")
        assert answer.json()["alternatives"][0]["starts_at"] == text(other.starts_at)

    def test_leaving_may_be_repeated(self, offered):
        user, place, _hours = offered

        for _ in range(2):
            answer = api(user).delete(f"/api/waitlist/{place.pk}")
            assert (answer.status_code, answer.json()["state"]) == (200, "left")
            assert (answer.json()["position"], answer.json()["offer"]) == (None, None)


class TestStrangers:
    def test_a_stranger_can_neither_see_nor_touch_a_place_or_an_offer(self, offered):
        user, place, _hours = offered
        hold = offer_to(user)
        stranger = mallory()
        client = api(stranger)

        answers = [
            client.get(f"/api/waitlist/{place.pk}"),
            client.delete(f"/api/waitlist/{place.pk}"),
            client.post(f"/api/waitlist/{place.pk}/accept"),
            client.post(f"/api/waitlist/{place.pk}/pass"),
            client.delete(f"/api/holds/{hold.pk}"),
        ]

        assert {answer.status_code for answer in answers} == {404}
        assert len({answer.content for answer in answers}) == 1
        missing = client.get(f"/api/waitlist/{uuid.uuid4()}")
        assert missing.content == answers[0].content
        assert client.get("/api/waitlist").json()["results"] == []
        assert client.get("/api/holds").json()["holds"] == []
        hold.refresh_from_db()
        assert hold.state == Hold.State.LIVE

    def test_the_mentor_does_not_see_who_waits_and_a_program_manager_does(self, offered):
        _user, place, hours = offered

        assert api(hours.mentor.user).get(f"/api/waitlist/{place.pk}").status_code == 404
        [seen] = api(carol()).get("/api/waitlist").json()["results"]
        assert seen["id"] == str(place.pk)

    def test_nobody_is_asked_to_sign_in_first(self, offered):
        _user, place, _hours = offered

        assert api().get(f"/api/waitlist/{place.pk}").status_code == 401

    def test_the_list_takes_the_same_queries_for_many_places(self, django_assert_max_num_queries):
        user = alice()
        for _ in range(8):
            hours, session = full_hour(MentorFactory())
            wait(MenteeFactory().user, hours.mentor)
            wait(user, hours.mentor)
            cancel(session)
        client = api(user)

        with django_assert_max_num_queries(5):
            answer = client.get("/api/waitlist")

        assert len(answer.json()["results"]) == 8
