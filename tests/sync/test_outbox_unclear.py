"""Sending when something is unclear: a lost answer, a missing other end, a value that will not stay."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.utils import timezone

from mentors.models import Mentor
from sessions_app.models import AvailabilityWindow
from sync import guard, outbox, services
from sync.airtable import Airtable, Entry, connect
from sync.models import BaseBinding, OutboxRow, SyncConflict, SyncEvent
from sync.planning import LOOP_WRITES
from tests.factories import MenteeFactory, MentorFactory
from tests.hours import open_window
from tests.people import bob
from tests.sync.conftest import booked, drain, drain_in_bulk, drain_later, link_of, outbox_of, pull


def events(obj, kind):
    return list(SyncEvent.objects.filter(object_id=obj.pk, kind=kind))


class TestALostAnswer:
    """Trap 1: the answer to a creation never comes, and it may have been applied."""

    @pytest.fixture
    def unclear(self, base):
        mentor = bob(headline="As sent").mentor
        base.fault("timeout_after_apply", method="PATCH", delay=0.02)
        drain()
        assert outbox_of(mentor).sent["Headline"] == "As sent"
        base.forget_requests()
        return mentor

    def test_the_record_is_looked_for_before_anything_is_sent_again(self, base, unclear):
        drain_later()

        assert [r["method"] for r in base.requests() if "payloads" not in r["path"]] == ["GET"]
        assert link_of(unclear).record_id == base.row("Mentors")["id"]
        assert outbox_of(unclear) is None
        assert events(unclear, "linked")

    def test_what_either_side_changed_meanwhile_is_kept(self, base, unclear):
        record = base.row("Mentors")["id"]
        base.edit("Mentors", record, Company="Edited there")
        Mentor.objects.filter(pk=unclear.pk).update(headline="Edited here")

        drain_later()

        unclear.refresh_from_db()
        fields = base.row("Mentors")["fields"]
        assert unclear.company == fields["Company"] == "Edited there"
        assert unclear.headline == fields["Headline"] == "Edited here"

    def test_an_object_that_is_gone_meanwhile_leaves_no_record(self, base):
        window = open_window(bob().mentor)
        base.fault("timeout_after_apply", method="PATCH", path="Availability", delay=0.02)
        drain()
        assert base.rows("Availability") or outbox_of(window).sent is None
        window.delete()

        drain_later()
        drain_later()

        assert base.rows("Availability") == []
        assert not OutboxRow.objects.exists()

    def test_one_that_never_arrived_is_sent(self, base):
        mentor = bob().mentor
        base.fault("error_before", method="PATCH", status=500)
        drain()
        assert outbox_of(mentor).error_kind == "ambiguous"

        drain_later()

        assert link_of(mentor).record_id == base.row("Mentors")["id"]

    def test_a_worker_that_died_leaves_word_of_what_it_was_sending(self, base):
        mentor = bob().mentor
        row = outbox.claim("mentor", now=timezone.now())[0]
        outbox.about_to_send([row], [{"Name": "Bob Mentor"}], timezone.now())
        base.create("Mentors", Platform_ID=str(mentor.pk), Name="Bob Mentor")

        drain_later()

        assert len(base.rows("Mentors")) == 1
        assert base.row("Mentors")["fields"]["Email"] == "bob@example.com"


class TestALostAnswerToAnUpdate:
    """Trap 4: what we have written is found there, and is not an edit of somebody's."""

    @pytest.fixture(params=[drain, drain_in_bulk], ids=["alone", "in bulk"])
    def unclear(self, base, mentor, request):
        Mentor.objects.update(headline="First")
        base.fault("timeout_after_apply", method="PATCH", delay=0.02)
        request.param()
        assert base.of("Mentors", mentor)["fields"]["Headline"] == "First"
        assert outbox_of(mentor).error_kind == "ambiguous"
        return mentor

    @pytest.mark.parametrize("is_told", [True, False], ids=["told", "read"])
    def test_a_newer_edit_here_is_not_undone_by_it(self, base, unclear, is_told):
        if not is_told:
            base.server.switches.payload_delay_seconds = 600.0
        Mentor.objects.update(headline="Second")

        drain_later()

        unclear.refresh_from_db()
        assert unclear.headline == base.of("Mentors", unclear)["fields"]["Headline"] == "Second"
        assert not SyncConflict.objects.exists()
        assert not OutboxRow.objects.exists()

    def test_what_somebody_made_of_it_there_is_an_edit(self, base, unclear):
        base.edit("Mentors", base.of("Mentors", unclear)["id"], Headline="Theirs")

        drain_later()
        drain_later()

        unclear.refresh_from_db()
        assert unclear.headline == base.of("Mentors", unclear)["fields"]["Headline"] == "Theirs"


