"""What happened to a record is told in order, briefly, and for 90 days."""

from __future__ import annotations

import uuid
from datetime import timedelta

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mentors.models import Mentor
from sync import history, services
from sync.history import IN, OUT, Event, Kind
from sync.models import SyncEvent, SyncLag
from tests.sync.conftest import drain, pull


def sent(object_id, **more):
    return Event(Kind.SENT, OUT, "mentor", object_id, timezone.now(), **more)


def test_a_batch_is_one_insert(db):
    bob = uuid.uuid4()
    events = [sent(bob, fields={"Title": ["", f"Nr. {i}"]}) for i in range(10)]
    with (
        CaptureQueriesContext(
            connection,
        ) as queries,
        history.running("reconcile 7"),
    ):
        history.record(events)
    assert len(queries) == 1
    rows = list(SyncEvent.objects.order_by("id"))
    assert [row.fields for row in rows] == [{"Title": ["", f"Nr. {i}"]} for i in range(10)]
    assert {(row.object_id, row.kind, row.direction, row.run) for row in rows} == {
        (bob, "sent", "out", "reconcile 7")
    }
    assert rows[3].at == events[3].at


def test_nothing_costs_nothing(db, django_assert_num_queries):
    with django_assert_num_queries(0):
        history.record([])


def test_long_texts_are_cut_and_odd_ones_are_taken(db):
    history.record(
        [
            Event(
                Kind.REFUSED, IN, "mentor", None, timezone.now(), record_id="rec1",
                fields={"Bio": ["a\x00b", "x" * 5000]}, detail="y" * 5000,
            )
        ]
    )  # fmt: skip
    row = SyncEvent.objects.get()
    before, after = row.fields["Bio"]
    assert before == "ab"
    assert len(after) == history.LONGEST_VALUE
    assert after.endswith("…")
    assert len(row.detail) == history.LONGEST_DETAIL
    assert (row.object_id, row.run) == (None, "")


def test_what_is_rolled_back_did_not_happen(db):
    with transaction.atomic():
        history.record([sent(uuid.uuid4())])
        transaction.set_rollback(True)
    assert not SyncEvent.objects.exists()


def test_only_fields_that_differ_are_changes():
    assert history.changes({"A": 1, "B": 2}, {"A": 1, "B": 3, "C": 4}) == {
        "B": [2, 3],
        "C": [None, 4],
    }
    assert history.changes({"A": 1, "B": 2}, {"B": 3}, ["A"]) == {"A": [1, None]}


def test_it_is_kept_for_90_days(db):
    now = timezone.now()
    old, young = uuid.uuid4(), uuid.uuid4()
    history.record(
        [
            Event(Kind.SENT, OUT, "mentor", old, now - timedelta(days=91)),
            Event(Kind.SENT, OUT, "mentor", young, now - timedelta(days=89)),
        ]
    )
    services.tidy(now=now)
    assert [row.object_id for row in SyncEvent.objects.all()] == [young]


class TestARowEnteredInAirtable:
    def test_the_history_of_its_person_begins_with_it(self, base):
        pull()
        base.create("Mentors", Name="Dana", Email="dana@example.com", Is_Active=True)
        pull()
        event = SyncEvent.objects.get(kind="created", direction="in")
        assert event.object_id == Mentor.objects.get().pk
        assert event.fields["Email"] == [None, "dana@example.com"]
        assert event.detail.startswith("Entered in Airtable")
        assert SyncLag.objects.filter(direction="in").count() == 1

    def test_that_it_is_not_accepted_is_told_once(self, base):
        pull()
        record = base.create("Mentors", Name="Dana", Is_Active=True)
        pull()
        drain()
        base.edit("Mentors", record, Company="Tallow")
        pull()
        event = SyncEvent.objects.get(kind="refused")
        assert event.detail == base.row("Mentors", Name="Dana")["fields"]["Sync Message"]
