"""The sandbox swears which edits no client can know of: those alone excuse a client that lost one."""

from __future__ import annotations

import contextlib

import pytest
import requests

from sync.sandbox import BASE_ID

ROOT = f"/v0/{BASE_ID}"
ALL = {"specification": {"options": {"filters": {"dataTypes": ["tableData"]}}}}


@pytest.fixture
def row(mentors):
    return mentors.create({"Name": "Bob"})["id"]


@pytest.fixture
def edit(call, row):
    def change(value):
        body = {"table": "Mentors", "record": row, "fields": {"Headline": value}}
        assert call("POST", "/_sandbox/edit", body).status == 200

    return change


def untold(call):
    edits = call("GET", "/_sandbox/untold").body["edits"]
    return [(edit["table"], edit["field"], edit["value"]) for edit in edits]


THEIRS = [("Mentors", "Headline", "Theirs")]


def test_an_edit_that_is_written_over_unseen_is_untold(call, mentors, edit, row):
    edit("Theirs")
    assert untold(call) == []
    mentors.update(row, {"Headline": "Ours"})
    assert untold(call) == THEIRS


def test_one_that_a_listing_has_shown_is_not(call, mentors, edit, row):
    edit("Theirs")
    mentors.all()
    mentors.update(row, {"Headline": "Ours"})
    assert untold(call) == []


def test_one_that_a_read_of_the_row_has_shown_is_not(call, mentors, edit, row):
    edit("Theirs")
    mentors.get(row)
    mentors.update(row, {"Headline": "Ours"})
    assert untold(call) == []


def test_one_that_the_answer_to_another_write_has_shown_is_not(call, mentors, edit, row):
    edit("Theirs")
    call("PATCH", f"{ROOT}/Mentors", {"records": [{"id": row, "fields": {"Bio": "Ours"}}]})
    mentors.update(row, {"Headline": "Ours"})
    assert untold(call) == []


def test_one_that_was_shown_only_before_it_was_made_is(call, mentors, edit, row):
    edit("Seen")
    mentors.all()
    edit("Theirs")
    mentors.update(row, {"Headline": "Ours"})
    assert untold(call) == THEIRS


def test_one_that_a_webhook_has_told_is_not_though_it_came_after_our_write(
    call, mentors, edit, row
):
    hook = call("POST", f"/v0/bases/{BASE_ID}/webhooks", ALL).body["id"]
    edit("Theirs")
    mentors.update(row, {"Headline": "Ours"})
    assert untold(call) == THEIRS
    call("GET", f"/v0/bases/{BASE_ID}/webhooks/{hook}/payloads")
    assert untold(call) == []


def test_an_answer_that_got_lost_tells_nobody(call, mentors, edit, row):
    edit("Theirs")
    call("POST", "/_sandbox/faults", {"kind": "timeout_after_apply", "method": "GET", "delay": 0})
    with contextlib.suppress(requests.ConnectionError, OSError):
        mentors.all()
    mentors.update(row, {"Headline": "Ours"})
    assert untold(call) == THEIRS


def test_what_a_person_changed_again_is_no_loss(call, mentors, edit, row):
    edit("First")
    edit("Second")
    mentors.all()
    mentors.update(row, {"Headline": "Ours"})
    assert untold(call) == []
