"""Holds that mentees make themselves, where the program allows it."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from sessions_app import services
from sessions_app.models import Hold, MentorOpening, Session, WaitlistEntry
from sessions_app.refusals import HoldEnded, UnableToBook
from tests.factories import MentorFactory
from tests.hours import open_window
from tests.line import book, cancel, full_hour, later, offer_to, post, program, wait
from tests.people import alice, api, bob, carol, mallory

pytestmark = pytest.mark.django_db


@pytest.fixture
def hours():
    """Bob holds two hours; a mentee may hold a time for ten minutes."""
    program(self_service_hold_minutes=10)
    return open_window(bob().mentor)


def hold(user, hours, *, minutes=0, clock=timezone.now):
    return services.hold_slot(
        mentor_id=hours.mentor_id,
        mentee=user.mentee,
        starts_at=hours.starts_at + timedelta(minutes=minutes),
        by=user,
        clock=clock,
    )


def open_starts(user, hours):
    answer = api(user).get(f"/api/availability/{hours.mentor_id}/slots").json()
    return [slot["starts_at"] for slot in answer["slots"]]


def text(moment):
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class TestHolding:
    def test_a_program_without_holds_says_so(self):
        hours = open_window(bob().mentor)

        answer = post(
            alice(),
            "/api/holds",
            {"mentor": str(hours.mentor_id), "starts_at": text(hours.starts_at)},
        )

        assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
        assert not Hold.objects.exists()

    def test_alice_holds_a_time_and_books_it(self, hours):
        user = alice()
        body = {"mentor": str(hours.mentor_id), "starts_at": text(hours.starts_at)}

        answer = post(user, "/api/holds", body)

        assert answer.status_code == 201, answer.content
        made = Hold.objects.get()
        assert made.expires_at == made.created_at + timedelta(minutes=10)
        assert answer.json() == {
            "id": str(made.pk),
            "mentor": {"id": str(hours.mentor_id), "name": "Bob Mentor"},
            "starts_at": text(hours.starts_at),
            "ends_at": text(hours.starts_at + timedelta(minutes=30)),
            "expires_at": answer.json()["expires_at"],
            "state": "live",
            "waitlist_entry": None,
            "created_at": answer.json()["created_at"],
        }
        assert api(user).get("/api/holds").json()["holds"] == [answer.json()]
        assert post(user, "/api/sessions", body).status_code == 201
        assert Hold.objects.get().state == Hold.State.USED
        assert api(user).get("/api/holds").json()["holds"] == []

    def test_trap_14_ones_own_hold_never_hides_the_slot(self, hours):
        user, other = alice(), mallory()
        hold(user, hours)

        assert text(hours.starts_at) in open_starts(user, hours)
        assert text(hours.starts_at) not in open_starts(other, hours)

    def test_trap_14_a_held_time_cannot_be_booked_or_held_by_another(self, hours):
        hold(alice(), hours)
        other = mallory()

        for attempt in (book, hold):
            with pytest.raises(UnableToBook) as refused:
                attempt(other, hours)
            assert refused.value.code == "slot_taken"
            alternatives = refused.value.extra["alternatives"]
            assert alternatives[0]["starts_at"] == hours.starts_at + timedelta(minutes=30)

    def test_trap_14_one_hold_a_person_the_newest(self, hours):
        user = alice()
        first = hold(user, hours)
        elsewhere = open_window(MentorFactory())

        second = hold(user, hours, minutes=30)
        third = hold(user, elsewhere)

        states = dict(Hold.objects.values_list("pk", "state"))
        assert states == {first.pk: "passed", second.pk: "passed", third.pk: "live"}

    def test_trap_14_holding_again_is_the_same_hold(self, hours):
        user = alice()

        assert hold(user, hours) == hold(user, hours)
        assert Hold.objects.count() == 1

    def test_trap_14_what_has_expired_holds_nothing_even_before_the_sweep(self, hours):
        hold(alice(), hours, clock=lambda: later(minutes=-11))

        assert book(mallory(), hours).status == "booked"

    def test_trap_14_who_lost_a_hold_may_hold_again_before_the_sweep(self, hours):
        user = alice()
        hold(user, hours, clock=lambda: later(minutes=-11))

        again = hold(user, hours)

        assert again.state == Hold.State.LIVE
        assert Hold.objects.filter(state=Hold.State.EXPIRED).count() == 1

    def test_trap_15_a_hold_taken_in_time_is_honoured_past_the_notice(self):
        program(self_service_hold_minutes=10)
        mentor = bob(minimum_notice_minutes=120).mentor
        edge = timezone.now().replace(second=0, microsecond=0) + timedelta(minutes=121)
        hours = open_window(mentor, starts_at=edge)
        user = alice()
        hold(user, hours)

        def after():
            return later(minutes=5)

        session = services.book_session(
            mentor_id=mentor.pk, mentee=user.mentee, starts_at=edge, by=user, clock=after
        )

        assert session.starts_at == edge
        with pytest.raises(UnableToBook) as refused:
            hold(mallory(), hours, minutes=30, clock=lambda: later(minutes=35))
        assert refused.value.code == "too_soon"

    def test_a_hold_never_outlives_the_start(self):
        program(self_service_hold_minutes=60)
        mentor = bob(minimum_notice_minutes=0).mentor
        soon = timezone.now().replace(second=0, microsecond=0) + timedelta(minutes=20)
        hours = open_window(mentor, starts_at=soon)

        assert hold(alice(), hours).expires_at == soon

    def test_an_offer_is_answered_before_another_time_is_held(self):
        program(self_service_hold_minutes=10)
        hours, session = full_hour(bob().mentor)
        user = alice()
        wait(user, hours.mentor)
        cancel(session)
        other = open_window(hours.mentor, starts_at=hours.starts_at + timedelta(days=1))

        answer = post(
            user,
            "/api/holds",
            {"mentor": str(hours.mentor_id), "starts_at": text(other.starts_at)},
        )

        assert answer.status_code == 403
        assert "from the waitlist" in answer.json()["detail"]
        assert hold(user, hours) == offer_to(user)

    def test_trap_12_a_retried_post_holds_once(self, hours):
        user, key = alice(), {"Idempotency-Key": str(uuid.uuid4())}
        body = {"mentor": str(hours.mentor_id), "starts_at": text(hours.starts_at)}

        answers = [post(user, "/api/holds", body, **key) for _ in range(3)]

        assert len({answer.content for answer in answers}) == 1
        assert Hold.objects.count() == 1

    def test_only_mentees_hold(self, hours):
        body = {"mentor": str(hours.mentor_id), "starts_at": text(hours.starts_at)}

        for user in (hours.mentor.user, carol()):
            assert post(user, "/api/holds", body).status_code == 403

    def test_a_hold_closes_the_opening_of_the_lists(self, hours):
        services.refresh_openings(now=timezone.now())
        before = MentorOpening.objects.get(mentor=hours.mentor).next_start

        hold(alice(), hours)
        services.refresh_openings(now=timezone.now())

        assert before == hours.starts_at
        after = MentorOpening.objects.get(mentor=hours.mentor).next_start
        assert after == hours.starts_at + timedelta(minutes=30)


class TestReleasing:
    def test_a_released_time_is_open_again(self, hours):
        user = alice()
        made = hold(user, hours)

        for _ in range(2):
            answer = api(user).delete(f"/api/holds/{made.pk}")
            assert (answer.status_code, answer.json()["state"]) == (200, "passed")

        assert book(mallory(), hours).status == "booked"

    def test_the_line_comes_before_walk_ins(self):
        program(self_service_hold_minutes=10)
        hours = open_window(bob().mentor, hours=0.5)
        user = alice()
        made = hold(user, hours)
        waiting = mallory()
        wait(waiting, hours.mentor)

        services.release_hold(hold_id=made.pk, by=user, clock=timezone.now)

        assert offer_to(waiting).starts_at == hours.starts_at

    def test_what_expires_goes_to_the_line_too(self):
        program(self_service_hold_minutes=10)
        hours = open_window(bob().mentor, hours=0.5)
        hold(alice(), hours)
        waiting = mallory()
        wait(waiting, hours.mentor)

        services.tend_waitlists(now=later(minutes=11))

        assert offer_to(waiting).starts_at == hours.starts_at

    def test_releasing_an_offer_passes_it_on(self):
        hours, session = full_hour(bob().mentor)
        user = alice()
        place = wait(user, hours.mentor)
        cancel(session)

        answer = api(user).delete(f"/api/holds/{offer_to(user).pk}")

        assert answer.json()["state"] == "passed"
        assert WaitlistEntry.objects.get(pk=place.pk).state == "waiting"


class TestExtending:
    def test_it_is_held_as_long_again(self, hours):
        user = alice()
        made = hold(user, hours, clock=lambda: later(minutes=-8))

        answer = post(user, f"/api/holds/{made.pk}/extend")

        assert answer.status_code == 200
        left = Hold.objects.get().expires_at - timezone.now()
        assert timedelta(minutes=9) < left <= timedelta(minutes=10)

    def test_ten_times_and_no_more(self, hours):
        user = alice()
        made = hold(user, hours)

        for minute in range(9, 200, 9):
            try:
                services.extend_hold(
                    hold_id=made.pk, by=user, clock=lambda at=minute: later(minutes=at)
                )
            except HoldEnded:
                break

        assert Hold.objects.get().expires_at == made.created_at + timedelta(minutes=110)

    def test_what_is_over_cannot_be_extended(self, hours):
        user = alice()
        made = hold(user, hours, clock=lambda: later(minutes=-11))

        answer = post(user, f"/api/holds/{made.pk}/extend")

        assert (answer.status_code, answer.json()["code"]) == (410, "hold_ended")

    def test_an_offer_cannot_be_extended(self):
        program(self_service_hold_minutes=10)
        hours, session = full_hour(bob().mentor)
        user = alice()
        wait(user, hours.mentor)
        cancel(session)

        answer = post(user, f"/api/holds/{offer_to(user).pk}/extend")

        assert answer.status_code == 403
        assert "others wait" in answer.json()["detail"]


def test_a_stranger_can_neither_see_nor_touch_a_hold(hours):
    user, stranger = alice(), mallory()
    made = hold(user, hours)

    answers = [
        api(stranger).delete(f"/api/holds/{made.pk}"),
        post(stranger, f"/api/holds/{made.pk}/extend"),
        api(stranger).delete(f"/api/holds/{uuid.uuid4()}"),
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert api(stranger).get("/api/holds").json()["holds"] == []
    assert Hold.objects.get().state == Hold.State.LIVE
    assert not Session.objects.exists()
