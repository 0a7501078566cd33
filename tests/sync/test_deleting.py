"""Trap 13: what is deleted on one side, and what is never deleted by mistake."""

from __future__ import annotations

import pytest
from django.utils import timezone

from content.models import HelpPrompt
from mentors.models import Mentor
from sessions_app import services as sessions
from sync import intake, webhooks
from sync.deletions import WHOLE_ROW
from sync.models import InboundChange, OutboxRow, RecordLink, SyncConflict, SyncEvent
from sync.sandbox import BASE_ID
from tests.factories import MenteeFactory
from tests.hours import open_window
from tests.sync.conftest import booked, drain, drain_later, link_of, pull, pull_later

State = RecordLink.State


@pytest.fixture
def window(base, mentor):
    found = open_window(mentor)
    drain()
    pull()
    return found


@pytest.fixture
def prompt(base):
    pull()
    found = HelpPrompt.objects.create(category="Booking", topic="How?", response="Like so.")
    drain()
    pull()
    return found


class TestTrap13BothChangedAtOnce:
    def test_deleted_there_while_edited_here_the_deletion_wins_and_the_edit_is_kept(
        self, base, mentor
    ):
        base.delete("Mentors", base.of("Mentors", mentor)["id"])
        Mentor.objects.filter(pk=mentor.pk).update(headline="Edited here")
        drain()
        drain_later()

        mentor.refresh_from_db()
        assert (mentor.is_active, mentor.headline) == (False, "Edited here")
        assert base.rows("Mentors") == []
        conflict = SyncConflict.objects.get()
        assert (conflict.field, conflict.winner) == (WHOLE_ROW, "remote")
        assert conflict.local == {"Headline": "Edited here"}
        assert not OutboxRow.objects.exists()

    def test_deleted_there_and_untouched_here_is_no_conflict(self, base, mentor):
        base.delete("Mentors", base.of("Mentors", mentor)["id"])
        pull()
        drain()
        assert not SyncConflict.objects.exists()
        event = SyncEvent.objects.get(object_id=mentor.pk, kind="deleted")
        assert event.detail == "Deleted in Airtable by Pat Morgan."

    def test_withdrawn_here_while_edited_there_the_withdrawal_wins_and_the_edit_is_kept(
        self, base, mentor, window
    ):
        base.edit("Availability", base.of("Availability", window)["id"], Location="Room 7")
        sessions.withdraw_window(window_id=window.pk, by=None, clock=timezone.now)
        drain()
        drain_later()

        window.refresh_from_db()
        assert not window.is_active
        assert base.rows("Availability") == []
        conflict = SyncConflict.objects.get()
        assert (conflict.field, conflict.winner) == (WHOLE_ROW, "local")
        assert conflict.remote == {"Location": "Room 7"}

    def test_deleted_on_both_sides(self, base, mentor, window):
        base.delete("Availability", base.of("Availability", window)["id"])
        sessions.withdraw_window(window_id=window.pk, by=None, clock=timezone.now)
        drain()
        drain_later()

        assert base.rows("Availability") == []
        assert not SyncConflict.objects.exists()
        assert not OutboxRow.objects.exists()

    def test_what_the_domain_does_not_let_go_comes_back_edit_and_all(self, base, mentor):
        session = booked(mentor, MenteeFactory())
        drain()
        pull()
        base.delete("Sessions", base.of("Sessions", session)["id"])
        session.goal = "Pricing"
        session.save()
        drain()
        drain_later()

        assert base.of("Sessions", session)["fields"]["Goal"] == "Pricing"


class TestTrap13ComingBack:
    def test_a_late_payload_of_before_the_deletion_revives_nothing(self, base, prompt):
        """A payload of the row's creation is told again after the row was deleted."""
        record = base.of("Help Prompts", prompt)["id"]
        created = {"changedTablesById": {base.server.base.table("Help Prompts").id: {
            "createdRecordsById": {record: {"cellValuesByFieldId": {}}}
        }}}  # fmt: skip
        base.delete("Help Prompts", record)
        pull()
        assert link_of(prompt).state == State.TOMBSTONE
        webhook = webhooks.live(BASE_ID).webhook_id
        InboundChange.objects.create(webhook=webhook, position=999, payload=created)
        pull()
        pull_later()
        pull_later()

        prompt.refresh_from_db()
        assert not prompt.is_active
        assert link_of(prompt).state == State.TOMBSTONE
        assert not intake.stored([webhook])

    def test_out_of_the_trash_it_is_active_again(self, base, prompt):
        inner = base.server.base
        record = inner.rows[base.of("Help Prompts", prompt)["id"]]
        base.delete("Help Prompts", record.id)
        pull()
        drain()
        prompt.refresh_from_db()
        assert not prompt.is_active

        with inner.action() as action:  # Airtable gives the same id back
            inner.remember(record)
            action.created[record.id] = record
        pull()
        pull_later()
        drain()

        prompt.refresh_from_db()
        assert prompt.is_active
        assert link_of(prompt).state == State.LINKED
        assert SyncEvent.objects.filter(object_id=prompt.pk, kind="restored").exists()
        assert len(base.rows("Help Prompts")) == 1

    def test_a_row_that_the_list_left_out_once_is_looked_for_before_it_counts_as_gone(
        self, base, mentor
    ):
        """A hint whose record is not found is put off; only the second miss counts."""
        record = base.server.base.rows[base.of("Mentors", mentor)["id"]]
        base.server.base.forget(record)
        InboundChange.objects.create(
            webhook=InboundChange.AGAIN, position=5,
            payload={"table": "Mentors", "recordId": record.id},
        )  # fmt: skip
        pull()
        base.server.base.remember(record)
        pull_later()

        mentor.refresh_from_db()
        assert mentor.is_active


class TestErasing:
    def test_a_person_erased_here_is_erased_there_and_in_what_sync_remembers(self, base, prompt):
        base.edit("Help Prompts", base.of("Help Prompts", prompt)["id"], Default_Response="Secret")
        HelpPrompt.objects.update(response="Other secret")
        pull()
        assert SyncConflict.objects.exists()
        record = link_of(prompt).record_id
        key = prompt.pk
        prompt.delete()
        drain()

        assert base.rows("Help Prompts") == []
        assert not SyncConflict.objects.filter(object_id=key).exists()
        link = RecordLink.objects.get(object_id=key)
        assert (link.state, link.ancestor, link.message) == (State.DELETED_REMOTE, {}, "")
        kept = [*SyncEvent.objects.values_list("fields", "detail"),
                *InboundChange.objects.filter(applied_at__isnull=False).values_list("payload")]  # fmt: skip
        assert "ecret" not in str(kept)
        assert SyncEvent.objects.filter(object_id=key, kind="deleted", record_id=record).exists()

    def test_also_one_whose_row_was_deleted_before(self, base, prompt):
        base.delete("Help Prompts", base.of("Help Prompts", prompt)["id"])
        pull()
        drain()
        assert "Like so." in str(link_of(prompt).ancestor)
        key = prompt.pk
        prompt.delete()
        drain()

        assert RecordLink.objects.get(object_id=key).ancestor == {}

    def test_what_was_only_withdrawn_keeps_its_history(self, base, mentor, window):
        sessions.withdraw_window(window_id=window.pk, by=None, clock=timezone.now)
        drain()
        assert SyncEvent.objects.filter(object_id=window.pk).exclude(fields={}).exists()
