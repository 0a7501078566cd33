"""Traps 5 and 6: what is written and what is read back are one value, in every format and type."""

from __future__ import annotations

import string
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings, strategies as st

from sync.mappings import REGISTRY, codecs
from sync.sandbox import BASE_ID, DEFAULT_TOKEN, SandboxServer
from sync.sandbox.model import COMPUTED, Field, Record
from sync.sandbox.values import in_webhook_format, read

HTTP = requests.Session()
AUTHORIZED = {"Authorization": f"Bearer {DEFAULT_TOKEN}"}
HEALTHY = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
words = st.text(
    st.characters(codec="utf-8", exclude_characters="\x00"), max_size=30
)  # as people type: blanks at the ends, line ends of every kind
names = st.lists(st.text(string.ascii_letters + " &é", min_size=1, max_size=12), max_size=5)
numbers = st.one_of(
    st.none(),
    st.integers(-(10**9), 10**9),
    st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 4)),
)
zones = st.sampled_from(
    [UTC, timezone(timedelta(hours=5, minutes=30)), timezone(-timedelta(hours=8))]
)
moments = st.one_of(
    st.none(),
    st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=zones),  # noqa: DTZ001
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(
        ("singleLineText", "multilineText", "richText", "email", "url", "phoneNumber", "barcode"),
        words,
    ),
    **dict.fromkeys(("number", "currency", "percent", "duration"), numbers),
    "rating": st.one_of(st.none(), st.integers(0, 5)),
    "checkbox": st.booleans(),
    "singleSelect": st.sampled_from(["", "Idea", "Seed"]),
    "multipleSelects": st.lists(st.sampled_from(["Sales", "Hiring", "Legal"]), max_size=5),
    "multipleRecordLinks": st.just([]),
    "date": st.one_of(st.none(), st.dates(date(1990, 1, 1), date(2100, 1, 1))),
    "dateTime": moments,
    "multipleAttachments": st.lists(
        st.fixed_dictionaries(
            {
                "id": st.text(string.ascii_letters, min_size=14, max_size=14).map("att".__add__),
                "url": st.just("https://files.example.com/a.pdf"),
                "filename": st.just("a.pdf"),
                "size": st.integers(1, 99),
            }
        ),
        max_size=3,
        unique_by=lambda item: item["id"],
    ),
    "singleCollaborator": st.sampled_from([None, {"id": "usrAAAAAAAAAAAAAA", "email": "a@x.y"}]),
    "multipleCollaborators": st.lists(
        st.sampled_from([{"id": "usrAAAAAAAAAAAAAA"}, {"id": "usrBBBBBBBBBBBBBB"}]), max_size=3
    ),
}


def test_there_is_a_codec_for_every_type_of_field():
    assert set(codecs.EVERY) == {*VALUES, *COMPUTED}


def test_no_mapping_writes_what_airtable_computes():
    assert not [f for m in REGISTRY for f in m.fields if f.codec.is_computed]


@pytest.mark.parametrize("kind", sorted(VALUES))
@given(data=st.data())
def test_canonical_of_canonical_is_itself(kind, data):
    codec = codecs.EVERY[kind]
    once = codec.canonical(data.draw(VALUES[kind]))
    assert codec.canonical(once) == once


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
))  # fmt: skip
def test_whatever_airtable_answers_is_read_without_an_accident(anything):
    for codec in codecs.EVERY.values():
        codec.canonical(anything)


@pytest.fixture(scope="module")
def sandbox():
    """A table with one field of each type that can be written."""
    with SandboxServer(rps=0, token=DEFAULT_TOKEN) as server:
        choices = {"choices": [{"name": n} for n in ("Idea", "Seed", "Sales", "Hiring", "Legal")]}
        fields = [{"name": "Name", "type": "singleLineText"}]
        for kind, codec in codecs.EVERY.items():
            if kind in VALUES and kind != "multipleRecordLinks":
                options = choices if "Select" in kind else codec.options
                fields.append(
                    {"name": kind, "type": kind, **({"options": options} if options else {})}
                )
        made = requests.post(
            f"{server.url}/v0/meta/bases/{BASE_ID}/tables",
            json={"name": "Every type", "fields": fields},
            headers=AUTHORIZED,
            timeout=5,
        )
        assert made.ok, made.text
        yield server


