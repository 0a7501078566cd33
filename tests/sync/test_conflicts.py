"""Undoing a wrong winner: the other value on both sides, by the usual rules, with a record of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.refusals import Refusal
from mentors.models import Mentor
from sessions_app import services as sessions
from sync import conflicts
from sync.models import OutboxRow, RecordLink, SyncConflict, SyncEvent
from tests.config.console import console
from tests.factories import MenteeFactory
from tests.hours import open_window
from tests.people import browser, carol, mallory
from tests.sync.conftest import booked, drain, drain_later, in_two_days, link_of, pull


@pytest.fixture
def conflict(base, mentor):
    """A headline that Airtable won."""
    base.edit("Mentors", base.of("Mentors", mentor)["id"], Headline="Theirs")
    Mentor.objects.filter(pk=mentor.pk).update(headline="Ours")
    drain()
    drain()
    pull()
    return SyncConflict.objects.get()


def take(conflict):
    return conflicts.take_other(conflict_id=conflict.pk, by="Carol")


class TestTakingTheOther:
    def test_our_value_after_all_on_both_sides(self, base, mentor, conflict):
        assert base.of("Mentors", mentor)["fields"]["Headline"] == "Theirs"

        take(conflict)
        drain()
        pull()
        drain()

        mentor.refresh_from_db()
        assert mentor.headline == "Ours"
        assert base.of("Mentors", mentor)["fields"]["Headline"] == "Ours"
        conflict.refresh_from_db()
        assert conflict.taken_by == "Carol"
        assert SyncConflict.objects.count() == 1
        event = SyncEvent.objects.filter(object_id=mentor.pk, kind="conflict").order_by("at").last()
        assert event.fields == {"Headline": ["Theirs", "Ours"]}
        assert "Carol" in event.detail

    def test_airtables_value_after_all(self, base, mentor):
        base.edit("Mentors", base.of("Mentors", mentor)["id"], Visibility="private")
        Mentor.objects.filter(pk=mentor.pk).update(visibility="limited")
        drain()
        drain()
        conflict = SyncConflict.objects.get()
        assert conflict.winner == "local"
        assert base.of("Mentors", mentor)["fields"]["Visibility"] == "limited"

        take(conflict)
        drain()

        mentor.refresh_from_db()
        assert mentor.visibility == "private"
        assert base.of("Mentors", mentor)["fields"]["Visibility"] == "private"

    def test_starts_and_ends_are_taken_together(self, base, mentor):
        window = open_window(mentor)
        drain()
        pull()
        record = base.of("Availability", window)["id"]
        base.edit("Availability", record, Starts=in_two_days(), Ends=in_two_days(3))
        window.ends_at += timedelta(hours=1)
        window.starts_at += timedelta(hours=1)
        window.save()
        ours = (window.starts_at, window.ends_at)
        drain()
        drain()
        rows = list(SyncConflict.objects.order_by("pk"))
        assert [row.field for row in rows] == ["Starts", "Ends"]
        assert {row.winner for row in rows} == {"local"}

        assert {done.pk for done in take(rows[1])} == {row.pk for row in rows}
        drain()

        window.refresh_from_db()
        assert (window.starts_at, window.ends_at) != ours
        assert window.ends_at - window.starts_at == timedelta(hours=3)
        assert base.of("Availability", window)["fields"]["Starts"] == in_two_days()

    def test_only_once(self, base, conflict):
        take(conflict)
        with pytest.raises(Refusal, match="already, by Carol"):
            take(conflict)

    def test_not_over_a_later_change(self, base, mentor, conflict):
        Mentor.objects.filter(pk=mentor.pk).update(headline="Newer still")
        with pytest.raises(Refusal, match="changed again"):
            take(conflict)
        mentor.refresh_from_db()
        assert mentor.headline == "Newer still"
        conflict.refresh_from_db()
        assert conflict.taken_at is None

    def test_the_rules_hold(self, base, mentor):
        base.edit("Mentors", base.of("Mentors", mentor)["id"], Weekly_Load_Cap=2.5)
        pull()
        drain()
        with pytest.raises(Refusal, match="whole number"):
            take(SyncConflict.objects.get())
        assert not OutboxRow.objects.exists()

    def test_a_session_is_changed_on_its_own_page(self, base, mentor):
        session = booked(mentor, MenteeFactory(), goal="Pricing")
        drain()
        pull()
        base.edit("Sessions", base.of("Sessions", session)["id"], Goal="Theirs")
        session.goal = "Ours"
        session.save()
        drain()
        with pytest.raises(Refusal, match="own page"):
            take(SyncConflict.objects.get())
        session.refresh_from_db()
        assert session.status == "booked"


class TestTakingAWholeRow:
    def test_a_mentor_deleted_there_is_brought_back(self, base, mentor):
        base.delete("Mentors", base.of("Mentors", mentor)["id"])
        Mentor.objects.filter(pk=mentor.pk).update(headline="Edited here")
        drain()
        drain_later()

        take(SyncConflict.objects.get())
        drain()

        mentor.refresh_from_db()
        assert mentor.is_active
        fields = base.of("Mentors", mentor)["fields"]
        assert (fields["Headline"], fields["Is Active"]) == ("Edited here", True)
        assert link_of(mentor).state == RecordLink.State.LINKED

    def test_hours_withdrawn_here_are_opened_as_they_were_edited_there(self, base, mentor):
        window = open_window(mentor)
        drain()
        pull()
        base.edit("Availability", base.of("Availability", window)["id"], Location="Room 7")
        sessions.withdraw_window(window_id=window.pk, by=None, clock=timezone.now)
        drain()

        take(SyncConflict.objects.get())
        drain()

        window.refresh_from_db()
        assert (window.is_active, window.location) == (True, "Room 7")
        assert base.of("Availability", window)["fields"]["Location"] == "Room 7"
        with pytest.raises(Refusal):
            take(SyncConflict.objects.get())

    def test_a_session_kept_here_stays(self, base, mentor):
        session = booked(mentor, MenteeFactory())
        drain()
        base.delete("Sessions", base.of("Sessions", session)["id"])
        pull()
        with pytest.raises(Refusal, match="row is kept"):
            take(SyncConflict.objects.get())


class TestTheConsole:
    def test_shows_both_values_and_undoes(self, base, mentor, conflict):
        client = console(carol())
        page = client.get(reverse("admin:sync_syncconflict_change", args=[conflict.pk]))
        text = page.content.decode()
        assert "Theirs" in text
        assert "Ours" in text
        assert "Take the value of Office Hours" in text
        assert (
            f'/record/mentor/{mentor.pk}/" class="underline whitespace-nowrap">Bob Mentor<' in text
        )

        answer = client.post(
            reverse("admin:sync_syncconflict_take", args=[conflict.pk]), follow=True
        )
        assert "Both sides follow" in answer.content.decode()
        assert "Carol Manager" in answer.content.decode()
        assert "Take the value of" not in answer.content.decode()
        mentor.refresh_from_db()
        assert mentor.headline == "Ours"

    def test_several_at_once_from_the_list(self, base, mentor, conflict):
        client = console(carol())
        url = reverse("admin:sync_syncconflict_changelist")
        assert "Theirs" in client.get(url).content.decode()
        chosen = {"action": "take_other", "_selected_action": [conflict.pk]}
        assert "1 undone." in client.post(url, chosen, follow=True).content.decode()
        again = client.post(url, chosen, follow=True).content.decode()
        assert "taken already" in again
        mentor.refresh_from_db()
        assert mentor.headline == "Ours"

    def test_is_closed_to_a_stranger_and_to_a_look(self, base, mentor, conflict):
        url = reverse("admin:sync_syncconflict_take", args=[conflict.pk])
        assert console(carol()).get(url).status_code == 405
        assert browser(mallory()).post(url).status_code in (302, 403, 404)
        mentor.refresh_from_db()
        assert mentor.headline == "Theirs"
