"""Comparing everything: what differs is found, told, and healed both ways; what is equal costs nothing."""

from __future__ import annotations

import pytest
from django.core.management import CommandError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mentors.models import Mentor
from sessions_app.models import AvailabilityWindow, Feedback
from sync import airtable
from sync.mappings import REGISTRY
from sync.models import OutboxRow, RecordLink, SyncConflict, SyncEvent, TableState
from sync.reconcile import runs
from sync.reconcile.models import ReconcilePage, ReconcileRun
from sync.records import values_of
from tests.factories import MentorFactory
from tests.hours import open_window
from tests.people import alice
from tests.sync.comparing import compare, long_ago, many, rehearse, run, silently
from tests.sync.conftest import booked, drain, drain_later, link_of, pull


class TestWhatIsEqual:
    def test_costs_page_reads_and_no_write(self, base, mentor):
        open_window(mentor)
        booked(mentor, alice().mentee)
        drain()
        drain()
        pull()
        base.forget_requests()

        done = compare()

        assert done.state == ReconcileRun.State.DONE
        assert {table: done.counts(table).get("same", 0) for table in done.tables} == {
            table: done.counts(table).get("records", 0) for table in done.tables
        }
        assert done.total("records") == 4
        assert {entry["method"] for entry in base.requests()} == {"GET"}
        assert not done.differences.exists()
        assert not OutboxRow.objects.exists()
        assert not ReconcilePage.objects.exists()

    def test_a_page_is_a_few_queries_however_long(self, base, mentor):
        def queries(extra):
            for _ in range(extra):
                MentorFactory(areas=["Sales", "Hiring"])
            drain()
            runs.begin(now=timezone.now(), tables=["Mentors"])
            with CaptureQueriesContext(
                connection,
            ) as found:
                assert runs.carry_on(slice_=None).total("same") == Mentor.objects.count()
            return len(found)

        assert queries(1) == queries(30)

    def test_values_are_read_off_many_objects_as_off_one(self, base, mentor):
        mentor.expertise.create(area="Hiring", sub_area="Engineers")
        mentor.expertise.create(area="Hiring", sub_area="Sales people")
        open_window(mentor, capacity=2, location="Room 1")
        session = booked(mentor, alice().mentee, status="completed", goal="To learn")
        session.mentor_joined_at = timezone.now()
        session.save()
        Feedback.objects.create(session=session, side="mentee", overall=4)
        Feedback.objects.create(session=session, side="mentor", overall=2)
        booked(mentor, session.mentee, days=9)
        tested = set()
        for mapping in REGISTRY:
            fields = [field for field in mapping.fields if not field.rides]
            found = list(mapping.objects())
            many_at_once = values_of(
                mapping, [item.pk for item in found], [field.name for field in fields]
            )
            tested |= {mapping.subject for _ in found}
            for item in found:
                for field, value in zip(fields, many_at_once[item.pk], strict=True):
                    one, canonical = field.value_of(item), field.codec.canonical
                    same = value == one if field.links else canonical(value) == canonical(one)
                    assert same, (mapping.table, field.name, value, one)
        assert {"mentor", "mentee", "window", "session"} <= tested


