"""Message templates, help prompts and saved mentors in the base."""

from __future__ import annotations

import pytest
from django.utils import timezone

from content.models import HelpPrompt, MessageTemplate
from mentors import services as mentors
from mentors.models import SavedMentor
from sessions_app.messages import wording
from sync.models import OutboxRow, RecordLink, SyncConflict
from tests.factories import MentorFactory
from tests.people import alice, bob
from tests.sync.conftest import drain, link_of, outbox_of, pull


@pytest.fixture
def template(base):
    pull()
    found = MessageTemplate.objects.create(
        name="Session booked", subject="Booked", body="See you {{ when }}."
    )
    drain()
    pull()
    return found


class TestTemplates:
    def test_go_out_with_every_field(self, base, template):
        fields = base.of("Message Templates", template)["fields"]
        assert fields["Template Name"] == "Session booked"
        assert fields["Channel Type"] == "email"
        assert fields["Subject"] == "Booked"
        assert fields["Message Body"] == "See you {{ when }}."
        assert fields["Active Status"] is True
        assert not OutboxRow.objects.exists()

    def test_words_edited_by_a_pm_are_what_is_sent_next(self, base, template):
        record = base.of("Message Templates", template)["id"]
        base.edit("Message Templates", record, Message_Body="Until {{ when }}!")
        pull()

        assert wording("booked").body == "Until {{ when }}!"

    def test_a_new_row_becomes_a_template(self, base, template):
        base.create(
            "Message Templates",
            Template_Name="Session moved",
            Channel_Type="email",
            Subject="Moved to {{ when }}",
            Message_Body="Now {{ when }}",
            Active_Status=True,
        )
        pull()
        drain()

        made = MessageTemplate.objects.get(name="Session moved")
        assert made.is_active
        assert base.row("Message Templates", Template_Name="Session moved")["fields"][
            "Platform ID"
        ] == str(made.pk)

    def test_a_variable_that_does_not_exist_is_put_back_and_explained(self, base, template):
        record = base.of("Message Templates", template)["id"]
        base.edit("Message Templates", record, Message_Body="See you {{ wen }}.")
        pull()
        drain()

        template.refresh_from_db()
        fields = base.of("Message Templates", template)["fields"]
        assert template.body == fields["Message Body"] == "See you {{ when }}."
        assert "Did you mean when?" in fields["Sync Message"]

    def test_a_copied_row_waits_under_a_key_of_its_own_until_it_is_renamed(self, base, template):
        original = base.of("Message Templates", template)
        copy = base.create("Message Templates", **original["fields"])
        pull()
        drain()
        fields = {row["id"]: row["fields"] for row in base.rows("Message Templates")}
        assert fields[copy]["Platform ID"] != str(template.pk)
        assert "Another row" in fields[copy]["Sync Message"]

        base.edit("Message Templates", copy, Template_Name="Session moved")
        pull()
        drain()

        made = MessageTemplate.objects.get(name="Session moved")
        assert link_of(made).record_id == copy
        assert link_of(template).record_id == original["id"]
        assert "Sync Message" not in base.of("Message Templates", made)["fields"]

    def test_a_deleted_row_deactivates_and_restoring_it_activates(self, base, template):
        row = base.of("Message Templates", template)
        base.delete("Message Templates", row["id"])
        pull()
        drain()
        template.refresh_from_db()
        assert not template.is_active
        assert link_of(template).state == RecordLink.State.TOMBSTONE
        assert base.rows("Message Templates") == []

        MessageTemplate.objects.update(is_active=True)
        drain()
        assert base.of("Message Templates", template)["fields"]["Active Status"] is True

    def test_one_deleted_here_leaves_the_base(self, base, template):
        template.delete()
        drain()
        assert base.rows("Message Templates") == []

    def test_a_name_that_is_taken_is_refused(self, base, template):
        other = MessageTemplate.objects.create(name="Session moved", body="x")
        drain()
        base.edit(
            "Message Templates",
            base.of("Message Templates", other)["id"],
            Template_Name="session BOOKED",
        )
        pull()
        drain()

        assert "already" in base.of("Message Templates", other)["fields"]["Sync Message"]
        other.refresh_from_db()
        assert other.name == "Session moved"