def test_a_worker_that_died_while_it_updated_leaves_word_of_it(base, mentor):
    """Trap 4: killed between Airtable's answer and our note of it."""
    Mentor.objects.update(headline="First")
    row = outbox.claim("mentor", now=timezone.now())[0]
    outbox.about_to_send([row], [{"Headline": "First"}], timezone.now())
    connect().write("Mentors", [Entry({"Headline": "First"}, link_of(mentor).record_id)])
    Mentor.objects.update(headline="Second")

    drain_later()

    mentor.refresh_from_db()
    assert mentor.headline == base.of("Mentors", mentor)["fields"]["Headline"] == "Second"
    assert not SyncConflict.objects.exists()


class TestALinkWhoseOtherEndIsMissing:
    """Trap 14: link cells need record ids of rows that do not exist yet."""

    def test_it_waits_where_that_is_on_its_way(self, base):
        mentor = bob().mentor
        session = booked(mentor, MenteeFactory())
        OutboxRow.objects.filter(subject__in=["mentor", "mentee"]).update(
            next_attempt_at=timezone.now() + timedelta(minutes=5)
        )

        drain()

        assert base.rows("Sessions") == []
        assert "Waits for the record" in outbox_of(session).last_error

    def test_otherwise_it_goes_without_the_link_which_is_written_later(self, base):
        mentor, mentee = bob().mentor, MenteeFactory()
        session = booked(mentor, mentee)
        OutboxRow.objects.filter(object_id=mentor.pk).update(status="dead")

        drain()

        fields = base.of("Sessions", session)["fields"]
        assert fields["Mentee"] == [base.of("Mentees", mentee)["id"]]
        assert "Mentor" not in fields
        assert outbox_of(session).error_kind == "waiting"

        services.replay()
        drain()

        record = base.of("Mentors", mentor)["id"]
        assert base.of("Sessions", session)["fields"]["Mentor"] == [record]
        assert not OutboxRow.objects.exists()

    def test_only_our_end_of_a_link_is_written_and_the_other_is_no_news(self, base, mentor):
        window = open_window(mentor)
        base.forget_requests()
        drain()
        pull()
        pull()

        slots = base.of("Mentors", mentor)["fields"]["Office Hours Slots"]
        assert slots == [link_of(window).record_id]
        assert not events(mentor, "applied")
        mentors = base.server.base.table("Mentors").id
        assert not [r for r in base.requests("PATCH") if mentors in r["path"]]
        assert not OutboxRow.objects.exists()


class TestALoop:
    """Trap 5: a value that something there keeps changing back is not written for ever."""

    def test_the_field_is_frozen_told_and_free_again_once_it_changes_here(self, base, mentor):
        record = base.of("Mentors", mentor)["id"]
        for _ in range(LOOP_WRITES + 3):
            base.edit("Mentors", record, Visibility="private")  # an automation, say
            pull()
            drain()

        link = link_of(mentor)
        assert link.frozen == {"Visibility": "public"}
        written = [e for e in events(mentor, "sent") if "Visibility" in e.fields]
        assert len(written) == LOOP_WRITES
        fields = base.of("Mentors", mentor)["fields"]
        assert fields["Visibility"] == "private"
        assert "left alone" in fields["Sync Message"]
        assert "left alone" in events(mentor, "put_off")[0].detail

        Mentor.objects.filter(pk=mentor.pk).update(bio="Others still go", visibility="limited")
        drain()

        fields = base.of("Mentors", mentor)["fields"]
        assert (fields["Bio"], fields["Visibility"]) == ("Others still go", "limited")
        assert link_of(mentor).frozen == {}


