"""What an operator sees and does in the console, without a shell."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from config.admin_menu import ROOMS
from sync import history
from sync.history import IN, OUT, Event, Kind
from sync.models import (
    InboundChange,
    OutboxRow,
    RecordLink,
    SyncConflict,
    SyncEvent,
    SyncLag,
    TableState,
)
from tests import people
from tests.config.console import console
from tests.factories import MenteeFactory, MentorFactory
from tests.sync.conftest import booked, drain, link_of, pull

GLANCE = "/admin/sync/syncevent/glance/"


@pytest.fixture
def carol(db):
    browser = console(people.carol())
    browser.get("/admin/")  # notes that Carol was seen, once
    return browser


def text_of(answer):
    """What is read on the page, without the markup."""
    assert answer.status_code == 200
    page = answer.content.decode()
    bare = re.sub(r"<(script|style|nav)\b.*?</\1>", " ", page, flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", bare)).replace("&#x27;", "'")


def page_of(obj, subject="mentor"):
    return f"/admin/sync/syncevent/record/{subject}/{obj.pk}/"


class TestDoor:
    @pytest.mark.parametrize("who", [people.alice, people.bob])
    def test_operators_only(self, db, who):
        assert console(who()).get(GLANCE).status_code == 403

    def test_staff_without_the_right_see_and_do_nothing(self, mentor):
        carol = people.carol()
        carol.groups.clear()
        browser = console(carol)
        for page in (GLANCE, "/admin/sync/syncevent/find/?q=Bob", page_of(mentor)):
            assert browser.get(page).status_code == 403, page
        for page in (f"{page_of(mentor)}retry/", "/admin/sync/syncevent/tables/Mentors/pause/"):
            assert browser.post(page).status_code == 403, page
        assert not TableState.objects.exists()

    def test_what_changes_something_is_not_a_link(self, mentor, carol):
        for page in (f"{page_of(mentor)}leave/", "/admin/sync/syncevent/tables/Mentors/pause/"):
            assert carol.get(page).status_code == 405


class TestAtAGlance:
    def test_it_says_so_when_all_is_well(self, mentor, carol):
        SyncLag.objects.all().delete()
        seen = text_of(carol.get(GLANCE))
        assert "All is well. Nothing waits." in seen
        assert "Mentors 1 record" in seen

    def test_each_problem_leads_to_where_it_is_mended(self, mentor, carol):
        OutboxRow.objects.create(
            subject="mentor", object_id=mentor.pk, status="dead", last_error="No such choice"
        )
        InboundChange.objects.create(
            webhook="again", position=1, payload={}, received_at=timezone.now() - timedelta(hours=1)
        )
        page = carol.get(GLANCE).content.decode()
        assert "Airtable refused 1 record." in page
        links = re.findall(r'href="(/admin/sync/[a-z]+/\?[^"]+)"', page)
        assert "/admin/sync/outboxrow/?status__exact=dead" in links
        for link in links:
            assert carol.get(link.replace("&amp;", "&")).status_code == 200, link
        refused = text_of(carol.get("/admin/sync/outboxrow/?status__exact=dead"))
        assert "No such choice" in refused
        assert "Bob Mentor" in refused

    def test_it_opens_before_anything_is_set_up(self, carol, settings):
        settings.AIRTABLE_API_KEY = None
        assert "No base is configured" in text_of(carol.get(GLANCE))

    def test_it_asks_as_often_for_many_as_for_few(self, mentor, carol):
        counts = []
        for rows in (2, 9):
            for _ in range(rows):
                other = MentorFactory()
                happened(other, "Title")
                happened(booked(other, MenteeFactory()), "Status", subject="session")
            with CaptureQueriesContext(connection) as queries:
                carol.get(GLANCE)
            counts.append(len(queries))
        assert counts[0] == counts[1]


class TestTables:
    def test_one_is_paused_told_and_resumed(self, mentor, base, carol):
        mentor.headline = "Sells to hospitals"
        mentor.save()
        answer = carol.post(
            "/admin/sync/syncevent/tables/Mentors/pause/", {"note": "import"}, follow=True
        )
        assert "Mentors is paused by Carol" in text_of(answer)
        assert "import" in text_of(answer)
        drain()
        assert base.requests("PATCH") == []

        answer = carol.post("/admin/sync/syncevent/tables/Mentors/resume/", follow=True)
        assert "Mentors goes on." in text_of(answer)
        drain()
        assert base.of("Mentors", mentor)["fields"]["Headline"] == "Sells to hospitals"

    @pytest.mark.parametrize("where", ["Nothing/pause", "Mentors/explode"])
    def test_only_what_there_is(self, carol, where):
        assert carol.post(f"/admin/sync/syncevent/tables/{where}/").status_code == 404


def happened(obj, name, *, subject="mentor", kind=Kind.SENT, **more):
    history.record(
        [Event(kind, OUT, subject, obj.pk, timezone.now(), fields={name: ["", "x"]}, **more)]
    )


class TestRecord:
    def test_what_happened_to_this_mentor(self, mentor, carol):
        link = link_of(mentor)
        history.record(
            [
                Event(
                    Kind.APPLIED, IN, "mentor", mentor.pk, timezone.now(),
                    record_id=link.record_id, fields={"Title": ["Analyst", "Chair"]},
                ),
                Event(Kind.PUT_OFF, OUT, "mentor", mentor.pk, timezone.now(), detail="503"),
                # Before the record stood for Bob.
                Event(Kind.REFUSED, IN, "mentor", None, timezone.now(), record_id=link.record_id),
                Event(Kind.SENT, OUT, "mentor", uuid.uuid4(), timezone.now(), detail="another's"),
            ]
        )  # fmt: skip
        SyncConflict.objects.create(
            subject="mentor", object_id=mentor.pk, field="Bio", local="ours", remote="theirs",
            winner="remote", reason="Both sides changed it.",
        )  # fmt: skip
        seen = text_of(carol.get(page_of(mentor)))
        for words in (
            "Bob Mentor", "Both sides are the same.", link.record_id, "Title : Analyst → Chair",
            "Put off", "503", "Refused", "Airtable won.", "ours", "theirs",
        ):  # fmt: skip
            assert words in seen, words
        assert "another's" not in seen

    def test_both_sides_field_by_field(self, mentor, carol):
        type(mentor).objects.filter(pk=mentor.pk).update(title="Chair")
        seen = text_of(carol.get(page_of(mentor)))
        assert "It is on its way to Airtable." in seen
        assert "Title differs Chair Partner Airtable" in seen
        OutboxRow.objects.all().delete()
        assert "Title differ, and nobody is sending it." in text_of(carol.get(page_of(mentor)))

    def test_a_person_who_was_never_there(self, db, carol):
        mentor = MentorFactory()
        OutboxRow.objects.all().delete()
        assert "Airtable has no record of it." in text_of(carol.get(page_of(mentor)))

    def test_what_holds_it_up_is_one_step_away(self, db, carol):
        session = booked(MentorFactory(), MenteeFactory())
        page = carol.get(page_of(session, "session"))
        assert "It waits for its record in Mentors, Mentees" in text_of(page)
        assert page_of(session.mentor) in page.content.decode()

    def test_it_is_tried_again_left_and_compared(self, mentor, carol):
        rows = OutboxRow.objects.filter(object_id=mentor.pk)
        type(mentor).objects.filter(pk=mentor.pk).update(title="Chair")
        rows.update(status="dead", last_error="No such choice")
        assert "Airtable refused it: No such choice" in text_of(carol.get(page_of(mentor)))

        answer = carol.post(f"{page_of(mentor)}retry/", follow=True)
        assert "It is due now." in text_of(answer)
        assert rows.get().status == "pending"
        answer = carol.post(f"{page_of(mentor)}leave/", follow=True)
        assert "Settled without sending." in text_of(answer)
        assert not rows.exists()
        answer = carol.post(f"{page_of(mentor)}compare/", follow=True)
        assert "Compared with Airtable again, by Carol" in text_of(answer)
        assert rows.exists()
        assert carol.post(f"{page_of(mentor)}explode/").status_code == 404

    def test_older_events_are_a_page_further(self, mentor, carol):
        for number in range(60):
            happened(mentor, "Title", detail=f"number {number:02}")
        first = carol.get(page_of(mentor))
        assert "number 59" in text_of(first)
        assert "number 09" not in text_of(first)
        older = re.search(r'href="(\?before=\d+)"', first.content.decode())[1]
        assert "number 09" in text_of(carol.get(page_of(mentor) + older))
        assert carol.get(page_of(mentor) + "?before=" + "9" * 30).status_code == 200

    @pytest.mark.parametrize("subject", ["mentor", "nothing"])
    def test_what_is_not_known_is_not_there(self, carol, subject):
        answer = carol.get(f"/admin/sync/syncevent/record/{subject}/{uuid.uuid4()}/")
        assert answer.status_code == 404

    def test_it_is_reached_from_the_objects_own_page(self, mentor, carol):
        session = booked(mentor, MenteeFactory())
        own = {
            f"/admin/mentors/mentor/{mentor.pk}/change/": page_of(mentor),
            f"/admin/mentors/mentee/{session.mentee.pk}/change/": page_of(session.mentee, "mentee"),
            f"/admin/sessions_app/session/{session.pk}/change/": page_of(session, "session"),
        }
        for page, wanted in own.items():
            assert f'href="{wanted}"' in carol.get(page).content.decode(), page

    def test_what_is_not_in_airtable_has_no_such_link(self, mentor, carol):
        page = carol.get(f"/admin/accounts/user/{mentor.user.pk}/change/").content.decode()
        assert "/admin/sync/syncevent/record/" not in page


class TestFinding:
    def find(self, carol, sought):
        return carol.get("/admin/sync/syncevent/find/", {"q": sought})

    def test_by_name_address_or_id_the_only_one_opens(self, mentor, carol):
        for sought in (
            "bob ment", mentor.user.email, str(mentor.pk), link_of(mentor).record_id,
        ):  # fmt: skip
            assert self.find(carol, sought)["Location"] == page_of(mentor), sought

    def test_several_are_listed(self, mentor, carol):
        session = booked(mentor, MenteeFactory(user__name="Alice Mentee"))
        seen = self.find(carol, "Bob")
        assert f"Alice Mentee with Bob Mentor, {session.starts_at:%d %b}" in text_of(seen)
        assert page_of(mentor) in seen.content.decode()

    def test_an_object_without_a_record_is_found_by_its_id(self, db, carol):
        mentee = MenteeFactory()
        assert self.find(carol, str(mentee.pk))["Location"] == page_of(mentee, "mentee")

    def test_a_record_that_is_gone_is_found_by_what_happened(self, db, carol):
        gone = uuid.uuid4()
        history.record(
            [Event(Kind.DELETED, OUT, "mentor", gone, timezone.now(), record_id="recGone")]
        )
        assert self.find(carol, "recGone")["Location"].endswith(f"/mentor/{gone}/")

    @pytest.mark.parametrize("sought", ["nobody at all", "recNothing", "%", ""])
    def test_nothing_is_said_plainly(self, db, carol, sought):
        assert self.find(carol, sought).status_code == 200


class TestWords:
    def test_an_empty_list_offers_nothing_that_cannot_be_done(self, db, carol):
        for label, _icon, app, model, *page in dict(ROOMS)["Airtable"]:
            if not page and model != "rolloutflag":
                seen = text_of(carol.get(f"/admin/{app}/{model}/"))
                assert "Nothing here" in seen, label
                assert "Create a new item" not in seen
        seen = text_of(carol.get("/admin/sync/outboxrow/?status__exact=dead"))
        assert "Nothing fits what you look for" in seen
        assert "Show everything" in seen
        assert "Add help prompt" in text_of(carol.get("/admin/content/helpprompt/"))

    def test_a_moment_is_one_that_people_read(self, mentor, carol):
        session = booked(mentor, MenteeFactory())
        drain()
        at = session.starts_at
        said = f"{at:%a} {at.day} {at:%b %Y, %H:%M} UTC"
        seen = text_of(carol.get(page_of(session, "session")))
        assert f"Starts {said} {said}" in seen
        assert at.strftime("%Y-%m-%dT") not in seen

    @pytest.mark.parametrize(
        ("table", "fields", "called"),
        [
            ("Mentors", {"Name": "Dana New"}, "Dana New"),
            ("Mentees", {"Email": "not an address", "Name": "Eli"}, "Eli"),
            (
                "Availability",
                {"Starts": "2031-02-03T09:00:00.000Z"},
                "A row of Availability: Mon 3 Feb 2031",
            ),
            ("Sessions", {"Goal": "Let me in"}, "A row of Sessions"),
        ],
    )
    def test_a_row_that_waits_is_called_by_what_it_says(
        self, mentor, base, carol, table, fields, called
    ):
        base.create(table, **fields)
        pull()
        waiting = RecordLink.objects.get(state="waiting")
        for model in ("recordlink", "outboxrow", "syncevent"):
            seen = text_of(carol.get(f"/admin/sync/{model}/"))
            assert called in seen, model
            assert str(waiting.object_id) not in seen, model


class TestLists:
    @pytest.mark.parametrize("model", ["outboxrow", "recordlink", "syncconflict", "syncevent"])
    def test_a_list_asks_as_often_for_many_rows_as_for_few(self, mentor, carol, model):
        counts = []
        for rows in (3, 9):
            for _ in range(rows):
                other = MentorFactory()
                happened(other, "Title")
                SyncConflict.objects.create(
                    subject="mentor", object_id=other.pk, field="Bio", winner="local"
                )
            drain()
            MentorFactory()
            with CaptureQueriesContext(connection) as queries:
                assert carol.get(f"/admin/sync/{model}/").status_code == 200
            counts.append(len(queries))
        assert counts[0] == counts[1]

    def test_rows_are_mended_together(self, mentor, carol):
        type(mentor).objects.filter(pk=mentor.pk).update(title="Chair")
        OutboxRow.objects.update(status="dead")
        row = OutboxRow.objects.get()
        for action in ("compare", "leave"):
            carol.post("/admin/sync/outboxrow/", {"action": action, "_selected_action": [row.pk]})
        assert not OutboxRow.objects.exists()
        kinds = SyncEvent.objects.order_by("-pk").values_list("kind", flat=True)
        assert list(kinds[:2]) == ["ignored", "replayed"]
