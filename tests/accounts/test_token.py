"""POST and DELETE /api/auth/token."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
import time_machine
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import (
    TOTP,
    format_hotp_value,
    generate_totp_secret,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.contrib.auth import hashers
from django.test import Client
from django.utils import timezone
from redis.exceptions import RedisError
from rest_framework.test import APIClient

from accounts import tasks
from accounts.cache import ForgivingRedisCache, ping
from accounts.models import ApiToken
from tests import people
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db

URL = "/api/auth/token"


def ask(email="alice@example.com", password=people.PASSWORD, client=None, **more):
    data = {"email": email, "password": password, **more}
    return (client or APIClient()).post(URL, data, format="json")


def bearer(token: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


def totp_of(secret: str) -> str:
    counters = list(yield_hotp_counters_from_time())
    return str(format_hotp_value(hotp_value(secret, counters[len(counters) // 2])))


def test_a_password_buys_a_token_that_works_for_90_days():
    people.alice()
    response = ask(" Alice@Example.com ")
    assert response.status_code == 201
    assert set(response.json()) == {"token", "expires_at"}
    token = response.json()["token"]
    assert token.startswith("oh_")
    assert response.json()["expires_at"].endswith("Z")
    assert bearer(token).get("/api/profiles/me").status_code == 200
    with time_machine.travel(timezone.now() + timedelta(days=89)):
        assert bearer(token).get("/api/profiles/me").status_code == 200
    with time_machine.travel(timezone.now() + timedelta(days=91)):
        assert bearer(token).get("/api/profiles/me").status_code == 401
        tasks.forget_old_keys(unknown_argument_of_a_newer_version=1)
    assert not ApiToken.objects.exists()


def test_the_token_itself_is_nowhere_in_the_database():
    people.alice()
    token = ask().json()["token"]
    row = ApiToken.objects.get()
    assert token not in "".join(str(value) for value in vars(row).values())


@pytest.mark.parametrize(
    "given",
    [
        {"email": "nobody@example.com"},
        {"password": "wrong"},
        {"email": "sue@example.com"},
        {"email": "zoe@example.com"},
        {"email": "codeonly@example.com"},
    ],
    ids=["unknown", "wrong password", "suspended", "address not confirmed", "no password"],
)
def test_every_wrong_way_gets_the_same_answer_after_the_same_work(given, monkeypatch):
    people.alice()
    UserFactory(email="sue@example.com", password=people.PASSWORD, status="suspended")
    UserFactory(email="zoe@example.com", password=people.PASSWORD, verified=False)
    UserFactory(email="codeonly@example.com")
    hashed = []
    encode = hashers.MD5PasswordHasher.encode
    monkeypatch.setattr(
        hashers.MD5PasswordHasher,
        "encode",
        lambda self, *args: (hashed.append(1), encode(self, *args))[1],
    )

    response = ask(**given)

    assert response.status_code == 401
    assert response.json() == {
        "code": "invalid_credentials",
        "detail": "The e-mail address, the password or the code is not right.",
    }
    assert len(hashed) == 1
    assert not ApiToken.objects.exists()


def test_delete_ends_the_token_and_no_other():
    people.alice()
    first, second = ask().json()["token"], ask().json()["token"]
    assert bearer(first).delete(URL).status_code == 204
    assert bearer(first).delete(URL).status_code == 401
    assert bearer(first).get("/api/profiles/me").status_code == 401
    assert bearer(second).get("/api/profiles/me").status_code == 200


def test_a_new_password_ends_every_token():
    alice = people.alice()
    token = ask().json()["token"]
    people.browser(alice).post(
        "/accounts/password/change/",
        {
            "oldpassword": people.PASSWORD,
            "password1": "quite-another-1",
            "password2": "quite-another-1",
        },
    )
    assert bearer(token).get("/api/profiles/me").status_code == 401
    assert ask(password="quite-another-1").status_code == 201


def test_a_second_factor_is_asked_for_and_taken_once():
    alice = people.alice()
    secret = generate_totp_secret()
    TOTP.activate(alice, secret)
    response = ask()
    assert response.status_code == 403
    assert response.json()["code"] == "second_factor_required"
    assert ask(code="000000").json()["code"] == "invalid_credentials"
    assert ask(password="wrong", code=totp_of(secret)).json()["code"] == "invalid_credentials"
    code = totp_of(secret)
    assert ask(code=code).status_code == 201
    assert ask(code=code).status_code == 401


def test_a_recovery_code_is_a_second_factor_once():
    alice = people.alice()
    TOTP.activate(alice, generate_totp_secret())
    code = RecoveryCodes.activate(alice).get_unused_codes()[0]
    assert ask(code=code).status_code == 201
    assert ask(code=code).status_code == 401


def test_staff_need_a_second_factor_in_production(settings):
    carol = people.carol()
    assert ask("carol@example.com").json()["code"] == "second_factor_required"
    assert ask("carol@example.com", "wrong").json()["code"] == "invalid_credentials"
    settings.DEBUG = True
    assert ask("carol@example.com").status_code == 201
    settings.DEBUG = False
    secret = generate_totp_secret()
    TOTP.activate(carol, secret)
    assert ask("carol@example.com", code=totp_of(secret)).status_code == 201


def test_failures_of_one_address_are_counted_whoever_has_it():
    people.alice()
    with time_machine.travel("2026-03-02T10:00:00Z", tick=False):
        for email in ("alice@example.com", "nobody@example.com"):
            statuses = [ask(email, "wrong").status_code for _ in range(11)]
            assert statuses == [401] * 10 + [429]
            response = ask(email.upper())
            assert response.status_code == 429
            assert response.json()["code"] == "throttled"
            assert 0 < int(response["Retry-After"]) <= 900
    with time_machine.travel("2026-03-02T10:16:00Z"):
        assert ask().status_code == 201


def test_successes_are_not_counted():
    people.alice()
    assert {ask().status_code for _ in range(15)} == {201}


def test_failures_from_one_place_are_counted_over_all_addresses():
    people.alice()
    with time_machine.travel("2026-03-02T10:00:00Z", tick=False):
        for n in range(50):
            assert ask(f"person{n}@example.com", "wrong").status_code == 401
        assert ask().status_code == 429
        elsewhere = APIClient(REMOTE_ADDR="192.0.2.7")
        assert ask(client=elsewhere).status_code == 201


def test_failures_are_counted_in_redis_too(settings):
    settings.CACHES = {
        "default": {
            "BACKEND": "accounts.cache.ForgivingRedisCache",
            "LOCATION": settings.REDIS_URL,
            "KEY_PREFIX": uuid.uuid4().hex,
        }
    }
    ping()
    people.alice()
    statuses = [ask(password="wrong").status_code for _ in range(12)]
    assert statuses[:9] == [401] * 9  # a quarter of an hour may end meanwhile
    assert ask(email="nobody@example.com").status_code == 401


def test_a_cache_that_is_away_locks_nobody_out(settings, caplog, monkeypatch):
    monkeypatch.setattr(ForgivingRedisCache, "_logged_at", float("-inf"))
    monkeypatch.setattr(
        ForgivingRedisCache, "_away_until", float("-inf")
    )  # and not beyond this test
    settings.CACHES = {
        "default": {
            "BACKEND": "accounts.cache.ForgivingRedisCache",
            "LOCATION": "unix:///nowhere/redis.sock",
        }
    }
    with pytest.raises(RedisError):
        ping()
    alice = people.alice()
    secret = generate_totp_secret()
    assert ask(password="wrong").status_code == 401
    assert ask().status_code == 201
    TOTP.activate(alice, secret)
    assert ask(code=totp_of(secret)).status_code == 201
    client = Client()
    response = client.post(
        "/accounts/login/", {"login": "alice@example.com", "password": people.PASSWORD}
    )
    assert response.status_code == 302
    assert "going on without it" in caplog.text


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "malformed"),
        (b"\xff", "malformed"),
        (b"[" * 100_000, "malformed"),
        (b"[]", "invalid"),
        (b"{}", "invalid"),
        (b'{"email": "a@b.c", "password": 5, "code": {}}', "invalid"),
        (b'{"email": "a@b.c\\u0000", "password": "x"}', "invalid"),
        (b'{"email": "a@b.c", "password": "\\ud800"}', "invalid"),
    ],
)
def test_what_makes_no_sense_is_refused(body, code):
    response = APIClient().generic("POST", URL, body, content_type="application/json")
    assert response.status_code == 400
    assert response.json()["code"] == code


def test_an_ended_token_in_the_header_does_not_keep_one_from_asking_for_another():
    people.alice()
    assert ask(client=bearer("oh_ended")).status_code == 201


@pytest.mark.parametrize("header", ["Bearer", "Bearer oh_x", "Bearer oh_é", "Bearer a b"])
def test_a_wrong_token_is_401_with_a_challenge(header):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=header)
    response = client.get("/api/profiles/me")
    assert response.status_code == 401
    assert response.json()["code"] == "not_authenticated"
    assert response["WWW-Authenticate"] == "Bearer"
