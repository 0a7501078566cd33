"""The second factor of program managers, with real codes, from no factor at all to the console."""

from __future__ import annotations

import html
import re
import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.core.cache import cache
from django.test import Client

from tests import people
from tests.accounts.headless import app_session

WANTED = "/admin/mentors/mentor/?q=bob"


def code_of(secret: str) -> str:
    """What an authenticator app shows now."""
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))


def signed_in(email: str = "carol@example.com") -> Client:
    """A browser after the password was given."""
    browser = Client()
    browser.post("/accounts/login/", {"login": email, "password": people.PASSWORD})
    return browser


@pytest.fixture(autouse=True)
def _no_used_codes():
    cache.clear()


@pytest.fixture
def secret(transactional_db) -> str:
    """Carol has an authenticator app with this secret."""
    carol = people.carol()
    TOTP.activate(carol, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    RecoveryCodes.activate(carol)
    return "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def set_up(browser: Client) -> str:
    """Scan the code of the page, and type what the app then shows; its secret."""
    asked = browser.get("/accounts/2fa/totp/activate/")["Location"]
    browser.post(asked, {"password": people.PASSWORD})
    page = browser.get("/accounts/2fa/totp/activate/").content.decode()
    (found,) = re.findall(r'id="authenticator_secret"[^>]*value="([A-Z2-7]+)"', page)
    answer = browser.post("/accounts/2fa/totp/activate/", {"code": code_of(found)})
    assert answer["Location"] == "/accounts/2fa/recovery-codes/"
    return str(found)


def test_who_has_none_is_led_to_set_one_up_and_then_on(transactional_db):
    people.carol()
    browser = signed_in()
    answer = browser.get(WANTED)
    assert answer["Location"] == "/accounts/2fa/"
    assert "Go on to the console" not in browser.get("/accounts/2fa/").content.decode()
    set_up(browser)
    page = browser.get("/accounts/2fa/recovery-codes/").content.decode()
    assert "Go on to the console" in page
    assert f'href="{WANTED}"' in page.replace("&amp;", "&")
    assert browser.get(WANTED).status_code == 200
    # Once there, nobody is reminded any more.
    assert "Go on to the console" not in browser.get("/accounts/2fa/").content.decode()


def test_at_the_next_sign_in_the_code_is_asked_for_and_leads_on(secret):
    browser = Client()
    login = f"/accounts/login/?next={WANTED}"
    answer = browser.post(login, {"login": "carol@example.com", "password": people.PASSWORD})
    assert answer["Location"].startswith("/accounts/2fa/authenticate/")
    assert browser.get(WANTED).status_code == 302
    wrong = browser.post(answer["Location"], {"code": "000000"})
    assert wrong.status_code == 200
    assert browser.get(WANTED).status_code == 302
    right = browser.post(answer["Location"], {"code": code_of(secret)})
    assert right["Location"] == WANTED
    assert browser.get(WANTED).status_code == 200


def test_a_recovery_code_opens_once(secret):
    carol = people.User.objects.get(email="carol@example.com")
    codes = RecoveryCodes(Authenticator.objects.get(user=carol, type="recovery_codes"))
    code = codes.get_unused_codes()[0]
    for works in (True, False):
        browser = signed_in()
        browser.post("/accounts/2fa/authenticate/", {"code": code})
        assert (browser.get(WANTED).status_code == 200) is works


def test_the_first_factor_ends_what_a_password_alone_had_opened(transactional_db):
    people.carol()
    old, new = signed_in(), signed_in()
    set_up(new)
    assert old.get(WANTED)["Location"].startswith("/accounts/login/")
    assert new.get(WANTED).status_code == 200


def test_a_session_that_did_not_use_it_is_asked_for_it_and_led_on(transactional_db):
    carol = people.carol()
    browser = signed_in()
    TOTP.activate(carol, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")  # by another way: the phone's API
    answer = browser.get(WANTED)
    assert answer["Location"].startswith("/accounts/2fa/reauthenticate/?next=%2Fadmin%2F")
    page = browser.get(answer["Location"]).content.decode()
    assert WANTED in html.unescape(page)
    code = code_of("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    there = browser.post(answer["Location"], {"code": code, "next": WANTED})
    assert there["Location"] == WANTED
    assert browser.get(WANTED).status_code == 200


def test_another_factor_beside_the_first_proves_nothing(transactional_db):
    carol = people.carol()
    browser = signed_in()
    Authenticator.objects.create(user=carol, type="webauthn", data={})
    set_up(browser)
    assert browser.get(WANTED)["Location"].startswith("/accounts/2fa/reauthenticate/")


def test_a_password_alone_opens_no_api_either(transactional_db):
    carol, alice = people.carol(), people.alice()
    address = "/api/admin/export?dataset=sessions"
    answer = signed_in().get(address)
    assert (answer.status_code, answer.json()["code"]) == (403, "second_factor_required")
    token = app_session(carol.email)
    answer = Client().get(address, headers={"X-Session-Token": token})
    assert (answer.status_code, answer.json()["code"]) == (403, "second_factor_required")
    browser = signed_in()
    set_up(browser)
    assert browser.get(address).status_code == 200
    assert signed_in(alice.email).get("/api/profiles/me").status_code == 200


def test_on_a_laptop_a_password_opens_the_api(transactional_db, settings):
    settings.DEBUG = True
    people.carol()
    assert signed_in().get("/api/admin/analytics").status_code == 200


def test_mentees_and_mentors_need_none(db):
    bob = people.bob()
    browser = signed_in(bob.email)
    assert browser.get("/sessions/").status_code == 200
    assert browser.get("/api/profiles/me").status_code == 200


def test_keys_and_apps_can_both_be_had(db):
    people.carol()
    page = signed_in().get("/accounts/2fa/").content.decode()
    assert "/accounts/2fa/totp/activate/" in page
    assert "/accounts/2fa/webauthn/add/" in page
    browser = signed_in()
    asked = browser.get("/accounts/2fa/webauthn/add/")["Location"]
    add = browser.post(asked, {"password": people.PASSWORD}, follow=True)
    assert "mfa_webauthn_add" in add.content.decode()
    assert "unsafe-inline" not in add["Content-Security-Policy"]
