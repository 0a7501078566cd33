"""Signing up and in on the web, as a browser does it."""

from __future__ import annotations

import re

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client
from django.utils import timezone

from accounts import services
from accounts.models import ProgramSettings, User
from mentors.models import Mentee
from tests import people
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db

PASSWORD = "a-long-and-good-one-7"


def code_in_mail() -> str:
    found = re.search(
        r"^\s*([A-Z0-9]{3,5}-[A-Z0-9]{3,5})\s*$", str(mail.outbox[-1].body), re.MULTILINE
    )
    assert found, mail.outbox[-1].body
    return found.group(1)


def who(client: Client) -> str | None:
    """The name of whoever is signed in there: the settings page is for people only."""
    response = client.get("/settings/")
    return None if response.status_code == 302 else response.context["user"].email


def sign_up(client: Client, **changes: str):
    data = {"email": "Alice@Example.com", "password1": PASSWORD, "name": "Alice Founder", **changes}
    return client.post("/accounts/signup/", data)


def test_alice_signs_up_confirms_by_code_and_is_a_mentee():
    client = Client()
    client.cookies["tz"] = "America/Bogota"
    assert client.get("/accounts/signup/").status_code == 200

    response = sign_up(client)

    assert response.status_code == 302
    assert who(client) is None
    response = client.post(response.url, {"code": code_in_mail()})
    assert response.status_code == 302
    assert who(client) == "alice@example.com"
    alice = User.objects.get(email="alice@example.com")
    assert (alice.name, alice.time_zone, alice.role) == (
        "Alice Founder",
        "America/Bogota",
        "mentee",
    )
    assert Mentee.objects.get(user=alice).consent_at is not None
    assert EmailAddress.objects.get(user=alice).verified


def test_the_zone_that_she_chooses_wins_over_the_browsers():
    client = Client()
    client.cookies["tz"] = "America/Bogota"
    sign_up(client, time_zone="Asia/Tokyo")
    assert User.objects.get().time_zone == "Asia/Tokyo"


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd"])
def test_a_zone_that_does_not_exist_is_refused(zone):
    response = sign_up(Client(), time_zone=zone)
    assert response.status_code == 200
    assert "time_zone" in response.context["form"].errors
    assert not User.objects.exists()


def test_a_forged_zone_cookie_is_ignored():
    client = Client()
    client.cookies["tz"] = "Mars/Olympus"
    sign_up(client)
    assert User.objects.get().time_zone == "UTC"


def test_a_person_without_the_mentee_row_is_never_left_behind(monkeypatch):
    def fail(**_):
        raise RuntimeError("the row above cannot be made")

    monkeypatch.setattr("mentors.services.become_mentee", fail)
    with pytest.raises(RuntimeError):
        sign_up(Client())
    assert not User.objects.exists()


def test_signing_up_again_tells_only_the_owner_of_the_address():
    people.alice()
    unknown = sign_up(Client(), email="zoe@example.com")
    known = sign_up(Client(), email="alice@example.com")
    assert (unknown.status_code, unknown.url) == (known.status_code, known.url)
    assert User.objects.filter(email__iexact="alice@example.com").count() == 1
    assert mail.outbox[-1].to == ["alice@example.com"]


def test_a_name_has_one_line():
    sign_up(Client(), name="Alice\r\nFounder")
    assert User.objects.get(email="alice@example.com").name == "Alice Founder"


def test_an_invited_program_is_closed_to_strangers():
    ProgramSettings.objects.create(sign_up="invited")
    client = Client()
    assert "account/signup_closed.html" in [
        t.name for t in client.get("/accounts/signup/").templates
    ]
    sign_up(client)
    assert not User.objects.exists()


def test_the_form_of_an_invited_program_does_not_tell_whom_we_know(settings):
    ProgramSettings.objects.create(sign_up="invited")
    people.alice()
    settings.PERSON_LOOKUP = "tests.accounts.test_sign_in.admits_dora"
    known, above, unknown = (
        sign_up(Client(), email=f"{name}@example.com") for name in ("alice", "dora", "eve")
    )
    assert known.status_code == above.status_code == unknown.status_code == 200
    assert {t.name for t in known.templates} == {t.name for t in unknown.templates}
    assert list(User.objects.values_list("email", flat=True)) == ["alice@example.com"]
    assert not mail.outbox


def admits_dora(*, email, now):
    if email == "dora@example.com":
        services.admit(email=email, name="Dora", role="mentor", now=now)
    return email == "dora@example.com"


def test_somebody_known_above_signs_in_by_code_at_the_first_try(settings):
    settings.PERSON_LOOKUP = "tests.accounts.test_sign_in.admits_dora"
    client = Client()
    response = client.post("/accounts/login/code/", {"email": "Dora@example.com"})
    client.post(response.url, {"code": code_in_mail()})
    assert who(client) == "dora@example.com"
    assert EmailAddress.objects.get(email="dora@example.com").verified


