from __future__ import annotations

import pytest
from django.test import Client

from tests import people

pytestmark = pytest.mark.django_db

GOOD = {"name": "Alice F.", "time_zone": "Asia/Tokyo", "language": "es", "photo_source": ""}


def test_a_stranger_is_asked_to_sign_in():
    response = Client().get("/settings/")
    assert response.status_code == 302
    assert response.url == "/accounts/login/?next=/settings/"


def test_alice_changes_her_settings_and_sees_them():
    alice = people.alice(time_zone="Europe/Madrid")
    browser = people.browser(alice)
    page = browser.get("/settings/")
    assert page.context["form"]["time_zone"].value() == "Europe/Madrid"
    response = browser.post("/settings/", {**GOOD, "photo_source": "https://example.com/a.jpg"})
    assert response.status_code == 302
    alice.refresh_from_db()
    assert (alice.name, alice.time_zone, alice.language) == ("Alice F.", "Asia/Tokyo", "es")
    assert alice.photo_source == "https://example.com/a.jpg"
    assert browser.get("/settings/").headers["Content-Language"] == "es"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""), ("name", "x" * 121), ("time_zone", "Mars/Olympus"), ("language", "tlh"),
        ("photo_source", "javascript:alert(1)"), ("photo_source", "ftp://example.com/a.jpg"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said_at_its_field_and_nothing_is_saved(field, value):
    alice = people.alice()
    response = people.browser(alice).post("/settings/", {**GOOD, field: value})
    assert response.status_code == 400
    assert field in response.context["form"].errors
    alice.refresh_from_db()
    assert alice.name == "Alice Founder"


def test_the_role_and_the_address_cannot_be_smuggled_in():
    alice = people.alice()
    people.browser(alice).post(
        "/settings/", {**GOOD, "role": "admin", "email": "x@y.org", "status": "suspended"}
    )
    alice.refresh_from_db()
    assert (alice.role, alice.email, alice.status) == ("mentee", "alice@example.com", "active")


def test_the_page_leads_to_password_second_factor_and_sessions():
    browser = people.browser(people.alice())
    page = browser.get("/settings/").content.decode()
    for path in (
        "/accounts/password/change/",
        "/accounts/2fa/",
        "/accounts/sessions/",
        "/accounts/email/",
    ):
        assert path in page
        assert browser.get(path).status_code in (200, 302)
