"""What the pages about oneself say: who sees what, and what the program keeps too."""

from __future__ import annotations

import pytest
from django.test import Client

from accounts.models import ProgramSettings
from tests.people import alice, bob, browser, carol

pytestmark = pytest.mark.django_db


def page_of(user, address="/settings/privacy/"):
    answer = browser(user).get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_strangers_sign_in_first():
    assert Client().get("/settings/privacy/")["Location"].startswith("/accounts/login/")


def test_a_mentee_reads_what_becomes_of_a_question():
    person = alice()
    assert "own machines." in page_of(person)
    ProgramSettings.objects.create(language_model_helps=True, support_email="pm@example.com")
    page = page_of(person)
    assert "your question goes to its provider" in page
    assert "mailto:pm@example.com" in page


@pytest.mark.parametrize(
    ("visibility", "says"),
    [
        ("public", "Everybody, also without signing in"),
        ("limited", "People who are signed in"),
        ("private", "The program alone"),
    ],
)
def test_a_mentor_reads_who_sees_their_page(visibility, says):
    assert says in page_of(bob(visibility=visibility))


def test_a_program_manager_reads_it_too():
    assert "Only you" in page_of(carol())


def test_every_page_about_oneself_leads_to_the_others():
    addresses = ("/profile/", "/settings/", "/settings/messages/", "/settings/privacy/")
    person = alice()
    for address in addresses:
        page = page_of(person, address)
        assert f'href="{address}" aria-current="page"' in page
        assert all(f'href="{other}"' in page for other in addresses)


class TestWhatTheProgramKeeps:
    KEPT = "The program keeps this in its list too."

    def test_with_a_base_a_mentor_is_told_whose_words_count(self, settings):
        settings.AIRTABLE_API_KEY, settings.AIRTABLE_BASE_ID = "pat", "app00000000000000"
        page = page_of(bob(), "/profile/")
        assert page.count(self.KEPT) == 2, "Who they are, and what they help with."
        assert page.count("Kept by the program too") == 1, "Whether they take sessions."

    def test_what_a_mentee_says_is_their_own(self, settings):
        settings.AIRTABLE_API_KEY, settings.AIRTABLE_BASE_ID = "pat", "app00000000000000"
        assert "Kept by the program" not in page_of(alice(), "/profile/")
        assert self.KEPT not in page_of(alice_again(), "/profile/")

    def test_without_a_base_there_is_nothing_to_say(self, settings):
        settings.AIRTABLE_API_KEY = None
        assert self.KEPT not in page_of(bob(), "/profile/")


def alice_again():
    from accounts.models import User

    return User.objects.get(email="alice@example.com")
