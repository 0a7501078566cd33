"""manage.py setup, as ops run it."""

from __future__ import annotations

import getpass
import io

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import ProgramSettings, User
from mentors import selectors
from tests import people
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db

PASSWORD = "a-long-and-good-one-7"
GOOD = {
    "email": "Root@accelerator.test",
    "name": "Rosa Root",
    "program": "Sprout",
    "interactive": False,
}


@pytest.fixture(autouse=True)
def password(monkeypatch):
    monkeypatch.setenv("ADMIN_PASSWORD", PASSWORD)


def setup(**options):
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("setup", stdout=out, stderr=err, **{**GOOD, **options})
    except CommandError as error:
        return error.returncode, f"{out.getvalue()}{err.getvalue()}{error}"
    return 0, out.getvalue()


def signs_in(email, password):
    client = Client()
    client.post("/accounts/login/", {"login": email, "password": password})
    return client.get("/settings/").status_code == 200


def test_a_fresh_installation_gets_its_first_administrator_and_name():
    code, said = setup()
    assert code == 0, said
    admin = User.objects.get()
    assert (admin.email, admin.name, admin.role, admin.is_superuser) == (
        "root@accelerator.test", "Rosa Root", "admin", True,
    )  # fmt: skip
    assert EmailAddress.objects.get().verified
    assert (ProgramSettings.objects.get().name, ProgramSettings.objects.get().support_email) == (
        "Sprout", "root@accelerator.test",
    )  # fmt: skip
    assert mail.outbox[0].to == ["root@accelerator.test"]
    assert "was accepted" in said
    assert "No Airtable base is configured" in said
    assert signs_in("root@accelerator.test", PASSWORD)


def test_it_may_be_repeated_and_keeps_the_password_that_is_not_given(monkeypatch):
    setup()
    monkeypatch.delenv("ADMIN_PASSWORD")
    code, _said = setup(program="Sprout 2", name=None)
    assert code == 0
    assert (
        User.objects.count() == EmailAddress.objects.count() == ProgramSettings.objects.count() == 1
    )
    assert ProgramSettings.objects.get().name == "Sprout 2"
    assert signs_in("root@accelerator.test", PASSWORD)


def test_without_a_password_one_signs_in_by_code(monkeypatch):
    monkeypatch.delenv("ADMIN_PASSWORD")
    code, said = setup()
    assert code == 0
    assert "sign in with an e-mailed code" in said
    assert not User.objects.get().has_usable_password()


def test_the_demo_is_not_left_in_place():
    bob = people.bob()
    people.alice(), people.carol()
    code, said = setup()
    assert code == 5
    assert "alice@example.com" in said
    assert "Nothing was changed" in said
    assert not ProgramSettings.objects.exists()
    assert signs_in("alice@example.com", people.PASSWORD)

    code, said = setup(deactivate_demo=True)

    assert code == 0, said
    assert not signs_in("alice@example.com", people.PASSWORD)
    assert set(
        User.objects.filter(email__endswith="example.com").values_list("status", flat=True)
    ) == {"inactive"}
    bob.mentor.refresh_from_db()
    assert not bob.mentor.is_active
    assert not selectors.visible_to(people.mallory()).exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"email": "nonsense"}, {"email": "carol@example.com"}, {"email": None}, {"name": None}, {"name": " "},
        {"program": "x" * 81}, {"support_email": "x"},
    ],
)  # fmt: skip
def test_wrong_input_is_said_and_nothing_is_done(wrong):
    code, said = setup(**wrong)
    assert code == 2
    assert f"--{next(iter(wrong)).replace('_', '-')}" in said
    assert not User.objects.exists()


def test_a_weak_password_is_refused(monkeypatch):
    monkeypatch.setenv("ADMIN_PASSWORD", "12345678")
    code, said = setup()
    assert code == 2
    assert "too common" in said
    assert not User.objects.exists()


def test_a_mail_that_is_not_accepted_is_told_after_the_rest_is_done(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    code, said = setup()
    assert code == 3
    assert "ConnectionRefusedError" in said
    assert User.objects.count() == 1
    assert setup(skip_mail=True)[0] == 0


def test_a_base_that_does_not_fit_is_told(settings, monkeypatch):
    settings.AIRTABLE_API_KEY = "key"

    def does_not_fit(name, **_):
        assert name == "sync_check_schema"
        raise CommandError("It does not fit.")

    monkeypatch.setattr("config.management.commands.setup.call_command", does_not_fit)
    code, said = setup()
    assert code == 4
    assert "It does not fit." in said


def test_an_account_that_somebody_made_with_that_address_is_taken_over_safely():
    squatter = UserFactory(
        email="root@accelerator.test", password="mine-all-mine-1", verified=False
    )
    theirs = people.browser(squatter)
    assert setup()[0] == 0
    assert theirs.get("/settings/").status_code == 302
    assert not signs_in("root@accelerator.test", "mine-all-mine-1")
    assert signs_in("root@accelerator.test", PASSWORD)


def test_a_person_at_the_keyboard_is_asked_until_it_is_right(monkeypatch):
    monkeypatch.delenv("ADMIN_PASSWORD")
    people.alice()
    answers = iter(["y", "nonsense", "root@accelerator.test", "Rosa", "", ""])
    secrets = iter(["12345678", PASSWORD, "not the same", PASSWORD, PASSWORD])
    monkeypatch.setattr("builtins.input", lambda _question: next(answers))
    monkeypatch.setattr(getpass, "getpass", lambda _question: next(secrets))
    code, said = setup(email=None, name=None, program=None, interactive=True)
    assert code == 0, said
    assert ProgramSettings.objects.get().name == "Office Hours"
    assert signs_in("root@accelerator.test", PASSWORD)
