"""What a mobile app does: allauth's headless API, then ours with the same token."""

from __future__ import annotations

import pytest
from django.core import mail

from accounts.models import ProgramSettings, User
from tests import people
from tests.accounts.headless import AUTH, Phone
from tests.accounts.test_sign_in import PASSWORD, code_in_mail

pytestmark = pytest.mark.django_db


def test_alice_signs_up_confirms_and_reads_her_profile():
    phone = Phone()
    response = phone.call(
        "post",
        f"{AUTH}/signup",
        {
            "email": "alice@example.com",
            "password": PASSWORD,
            "name": "Alice",
            "time_zone": "Asia/Tokyo",
        },
    )
    assert response.status_code == 401
    assert phone.call("get", "/api/profiles/me").status_code == 401
    response = phone.call("post", f"{AUTH}/email/verify", {"key": code_in_mail()})
    assert response.status_code == 200, response.content

    profile = phone.call("get", "/api/profiles/me").json()

    assert profile["name"] == "Alice"
    assert profile["time_zone"] == "Asia/Tokyo"
    assert profile["mentee"]["id"]


def test_sign_up_asks_for_a_name():
    response = Phone().call(
        "post", f"{AUTH}/signup", {"email": "alice@example.com", "password": PASSWORD}
    )
    assert response.status_code == 400
    assert [error["param"] for error in response.json()["errors"]] == ["name"]


def test_alice_signs_in_by_code_and_out():
    people.alice()
    phone = Phone()
    assert (
        phone.call("post", f"{AUTH}/code/request", {"email": "alice@example.com"}).status_code
        == 401
    )
    assert phone.call("post", f"{AUTH}/code/confirm", {"code": code_in_mail()}).status_code == 200
    assert phone.call("get", "/api/profiles/me").json()["email"] == "alice@example.com"
    assert phone.call("delete", f"{AUTH}/session").status_code == 401
    assert phone.call("get", "/api/profiles/me").status_code == 401


def test_alice_resets_her_password_by_code():
    people.alice()
    phone = Phone()
    phone.call("post", f"{AUTH}/password/request", {"email": "alice@example.com"})
    response = phone.call(
        "post", f"{AUTH}/password/reset", {"key": code_in_mail(), "password": PASSWORD}
    )
    assert response.status_code in (200, 401), response.content
    fresh = Phone()
    response = fresh.call(
        "post", f"{AUTH}/login", {"email": "alice@example.com", "password": PASSWORD}
    )
    assert response.status_code == 200


def test_a_suspended_person_gets_no_token():
    people.alice(status="suspended")
    phone = Phone()
    login = {"email": "alice@example.com", "password": people.PASSWORD}
    assert phone.call("post", f"{AUTH}/login", login).status_code in (400, 401, 403)
    assert phone.call("get", "/api/profiles/me").status_code == 401
    phone.call("post", f"{AUTH}/code/request", {"email": "alice@example.com"})
    assert "code" not in mail.outbox[-1].subject.lower()


def test_an_invited_program_is_closed_to_apps_too():
    ProgramSettings.objects.create(sign_up="invited")
    response = Phone().call(
        "post", f"{AUTH}/signup", {"email": "eve@example.com", "password": PASSWORD, "name": "Eve"}
    )
    assert response.status_code == 403
    assert not User.objects.exists()


def test_the_app_may_write_with_its_token_and_needs_no_csrf():
    alice = people.alice()
    phone = Phone()
    phone.call("post", f"{AUTH}/login", {"email": alice.email, "password": people.PASSWORD})
    response = phone.call("patch", f"/api/profiles/{alice.pk}", {"name": "Al"})
    assert response.status_code == 200
    assert response.json()["name"] == "Al"


@pytest.mark.parametrize("token", ["nonsense", "x" * 5000, "é"])
def test_a_token_that_is_none_is_not_an_error(token):
    phone = Phone()
    phone.token = token
    response = phone.call("get", "/api/profiles/me")
    assert response.status_code == 401
    assert response.json()["code"] == "not_authenticated"
