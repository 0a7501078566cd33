"""The link in the mail about a freed time: it shows, and takes or passes on without signing in."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from mentors.models import Mentor
from sessions_app import services
from sessions_app.links import Verb, make_link
from sessions_app.models import Hold, Session
from tests.line import cancel, full_hour, offer_to, wait
from tests.people import alice, bob, mallory

pytestmark = pytest.mark.django_db


@pytest.fixture
def offered():
    """Alice waited for Bob; somebody cancelled, and the time is held for her."""
    mentor, user = bob().mentor, alice()
    _hours, session = full_hour(mentor)
    wait(user, mentor)
    cancel(session)
    return offer_to(user)


def path_to(hold, user=None):
    user_id = user.pk if user else hold.mentee.user_id
    return urlsplit(make_link(Verb.OFFER, row_id=hold.pk, user_id=user_id)).path


def test_trap_28_opening_it_takes_nothing(offered):
    page = Client().get(path_to(offered))

    assert page.status_code == 200
    assert "Bob Mentor has a time for you" in page.content.decode()
    offered.refresh_from_db()
    assert offered.state == Hold.State.LIVE
    assert not Session.objects.filter(status="booked").exists()


def test_one_press_books_it_and_twice_is_once(offered):
    client, path = Client(), path_to(offered)

    answers = [client.post(path, {"action": "book", "idempotency_key": "k"}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [302, 302]
    session = Session.objects.get(status="booked")
    assert (session.mentee_id, session.starts_at) == (offered.mentee_id, offered.starts_at)
    assert "You meet Bob Mentor" in client.get(path).content.decode()


def test_passing_gives_it_to_the_next_in_line(offered):
    wait(mallory(), offered.mentor)

    assert Client().post(path_to(offered), {"action": "pass"}).status_code == 302

    assert Hold.objects.get(state=Hold.State.LIVE).mentee.user.email == "mallory@example.com"
    assert "not held for you any more" in Client().get(path_to(offered)).content.decode()


def test_when_it_has_gone_to_somebody_else_a_late_press_says_so(offered):
    wait(mallory(), offered.mentor)
    services.tend_waitlists(now=offered.expires_at + timedelta(seconds=1))

    answer = Client().post(path_to(offered), {"action": "book"})

    assert answer.status_code == 410
    assert "This offer has ended" in answer.content.decode()
    assert not Session.objects.filter(status="booked").exists()


def test_a_strangers_link_to_it_is_worth_nothing(offered):
    assert Client().get(path_to(offered, mallory())).status_code == 410


def test_a_post_that_says_nothing_gives_nothing_away(offered):
    for form in ({}, {"action": "x"}):
        answer = Client().post(path_to(offered), form)
        assert answer.status_code == 400
        assert "has a time for you" in answer.content.decode()
    offered.refresh_from_db()
    assert offered.state == Hold.State.LIVE


def test_a_suspended_persons_link_to_it_does_nothing(offered):
    user = offered.mentee.user
    type(user).objects.filter(pk=user.pk).update(status="suspended")

    assert Client().post(path_to(offered), {"action": "book"}).status_code == 410
    assert not Session.objects.filter(status="booked").exists()


def test_after_the_booking_was_cancelled_it_does_not_say_that_they_meet(offered):
    client, path = Client(), path_to(offered)
    client.post(path, {"action": "book"})
    cancel(Session.objects.get(status="booked"))

    page = client.get(path).content.decode()

    assert "You meet" not in page
    assert "moved or cancelled since" in page


def test_who_left_the_line_is_not_told_that_they_keep_their_place(offered):
    path = path_to(offered)
    services.leave_waitlist(entry_id=offered.entry_id, by=offered.mentee.user, clock=timezone.now)

    page = Client().get(path).content.decode()

    assert "You keep your place" not in page
    assert "You do not wait in this line any more" in page


def test_where_the_mentor_accepts_each_request_nobody_is_told_that_it_is_booked(offered):
    Mentor.objects.update(approves_bookings=True)
    client, path = Client(), path_to(offered)

    client.post(path, {"action": "book"})

    page = client.get(path).content.decode()
    assert "Waiting for Bob Mentor to accept" in page
    assert "It is booked" not in page
