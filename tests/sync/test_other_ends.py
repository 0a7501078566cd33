"""What hangs on a mentor goes and comes back with them, in whatever order Airtable tells of it.

Airtable empties every cell that links to a row which somebody deletes. That is no edit of anybody's.
"""

from __future__ import annotations

import copy
from datetime import timedelta

import pytest
from django.utils import timezone

from mentors.models import Mentor
from sync.models import InboundChange, OutboxRow, SyncConflict, SyncEvent
from sync.records import remember_hint
from tests.factories import MenteeFactory
from tests.hours import open_window
from tests.sync.comparing import compare, rehearse
from tests.sync.conftest import booked, drain, drain_later, link_of, pull


@pytest.fixture
def window(base, mentor):
    found = open_window(mentor)
    drain()
    pull()
    return found


@pytest.fixture
def session(base, mentor):
    found = booked(mentor, MenteeFactory())
    drain()
    pull()
    return found


def forget_the_log(base):
    for hook in base.server.base.webhooks.hooks.values():
        hook.payloads.clear()


def delete(base, mentor):
    base.delete("Mentors", base.of("Mentors", mentor)["id"])


def held_back(base, table):
    """Have the log tell of this table only later, as where an action is told in parts; what tells it."""
    hook = next(iter(base.server.base.webhooks.hooks.values()))
    last = hook.payloads[max(hook.payloads)]
    later = copy.deepcopy(last)
    part = last["changedTablesById"].pop(base.server.base.table(table).id)
    later["changedTablesById"] = {base.server.base.table(table).id: part}

    def tell():
        hook.payloads[max(hook.payloads) + 1] = later

    return tell


def all_looks():
    """Every second look whose time would come in the next minutes."""
    for _ in range(4):
        InboundChange.objects.filter(applied_at=None).update(next_attempt_at=timezone.now())
        pull()
    drain_later()


class TestAMentorDeletedThere:
    def gone(self, base, mentor, *others):
        mentor.refresh_from_db()
        assert not mentor.is_active
        assert not SyncConflict.objects.exists()
        assert not SyncEvent.objects.filter(kind="refused").exists()
        assert not OutboxRow.objects.exists()
        for table, other in others:
            fields = base.of(table, other)["fields"]
            assert "Mentor" not in fields
            assert "Sync Message" not in fields
            assert link_of(other).message == ""

    def test_told_together(self, base, mentor, window, session):
        delete(base, mentor)
        pull()
        drain()
        all_looks()
        self.gone(base, mentor, ("Availability", window), ("Sessions", session))

    @pytest.mark.parametrize("last", ["Availability", "Mentors"])
    def test_told_in_parts(self, base, mentor, window, session, last):
        delete(base, mentor)
        tell = held_back(base, last)
        pull()
        drain()
        tell()
        pull()
        drain()
        all_looks()
        self.gone(base, mentor, ("Availability", window), ("Sessions", session))

    def test_told_by_the_emptied_cells_alone(self, base, mentor, window, session):
        """An Automation watches these tables, or their pages are read first."""
        delete(base, mentor)
        forget_the_log(base)
        for table, other in (("Availability", window), ("Sessions", session)):
            remember_hint(table, link_of(other).record_id)
        pull()
        drain()
        all_looks()
        self.gone(base, mentor, ("Availability", window), ("Sessions", session))

    def test_found_by_a_comparison(self, base, mentor, window, session):
        delete(base, mentor)
        forget_the_log(base)
        compare()
        drain()
        all_looks()
        self.gone(base, mentor, ("Availability", window), ("Sessions", session))
        assert rehearse()["differences"] == []

    def test_what_else_was_edited_in_these_rows_counts(self, base, mentor, window):
        base.edit("Availability", link_of(window).record_id, Location="Room 9")
        delete(base, mentor)
        held_back(base, "Mentors")
        pull()
        window.refresh_from_db()
        assert window.location == "Room 9"

    def test_a_long_list_of_hours_does_not_ask_about_their_mentor_for_each(self, base, mentor):
        noon = timezone.now().replace(hour=12, minute=0, second=0, microsecond=0)
        for day in range(2, 14):
            open_window(mentor, starts_at=noon + timedelta(days=day))
        drain()
        pull()
        delete(base, mentor)
        tell = held_back(base, "Mentors")
        base.forget_requests()
        pull()
        mentors = base.server.base.table("Mentors").id
        # For the other ends of all of them, and then for the mentor's own row.
        assert len([r for r in base.requests() if mentors in r["path"]]) == 2
        tell()
        pull()
        all_looks()
        self.gone(base, mentor)


class TestAMentorWhoIsStillThere:
    def test_an_emptied_cell_is_put_back_and_told(self, base, mentor, window):
        record = link_of(window).record_id
        base.edit("Availability", record, Mentor=[])
        pull()
        drain()
        fields = base.of("Availability", window)["fields"]
        assert fields["Mentor"] == [link_of(mentor).record_id]
        assert fields["Sync Message"] == "Link exactly one mentor."
        assert SyncConflict.objects.get().field == "Mentor"


class TestAMentorWhoComesBack:
    def test_made_active_here_the_hours_are_linked_to_the_new_row(self, base, mentor, window):
        delete(base, mentor)
        pull()
        drain()
        Mentor.objects.filter(pk=mentor.pk).update(is_active=True)
        drain()
        drain()
        fields = base.of("Availability", window)["fields"]
        assert fields["Mentor"] == [base.of("Mentors", mentor)["id"]]
        assert not OutboxRow.objects.exists()

    @pytest.mark.parametrize("last", [None, "Availability", "Mentors"])
    def test_out_of_the_trash(self, base, mentor, window, last):
        inner = base.server.base
        record = inner.rows[link_of(mentor).record_id]
        delete(base, mentor)
        pull()
        drain()

        with inner.action() as action:  # Airtable gives the same id back, and fills the cells again
            inner.remember(record)
            action.created[record.id] = record
            hours = inner.rows[link_of(window).record_id]
            inner.write(
                action, hours, inner.table("Availability").find_field("Mentor"), [record.id]
            )
        tell = held_back(base, last) if last else None
        pull()
        drain()
        if tell:
            tell()
        pull()
        drain()
        all_looks()

        mentor.refresh_from_db()
        assert mentor.is_active
        assert not SyncConflict.objects.exists()
        assert not SyncEvent.objects.filter(kind="refused").exists()
        fields = base.of("Availability", window)["fields"]
        assert fields["Mentor"] == [record.id]
        assert "Sync Message" not in fields
        assert not OutboxRow.objects.exists()