def test_alice_signs_in_by_password_whatever_the_case_of_her_address():
    people.alice()
    client = Client()
    client.post("/accounts/login/", {"login": "ALICE@example.com", "password": people.PASSWORD})
    assert who(client) == "alice@example.com"


def test_alice_signs_in_by_code():
    people.alice()
    client = Client()
    response = client.post("/accounts/login/code/", {"email": "alice@example.com"})
    assert who(client) is None
    client.post(response.url, {"code": code_in_mail()})
    assert who(client) == "alice@example.com"


def test_a_wrong_code_signs_nobody_in():
    people.alice()
    client = Client()
    response = client.post("/accounts/login/code/", {"email": "alice@example.com"})
    client.post(response.url, {"code": "WRNG-CDXX"})
    assert who(client) is None


def test_alice_resets_her_password_and_other_browsers_are_signed_out():
    alice = people.alice()
    elsewhere = people.browser(alice)
    client = Client()
    response = client.post("/accounts/password/reset/", {"email": "alice@example.com"})
    response = client.post(response.url, {"code": code_in_mail()})
    response = client.post(response.url, {"password1": PASSWORD, "password2": PASSWORD})
    assert response.status_code == 302, response.context["form"].errors
    fresh = Client()
    fresh.post("/accounts/login/", {"login": "alice@example.com", "password": PASSWORD})
    assert who(fresh) == "alice@example.com"
    assert who(elsewhere) is None


def test_the_code_for_a_new_password_is_asked_for_as_every_other():
    people.alice()
    page = Client().post("/accounts/password/reset/", {"email": "alice@example.com"}, follow=True)
    assert "<h1>Type the code</h1>" in page.content.decode()
    assert "mailto:alice" not in page.content.decode()


def test_a_form_that_is_sent_too_often_is_answered_in_our_own_words(settings):
    settings.ACCOUNT_RATE_LIMITS = {"signup": "1/m/ip"}
    for _time in range(2):
        answer = sign_up(Client())
    assert answer.status_code == 429
    assert "That was tried too often" in answer.content.decode()
    assert 'href="/accounts/login/"' in answer.content.decode()


@pytest.mark.parametrize("status", ["inactive", "suspended"])
def test_whoever_is_not_active_cannot_sign_in(status):
    people.alice(status=status)
    client = Client()
    client.post("/accounts/login/", {"login": "alice@example.com", "password": people.PASSWORD})
    assert who(client) is None
    client.post("/accounts/login/code/", {"email": "alice@example.com"})
    assert not any(re.search(r"[A-Z]{4}-[A-Z]{4}", message.body) for message in mail.outbox)
    client.post("/accounts/password/reset/", {"email": "alice@example.com"})
    assert not any(re.search(r"[A-Z]{4}-[A-Z]{4}", message.body) for message in mail.outbox)


def test_an_account_with_an_unconfirmed_address_is_not_signed_in_by_password():
    UserFactory(email="zoe@example.com", password=PASSWORD, verified=False)
    client = Client()
    client.post("/accounts/login/", {"login": "zoe@example.com", "password": PASSWORD})
    assert who(client) is None


def test_a_password_like_the_address_is_refused():
    response = sign_up(Client(), email="marmalade@example.com", password1="marmalade1")
    assert response.status_code == 200
    assert "password1" in response.context["form"].errors


def test_create_superuser_makes_an_administrator():
    admin = User.objects.create_superuser("Root@Example.com", PASSWORD)
    assert (admin.email, admin.role, admin.is_superuser) == ("root@example.com", "admin", True)
    assert admin.is_staff
    assert User.objects.get_by_natural_key("ROOT@example.com") == admin


def test_a_person_is_noted_as_seen_on_pages_and_by_the_api():
    alice, bob = people.alice(), people.bob()
    before = timezone.now()
    people.browser(alice).get("/settings/")
    people.api(bob).get("/api/profiles/me")
    for user in (alice, bob):
        user.refresh_from_db()
        assert user.last_seen_at >= before


def test_the_mails_of_signing_in_are_in_our_own_words():
    people.alice()
    sign_up(Client(), email="zoe@example.com", name="Dr Zoe Newcomer")
    Client().post("/accounts/login/code/", {"email": "alice@example.com"})
    Client().post("/accounts/password/reset/", {"email": "alice@example.com"})
    assert [message.subject for message in mail.outbox] == [
        "Confirm your address", "Your sign-in code", "A code for your new password",
    ]  # fmt: skip
    assert mail.outbox[0].body.startswith("Hello Zoe,")
    for message in mail.outbox:
        assert message.body.startswith("Hello")
        assert message.body.rstrip().endswith("Office Hours")
        assert "testserver" not in message.body
