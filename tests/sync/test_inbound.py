from __future__ import annotations

import pytest

from accounts.models import User
from mentors.models import Mentor
from sessions_app.models import AvailabilityWindow
from sync.models import InboundChange, OutboxRow, SyncConflict, WebhookRegistration
from tests.people import bob, carol
from tests.sync.conftest import drain, in_two_days, link_of, pull, pull_later


class TestAnEditInAirtable:
    def test_reaches_the_mentor(self, base, mentor):
        record = base.of("Mentors", mentor)["id"]

        base.edit("Mentors", record, Headline="Edited by a PM", Expertise=["Sales", "Hiring"])
        pull()

        mentor.refresh_from_db()
        assert mentor.headline == "Edited by a PM"
        assert {row.area for row in mentor.expertise.all()} == {"Sales", "Hiring"}

    def test_is_not_sent_back(self, base, mentor):
        base.edit("Mentors", base.of("Mentors", mentor)["id"], Headline="Edited by a PM")
        pull()
        base.forget_requests()

        sent = drain()

        assert sent.settled == 1
        assert base.requests("PATCH") == []

    def test_clearing_a_cell_clears_it_here(self, base, mentor):
        base.edit("Mentors", base.of("Mentors", mentor)["id"], Bio=None, Is_Active=False)
        pull()

        mentor.refresh_from_db()
        assert (mentor.bio, mentor.is_active) == ("", False)

    def test_our_own_echo_changes_nothing(self, base, mentor):
        """Trap 3: told by its values, not by who wrote them or when."""
        Mentor.objects.filter(pk=mentor.pk).update(headline="Ours")
        drain()
        link = link_of(mentor)

        received = pull()

        assert received.payloads == 1
        assert link_of(mentor).ancestor == link.ancestor
        assert not OutboxRow.objects.exists()
        assert not SyncConflict.objects.exists()

    def test_what_the_platform_decides_is_put_back_and_says_so(self, base, mentor):
        record = base.of("Mentors", mentor)["id"]

        base.edit("Mentors", record, Timezone="Mars/Olympus")
        pull()
        drain()

        fields = base.of("Mentors", mentor)["fields"]
        assert fields["Timezone"] == "UTC"
        assert "Timezone" in fields["Sync Message"]

    def test_what_a_service_tidied_is_sent_back(self, base, mentor):
        base.edit("Mentors", base.of("Mentors", mentor)["id"], Industries=["fintech"])
        pull()
        drain()

        mentor.refresh_from_db()
        assert mentor.industries == ["Fintech"]
        assert base.of("Mentors", mentor)["fields"]["Industries"] == ["Fintech"]

    def test_a_refused_value_does_not_take_the_good_ones_with_it(self, base, mentor):
        record = base.of("Mentors", mentor)["id"]

        base.edit("Mentors", record, Headline="Good", Weekly_Load_Cap=2.5)
        pull()
        drain()

        mentor.refresh_from_db()
        fields = base.of("Mentors", mentor)["fields"]
        assert (mentor.headline, mentor.weekly_load_cap) == ("Good", 5)
        assert fields["Weekly Load Cap"] == 5
        assert "whole number" in fields["Sync Message"]
        assert SyncConflict.objects.get().field == "Weekly Load Cap"

    def test_the_message_goes_with_the_next_good_edit(self, base, mentor):
        record = base.of("Mentors", mentor)["id"]
        base.edit("Mentors", record, Weekly_Load_Cap=2.5)
        pull()
        drain()

        base.edit("Mentors", record, Weekly_Load_Cap=3)
        pull()
        drain()

        fields = base.of("Mentors", mentor)["fields"]
        assert fields["Weekly Load Cap"] == 3
        assert "Sync Message" not in fields

    def test_a_new_address_is_left_to_its_owner(self, base, mentor):
        base.edit("Mentors", base.of("Mentors", mentor)["id"], Email="new@example.com")
        pull()
        drain()

        assert base.of("Mentors", mentor)["fields"]["Email"] == "bob@example.com"
        assert User.objects.get(pk=mentor.user_id).email == "bob@example.com"

    def test_both_sides_changed_airtable_decides_and_it_is_written_down(self, base, mentor):
        base.edit("Mentors", base.of("Mentors", mentor)["id"], Headline="Theirs")
        Mentor.objects.filter(pk=mentor.pk).update(headline="Ours")

        drain()  # looks before it writes
        drain()

        mentor.refresh_from_db()
        assert mentor.headline == "Theirs"
        assert base.of("Mentors", mentor)["fields"]["Headline"] == "Theirs"
        conflict = SyncConflict.objects.get()
        assert (conflict.local, conflict.remote, conflict.winner) == ("Ours", "Theirs", "remote")

    def test_shared_the_later_edit_counts(self, base, mentor):
        base.edit("Mentors", base.of("Mentors", mentor)["id"], Weekly_Load_Cap=9)
        Mentor.objects.filter(pk=mentor.pk).update(weekly_load_cap=2)

        drain()
        drain()

        mentor.refresh_from_db()
        assert mentor.weekly_load_cap == 2
        assert base.of("Mentors", mentor)["fields"]["Weekly Load Cap"] == 2

    def test_a_cursor_and_its_payloads_are_stored_together(self, base, mentor):
        """Trap 8: neither may be ahead of the other."""
        base.edit("Mentors", base.of("Mentors", mentor)["id"], Headline="x")
        pull()

        registration = WebhookRegistration.objects.get()
        last = InboundChange.objects.order_by("-position").first()
        assert registration.cursor == last.position + 1
        assert last.applied_at is not None

    def test_a_new_key_in_the_row_of_a_mentor_is_put_back(self, base, mentor):
        record = base.of("Mentors", mentor)["id"]
        base.edit("Mentors", record, Platform_ID="something else")
        pull()
        drain()

        assert base.of("Mentors", mentor)["id"] == record


