"""Pages and requests that speak of a session as it was: nobody says yes or no to what they did not see."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from html import unescape

import pytest
from django.utils import timezone

from mentors.models import Mentor
from sessions_app import services
from sessions_app.models import Session
from tests.hours import open_window
from tests.line import program
from tests.people import alice, api, bob, browser, mallory
from tests.sessions_app.test_booking_api import book, error_of

pytestmark = pytest.mark.django_db
HALF = timedelta(minutes=30)


@pytest.fixture
def session():
    """Alice asked Bob, who accepts each request, for the first half hour of two hours."""
    window = open_window(bob(approves_bookings=True).mentor)
    book(api(alice()), window)
    return Session.objects.get()


def move(session, by, starts_at=None):
    moved = services.reschedule_session(
        session_id=session.pk,
        starts_at=starts_at or session.starts_at + HALF,
        by=by,
        clock=timezone.now,
    )
    session.refresh_from_db()
    return moved


def field(page, name):
    return re.search(rf'name="{name}" value="([^"]*)"', page)[1]


def text_of(response):
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def test_a_mentor_says_yes_to_the_time_they_saw(session):
    client, address = browser(session.mentor.user), f"/sessions/{session.pk}/"
    seen = field(client.get(address).content.decode(), "version")
    move(session, session.mentee.user)

    answer = client.post(f"{address}accept/", {"version": seen})

    assert answer.status_code == 409
    page = answer.content.decode()
    assert "has changed since you saw it" in page
    session.refresh_from_db()
    assert session.status == "pending"
    assert client.post(f"{address}accept/", {"version": field(page, "version")}).status_code == 302
    session.refresh_from_db()
    assert session.status == "booked"


def test_the_api_keeps_its_word_about_the_version_for_an_acceptance(session):
    move(session, session.mentee.user)
    client, address = api(session.mentor.user), f"/api/sessions/{session.pk}"

    old = client.patch(address, {"status": "booked", "version": 1}, format="json")

    assert error_of(old) == (409, "version_changed")
    now = client.patch(address, {"status": "booked", "version": 2}, format="json")
    assert now.status_code == 200


def test_nobody_cancels_a_time_that_they_did_not_see(session):
    client, address = browser(session.mentee.user), f"/sessions/{session.pk}/cancel/"
    seen = field(client.get(address).content.decode(), "version")
    move(session, session.mentor.user)

    answer = client.post(address, {"version": seen, "reason": "That day is a holiday."})

    assert answer.status_code == 409
    page = answer.content.decode()
    assert "has changed since you saw it" in page
    assert "That day is a holiday." in page
    assert f"{session.starts_at:%H:%M}" in page
    assert Session.objects.get().status == "pending"
    assert client.post(address, {"version": field(page, "version")}).status_code == 302
    assert Session.objects.get().status == "cancelled"


def test_a_move_that_came_second_can_be_pressed_again(session):
    client, address = browser(session.mentee.user), f"/sessions/{session.pk}/move/"
    seen = field(client.get(address).content.decode(), "version")
    wanted = (session.starts_at + 2 * HALF).isoformat()
    move(session, session.mentor.user)

    answer = client.post(address, {"start": wanted, "version": seen})

    assert answer.status_code == 409
    again = field(answer.content.decode(), "version")
    assert client.post(address, {"start": wanted, "version": again}).status_code == 302


def test_a_request_is_not_called_an_invitation(session):
    client, hours = browser(session.mentee.user), session.mentor.windows.get()
    form = {"start": (session.starts_at + HALF).isoformat(), "idempotency_key": str(uuid.uuid4())}

    answer = client.post(f"/mentors/{hours.mentor_id}/book/", form)

    page = client.get(answer["Location"])
    assert "Asked. The mentor gets an e-mail" in text_of(page)
    assert "with the invitation" not in text_of(page)


def test_a_request_lapses_when_its_page_says(session):
    """Two hours before the start an answer is due by then, however many hours the program gives."""
    program(pending_lapses_after_hours=48)
    Mentor.objects.update(minimum_notice_minutes=0, start_step_minutes=5)
    start = timezone.now().replace(second=0, microsecond=0) + timedelta(hours=2)
    open_window(session.mentor, starts_at=start)
    move(session, session.mentor.user, start)
    assert session.answer_by == start

    for person in (session.mentee.user, session.mentor.user):
        said = text_of(browser(person).get(f"/sessions/{session.pk}/"))
        assert "48 hours" not in said
        assert f"{start:%H:%M}" in said


@pytest.mark.parametrize("version", ["9" * 5000, "x", "-1"])
def test_a_version_that_is_none_is_refused(session, version):
    answer = api(session.mentee.user).delete(f"/api/sessions/{session.pk}?version={version}")

    assert error_of(answer) == (400, "invalid")


def test_a_time_that_led_here_and_is_gone_is_said_to_be(session):
    """From a list that was open for long, or from a session that was cancelled and is somebody else's now."""
    reader, page = browser(mallory()), f"/mentors/{session.mentor_id}/"

    def seen(at):
        return text_of(reader.get(page, {"start": at.isoformat(), "goal": "Pricing"}))

    assert "cannot be booked any more Someone has just taken that time." in seen(session.starts_at)
    assert "Pricing" in seen(session.starts_at)
    assert "any more" not in seen(session.starts_at + HALF)
    assert "any more" not in text_of(reader.get(page))


def test_a_mentor_without_open_times_is_not_paged_through(session):
    page = f"/mentors/{session.mentor_id}/"
    reader = browser(mallory())
    open_window(session.mentor, starts_at=session.starts_at + timedelta(days=20))
    assert 'rel="next"' in reader.get(page).content.decode()
    Mentor.objects.update(weekly_load_cap=0)
    answer = reader.get(page)
    assert 'rel="next"' not in answer.content.decode()
    assert f"{session.mentor.user.get_short_name()} has no open times" in text_of(answer)
