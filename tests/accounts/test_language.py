"""Which language a page, an answer of the API and a mail are in, and how one changes it."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from django.template import Context, Template
from django.test import Client
from django.utils import translation

from accounts.dates import date_format
from tests.people import alice, api, browser

pytestmark = pytest.mark.django_db

SPANISH = {"Accept-Language": "es-MX,es;q=0.9,en;q=0.5"}


def language_of(answer):
    page = answer.content.decode()
    named = page[page.index("<html") :].split('lang="')[1].split('"')[0]
    assert answer.headers["Content-Language"] == named
    return named


class TestWhoDecides:
    def test_a_stranger_reads_what_the_browser_asks_for_else_english(self):
        assert language_of(Client().get("/", headers=SPANISH)) == "es"
        assert language_of(Client().get("/", headers={"Accept-Language": "tlh, xx"})) == "en"

    def test_a_persons_own_setting_wins(self):
        english, spanish = browser(alice()), browser(alice(email="a@example.com", language="es"))
        assert language_of(english.get("/search/", headers=SPANISH)) == "en"
        assert language_of(spanish.get("/search/")) == "es"

    def test_one_person_does_not_leave_their_language_to_the_next(self):
        browser(alice(language="es")).get("/search/")
        assert language_of(Client().get("/")) == "en"
        refused = Client().get("/%00")
        assert refused.content == b"The address holds a character that cannot be used."

    def test_the_api_refuses_in_the_language_that_is_asked_for(self):
        client = api(alice())
        refused = client.get("/api/mentors/00000000-0000-0000-0000-000000000000", headers=SPANISH)
        assert refused.status_code == 404
        assert refused.headers["Content-Language"] == "es"
        assert "Accept-Language" in refused.headers["Vary"]


class TestTheSwitch:
    def test_a_stranger_changes_it_in_the_footer_and_stays_where_they_were(self):
        client = Client()
        assert 'name="language" value="es" lang="es"' in client.get("/mentors/").content.decode()
        answer = client.post("/language/", {"language": "es", "next": "/mentors/?page=1"})
        assert (answer.status_code, answer["Location"]) == (302, "/mentors/?page=1")
        assert language_of(client.get("/mentors/")) == "es"

    def test_for_a_person_it_is_their_setting_so_that_mail_follows(self):
        person = alice()
        client = browser(person)
        client.post("/language/", {"language": "es", "next": "/search/"})
        person.refresh_from_db()
        assert person.language == "es"
        assert language_of(client.get("/search/")) == "es"
        client.post("/accounts/logout/")
        assert language_of(client.get("/")) == "es"

    @pytest.mark.parametrize(
        "elsewhere", ["https://evil.example/", "//evil.example", "", "javascript:x"]
    )
    def test_it_leads_nowhere_else(self, elsewhere):
        answer = Client().post("/language/", {"language": "es", "next": elsewhere})
        assert answer["Location"] == "/"

    @pytest.mark.parametrize("unknown", ["tlh", "", "es\n", "x" * 500])
    def test_what_is_not_offered_changes_nothing(self, unknown):
        person = alice()
        answer = browser(person).post("/language/", {"language": unknown, "next": "/"})
        person.refresh_from_db()
        assert (answer.status_code, person.language) == (302, "en")
        assert "django_language" not in answer.cookies

    def test_looking_does_not_change_it(self):
        assert Client().get("/language/").status_code == 405


class TestDates:
    @pytest.mark.parametrize(
        ("pattern", "english", "spanish"),
        [
            ("l j F", "Tuesday 8 December", "martes 8 de diciembre"),
            ("D j M", "Tue 8 Dec", "mar 8 dic"),
            ("M", "Dec", "dic"),
            ("DATE_FORMAT", "8 Dec 2026", "8 dic 2026"),
            ("j F Y", "8 December 2026", "8 de diciembre de 2026"),
            ("Y-m-d", "2026-12-08", "2026-12-08"),
        ],
    )
    def test_they_are_written_as_the_language_writes_them(self, pattern, english, spanish):
        day = date(2026, 12, 8)
        template = Template('{{ day|date:"' + pattern + '" }}')
        for language, written in (("en", english), ("es", spanish)):
            with translation.override(language):
                assert date_format(day, pattern) == written
                assert template.render(Context({"day": day})) == written


def test_today_is_written_in_the_readers_language():
    page = browser(alice(language="es")).get("/sessions/").content.decode()
    assert re.search(r"<span>\w+ \d+ de \w+</span>", page)


def test_one_moment_reads_differently_in_two_zones():
    noon = datetime(2026, 7, 1, 12, tzinfo=UTC)
    there = noon.astimezone(ZoneInfo("America/New_York"))
    assert noon == there
    assert [date_format(at, "D j M, H:i") for at in (noon, there, noon)] == [
        "Wed 1 Jul, 12:00", "Wed 1 Jul, 08:00", "Wed 1 Jul, 12:00",
    ]  # fmt: skip
    with translation.override("es"):
        assert date_format(noon, "l j F") == "miércoles 1 de julio"
