"""Pages in a language that nobody speaks: nothing on them is left in English, and they are written the other way."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from config.environment import BASE_DIR
from content.models import HelpPrompt
from mentors.vocabulary import AREAS, INDUSTRIES, LANGUAGES, STAGES
from sessions_app import services
from tests import pseudo
from tests.config.console import console
from tests.hours import open_window
from tests.people import alice, bob, browser, carol
from tests.translated import read

pytestmark = pytest.mark.django_db

# Data, names and what is the same in every language.
_WORDS = {
    word
    for words in (*AREAS, *INDUSTRIES, *STAGES, *LANGUAGES)
    for word in re.findall(r"[A-Za-z]{3,}", words)
} | {"Office", "Hours", "UTC", "Google", "Outlook", "Microsoft", "ics", "LinkedIn", "English", "Alice", "Bob", "Carol",
     "Amara", "Okafor", "JavaScript"}  # fmt: skip
_PLAIN = re.compile(r"[A-Za-z]{3,}")


class Reader(HTMLParser):
    """What of a page is read or read out: its text, and the words of its controls."""

    def __init__(self) -> None:
        super().__init__()
        self.inside: list[str] = []
        self.said: list[str] = []
        self.direction = ""

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "html":
            self.direction = given.get("dir") or ""
        # An icon of the console is a word in a font of pictures.
        is_icon = "material-symbols" in (given.get("class") or "")
        if is_icon or tag in ("script", "style", "option", "svg", "textarea", "kbd", "code"):
            self.inside.append(tag)
        self.said += [
            given[name] or ""
            for name in ("aria-label", "title", "placeholder", "alt")
            if name in given
        ]

    def handle_endtag(self, tag):
        if self.inside and self.inside[-1] == tag:
            self.inside.pop()

    def handle_data(self, data):
        if not self.inside and data.strip():
            self.said.append(" ".join(data.split()))


@pytest.fixture(autouse=True)
def another_language(settings, tmp_path):
    pseudo.write(tmp_path, read(BASE_DIR / "locale" / "es" / "LC_MESSAGES" / "django.po"))
    settings.LANGUAGES = [("en", "English"), (pseudo.CODE, "Nobody's")]
    settings.LOCALE_PATHS = [str(tmp_path)]


def reading(client: Client, path: str) -> Reader:
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = pseudo.CODE
    answer = client.get(path, follow=True)
    assert answer.status_code in (200, 404), path
    reader = Reader()
    reader.feed(answer.content.decode())
    return reader


def left_over(said: list[str]) -> list[str]:
    plain = (text for text in said if not re.search(r"@|https?:|^[\w/]+/[\w]+$", text))
    return [text for text in plain if set(_PLAIN.findall(text)) - _WORDS]


@pytest.fixture
def people():
    mentee = alice(name="Άλις", language="", company="Ά", goals="Ά", time_zone="UTC")
    mentor = bob(
        name="Μπομπ",
        language="",
        headline="Ωδή",
        bio="Ωδή",
        company="Ωδή",
        title="Ωδή",
        areas=["Sales"],
    ).mentor
    hours = open_window(mentor)
    session = services.book_session(
        mentor_id=mentor.pk, mentee=mentee.mentee, starts_at=hours.starts_at, by=mentee,
        clock=timezone.now, goal="Ά",
    )  # fmt: skip
    HelpPrompt.objects.create(category="Ά", topic="Ά", response="Ά")
    return mentee, mentor, session


def test_nothing_is_left_in_english(people):
    mentee, mentor, session = people
    both = ("/sessions/", "/sessions/?show=past", f"/sessions/{session.pk}/", f"/sessions/{session.pk}/cancel/",
            f"/sessions/{session.pk}/move/", "/settings/", "/settings/messages/", "/settings/privacy/", "/help/",
            "/profile/", "/accounts/email/", "/accounts/password/change/", "/nothing/")  # fmt: skip
    walks = (
        (Client(), ("/", "/mentors/", "/accounts/login/", "/accounts/signup/", "/accounts/login/code/")),
        (browser(mentee), (*both, "/search/", "/search/?q=%CF%89", "/saved/", "/waitlist/", "/welcome/",
                           f"/mentors/{mentor.pk}/", f"/mentors/{mentor.pk}/waitlist/")),
        (browser(mentor.user), (*both, "/hours/", "/hours/weekly/add/", "/hours/dates/add/", "/hours/away/add/",
                                "/hours/zone/")),
    )  # fmt: skip
    wrong = []
    for client, paths in walks:
        for path in paths:
            page = reading(client, path)
            assert page.direction == "rtl", path
            wrong += [f"{path}: {text}" for text in left_over(page.said)]
    assert wrong == []


def test_nor_in_the_console(people):
    """Of data and of other people's: rows that are called by their ids, what celery's beat calls its tables, and Airtable's keys."""
    allowed = re.compile(r"Periodic|Intervals|API_KEY|Ctrl|^\{\{|[0-9a-f]{8}-[0-9a-f]{4}-")
    client = console(carol(name="Κάρολ", language=""))
    wrong = []
    for path in (
        "/admin/", "/admin/everything/", "/admin/mentors/mentor/", "/admin/accounts/user/", "/admin/sessions_app/session/",
        "/admin/sessions_app/session/week/", "/admin/sessions_app/waitlistentry/", "/admin/content/messagetemplate/add/",
        "/admin/accounts/programsettings/", "/admin/analytics/refresh/figures/", "/admin/matching/experiment/add/",
        "/admin/sessions_app/meeting/", "/admin/sessions_app/messagepreferences/", "/admin/sessions_app/weeklyhours/add/",
        "/admin/matching/matchpolicy/add/", "/admin/matching/marketrun/add/", "/admin/sync/inboundchange/",
        "/admin/sync/reconcilerun/", f"/admin/sessions_app/session/{people[2].pk}/change/",
    ):  # fmt: skip
        said = left_over(reading(client, path).said)
        wrong += [f"{path}: {text}" for text in said if not allowed.search(text)]
    assert wrong == []
