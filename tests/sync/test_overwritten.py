"""Trap 4 and its sister: our own writes come back, and may have covered an edit nobody had read.

The payloads of the base appear late here, and what is sent is part of a bulk change, so that it does
not know of the edit.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.models import User
from mentors.models import Mentor
from sync.models import InboundChange, OutboxRow, SyncConflict
from tests.sync.conftest import drain_in_bulk, pull


@pytest.fixture
def unread(base, mentor):
    """Whatever happens from here on is listed a minute later."""
    base.server.base.switches.payload_delay_seconds = 60.0

    def a_minute_later():
        base.server.clock.advance(timedelta(minutes=2))
        pull()
        drain_in_bulk()
        base.server.clock.advance(timedelta(minutes=2))
        pull()

    return a_minute_later


def edit(base, mentor, **fields):
    base.edit("Mentors", base.of("Mentors", mentor)["id"], **fields)


def there(base, mentor):
    return base.of("Mentors", mentor)["fields"]


class TestAnEditThatOurWriteOverwrote:
    def test_counts_where_airtable_decides(self, base, mentor, unread):
        edit(base, mentor, Headline="Theirs")
        Mentor.objects.filter(pk=mentor.pk).update(headline="Ours")
        drain_in_bulk()
        assert there(base, mentor)["Headline"] == "Ours"  # the race happened
        unread()

        mentor.refresh_from_db()
        assert mentor.headline == there(base, mentor)["Headline"] == "Theirs"
        conflict = SyncConflict.objects.get()
        assert (conflict.field, conflict.local, conflict.remote, conflict.winner) == (
            "Headline", "Ours", "Theirs", "remote",
        )  # fmt: skip
        assert "overwritten" in conflict.reason
        assert not OutboxRow.objects.exists()

    def test_leaves_a_trace_where_the_platform_decides(self, base, mentor, unread):
        edit(base, mentor, Timezone="Europe/Rome")
        User.objects.filter(pk=mentor.user_id).update(time_zone="Europe/Madrid")
        drain_in_bulk()
        unread()

        assert there(base, mentor)["Timezone"] == "Europe/Madrid"
        conflict = SyncConflict.objects.get()
        assert (conflict.remote, conflict.winner) == ("Europe/Rome", "local")

    def test_counts_where_both_decide_if_it_was_the_later_edit(self, base, mentor, unread):
        Mentor.objects.filter(pk=mentor.pk).update(weekly_load_cap=2)
        edit(base, mentor, Weekly_Load_Cap=9)
        drain_in_bulk()
        unread()

        mentor.refresh_from_db()
        assert mentor.weekly_load_cap == there(base, mentor)["Weekly Load Cap"] == 9
        assert SyncConflict.objects.get().winner == "remote"

    def test_loses_where_both_decide_if_it_was_the_earlier_edit(self, base, mentor, unread):
        edit(base, mentor, Weekly_Load_Cap=9)
        Mentor.objects.filter(pk=mentor.pk).update(weekly_load_cap=2)
        drain_in_bulk()
        unread()

        mentor.refresh_from_db()
        assert mentor.weekly_load_cap == there(base, mentor)["Weekly Load Cap"] == 2
        assert SyncConflict.objects.get().winner == "local"

    def test_other_cells_of_the_row_are_merged_as_ever(self, base, mentor, unread):
        edit(base, mentor, Headline="Theirs", Bio="Their bio")
        Mentor.objects.filter(pk=mentor.pk).update(headline="Ours")
        drain_in_bulk()
        unread()

        mentor.refresh_from_db()
        assert (mentor.headline, mentor.bio) == ("Theirs", "Their bio")
        assert SyncConflict.objects.get().field == "Headline"

    def test_is_decided_once_though_the_log_is_read_twice(self, base, mentor, unread):
        """A worker died between the merge and the note that it was done."""
        edit(base, mentor, Headline="Theirs")
        Mentor.objects.filter(pk=mentor.pk).update(headline="Ours")
        drain_in_bulk()
        unread()
        Mentor.objects.filter(pk=mentor.pk).update(headline="Ours again")
        drain_in_bulk()
        InboundChange.objects.update(applied_at=None)
        pull()

        mentor.refresh_from_db()
        assert mentor.headline == "Ours again"
        assert SyncConflict.objects.count() == 1

    def test_that_was_taken_back_there_is_none(self, base, mentor, unread):
        before = there(base, mentor)["Headline"]
        edit(base, mentor, Headline="A slip")
        edit(base, mentor, Headline=before)
        unread()
        assert not SyncConflict.objects.exists()

    def test_that_says_what_we_wrote_is_none(self, base, mentor, unread):
        edit(base, mentor, Headline="The same")
        Mentor.objects.filter(pk=mentor.pk).update(headline="The same")
        drain_in_bulk()
        unread()
        assert not SyncConflict.objects.exists()


class TestTrap4:
    def test_trap_4_our_old_echo_does_not_undo_a_newer_edit_here(self, base, mentor, unread):
        Mentor.objects.filter(pk=mentor.pk).update(headline="First")
        drain_in_bulk()
        Mentor.objects.filter(pk=mentor.pk).update(headline="Second")
        base.server.clock.advance(timedelta(minutes=2))
        pull()

        mentor.refresh_from_db()
        assert mentor.headline == "Second"
        drain_in_bulk()
        assert there(base, mentor)["Headline"] == "Second"
        assert not SyncConflict.objects.exists()

    def test_trap_3_what_another_tool_writes_by_the_api_is_an_edit(self, base, mentor):
        record = base.of("Mentors", mentor)["id"]
        base.server.control._edit(
            {
                "table": "Mentors",
                "record": record,
                "fields": {"Headline": "By another tool"},
                "source": "publicApi",
            }
        )
        pull()
        mentor.refresh_from_db()
        assert mentor.headline == "By another tool"
