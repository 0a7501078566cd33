"""The main job as a newcomer does it: in a browser, with the sandbox's grid for Airtable."""

from __future__ import annotations

import re
import uuid

import pytest
from icalendar import Calendar

from tests.browser import Page, chromium
from tests.journeys.product import eventually
from tests.journeys.test_by_api import PASSWORD, QUERY

pytestmark = [
    pytest.mark.slow,
    pytest.mark.crowd,
    pytest.mark.browser,
    pytest.mark.xdist_group("journeys"),
]


def test_alice_books_and_carol_edits_in_the_grid(product):
    with chromium() as chrome:
        page = Page(chrome)
        page.open(f"{product.url}/accounts/login/")
        page.type("#id_login", "alice@example.com")
        page.type("#id_password", PASSWORD)
        page.press("form:has(#id_password) .btn-primary")
        assert page.chrome.current_url == f"{product.url}/search/"

        page.type("textarea[name=q]", QUERY)
        page.click(".ask button")
        page.find(".person")
        people = page.all(".person")
        assert len(people) >= 5
        name = page.find(".person h2").text
        reasons = [reason.text for reason in page.all(".person:first-of-type .why li")]
        assert reasons, "A match says why."
        assert any(re.search(r"fundrais|investor|round|rais", r, re.IGNORECASE) for r in reasons)

        page.press(".person .slot")
        mentor_url = page.chrome.current_url.partition("?")[0]
        assert page.find("h1").text == name
        assert page.find("#book-form textarea").get_attribute("value") == QUERY
        page.type("#book-form textarea", "Which of these funds first?")
        page.press("#book-form .btn-primary")
        session_url = page.chrome.current_url
        found = re.search(r"/sessions/([0-9a-f-]{36})/", session_url)
        assert found, page.text
        session_id = found[1]
        assert name in page.text

        page.open(f"{product.url}/sessions/")
        assert page.all(f"a[href*='{session_id}']")
        assert page.errors == []

        _read_the_mail(page, product, session_id)
        _find_the_row(page, product, session_id, name)
        _edit_the_bio(page, product, name, mentor_url)


def _read_the_mail(page, product, session_id):
    def listed():
        page.open(f"{product.url}/dev/mail/")
        return [link for link in page.all("main a") if "Booked" in link.text]

    eventually(listed, within=30, what="The mail")
    page.press("main a[href*='/dev/mail/']")
    assert "Booked" in page.text
    invite = page.find("a[href*='/files/']").get_attribute("href")
    _status, content = product.call(invite)
    [event] = Calendar.from_ical(content).walk("VEVENT")
    assert event["UID"].startswith(session_id)


def _find_the_row(page, product, session_id, name):
    def row():
        page.open(f"{product.sandbox}/t/Sessions?q={session_id}")
        return [cell for cell in page.all("th, td") if session_id in cell.text]

    eventually(row, within=30, what="The session in the grid")


def _edit_the_bio(page, product, name, mentor_url):
    rare = f"bagpipe{uuid.uuid4().hex[:6]}"
    row = next(r for r in product.airtable("Mentors") if r["fields"].get("Name") == name)
    page.open(f"{product.sandbox}/t/Mentors/{row['id']}")
    [field] = [
        f for f in page.all("textarea") if row["fields"]["Bio"][:40] in f.get_attribute("value")
    ]
    field.send_keys(f" Ask me about {rare} reeds.")
    old = page.find("html")
    field.submit()
    eventually(lambda: _replaced(old), within=10, what="The grid saves")

    def on_page():
        page.open(mentor_url)
        return rare in page.text

    eventually(on_page, within=10, what="The edit on the page")

    def in_search():
        page.open(f"{product.url}/search/?q={rare}+reeds")
        people = page.all(".person h2")
        return people and people[0].text == name

    eventually(in_search, within=10, what="The edit in search")


def _replaced(element):
    from tests.browser import _is_gone

    return _is_gone(element)
