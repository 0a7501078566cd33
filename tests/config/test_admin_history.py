"""The history on each page of the console, and of all of the program."""

from __future__ import annotations

import html
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import acting
from accounts.models import AuditEntry, User
from content.models import HelpPrompt
from mentors.models import Expertise, Mentor
from sessions_app.models import AvailabilityWindow
from tests import people
from tests.config.console import TOMORROW, booked, console, superuser, window
from tests.factories import MenteeFactory

pytestmark = pytest.mark.django_db


def text_of(answer) -> str:
    assert answer.status_code == 200
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode())))


def history(browser, row, **query) -> str:
    label = f"{row._meta.app_label}/{row._meta.model_name}"
    return text_of(browser.get(f"/admin/{label}/{row.pk}/history/", query))


def test_a_mentors_page_tells_of_their_profile_person_and_expertise():
    bob, carol = people.bob(areas=["Sales"]), people.carol()
    with acting.as_person(bob.pk):
        User.objects.filter(pk=bob.pk).update(name="Robert")
    with acting.through("Airtable, Mentors, rec1"):
        Mentor.objects.filter(pk=bob.mentor.pk).update(visibility="private", is_active=False)
    Expertise.objects.get().delete()
    page = history(console(carol), bob.mentor)
    assert "Robert" in page[page.index("Who") :]
    assert re.search(r"Name : Bob Mentor → Robert", page)
    assert "Airtable, Mentors, rec1" in page
    assert "Visibility : Public → Program managers only" in page
    assert "Is active : yes → no" in page
    assert re.search(r"Removed Expertise Area : Sales → nothing", page)
    assert "Directly in the database" in page


def test_what_a_manager_changes_is_there_at_once_with_her_name():
    carol = people.carol()
    prompt = HelpPrompt.objects.create(category="Money", topic="Fees", response="Old words")
    browser = console(carol)
    browser.post(
        f"/admin/content/helpprompt/{prompt.pk}/change/",
        {"category": "Money", "topic": "Fees", "response": "New words", "is_active": "on"},
    )
    page = history(browser, prompt)
    assert "Carol Manager" in page
    assert "Console" in page
    assert "127.0.0.1" in page
    assert "Response : Old words → New words" in page


def test_a_sessions_page_tells_of_its_hour_and_names_the_people():
    bob, alice = people.bob(), people.alice()
    window(bob.mentor)
    session = booked(bob.mentor, alice.mentee)
    other = MenteeFactory(user__name="Other Mentee")
    type(session).objects.filter(pk=session.pk).update(mentee=other, mentor_notes="secret words")
    session.meeting.location = "Room 5"
    session.meeting.save()
    page = history(console(people.carol()), session)
    assert "Mentee : Alice Founder → Other Mentee" in page
    assert "Location : nothing → Room 5" in page
    assert "Mentor notes : changed; what it is, is not kept" in page
    assert "secret words" not in page


def test_another_table_with_the_same_key_is_another_row():
    superuser_ = superuser()
    people.bob()
    AuditEntry.objects.create(
        at=TOMORROW, action="changed", subject="sessions_app.holiday", object_id="1", origin="x",
        changes={"name": ["Not mine", "x"]},
    )  # fmt: skip
    from accounts.models import ProgramSettings

    settings = ProgramSettings.objects.create()
    assert "Not mine" not in history(console(superuser_), settings)


def test_times_are_on_the_readers_clock_and_long_texts_are_cut():
    bob = people.bob()
    row = window(bob.mentor)
    AvailabilityWindow.objects.filter(pk=row.pk).update(
        starts_at="2030-01-01T12:00:00Z", ends_at="2030-01-01T13:00Z"
    )
    Mentor.objects.filter(pk=bob.mentor.pk).update(bio="x" * 1000)
    Mentor.objects.filter(pk=bob.mentor.pk).update(bio="x" * 500 + "y" * 500)
    Mentor.objects.filter(pk=bob.mentor.pk).update(bio="x" * 500 + " " + "y" * 500)
    Mentor.objects.filter(pk=bob.mentor.pk).update(bio="x" * 500 + "\r\n" + "y" * 500)
    browser = console(people.carol(time_zone="Asia/Tokyo"))
    assert "→ 1 Jan 2030, 21:00" in history(browser, row)
    page = history(browser, bob.mentor)
    assert "x" * 301 not in page
    assert f"…{'x' * 40}{'y' * 260}…" in page
    assert "Bio : only blanks, line breaks or parts of a minute" in page


def test_a_history_is_paged_and_asks_as_often_for_much_as_for_little():
    bob = people.bob()
    browser = console(people.carol())
    browser.get("/admin/")
    counts = []
    for number in range(2):
        for step in range(30):
            Mentor.objects.filter(pk=bob.mentor.pk).update(title=f"Title {number}-{step}")
        with CaptureQueriesContext(connection) as queries:
            page = history(browser, bob.mentor)
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert "Page 1 of 2" in page
    assert "Title 0-0" not in page
    assert "Title 0-0" in history(browser, bob.mentor, p=2)


def test_whoever_may_not_see_the_row_does_not_see_its_history():
    bob, carol = people.bob(), people.carol()
    carol.groups.clear()
    address = f"/admin/mentors/mentor/{bob.mentor.pk}/history/"
    assert console(carol).get(address).status_code == 403
    assert (
        console(superuser()).get(address.replace(str(bob.mentor.pk), str(bob.pk))).status_code
        == 404
    )


def test_the_button_leads_there():
    bob = people.bob()
    page = console(people.carol()).get(f"/admin/mentors/mentor/{bob.mentor.pk}/change/")
    assert f"/admin/mentors/mentor/{bob.mentor.pk}/history/" in page.content.decode()


def test_all_changes_of_the_program_can_be_searched():
    bob, carol = people.bob(), people.carol()
    with acting.as_person(carol.pk):
        Mentor.objects.filter(pk=bob.mentor.pk).update(headline="Found me")
    browser = console(carol)
    path = "/admin/accounts/auditentry/"
    found = text_of(browser.get(path, {"q": "Carol"}))
    assert "Headline" in found
    assert "Mentor" in found
    entry = AuditEntry.objects.latest("id")
    page = browser.get(f"{path}{entry.pk}/change/")
    assert "→ Found me" in text_of(page)
    assert browser.post(f"{path}{entry.pk}/delete/").status_code == 403
    assert text_of(browser.get(path, {"subject": "mentors.mentor", "action__exact": "changed"}))
