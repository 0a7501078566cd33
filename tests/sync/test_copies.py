"""Trap 2: people duplicate rows, key and all, and Airtable has nothing unique to stop them."""

from __future__ import annotations

from datetime import timedelta

from mentors.models import Mentor
from sync.models import OutboxRow
from sync.reconcile.models import ReconcileDifference
from tests.factories import MenteeFactory, MentorFactory
from tests.people import bob
from tests.sync.comparing import compare
from tests.sync.conftest import drain, drain_later, link_of, pull


def duplicate(base, mentor, **changed):
    """What "Duplicate record" in Airtable's menu does."""
    fields = base.server.base.shown(base.server.base.rows[link_of(mentor).record_id])["fields"]
    fields.pop("Office Hours Slots", None)
    return base.create("Mentors", **{**fields, **changed})


def row(base, record_id):
    return next(row["fields"] for row in base.rows("Mentors") if row["id"] == record_id)


class TestTrap2:
    def test_a_copied_row_gets_a_fresh_key_and_never_rebinds(self, base, mentor):
        original = link_of(mentor).record_id
        copy = duplicate(base, mentor)
        pull()
        drain()

        assert link_of(mentor).record_id == original
        assert row(base, copy)["Platform ID"] != str(mentor.pk)
        assert "Another row" in row(base, copy)["Sync Message"]
        assert Mentor.objects.count() == 1

    def test_a_copy_for_somebody_else_becomes_somebody_else(self, base, mentor):
        copy = duplicate(base, mentor, Name="Dana New", Email="dana@example.com")
        pull()
        drain()

        dana = Mentor.objects.get(user__email="dana@example.com")
        assert row(base, copy)["Platform ID"] == str(dana.pk)
        assert row(base, link_of(mentor).record_id)["Platform ID"] == str(mentor.pk)

    def test_an_update_goes_to_the_record_and_not_to_the_key(self, base, mentor):
        """By the key it would fail, and take the nine others of its request with it."""
        others = MentorFactory.create_batch(2)
        drain()
        pull()
        base.server.base.switches.payload_delay_seconds = 60.0  # of the copy nobody has heard yet
        copy = duplicate(base, mentor)
        Mentor.objects.update(headline="Ours")
        sent = drain()

        assert (sent.written, sent.dead) == (3, 0)
        for one in (mentor, *others):
            assert row(base, link_of(one).record_id)["Headline"] == "Ours"
        assert row(base, copy)["Headline"] != "Ours"

    def test_at_the_first_meeting_the_oldest_is_the_original(self, base):
        mentor = bob().mentor
        original = base.create("Mentors", Platform_ID=str(mentor.pk), Name="One")
        base.server.clock.advance(timedelta(seconds=1))
        base.create("Mentors", Platform_ID=str(mentor.pk), Name="Two")
        others = MenteeFactory.create_batch(3)

        drain()
        drain_later()

        assert link_of(mentor).record_id == original
        assert row(base, original)["Email"] == "bob@example.com"
        assert all(base.of("Mentees", mentee) for mentee in others)

    def test_the_nights_comparison_names_both_rows(self, base, mentor):
        copy = duplicate(base, mentor)
        found = compare().differences.filter(kind=ReconcileDifference.Kind.DUPLICATE)

        said = found.get(field="Platform ID")
        assert said.label == str(mentor.pk)
        assert copy in said.note
        assert link_of(mentor).record_id in said.note
        drain()
        assert row(base, copy)["Platform ID"] != str(mentor.pk)
        assert not OutboxRow.objects.exists()
