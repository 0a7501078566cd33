"""Asking for many rows by their keys: whatever a key is made of, and as often as one likes."""

from __future__ import annotations

import uuid

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings, strategies as st

from sync.lookups import GIVEN, OneOf, Prepared
from sync.models import RecordLink, SyncEvent
from sync.records import json_of, storable

pytestmark = pytest.mark.django_db
AGAIN = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
keys = st.text(
    st.characters(codec="utf-8", exclude_characters="\x00"), max_size=12
) | st.sampled_from(
    ["", "NULL", "null", "{}", "a,b", '"', "\\", '\\"', " a ", "a'b", "%s", "{a,{b"]
)


def link(record_id):
    return RecordLink(
        table="Mentors", record_id=record_id, subject="mentor", object_id=uuid.uuid4(), ancestor={}
    )


@AGAIN
@given(there=st.sets(keys, max_size=6), wanted=st.lists(keys, max_size=6))
def test_texts_are_found_and_nothing_else(there, wanted):
    RecordLink.objects.all().delete()
    RecordLink.objects.bulk_create(map(link, there))
    found = RecordLink.objects.filter(OneOf("record_id", wanted))
    assert set(found.values_list("record_id", flat=True)) == there & set(wanted)


def test_null_equals_nothing():
    SyncEvent.objects.create(subject="mentor", object_id=None, direction="out", kind="sent")
    one = SyncEvent.objects.create(
        subject="mentor", object_id=uuid.uuid4(), direction="out", kind="sent"
    )
    assert list(SyncEvent.objects.filter(OneOf("object_id", [None, one.object_id]))) == [one]
    assert list(SyncEvent.objects.filter(OneOf("pk", [one.pk, one.pk + 1]))) == [one]


class TestPrepared:
    def test_a_query_written_once_is_answered_for_other_keys(self):
        first, second = RecordLink.objects.bulk_create([link("rec1"), link("rec2")])
        query = Prepared(
            RecordLink.objects.filter(OneOf("object_id", GIVEN), table="Mentors").values_list(
                "record_id", "synced_at"
            )
        )
        assert query.of([first.object_id]) == [("rec1", first.synced_at)]
        assert query.of([second.object_id]) == [("rec2", second.synced_at)]
        assert query.of([]) == []
        RecordLink.objects.filter(pk=first.pk).update(synced_at=timezone.now(), table="Mentees")
        assert query.of([first.object_id]) == []

    def test_what_the_database_keeps_otherwise_is_read_as_the_orm_reads_it(self):
        made = link("rec1")
        made.ancestor = {"Languages": ["English"], "Bio": None}
        made.save()
        query = Prepared(
            RecordLink.objects.filter(OneOf("pk", GIVEN)).values_list("ancestor", "record_id")
        )
        assert query.of([made.pk]) == [(made.ancestor, "rec1")]


anything = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text()
    | st.sampled_from(["NaN", "Infinity", "\\u0000", "\x00", "\ud83d", "😀", "\\ud83d"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@AGAIN
@given(value=anything)
def test_whatever_was_told_can_be_kept(value):
    made = RecordLink.objects.create(
        table="Mentors", record_id=uuid.uuid4().hex, subject="mentor", object_id=uuid.uuid4()
    )
    RecordLink.objects.filter(pk=made.pk).extra(
        where=["jsonb_typeof(%s::jsonb) IS NOT NULL"], params=[json_of(value)]
    ).get()
    assert json_of(value) == json_of(storable(value))