class TestPrompts:
    def test_both_ways(self, base):
        pull()
        ours = HelpPrompt.objects.create(category="Booking", topic="How?", response="Like so.")
        drain()
        assert base.of("Help Prompts", ours)["fields"]["Default Response"] == "Like so."

        base.edit("Help Prompts", base.of("Help Prompts", ours)["id"], Default_Response="Thus.")
        base.create("Help Prompts", Category="Booking", Topic="When?", Active_Status=True)
        base.create("Help Prompts", Topic="Where?")
        pull()
        drain()

        ours.refresh_from_db()
        assert ours.response == "Thus."
        assert HelpPrompt.objects.get(topic="When?").is_active
        assert not HelpPrompt.objects.filter(topic="Where?").exists()
        assert "Category" in base.row("Help Prompts", Topic="Where?")["fields"]["Sync Message"]

    def test_one_that_is_in_both_places_is_linked(self, base):
        ours = HelpPrompt.objects.create(category="Booking", topic="How?", response="Like so.")
        OutboxRow.objects.all().delete()
        pull()
        record = base.create("Help Prompts", Category="booking", Topic="how?", Active_Status=True)
        pull()

        assert HelpPrompt.objects.count() == 1
        assert link_of(ours).record_id == record


class TestSavedMentors:
    def test_appear_with_their_people_and_go_when_they_are_taken_off(self, base):
        mentee, mentor = alice().mentee, bob().mentor
        pull()
        saved = mentors.save_mentor(mentee=mentee, mentor_id=mentor.pk, now=timezone.now())
        drain()

        fields = base.of("Saved Mentors", saved)["fields"]
        assert fields["Mentee"] == [base.of("Mentees", mentee)["id"]]
        assert fields["Mentor"] == [base.of("Mentors", mentor)["id"]]
        assert fields["Saved At"] == saved.saved_at.strftime("%Y-%m-%dT%H:%M:%S.") + (
            f"{saved.saved_at.microsecond // 1000:03d}Z"
        )

        mentors.unsave_mentor(mentee=mentee, mentor_id=mentor.pk, now=timezone.now())
        drain()
        assert base.rows("Saved Mentors") == []
        assert not OutboxRow.objects.exists()

    def test_the_time_is_ours(self, base):
        mentee, mentor = alice().mentee, bob().mentor
        pull()
        saved = mentors.save_mentor(mentee=mentee, mentor_id=mentor.pk, now=timezone.now())
        drain()
        pull()
        there = base.of("Saved Mentors", saved)
        base.edit("Saved Mentors", there["id"], Saved_At="2026-01-01T00:00:00.000Z")
        pull()
        drain()

        fields = base.of("Saved Mentors", saved)["fields"]
        assert fields["Saved At"] == there["fields"]["Saved At"]
        assert "Saved At: decided in Office Hours" in fields["Sync Message"]

    def test_a_pm_can_neither_change_nor_delete_nor_add_one(self, base):
        mentee, mentor, other = alice().mentee, bob().mentor, MentorFactory()
        pull()
        saved = mentors.save_mentor(mentee=mentee, mentor_id=mentor.pk, now=timezone.now())
        drain()
        pull()
        base.edit(
            "Saved Mentors",
            base.of("Saved Mentors", saved)["id"],
            Mentor=[base.of("Mentors", other)["id"]],
        )
        pull()
        drain()
        fields = base.of("Saved Mentors", saved)["fields"]
        assert fields["Mentor"] == [base.of("Mentors", mentor)["id"]]
        assert "Mentor" in fields["Sync Message"]

        base.delete("Saved Mentors", base.of("Saved Mentors", saved)["id"])
        base.create("Saved Mentors", Mentee=[base.of("Mentees", mentee)["id"]])
        pull()
        drain()
        assert SavedMentor.objects.get() == saved
        assert "mentee" in base.of("Saved Mentors", saved)["fields"]["Sync Message"]
        assert len(base.rows("Saved Mentors")) == 2

    def test_load_mentors_stay_out(self, base):
        mentee, mentor = alice().mentee, MentorFactory(is_synthetic=True)
        OutboxRow.objects.all().delete()
        saved = SavedMentor.objects.create(mentee=mentee, mentor=mentor)
        assert outbox_of(saved) is None


def test_nothing_of_this_is_a_conflict(base, template):
    MessageTemplate.objects.update(subject="Here")
    drain()
    pull()
    assert not SyncConflict.objects.exists()
