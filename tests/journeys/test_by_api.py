"""The main job by the API: ask, book, read the mail, find the row in Airtable, edit it there."""

from __future__ import annotations

import email
import email.policy
import uuid

import pytest
from icalendar import Calendar

from tests.journeys.product import eventually

QUERY = "we are raising our first institutional round and need help with investor intros"
PASSWORD = "officehours-demo"

pytestmark = [pytest.mark.slow, pytest.mark.crowd, pytest.mark.xdist_group("journeys")]


def test_a_mentee_books_and_a_pm_edits(product):
    status, answer = product.call(
        "/api/auth/token", {"email": "alice@example.com", "password": PASSWORD}
    )
    assert status == 201
    token = answer["token"]

    status, found = product.call("/api/match", {"query": QUERY}, token=token)
    assert status == 200
    matches = found["matches"]
    assert len(matches) >= 5
    for match in matches[:3]:
        areas = {expertise["area"] for expertise in match["mentor"]["expertise"]}
        assert "Fundraising" in areas, match
        assert match["reasons"], match
        assert match["slots"], "Mentors with room come first."
    best = matches[0]

    starts_at = best["slots"][-1]["starts_at"]
    booking = {"mentor": best["mentor"]["id"], "starts_at": starts_at, "goal": "Which funds first?"}
    key = {"Idempotency-Key": str(uuid.uuid4())}
    status, session = product.call("/api/sessions", booking, token=token, **key)
    assert (status, session["status"]) == (201, "booked")
    assert product.call("/api/sessions", booking, token=token, **key) == (201, session)
    _status, mine = product.call("/api/sessions/upcoming", token=token)
    assert session["id"] in [row["id"] for row in mine["results"]]

    mails, seconds = eventually(
        lambda: len(found := _mails(product, session["id"])) == 2 and found,
        within=30,
        what="Two confirmations",
    )
    assert seconds < 30
    assert {mail["To"] for mail in mails} >= {"alice@example.com"}
    [event] = Calendar.from_ical(_attachment(mails[0], "invite.ics")).walk("VEVENT")
    assert event["UID"].startswith(session["id"])
    assert event["DTSTART"].dt.strftime("%Y-%m-%dT%H:%M:%SZ") == starts_at

    row, _seconds = eventually(
        lambda: _row(product, "Sessions", session["id"]), within=30, what="The session in Airtable"
    )
    mentor = _row(product, "Mentors", best["mentor"]["id"])
    assert row["fields"]["Mentor"] == [mentor["id"]]
    assert row["fields"]["Status"] == "Booked"

    rare = f"zeppelin{uuid.uuid4().hex[:6]}"
    bio = f"{mentor['fields']['Bio']}\n\nAsk me about {rare} hangars and helium contracts."
    product.call(
        f"{product.sandbox}/_sandbox/edit",
        {"table": "Mentors", "record": mentor["id"], "fields": {"Bio": bio}},
    )
    eventually(
        lambda: rare in product.call(f"/api/mentors/{best['mentor']['id']}", token=token)[1]["bio"],
        within=10,
        what="The edit on the page",
    )

    def searched():
        _status, answer = product.call("/api/match", {"query": f"{rare} hangars"}, token=token)
        first = (answer["matches"] or [None])[0]
        return first and first["mentor"]["id"] == best["mentor"]["id"]

    eventually(searched, within=10, what="The edit in search")

    status, cancelled = product.call(f"/api/sessions/{session['id']}", method="DELETE", token=token)
    assert (status, cancelled["status"]) == (200, "cancelled")
    eventually(
        lambda: _row(product, "Sessions", session["id"])["fields"]["Status"] == "Cancelled",
        within=30,
        what="The cancellation in Airtable",
    )


def _mails(product, session_id):
    found = []
    for path in sorted((product.var_dir / "mail").glob("*.eml")):
        mail = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
        if session_id in mail.get_body(("plain",)).get_content():
            found.append(mail)
    return found


def _attachment(mail, name):
    [part] = [part for part in mail.walk() if part.get_filename() == name]
    return part.get_payload(decode=True)


def _row(product, table, key):
    rows = product.airtable(table)
    return next((row for row in rows if row["fields"].get("Platform ID") == key), None)