@pytest.mark.parametrize("kind", sorted(set(VALUES) - {"multipleRecordLinks"}))
@HEALTHY
@given(data=st.data())
def test_trap_5_what_is_read_back_is_what_was_written_by_rest_and_by_webhook(sandbox, kind, data):
    """canonical(read(write(x))) = canonical(x), through the protocol."""
    codec = codecs.EVERY[kind]
    wanted = codec.canonical(data.draw(VALUES[kind]))
    path = f"{sandbox.url}/v0/{BASE_ID}/Every type"
    body = {"records": [{"fields": {kind: codec.outgoing(wanted)}}]}
    made = HTTP.post(path, json=body, headers=AUTHORIZED, timeout=5)
    assert made.ok, (wanted, made.text)
    record_id = made.json()["records"][0]["id"]
    told = made.json()["records"][0]["fields"]
    shown = HTTP.get(f"{path}/{record_id}", headers=AUTHORIZED, timeout=5).json()["fields"]
    assert codec.canonical(told.get(kind)) == wanted
    assert codec.canonical(shown.get(kind)) == wanted

    column = sandbox.base.table("Every type").find_field(kind)
    record: Record = sandbox.base.rows[record_id]
    by_webhook = in_webhook_format(column, read(column, record), lambda _: "")
    assert codec.canonical(by_webhook) == wanted


@pytest.mark.parametrize("kind", sorted(set(VALUES) - {"multipleRecordLinks"}))
def test_trap_6_what_is_cleared_is_empty_in_every_format(sandbox, kind):
    """Absent, null and the empty value are one; sending it clears the cell."""
    codec = codecs.EVERY[kind]
    assert codec.canonical(None) == codec.canonical(codec.empty) == codec.empty
    path = f"{sandbox.url}/v0/{BASE_ID}/Every type"
    body = {"records": [{"fields": {"Name": "x", kind: codec.outgoing(codec.empty)}}]}
    made = HTTP.post(path, json=body, headers=AUTHORIZED, timeout=5)
    assert made.ok, made.text
    assert kind not in made.json()["records"][0]["fields"]


class TestSpellings:
    def test_an_attachment_is_the_same_under_another_address(self):
        """Trap 5: the address is a new one at every reading."""
        one = {"id": "att1", "url": "https://a.example.com/1", "filename": "a.pdf", "size": 3}
        other = {**one, "url": "https://a.example.com/2?signed", "thumbnails": {}}
        assert codecs.attachments.canonical([one]) == codecs.attachments.canonical([other])
        assert codecs.attachments.canonical([one]) == ["att1"]

    def test_a_collaborator_is_known_by_id(self):
        person = {"id": "usr1", "email": "a@x.y", "name": "A", "permissionLevel": "edit"}
        assert codecs.collaborator.canonical(person) == ["usr1"]
        assert codecs.collaborators.canonical([person, {"id": "usr1"}]) == ["usr1"]

    def test_a_lookup_is_the_same_in_both_formats(self):
        v2 = {"linkedRecordIds": ["r2", "r1"], "valuesByLinkedRecordId": {"r1": ["x"], "r2": ["y"]}}
        codec = codecs.EVERY["multipleLookupValues"]
        assert codec.canonical(v2) == codec.canonical(["y", "x"]) == ["y", "x"]

    @pytest.mark.parametrize("broken", [{"specialValue": "NaN"}, {"error": "#ERROR!"}])
    def test_a_broken_formula_is_empty_and_breaks_nothing(self, broken):
        for kind in ("formula", "rollup", "number", "dateTime", "checkbox"):
            codec = codecs.EVERY[kind]
            assert codec.canonical(broken) == codec.empty

    def test_a_text_that_is_an_error_object_is_not_taken_for_a_name(self):
        assert codecs.text.canonical({"error": "#ERROR!"}) == ""

    @given(moments)
    def test_an_instant_survives_to_the_millisecond(self, moment):
        back = codecs.to_datetime(codecs.moment.canonical(moment))
        if moment is None:
            assert back is None
        else:
            assert timedelta(0) <= moment - back < timedelta(milliseconds=1)


def test_a_field_of_the_sandbox_is_what_airtable_shows():
    """The links' format, which needs a second table: ids by REST, objects by webhook."""
    field = Field("fld1", "L", "multipleRecordLinks", {"linkedTableId": "tbl1"})
    shown = in_webhook_format(field, ["rec2", "rec1"], lambda record_id: "Somebody")
    codec = codecs.link("T")
    assert codec.canonical(shown) == codec.canonical(["rec1", "rec2"]) == ["rec1", "rec2"]
    assert codec.outgoing([]) == []