class TestANewRow:
    def test_with_an_address_makes_a_mentor(self, base, mentor):
        record = base.create(
            "Mentors", Name="Dana New", Email="dana@example.com", Bio="Hi", Is_Active=True
        )
        pull()
        drain()

        dana = Mentor.objects.get(user__email="dana@example.com")
        assert (dana.bio, dana.is_active) == ("Hi", True)
        fields = base.row("Mentors", Name="Dana New")["fields"]
        assert fields["Platform ID"] == str(dana.pk)
        assert fields["Visibility"] == "public"
        assert link_of(dana).record_id == record

    def test_without_an_address_it_waits_and_says_so(self, base, mentor):
        record = base.create("Mentors", Name="Dana New")
        pull()
        drain()
        assert "e-mail" in base.row("Mentors", Name="Dana New")["fields"]["Sync Message"]

        base.edit("Mentors", record, Email="dana@example.com")
        pull()
        drain()

        dana = Mentor.objects.get(user__email="dana@example.com")
        fields = base.row("Mentors", Name="Dana New")["fields"]
        assert fields["Platform ID"] == str(dana.pk)
        assert "Sync Message" not in fields
        assert not OutboxRow.objects.exists()

    @pytest.mark.parametrize("typed", ["dana", "dana@", "dana@example", "Dana <dana@example.com>"])
    def test_with_half_an_address_it_waits_for_the_rest(self, base, mentor, typed):
        """Airtable saves while somebody is typing, and takes any text for an address."""
        record = base.create("Mentors", Name="Dana New", Email=typed, Is_Active=True)
        pull()
        drain()
        assert "valid email" in base.row("Mentors", Name="Dana New")["fields"]["Sync Message"]
        assert Mentor.objects.count() == 1

        base.edit("Mentors", record, Email="dana@example.com")
        pull()
        assert Mentor.objects.filter(user__email="dana@example.com").exists()

    def test_a_person_who_runs_the_program_is_out_of_reach(self, base, mentor):
        person = carol()
        base.create("Mentors", Name="Mallory was here", Email=person.email)
        pull()
        drain()

        person.refresh_from_db()
        assert person.name == "Carol Manager"
        assert not Mentor.objects.filter(user=person).exists()

    def test_of_hours_makes_a_bookable_window(self, base, mentor):
        base.create(
            "Availability",
            Mentor=[base.of("Mentors", mentor)["id"]],
            Starts=in_two_days(),
            Ends=in_two_days(2),
            Max_Slots=2,
        )
        pull()
        drain()

        window = AvailabilityWindow.objects.get()
        assert (window.mentor_id, window.capacity, window.is_active) == (mentor.pk, 2, True)
        assert base.rows("Availability")[0]["fields"]["Platform ID"] == str(window.pk)

    def test_of_hours_for_a_mentor_made_in_the_same_breath(self, base, mentor):
        record = base.create("Mentors", Name="Dana", Email="dana@example.com", Is_Active=True)
        base.create("Availability", Mentor=[record], Starts=in_two_days(), Ends=in_two_days(1))
        pull()

        assert AvailabilityWindow.objects.get().mentor.user.email == "dana@example.com"

    def test_of_hours_for_a_mentor_who_waits_is_taken_up_later(self, base, mentor):
        record = base.create("Mentors", Name="Dana")
        base.create("Availability", Mentor=[record], Starts=in_two_days(), Ends=in_two_days(1))
        pull()
        assert not AvailabilityWindow.objects.exists()

        base.edit("Mentors", record, Email="dana@example.com", Is_Active=True)
        pull()
        pull_later()

        assert AvailabilityWindow.objects.get().mentor.user.email == "dana@example.com"

    def test_of_a_session_books_nothing(self, base, mentor):
        base.create("Sessions", Goal="Let me in")
        pull()
        drain()

        assert "booked in Office Hours" in base.row("Sessions")["fields"]["Sync Message"]

    def test_that_bears_our_key_is_linked_not_made_again(self, base):
        """Trap 14: the news of our own creation come before its answer, or instead of it."""
        pull()
        mentor = bob().mentor
        record = base.create("Mentors", Platform_ID=str(mentor.pk), Name="Bob Mentor")
        pull()
        drain()

        assert link_of(mentor).record_id == record
        assert len(base.rows("Mentors")) == 1
        mentor.refresh_from_db()
        assert mentor.bio  # an empty cell at the first meeting wipes nothing
        assert base.rows("Mentors")[0]["fields"]["Bio"] == mentor.bio
