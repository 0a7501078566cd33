"""A newcomer's minute: asked once for goals, stage, industry and clock, and then shown who can help."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from mentors.models import Mentee
from tests.people import alice, bob, browser, carol

pytestmark = pytest.mark.django_db

BLANK = {"company": "", "goals": "", "stage": "", "industry": ""}
TOLD = {"goals": "Find our first ten customers", "stage": "Seed", "industry": "Health"}


def newcomer(**changes):
    return browser(alice(**{**BLANK, **changes}))


def test_a_newcomer_is_asked_and_then_sees_who_can_help():
    client = newcomer()
    client.cookies["tz"] = "Europe/Madrid"
    assert client.get("/")["Location"] == "/welcome/"
    page = client.get("/welcome/")
    assert page.context["form"]["time_zone"].value() == "Europe/Madrid", "As the browser says."
    answer = client.post("/welcome/", {**TOLD, "time_zone": "Europe/Madrid"})
    assert answer["Location"] == "/search/?q=Find+our+first+ten+customers"
    mentee = Mentee.objects.select_related("user").get()
    assert (mentee.goals, mentee.stage, mentee.industry) == tuple(TOLD.values())
    assert mentee.user.time_zone == "Europe/Madrid"
    assert client.get("/")["Location"] == "/search/"


def test_it_can_wait():
    client = newcomer()
    client.get("/welcome/")
    answer = client.post("/welcome/", {"later": "1", "goals": "Not yet"})
    assert answer["Location"] == "/search/"
    assert Mentee.objects.get().goals == ""
    assert client.get("/")["Location"] == "/search/", "Asked once."


def test_whoever_says_little_is_not_shown_an_empty_list():
    answer = newcomer().post("/welcome/", {"stage": "Idea", "time_zone": "UTC"})
    assert answer["Location"] == "/search/"
    assert Mentee.objects.get().stage == "Idea"


@pytest.mark.parametrize(
    "known", [{"goals": "Sell"}, {"stage": "Seed"}, {"industry": "Health"}], ids=str
)
def test_whoever_told_us_something_is_not_asked(known):
    assert newcomer(**known).get("/")["Location"] == "/search/"


def test_nor_is_somebody_who_has_been_here_for_long():
    client = newcomer()
    User.objects.update(created_at=timezone.now() - timedelta(days=8))
    assert client.get("/")["Location"] == "/search/"


def test_what_cannot_be_is_said_and_what_was_written_is_kept():
    answer = newcomer().post("/welcome/", {**TOLD, "time_zone": "Mars/Olympus"})
    assert answer.status_code == 400
    page = answer.content.decode()
    assert "Find our first ten customers" in page
    assert 'id="id_time_zone_error"' in page
    assert Mentee.objects.get().goals == ""


def test_it_is_for_mentees():
    bob(), carol()
    assert Client().get("/welcome/")["Location"].startswith("/accounts/login/")
    for person in User.objects.all():
        assert browser(person).get("/welcome/")["Location"] == "/"
