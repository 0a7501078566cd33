"""What every address of the API does with what it is given."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import pytest
from django.test import Client
from rest_framework.test import APIClient

from accounts.throttling import WriteThrottle
from tests import people

pytestmark = pytest.mark.django_db


def test_nothing_is_open_without_signing_in():
    response = people.api().get("/api/profiles/me")
    assert response.status_code == 401
    assert response.json()["code"] == "not_authenticated"


@pytest.mark.parametrize("query", ["q=%00", "page_size=%00", "x=a%00b"])
def test_a_nul_in_the_address_is_refused_not_stumbled_over(query):
    response = people.api(people.carol()).get(f"/api/profiles?{query}")
    assert response.status_code == 400
    assert response.json()["code"] == "invalid"
    page = Client().get(f"/accounts/login/?{query}")
    assert page.status_code == 400


def test_a_nul_in_the_path_or_a_cookie_is_refused():
    assert Client().get("/api/profiles/%00").status_code == 400
    client = Client()
    client.cookies["oh_session"] = "a\0b"
    assert client.get("/settings/").status_code == 400


@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_a_text_that_cannot_be_stored_is_refused_by_name(text):
    alice = people.alice()
    response = people.api(alice).generic(
        "PATCH",
        f"/api/profiles/{alice.pk}",
        json.dumps({"mentee": {"goals": text}}),
        content_type="application/json",
    )
    assert response.status_code == 400
    assert response.json()["code"] == "invalid"
    assert list(response.json()["fields"]) == ["mentee.goals"]


def test_an_unknown_version_is_not_acceptable():
    client = people.api(people.alice())
    assert (
        client.get(
            "/api/profiles/me", headers={"Accept": "application/json; version=1"}
        ).status_code
        == 200
    )
    assert (
        client.get(
            "/api/profiles/me", headers={"Accept": "application/json; version=7"}
        ).status_code
        == 406
    )


def test_a_method_that_is_not_there():
    response = people.api(people.alice()).post("/api/profiles/me", {}, format="json")
    assert response.status_code == 405
    assert response.json()["code"] == "method_not_allowed"


def test_writes_are_limited_and_reads_are_not(monkeypatch):
    monkeypatch.setattr(WriteThrottle, "THROTTLE_RATES", {"write": "3/min"})
    alice, client = people.alice(), None
    client = people.api(alice)
    path = f"/api/profiles/{alice.pk}"
    statuses = [client.patch(path, {"name": "Al"}, format="json").status_code for _ in range(4)]
    assert statuses == [200, 200, 200, 429]
    response = client.patch(path, {"name": "Al"}, format="json")
    assert response.json()["code"] == "throttled"
    assert int(response["Retry-After"]) > 0
    assert client.get(path).status_code == 200
    mallory = people.mallory()
    other = people.api(mallory).patch(f"/api/profiles/{mallory.pk}", {"name": "M"}, format="json")
    assert other.status_code == 200


def test_the_cookie_of_a_browser_needs_its_csrf_token_to_write():
    alice = people.alice()
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    response = client.patch(
        f"/api/profiles/{alice.pk}", {"name": "Al"}, content_type="application/json"
    )
    assert response.status_code == 403
    assert response.json()["code"] == "permission_denied"


def test_lists_are_pages_with_absolute_addresses():
    carol = people.carol()
    people.alice(), people.bob(), people.mallory()
    client = people.api(carol)
    seen, url = [], "/api/profiles?page_size=2"
    while url:
        page = client.get(url).json()
        assert set(page) == {"next", "previous", "results"}
        seen += [person["email"] for person in page["results"]]
        url = page["next"]
        assert url is None or url.startswith("http://testserver/api/profiles?")
    assert seen == [
        "mallory@example.com",
        "bob@example.com",
        "alice@example.com",
        "carol@example.com",
    ]
    assert client.get("/api/profiles?cursor=nonsense").status_code == 404


@pytest.mark.parametrize(
    "inside", ["p=1", "p=zzz", "p=infinity", "p=%00", "p=2026-01-01", "p=9999999-01-01", "r=1&p=9"]
)
def test_a_forged_cursor_leads_nowhere(inside):
    cursor = quote(base64.b64encode(inside.encode()))
    client = people.api(people.carol())
    for path in ("/api/profiles", "/api/mentors", "/api/sessions", "/api/sessions/upcoming"):
        response = client.get(f"{path}?cursor={cursor}")
        assert response.status_code == 404, path
        assert response.json()["code"] == "not_found"


@pytest.mark.parametrize(
    "path", ["/api/", "/api/nothing", "/api/profiles/not-a-uuid", "/api/profiles/me/"]
)
def test_an_address_that_nobody_answers_is_a_refusal_too(path):
    response = people.api(people.alice()).get(path)
    assert response.status_code == 404
    assert response.json()["code"] == "not_found"


# -- Refusals that are not made by the API's own handler ---------------------------------------
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "FOO"])
@pytest.mark.parametrize("path", ["/api/nothing", "/api/sessions/", "/api/sessions/x/join"])
def test_writing_to_an_address_that_nobody_answers_is_no_old_form(method, path):
    client = APIClient(enforce_csrf_checks=True)
    response = client.generic(method, path, "{}", content_type="application/json")
    assert response.status_code == 404
    assert response.json()["code"] == "not_found"


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "k"}])
@pytest.mark.parametrize("path", ["/api/match", "/api/sessions", "/api/auth/token"])
def test_a_body_too_large_is_refused_like_any_other(path, headers):
    response = people.api(people.alice()).post(
        path,
        b'{"goal": "' + b"x" * 1_100_000 + b'"}',
        content_type="application/json",
        headers=headers,
    )
    assert response.status_code == 400
    assert response.json() == {"code": "invalid", "detail": "The body is too large."}


def test_what_django_itself_refuses_has_the_same_shape():
    client = Client()
    wrong_method = client.get("/api/webhooks/airtable")
    assert (wrong_method.status_code, wrong_method["Allow"]) == (405, "POST")
    assert wrong_method.json()["code"] == "method_not_allowed"
    wrong_host = client.get("/api/mentors", headers={"host": "evil.example"})
    assert wrong_host.status_code == 400
    assert wrong_host.json()["code"] == "invalid"
    headless = client.post(
        "/api/auth/app/v1/auth/login", b"x" * 1_100_000, content_type="application/json"
    )
    assert headless.status_code == 400
    assert headless.json()["code"] == "invalid"
    for method in ("OPTIONS", "POST", "TRACE"):
        assert client.generic(method, "/api/docs/").json()["code"] == "method_not_allowed"
    assert client.get("/api/docs/").status_code == 200


def test_an_unexpected_error_is_no_page(monkeypatch):
    def stumble(**_given: object) -> None:
        raise RuntimeError("on purpose")

    monkeypatch.setattr("mentors.selectors.profile_for", stumble)
    client = people.api(people.alice())
    client.raise_request_exception = False
    response = client.get("/api/profiles/me")
    assert response.status_code == 500
    assert response.json()["code"] == "server_error"
    assert "on purpose" not in response.content.decode()


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("[" * 60_000, "malformed"),
        ('{"email": "zoe@example.com", "password": "\\ud800"}', "invalid"),
        ('{"email": "zoe@example.com", "password": "long enough 1", "name": "\\ud800"}', "invalid"),
        ("[]", "invalid"),
        ("{", "invalid"),
    ],
)
@pytest.mark.parametrize("path", ["login", "signup", "code/request"])
def test_the_sign_in_api_does_not_stumble_either(path, body, code):
    people.alice(email="zoe@example.com")
    response = Client().post(f"/api/auth/app/v1/auth/{path}", body, content_type="application/json")
    assert response.status_code == 400
    assert response.json()["code"] == code
