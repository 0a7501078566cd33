"""Holding a time on a mentor's page, as a person does it: nothing that is written is lost."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone

from sessions_app.models import Hold
from tests.hours import open_window
from tests.line import book, program
from tests.people import alice, bob, browser, carol, mallory

pytestmark = pytest.mark.django_db


@pytest.fixture
def hours():
    program(self_service_hold_minutes=10)
    return open_window(bob().mentor)


def press(user, address, hours, **written):
    """Press a button of the booking form that sends it elsewhere."""
    body = {
        "start": hours.starts_at.isoformat(),
        "goal": "Meet funds",
        "idempotency_key": str(uuid.uuid4()),
        **written,
    }
    return browser(user).post(address, body)


def hold(user, hours, **written):
    return press(user, f"/mentors/{hours.mentor_id}/hold/", hours, **written)


def page(user, hours, query=""):
    return browser(user).get(f"/mentors/{hours.mentor_id}/{query}").content.decode()


def test_without_the_setting_there_is_nothing_to_hold():
    hours = open_window(bob().mentor)
    user = alice()

    assert "Hold it" not in page(user, hours)
    answer = hold(user, hours)

    assert answer.status_code == 403
    assert "Times are not held in this program." in answer.content.decode()
    assert "Meet funds</textarea>" in answer.content.decode()


def test_alice_holds_a_time_writes_on_and_books_it(hours):
    user = alice()
    assert "Hold it for 10 minutes" in page(user, hours)

    answer = hold(user, hours)

    assert answer.status_code == 303
    query = parse_qs(urlsplit(answer["Location"]).query)
    assert query["goal"] == ["Meet funds"]
    shown = browser(user).get(answer["Location"]).content.decode()
    held = Hold.objects.get()
    assert "Held for you until" in shown
    assert f'data-hold="{held.expires_at.isoformat()}"' in shown
    assert "Meet funds</textarea>" in shown
    # trap 14: one's own hold never hides the slot, and it stays chosen.
    start = hours.starts_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert re.search(rf'<input type="radio"[^>]+value="{start}"[^>]+checked', shown)

    booked = press(user, f"/mentors/{hours.mentor_id}/book/", hours)

    assert booked.status_code == 303
    assert Hold.objects.get().state == Hold.State.USED


def test_a_held_time_is_not_among_the_times_of_others(hours):
    hold(alice(), hours)

    assert hours.starts_at.strftime('value="%Y-%m-%dT%H:%M:%SZ"') not in page(mallory(), hours)


def test_a_time_that_is_gone_is_said_with_others_and_the_text_is_kept(hours):
    book(mallory(), hours)

    answer = hold(alice(), hours)

    shown = answer.content.decode()
    assert answer.status_code == 409
    assert "Meet funds</textarea>" in shown
    assert "nearest free times" in shown


def test_holding_on_and_giving_back(hours):
    user = alice()
    hold(user, hours)
    held = Hold.objects.get()
    Hold.objects.update(expires_at=timezone.now() + timedelta(minutes=1))

    extended = press(user, f"/holds/{held.pk}/extend/", hours)

    assert extended.status_code == 303
    assert Hold.objects.get().expires_at > timezone.now() + timedelta(minutes=9)
    assert "goal=Meet+funds" in extended["Location"]

    released = press(user, f"/holds/{held.pk}/release/", hours)

    assert released.status_code == 303
    assert Hold.objects.get().state == Hold.State.PASSED
    assert "Held for you" not in page(user, hours)


def test_a_hold_that_ended_is_said_and_the_text_is_kept(hours):
    user = alice()
    hold(user, hours)
    Hold.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    answer = press(user, f"/holds/{Hold.objects.get().pk}/extend/", hours)

    assert answer.status_code == 410
    assert "This time is not held any more." in answer.content.decode()
    assert "Meet funds</textarea>" in answer.content.decode()


def test_a_long_text_does_not_travel_in_the_address(hours):
    long = "Ünïcode wörds " * 250

    answer = hold(alice(), hours, goal=long)

    assert answer.status_code == 200
    assert long.strip() in answer.content.decode()
    assert Hold.objects.get().state == Hold.State.LIVE


def test_a_stranger_gets_404(hours):
    hold(alice(), hours)
    held = Hold.objects.get()

    stranger = mallory()
    for verb in ("extend", "release"):
        assert press(stranger, f"/holds/{held.pk}/{verb}/", hours).status_code == 404
    assert Hold.objects.get().expires_at == held.expires_at


def test_who_is_no_mentee_is_told(hours):
    assert hold(carol(), hours).status_code == 403