class TestALongQueue:
    def test_what_changed_last_goes_ahead(self, base):
        MentorFactory.create_batch(120)
        last = bob().mentor

        taken = outbox.claim("mentor", now=timezone.now())

        assert len(taken) == outbox.MOST_CLAIMED
        assert last.pk in {row.object_id for row in taken}

    def test_a_portion_is_planned_and_stored_in_few_queries(
        self, base, django_assert_max_num_queries
    ):
        MentorFactory.create_batch(40, areas=["Sales"])
        drain()
        Mentor.objects.update(headline="All of them")

        with django_assert_max_num_queries(60):
            assert drain().written == 40

    def test_history_tells_what_was_sent(self, base, mentor):
        Mentor.objects.filter(pk=mentor.pk).update(headline="New")
        drain()

        event = events(mentor, "sent")[-1]
        assert event.fields["Headline"][1] == "New"
        assert event.record_id == link_of(mentor).record_id


class TestAStopInTheMiddle:
    """The switch is asked at send time: within a second it is heeded in the middle of a run."""

    @pytest.mark.parametrize("stop", ["table", "base"])
    def test_what_was_not_sent_yet_waits(self, base, monkeypatch, stop):
        monkeypatch.setattr(guard, "REMEMBERED", 0.0)
        MentorFactory.create_batch(30)

        def pause(action):
            if stop == "table":
                services.pause_table(table="Mentors", by="Carol", now=timezone.now())
            else:
                BaseBinding.objects.update(paused=True)

        with in_this_thread(base, pause):
            drain()

        assert len(base.rows("Mentors")) == 10
        waiting = OutboxRow.objects.all()
        assert len(waiting) == 20
        assert {(row.attempts, row.sent) for row in waiting} == {(0, None)}

        services.resume_table(table="Mentors")
        BaseBinding.objects.update(paused=False)
        drain()
        assert len(base.rows("Mentors")) == 30


class TestAChangeWhileItIsSent:
    def test_stays_in_the_queue_is_due_at_once_and_is_sent(self, base, mentor):
        Mentor.objects.filter(pk=mentor.pk).update(headline="First")

        def change(action):
            Mentor.objects.filter(pk=mentor.pk, headline="First").update(headline="Second")

        with in_this_thread(base, change):
            services.drain()
        # Due again by itself and not after a lease: the same run has sent it.
        assert base.of("Mentors", mentor)["fields"]["Headline"] == "Second"
        assert link_of(mentor).ancestor["Headline"] == "Second"
        assert outbox_of(mentor) is None
        sent = sorted(events(mentor, "sent"), key=lambda event: event.pk)
        assert [event.fields["Headline"] for event in sent[-2:]] == [
            ["Raised three seed rounds", "First"],
            ["First", "Second"],
        ]

    def test_an_edit_of_another_field_there_is_not_lost_from_what_was_agreed(self, base, mentor):
        Mentor.objects.filter(pk=mentor.pk).update(headline="Ours")

        def merged(action):
            link = link_of(mentor)
            link.ancestor["Company"] = "Merged meanwhile"
            link.save()

        with in_this_thread(base, merged):
            services.drain()
        ancestor = link_of(mentor).ancestor
        assert (ancestor["Headline"], ancestor["Company"]) == ("Ours", "Merged meanwhile")


@contextmanager
def in_this_thread(base, then):
    """After the first request that writes, where the test's transaction is seen."""
    write = Airtable.write

    def write_and(self, *args, **more):
        found = write(self, *args, **more)
        then(None)
        return found

    Airtable.write = write_and
    try:
        yield
    finally:
        Airtable.write = write


class TestDeleting:
    def test_ten_a_request_and_one_that_is_gone_stops_no_other(self, base):
        windows = [open_window(mentor) for mentor in MentorFactory.create_batch(12)]
        drain()
        base.forget_requests()
        gone = base.of("Availability", windows[0])["id"]
        base.delete("Availability", gone)
        AvailabilityWindow.objects.update(is_active=False)

        sent = drain()

        assert base.rows("Availability") == []
        assert sent.deleted == 12
        assert not OutboxRow.objects.exists()

    def test_twelve_in_two_requests(self, base):
        for mentor in MentorFactory.create_batch(12):
            open_window(mentor)
        drain()
        base.forget_requests()
        AvailabilityWindow.objects.update(is_active=False)

        drain()

        assert [r["records"] for r in base.requests("DELETE")] == [10, 2]