class TestDrift:
    def test_an_edit_that_nobody_told_us_is_taken_over(self, base, mentor):
        silently(base, "Mentors", base.of("Mentors", mentor)["id"], Headline="Edited in silence")
        assert pull().records == 0

        done = compare()

        mentor.refresh_from_db()
        assert mentor.headline == "Edited in silence"
        row = done.differences.get()
        assert (row.kind, row.field, row.there, row.side) == (
            "field", "Headline", "Edited in silence", "here",
        )  # fmt: skip
        assert row.here == "Raised three seed rounds"
        event = SyncEvent.objects.filter(kind="reconciled").get()
        assert (event.object_id, event.run) == (mentor.pk, f"comparison {done.pk}")
        assert event.fields == {"Headline": ["Raised three seed rounds", "Edited in silence"]}
        drain()
        assert not OutboxRow.objects.exists()

    def test_a_value_of_ours_that_was_lost_there_is_sent_again(self, base, mentor):
        record = base.of("Mentors", mentor)["id"]
        silently(base, "Mentors", record, Visibility="private")

        done = compare()
        drain()

        row = done.differences.get()
        assert (row.field, row.here, row.there, row.side) == (
            "Visibility", "public", "private", "airtable",
        )  # fmt: skip
        assert base.of("Mentors", mentor)["fields"]["Visibility"] == "public"

    def test_a_change_here_whose_outbox_row_was_lost_is_sent(self, base, mentor):
        Mentor.objects.filter(pk=mentor.pk).update(visibility="limited")
        OutboxRow.objects.all().delete()  # as after a restore, or a trigger that was off

        done = compare()
        drain()

        assert done.differences.get().side == "airtable"
        assert base.of("Mentors", mentor)["fields"]["Visibility"] == "limited"

    def test_a_change_on_its_way_is_no_drift(self, base, mentor):
        Mentor.objects.filter(pk=mentor.pk).update(headline="On its way")

        done = compare()

        assert done.total("on_its_way") == 1
        assert not done.differences.exists()

    def test_a_key_that_somebody_cleared_is_written_again(self, base, mentor):
        record = base.of("Mentors", mentor)["id"]
        silently(base, "Mentors", record, Platform_ID="")

        done = compare()
        drain()

        assert done.differences.get().kind == "key"
        assert base.of("Mentors", mentor)["id"] == record

    def test_what_is_refused_says_why(self, base, mentor):
        silently(base, "Mentors", base.of("Mentors", mentor)["id"], Weekly_Load_Cap=2.5)

        row = compare().differences.get()

        assert (row.here, row.there, row.side) == (5, 2.5, "airtable")
        assert "whole number" in row.note
        assert SyncConflict.objects.get().field == "Weekly Load Cap"

    def test_links_and_hours_heal_too(self, base, mentor):
        window = open_window(mentor)
        drain()
        pull()
        silently(base, "Availability", base.of("Availability", window)["id"], Max_Slots=3)

        compare()

        window.refresh_from_db()
        assert window.capacity == 3

    def test_what_is_put_right_between_the_two_looks_is_left_alone(self, base, mentor):
        record = base.of("Mentors", mentor)["id"]
        silently(base, "Mentors", record, Headline="Wrong for a second")

        def clock():
            """As time passes: once the page was read, the cell is put right."""
            if base.requests("GET"):
                base.edit("Mentors", record, Headline="Raised three seed rounds")
            return timezone.now()

        runs.begin(now=timezone.now(), tables=["Mentors"])
        base.forget_requests()
        done = runs.carry_on(slice_=None, clock=clock)

        assert (done.total("same"), done.differences.count()) == (1, 0)
        mentor.refresh_from_db()
        assert mentor.headline == "Raised three seed rounds"

    def test_unknown_rows_come_in_and_missing_ones_go_out(self, base, mentor):
        here = MentorFactory()
        OutboxRow.objects.all().delete()
        base.create("Mentors", Name="Dana", Email="dana@example.com", Is_Active=True)

        done = compare()
        drain()

        assert Mentor.objects.filter(user__email="dana@example.com").exists()
        assert base.of("Mentors", here)
        assert {row.kind for row in done.differences.all()} == {"new_there", "new_here"}

    def test_a_paused_table_is_passed_over(self, base, mentor):
        silently(base, "Mentors", base.of("Mentors", mentor)["id"], Headline="Theirs")
        TableState.objects.create(table="Mentors", paused=True)

        done = compare()

        assert "paused" in done.progress["Mentors"]["note"]
        mentor.refresh_from_db()
        assert mentor.headline != "Theirs"


class TestDeletions:
    def test_a_row_that_is_gone_is_withdrawn(self, base, mentor):
        window = open_window(mentor)
        drain()
        pull()
        base.delete("Availability", base.of("Availability", window)["id"])
        base.server.base.webhooks.hooks.clear()
        long_ago()

        done = compare()

        window.refresh_from_db()
        assert not window.is_active
        assert done.differences.get().kind == "gone_there"

    def test_trap_13_a_row_made_since_the_list_began_is_not_taken_for_gone(self, base, mentor):
        window = open_window(mentor)
        drain()
        pull()
        base.delete("Availability", base.of("Availability", window)["id"])

        compare()  # its link is a second old: the list may have begun before it

        window.refresh_from_db()
        assert window.is_active

    def test_trap_13_too_many_at_once_need_an_operator(self, base, mentor):
        windows = [open_window(MentorFactory()) for _ in range(12)]
        drain()
        drain_later()
        pull()
        assert not OutboxRow.objects.exists()
        for window in windows[1:]:
            base.delete("Availability", base.of("Availability", window)["id"])
        base.server.base.webhooks.hooks.clear()
        long_ago()

        with pytest.raises(CommandError, match="be healed") as refused:
            run("sync_reconcile", "--table", "Availability")
        assert refused.value.returncode == 1
        assert AvailabilityWindow.objects.filter(is_active=True).count() == 12
        assert (
            "unless an operator allows it"
            in ReconcileRun.objects.get().progress["Availability"]["note"]
        )

        run("sync_reconcile", "--table", "Availability", "--allow-deletions")
        assert AvailabilityWindow.objects.filter(is_active=True).count() == 1

    def test_trap_13_a_list_that_breaks_off_is_begun_again_not_believed(
        self, base, mentor, monkeypatch
    ):
        monkeypatch.setattr(airtable, "PAGE_SIZE", 5)
        many(11)
        long_ago()
        mentors = base.server.base.table("Mentors").id

        def expire(run, table):
            if run.progress[table]["pages"] == 1 and not run.progress[table]["restarts"]:
                base.fault("error_before", path=mentors, status=422, type=airtable.ITERATOR_IS_GONE)

        runs.begin(now=timezone.now(), tables=["Mentors"])
        done = runs.carry_on(slice_=None, told=expire)

        assert done.progress["Mentors"]["restarts"] == 1
        assert done.counts("Mentors") == {"records": 12, "same": 12}
        assert not done.differences.exists()


