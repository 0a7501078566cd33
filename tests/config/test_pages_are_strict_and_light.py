"""Every page of ours: nothing inline, nothing from elsewhere, and light enough for a phone on a train."""

from __future__ import annotations

import gzip
import re

import pytest
from django.conf import settings
from django.contrib.staticfiles import finders
from django.test import Client
from django.utils import timezone

from config.headers import LIBRARIES, STRICT
from content.models import HelpPrompt
from sessions_app import services
from tests.config.console import console
from tests.hours import open_window
from tests.matching.worlds import ROUND, market
from tests.people import alice, bob, browser, carol

pytestmark = pytest.mark.django_db

# Data for a script (allauth's passkeys) is not one.
_SCRIPTS = re.compile(r'<script(?![^>]*(?:\bsrc=|type="application/json"))[^>]*>')
HEAVIEST = 150_000  # bytes on the wire without photos

STRANGERS = (
    "/", "/mentors/", "/accounts/login/", "/accounts/signup/", "/accounts/login/code/", "/nothing/",
    "/accounts/password/reset/", "/style/",
)  # fmt: skip
ANYBODY = (
    "/settings/", "/settings/messages/", "/settings/privacy/", "/help/", "/profile/", "/sessions/",
    "/sessions/?show=past", "/accounts/email/", "/accounts/2fa/", "/accounts/sessions/",
    "/accounts/password/change/",
)  # fmt: skip
MENTEES = (
    *ANYBODY,
    "/search/",
    "/search/?q=" + ROUND.replace(" ", "+"),
    "/saved/",
    "/waitlist/",
    "/welcome/",
)
MENTORS = (
    *ANYBODY, "/hours/", "/hours/weekly/add/", "/hours/dates/add/", "/hours/away/add/", "/hours/zone/",
)  # fmt: skip


@pytest.fixture
def pages():
    """(address, answer) of everything that people are shown."""
    market()
    mentor, mentee = bob().mentor, alice()
    HelpPrompt.objects.create(category="C", topic="T", response="https://example.com/ <b>x</b>")
    hours = open_window(mentor)
    session = services.book_session(
        mentor_id=mentor.pk, mentee=mentee.mentee, starts_at=hours.starts_at, by=mentee,
        clock=timezone.now, goal="<script>alert(1)</script>",
    )  # fmt: skip
    of_one = [f"/sessions/{session.pk}/{part}" for part in ("", "cancel/", "move/", "feedback/")]
    more = (*of_one, f"/mentors/{mentor.pk}/", f"/mentors/{mentor.pk}/waitlist/")
    return [
        (path, client.get(path))
        for client, paths in (
            (Client(), STRANGERS),
            (browser(mentee), (*MENTEES, *more)),
            (browser(mentor.user), (*MENTORS, *more[:-1])),
        )
        for path in paths
    ]


def test_nothing_is_inline_and_nothing_comes_from_elsewhere(pages):
    wrong = []
    for path, answer in pages:
        if answer.status_code in (301, 302):
            continue
        html = answer.content.decode()
        if answer["Content-Security-Policy"] != STRICT:
            wrong.append(f"{path}: {answer['Content-Security-Policy']}")
        wrong += [f"{path}: {tag}" for tag in _SCRIPTS.findall(html)]
        wrong += [f"{path}: {tag}" for tag in re.findall(r"<style[^>]*>", html)]
        wrong += [f"{path}: {tag}" for tag in re.findall(r"<[^>]*\s(?:style|on\w+)=[^>]*>", html)]
        wrong += [f"{path}: {tag}" for tag in re.findall(r'"javascript:[^"]*"', html)]
        wrong += [
            f"{path}: {address}"
            for address in re.findall(r'(?:\ssrc|<link[^>]* href)="([^"]+)"', html)
            if not re.match(r"/(?!/)", address)
        ]
    assert wrong == []
    assert sum(answer.status_code == 200 for _path, answer in pages) >= 35


def test_the_policy_lets_nothing_by():
    for word in ("unsafe", "data: ", "http", "*"):
        assert word not in STRICT.replace("img-src 'self' data:;", "")
    # The console's and the API browser's own needs, from our own host all the same.
    assert "http" not in LIBRARIES
    client = console(carol())
    assert client.get("/admin/")["Content-Security-Policy"] == LIBRARIES
    assert client.get("/api/docs/")["Content-Security-Policy"] == LIBRARIES
    assert client.get("/administration/")["Content-Security-Policy"] == STRICT


def test_a_page_weighs_less_than_150_kilobytes(pages):
    weights = {path: _weight(answer) for path, answer in pages if answer.status_code == 200}
    assert {path: weight for path, weight in weights.items() if weight >= HEAVIEST} == {}
    assert min(weights.values()) > 80_000, "Fonts and scripts are counted."


def test_pages_go_compressed_and_the_rest_as_it_is():
    client = Client(headers={"Accept-Encoding": "gzip"})
    page = client.get("/mentors/")
    assert page["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in page["Vary"]
    assert b"<h1>" in gzip.decompress(page.content)
    assert "Content-Encoding" not in client.get("/api/schema/")
    assert "Content-Encoding" not in Client().get("/mentors/")


def _weight(answer):
    html = answer.content.decode()
    page = gzip.compress(answer.content, 6)
    files = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', html))
    css = finders.find("css/app.css")
    assert f"/static/{'css/app.css'}" in files
    assert css
    return len(page) + sum(map(_on_the_wire, files))


def _on_the_wire(address):
    found = finders.find(address.removeprefix("/static/"))
    with open(found, "rb") as file:
        content = file.read()
    return len(content) if address.endswith(".woff2") else len(gzip.compress(content, 9))


def test_the_compiled_sheet_knows_every_class_of_its_source():
    """It is committed compiled, and a merge keeps either side's: `npm run css` makes it anew."""
    source = (settings.BASE_DIR / "static/src/app.css").read_text(encoding="utf-8")
    source = re.sub(r"/\*.*?\*/", "", source[source.index("@layer components") :], flags=re.DOTALL)
    compiled = (settings.BASE_DIR / "static/css/app.css").read_text(encoding="utf-8")
    selectors = " ".join(re.findall(r"([^{};]+)\{", source))
    classes = set(re.findall(r"\.([a-z][\w-]+)", selectors))
    assert len(classes) > 150
    assert {name for name in classes if f".{name}" not in compiled} == set()
