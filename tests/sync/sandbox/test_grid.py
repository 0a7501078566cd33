"""The grid: a program manager's edits, and nobody else's."""

from __future__ import annotations

import json
import re
from urllib.parse import urlencode

import pytest

from sync.sandbox import SandboxServer
from sync.sandbox.automation import signature
from tests.sync.sandbox.conftest import Caller, connect


def post(call, path, fields, **headers):
    body = urlencode(fields, doseq=True).encode()
    return call("POST", path, body, token=None, headers=headers)


@pytest.fixture
def bob(mentors):
    return mentors.create({"Name": "Bob", "Headline": "Sells <b>well</b>", "Is Active": True})


@pytest.fixture
def place(mentors):
    return f"/t/{mentors.schema().id}"


def cell(mentors, record, name, value, was):
    field = mentors.schema().field(name).id
    return {"record": record["id"], f"f:{field}": value, f"was:{field}": json.dumps(was)}


def test_shows_the_base_and_says_what_it_is(call, bob):
    page = call("GET", "/", token=None)
    assert page.status == 200
    assert "This stands in for Airtable on your machine." in page.body
    assert "Bob" in page.body
    assert "&lt;b&gt;well" in page.body
    assert "<b>well" not in page.body
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]


def test_every_cell_can_be_opened_and_every_control_has_a_label(call, bob, base, place):
    for table in base.tables():
        assert call("GET", f"/t/{table.id}/new", token=None).status == 200
    page = call("GET", f"{place}/{bob['id']}", token=None).body
    assert "Office Hours Slots" in page
    page = call("GET", place, token=None).body
    links = re.findall(r'class="cell" href="([^"#]+)', page)
    assert len(links) > 10
    for link in links:
        opened = call("GET", link.replace("&amp;", "&"), token=None).body
        assert 'class="editor"' in opened
        assert "<label" in opened


def test_an_edit_is_the_program_managers(call, mentors, bob, place):
    hook = mentors.base.add_webhook(
        "http://127.0.0.1:9/", {"options": {"filters": {"dataTypes": ["tableData"]}}}
    )
    answer = post(call, f"{place}/cell", cell(mentors, bob, "Name", "Robert", "Bob"))
    assert answer.status == 303
    assert mentors.get(bob["id"])["fields"]["Name"] == "Robert"
    (payload,) = mentors.base.webhook(hook.id).payloads()
    assert payload.action_metadata.source == "client"


def test_a_stale_page_puts_nothing_back(call, mentors, bob, place):
    mentors.update(bob["id"], {"Name": "Robert"})
    form = cell(mentors, bob, "Name", "Bob", "Bob") | cell(mentors, bob, "Title", "CEO", None)
    post(call, f"{place}/{bob['id']}", form)
    fields = mentors.get(bob["id"])["fields"]
    assert (fields["Name"], fields["Title"]) == ("Robert", "CEO")


def test_boxes_keep_the_order_they_were_chosen_in(call, mentors, place):
    ann = mentors.create({"Name": "Ann", "Expertise": ["Legal", "Sales"]})
    sent = cell(mentors, ann, "Expertise", ["Sales", "Legal"], ["Legal", "Sales"])
    post(call, f"{place}/cell", sent)
    assert mentors.get(ann["id"]) == ann
    sent = cell(mentors, ann, "Expertise", ["Product", "Sales", "Legal"], ["Legal", "Sales"])
    post(call, f"{place}/cell", sent)
    assert mentors.get(ann["id"])["fields"]["Expertise"] == ["Legal", "Sales", "Product"]


def test_boxes_lists_numbers_and_links(call, base, mentors, bob, place):
    post(call, f"{place}/cell", cell(mentors, bob, "Is Active", [], True))
    post(call, f"{place}/cell", cell(mentors, bob, "Expertise", ["Sales", "Legal"], None))
    post(call, f"{place}/cell", cell(mentors, bob, "Weekly Load Cap", "3", None))
    fields = mentors.get(bob["id"])["fields"]
    assert "Is Active" not in fields
    assert (fields["Expertise"], fields["Weekly Load Cap"]) == (["Sales", "Legal"], 3)
    hours = base.table("Availability")
    slot = hours.create({})
    there = f"/t/{hours.schema().id}"
    post(call, f"{there}/cell", cell(hours, slot, "Mentor", bob["id"], None))
    post(call, f"{there}/cell", cell(hours, slot, "Starts", "2026-12-01T09:30", None))
    assert hours.get(slot["id"])["fields"] == {
        "Mentor": [bob["id"]],
        "Starts": "2026-12-01T09:30:00.000Z",
    }


def test_rows_come_and_go(call, mentors, place):
    field = mentors.schema().field("Name").id
    assert post(call, f"{place}/new", {f"f:{field}": "Ann", f"was:{field}": "null"}).status == 303
    (ann,) = mentors.all()
    assert ann["fields"] == {"Name": "Ann"}
    assert post(call, f"{place}/{ann['id']}/delete", {}).status == 303
    assert mentors.all() == []


def test_a_refusal_is_said_on_the_page(call, mentors, bob, place):
    answer = post(call, f"{place}/cell", cell(mentors, bob, "Weekly Load Cap", "many", None))
    assert answer.status == 422
    assert 'role="alert"' in answer.body


def test_another_site_cannot_drive_it(call, mentors, bob, place, sandbox):
    edit = cell(mentors, bob, "Name", "Mallory", "Bob")
    foreign = {"Origin": "https://mallory.example.com"}
    assert post(call, f"{place}/cell", edit, **foreign).status == 403
    assert post(call, f"{place}/cell", edit, Origin="null").status == 403
    assert post(call, f"{place}/cell", edit, Referer="http://mallory.example.com/x").status == 403
    assert post(call, f"{place}/cell", edit, **{"Sec-Fetch-Site": "cross-site"}).status == 403
    assert call("POST", "/_sandbox/reset", {}, headers=foreign).status == 403
    assert call("GET", "/", headers={"Host": "mallory.example.com"}).status == 403
    path = f"/v0/{sandbox.base.id}/Mentors"
    assert call("GET", path, headers={"Host": "mallory.example.com"}).status == 403
    assert mentors.get(bob["id"])["fields"]["Name"] == "Bob"
    assert post(call, f"{place}/cell", edit, Origin=sandbox.url).status == 303


def test_the_automation_tells_of_edits_but_not_of_api_writes(receiver):
    with SandboxServer(
        rps=0, automation_url=receiver.url, automation_secret="shared secret"
    ) as sandbox:
        api, call = connect(sandbox.url), Caller(sandbox.url)
        api.table(sandbox.base.id, "Mentors").create({"Name": "Ann"})
        made = call("POST", "/_sandbox/create", {"table": "Mentors", "fields": {"Name": "Bob"}})
        receiver.wait()
        raw, headers = receiver.got[0]
        assert headers["X-Airtable-Signature"] == signature("shared secret", raw)
        body = json.loads(raw)
        assert (body["recordId"], body["table"]) == (made.body["id"], "Mentors")
        assert body["fields"] == {"Name": "Bob"}
        assert body["timestamp"].endswith("Z")
        assert len(receiver.got) == 1
        api.session.close()