class TestARehearsal:
    def test_says_what_would_be_and_changes_nothing(self, base, mentor):
        record = base.of("Mentors", mentor)["id"]
        silently(base, "Mentors", record, Headline="Theirs", Visibility="private")
        base.create("Mentors", Name="Dana", Email="dana@example.com", Is_Active=True)
        links = list(RecordLink.objects.order_by("pk").values())
        base.forget_requests()

        report = rehearse()

        found = {(row["kind"], row["field"]): row for row in report["differences"]}
        assert found["field", "Headline"]["side"] == "here"
        assert found["field", "Visibility"]["side"] == "airtable"
        assert found["new_there", ""]["label"] == "Dana"
        assert report["tables"]["Mentors"]["differing"] == 1
        mentor.refresh_from_db()
        assert mentor.headline == "Raised three seed rounds"
        assert Mentor.objects.count() == 1
        assert list(RecordLink.objects.order_by("pk").values()) == links
        assert not OutboxRow.objects.exists()
        assert not SyncConflict.objects.exists()
        assert not SyncEvent.objects.filter(kind__in=["reconciled", "applied", "linked"]).exists()
        assert {entry["method"] for entry in base.requests()} == {"GET"}

    def test_foretells_what_then_happens(self, base, mentor):
        record = base.of("Mentors", mentor)["id"]
        silently(base, "Mentors", record, Headline="Theirs", Weekly_Load_Cap=2.5, Timezone="Mars")
        foretold = rehearse()["differences"]

        run("sync_reconcile")

        happened = ReconcileRun.objects.latest("pk").differences.values("field", "side", "note")
        assert [{k: row[k] for k in ("field", "side", "note")} for row in foretold] == list(
            happened
        )

    def test_in_words(self, base, mentor):
        silently(base, "Mentors", base.of("Mentors", mentor)["id"], Headline="Theirs")
        with pytest.raises(CommandError, match="Nothing was changed") as refused:
            run("sync_reconcile", "--dry-run")
        assert refused.value.returncode == 1
        assert "1 records" in run("sync_reconcile", "--table", "Mentors")


class TestTheFirstLoad:
    def test_the_preview_tells_who_matches_and_what_is_there_twice(self, base, mentor):
        known = MentorFactory(user__name="Kim Known", user__email="kim@example.com")
        MentorFactory(user__name="Lee Elsewhere", user__email="lee@example.com")
        OutboxRow.objects.all().delete()
        base.create("Mentors", Name="Kim", Email="Kim@example.com", Is_Active=True)
        base.create("Mentors", Name="Lee Elsewhere", Email="lee@example.org", Is_Active=True)
        base.create("Mentors", Name="Twin", Email="twin@example.com")
        base.create("Mentors", Name="Twin again", Email="twin@example.com")
        base.create("Mentors", Name="Nameless")

        text = run("sync_backfill", "--dry-run", "--table", "Mentors")

        assert "Known by its e-mail address" in text
        assert "The same Email in 2 rows" in text
        assert "Somebody of this name has the row" in text
        assert "Add an e-mail address" in text
        assert Mentor.objects.count() == 3
        assert not RecordLink.objects.filter(object_id=known.pk).exists()

        run("sync_backfill", "--table", "Mentors")
        assert link_of(known).record_id == base.row("Mentors", Name="Kim")["id"]
