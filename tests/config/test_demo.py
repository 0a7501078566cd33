"""What exists only in a demo: its people as sign-ins, and our own page where Django shows its technical one."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys

import pytest
from django.test import Client
from django.urls import clear_url_caches

from config import environment, urls as config_urls
from tests.people import alice, browser

ASK = "from config.settings import base; print(base.DEMO_SIGN_INS)"


@pytest.fixture
def demo(settings):
    settings.DEBUG = settings.DEMO = settings.DEMO_SIGN_INS = True
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "config.not_found.OwnNotFoundMiddleware"]
    importlib.reload(config_urls)
    clear_url_caches()
    yield
    settings.DEMO = False
    importlib.reload(config_urls)
    clear_url_caches()


@pytest.mark.django_db
def test_the_demo_offers_its_people(demo):
    page = Client().get("/accounts/login/").content.decode()
    assert all(f"{name}@example.com" in page for name in ("alice", "bob", "carol"))


@pytest.mark.django_db
def test_nobody_else_does():
    page = Client().get("/accounts/login/").content.decode()
    assert "example.com" not in page
    assert "officehours-demo" not in page


@pytest.mark.parametrize(
    ("changes", "offered"),
    [
        ({}, True),
        ({"AIRTABLE_API_URL": "http://127.0.0.1:8900"}, True),
        ({"AIRTABLE_API_URL": "https://api.airtable.com"}, False),
        ({"SITE_URL": "https://hours.example.com"}, False),
        ({"BIND": "0.0.0.0"}, False),
        ({"DEBUG": "0", "EMAIL_URL": "smtp://localhost"}, False),
    ],
)
def test_they_are_offered_only_where_nobody_else_can_come(changes, offered, tmp_path):
    base = {"AIRTABLE_API_KEY": "pat.x", "AIRTABLE_BASE_ID": "appx"} if changes else {}
    answer = subprocess.run(
        [sys.executable, "-c", ASK],
        cwd=environment.BASE_DIR,
        env={
            "PATH": os.environ["PATH"], "VAR_DIR": str(tmp_path), "DEBUG": "1",
            "SECRET_KEY": "k" * 60, "DATABASE_URL": "postgres://u@127.0.0.1/d",
            "REDIS_URL": "redis://127.0.0.1", "ALLOWED_HOSTS": "*",
            "AIRTABLE_API_URL": "http://127.0.0.1:8900", **base, **changes,
        },
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert answer.stdout.strip() == str(offered), answer.stderr


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/nothing/", "/mentors/00000000-0000-0000-0000-000000000000/"])
def test_a_wrong_address_is_answered_as_in_production(demo, address):
    answer = browser(alice()).get(address)
    assert answer.status_code == 404
    page = answer.content.decode()
    assert "There is nothing for you at this address" in page
    assert "URLconf" not in page


@pytest.mark.django_db
def test_an_address_without_its_slash_is_still_led_on(demo):
    assert Client().get("/mentors").headers["Location"] == "/mentors/"
