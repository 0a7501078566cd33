"""Webhooks: what is told, in which format, how it is signed, and how long it lives."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from pyairtable.models import WebhookNotification

from sync.sandbox import BASE_ID
from sync.sandbox.pings import is_loopback, mac, ping_body
from tests.sync.sandbox.conftest import eventually

SPEC = {"options": {"filters": {"dataTypes": ["tableData"]}}}
HOOKS = f"/v0/bases/{BASE_ID}/webhooks"


def payloads(call, hook_id, cursor=1, limit=50):
    return call("GET", f"{HOOKS}/{hook_id}/payloads?cursor={cursor}&limit={limit}").body


@pytest.fixture
def hook(base):
    return base.add_webhook("http://127.0.0.1:9/unused", SPEC)


class TestSignature:
    def test_fits_the_known_vector(self):
        body = ping_body("app00000000000000", "ach00000000000000", "2022-02-01T21:25:05.663Z")
        assert mac("c3VwZXIgZHVwZXIgc2VjcmV0", body) == (
            "hmac-sha256=26a5f8b7a527568ceada248cf2b0c2d7bc6c6e099016532131dc17421d5637fa"
        )

    def test_is_accepted_by_pyairtable(self, base, call, receiver):
        made = base.add_webhook(receiver.url, SPEC)
        call("POST", "/_sandbox/create", {"table": "Mentors", "fields": {"Name": "Bob"}})
        receiver.wait()
        body, headers = receiver.got[0]
        header = headers["X-Airtable-Content-MAC"]
        ping = WebhookNotification.from_request(body.decode(), header, made.mac_secret_base64)
        assert (ping.base.id, ping.webhook.id) == (BASE_ID, made.id)
        assert list(json.loads(body)) == ["base", "webhook", "timestamp"]


class TestPings:
    def test_are_coalesced(self, base, mentors, receiver, sandbox):
        sandbox.switches.ping_coalesce_seconds = 0.3
        base.add_webhook(receiver.url, SPEC)
        for number in range(5):
            mentors.create({"Name": f"Mentor {number}"})
        receiver.wait()
        eventually(lambda: base.webhooks()[0].last_successful_notification_time)
        assert len(receiver.got) == 1

    def test_are_tried_again(self, base, mentors, receiver, sandbox):
        sandbox.switches.ping_retry_seconds = 0.02
        receiver.statuses += [500, 201, 302]
        base.add_webhook(receiver.url, SPEC)
        mentors.create({"Name": "Bob"})
        receiver.wait(4)
        eventually(lambda: base.webhooks()[0].last_notification_result.success)
        assert base.webhooks()[0].last_notification_result.retry_number == 3

    def test_end_after_thirteen_retries(self, base, call, mentors, receiver, sandbox):
        sandbox.switches.ping_retry_seconds = 0.0
        receiver.statuses += [500] * 14
        made = base.add_webhook(receiver.url, SPEC)
        mentors.create({"Name": "Bob"})
        eventually(lambda: not base.webhooks()[0].are_notifications_enabled)
        assert len(receiver.got) == 14
        mentors.create({"Name": "Ann"})
        assert payloads(call, made.id)["cursor"] == 3
        base.webhooks()[0].enable_notifications()
        mentors.create({"Name": "Cyd"})
        receiver.wait(15)

    def test_may_be_spurious(self, base, call, receiver):
        base.add_webhook(receiver.url, SPEC)
        call("POST", "/_sandbox/ping", {"times": 3})
        assert len(receiver.got) == 3

    def test_leave_this_machine_alone(self):
        assert is_loopback("http://127.0.0.1:8000/x")
        assert is_loopback("http://localhost/x")
        for url in ("https://example.com", "http://10.0.0.1/", "http://127.0.0.1.example.com/", ""):
            assert not is_loopback(url)


class TestPayloads:
    def test_show_an_edit_in_the_other_cell_format(self, base, call, mentors, hook):
        made = mentors.create({"Name": "Bob", "Expertise": ["Sales"], "Is Active": True})
        edit = {"table": "Mentors", "record": made["id"]}
        call("POST", "/_sandbox/edit", {**edit, "fields": {"Is Active": False, "Expertise": []}})
        call("POST", "/_sandbox/edit", {**edit, "fields": {"Visibility": "public"}})
        schema = mentors.schema()
        first, second, third = payloads(call, hook.id)["payloads"]
        assert first["actionMetadata"]["source"] == "publicApi"
        created = first["changedTablesById"][schema.id]["createdRecordsById"][made["id"]]
        assert created["createdTime"] == made["createdTime"]
        shown = created["cellValuesByFieldId"][schema.field("Expertise").id]
        assert shown[0]["name"] == "Sales"
        assert shown[0]["id"].startswith("sel")
        assert second["actionMetadata"]["source"] == "client"
        assert second["actionMetadata"]["sourceMetadata"]["user"]["email"].endswith("@example.com")
        changed = second["changedTablesById"][schema.id]["changedRecordsById"][made["id"]]
        assert changed == {
            "current": {
                "cellValuesByFieldId": {
                    schema.field("Is Active").id: None,
                    schema.field("Expertise").id: None,
                }
            }
        }
        changed = third["changedTablesById"][schema.id]["changedRecordsById"][made["id"]]
        value = changed["current"]["cellValuesByFieldId"][schema.field("Visibility").id]
        assert value["name"] == "public"

    def test_are_understood_by_pyairtable(self, base, mentors, hook):
        made = mentors.create({"Name": "Bob"})
        mentors.delete(made["id"])
        first, second = base.webhook(hook.id).payloads()
        assert (first.cursor, second.cursor) == (1, 2)
        table = second.changed_tables_by_id[mentors.schema().id]
        assert table.destroyed_record_ids == [made["id"]]

    def test_tell_of_the_other_end_of_a_link(self, base, call, mentors, hook):
        bob = mentors.create({"Name": "Bob"})
        slot = base.table("Availability").create({"Mentor": [bob["id"]]})
        last = payloads(call, hook.id, cursor=2)["payloads"][0]
        field = mentors.schema().field("Office Hours Slots").id
        changed = last["changedTablesById"][mentors.schema().id]["changedRecordsById"][bob["id"]]
        linked = changed["current"]["cellValuesByFieldId"][field]
        assert [item["id"] for item in linked] == [slot["id"]]

    def test_a_write_that_changes_nothing_is_no_news(self, call, mentors, hook):
        made = mentors.create({"Name": "Bob"})
        mentors.update(made["id"], {"Name": "Bob"})
        assert payloads(call, hook.id)["cursor"] == 2

    def test_may_carry_what_was_and_what_stayed(self, base, call, mentors):
        name = mentors.schema().field("Name").id
        headline = mentors.schema().field("Headline").id
        spec = {
            "options": {
                "filters": {"dataTypes": ["tableData"], "fromSources": ["client"]},
                "includes": {
                    "includePreviousCellValues": True,
                    "includeCellValuesInFieldIds": [name],
                },
            }
        }
        made = base.add_webhook("http://127.0.0.1:9/", spec)
        bob = mentors.create({"Name": "Bob"})
        edit = {"table": "Mentors", "record": bob["id"], "fields": {"Headline": "Sells"}}
        call("POST", "/_sandbox/edit", edit)
        (only,) = payloads(call, made.id)["payloads"]
        change = only["changedTablesById"][mentors.schema().id]["changedRecordsById"][bob["id"]]
        assert change["previous"] == {"cellValuesByFieldId": {headline: None}}
        assert change["unchanged"] == {"cellValuesByFieldId": {name: "Bob"}}

    def test_a_large_action_is_split_under_one_transaction_number(
        self, call, mentors, hook, sandbox
    ):
        sandbox.switches.payload_split_at = 4
        mentors.batch_create([{"Name": f"Mentor {n}"} for n in range(10)])
        found = payloads(call, hook.id)["payloads"]
        assert len(found) == 3
        assert len({(p["baseTransactionNumber"], p["timestamp"]) for p in found}) == 1


class TestCursor:
    def test_walks_through_all_payloads_once(self, call, mentors, hook):
        for number in range(5):
            mentors.create({"Name": f"Mentor {number}"})
        first = payloads(call, hook.id, limit=3)
        assert (len(first["payloads"]), first["cursor"], first["mightHaveMore"]) == (3, 4, True)
        second = payloads(call, hook.id, cursor=4)
        assert (len(second["payloads"]), second["cursor"], second["mightHaveMore"]) == (2, 6, False)
        third = payloads(call, hook.id, cursor=6)
        assert third == {"payloads": [], "cursor": 6, "mightHaveMore": False}

    def test_payloads_go_after_seven_days_and_positions_go_on(self, call, mentors, hook, sandbox):
        mentors.create({"Name": "Bob"})
        sandbox.clock.advance(timedelta(days=4))
        payloads(call, hook.id)
        sandbox.clock.advance(timedelta(days=4))
        assert payloads(call, hook.id)["payloads"] == []
        mentors.create({"Name": "Ann"})
        found = payloads(call, hook.id)
        assert (len(found["payloads"]), found["cursor"]) == (1, 3)


class TestLife:
    def test_ends_after_seven_days_unless_refreshed(self, base, call, mentors, hook, sandbox):
        sandbox.clock.advance(timedelta(days=6))
        base.webhook(hook.id).extend_expiration()
        sandbox.clock.advance(timedelta(days=6))
        mentors.create({"Name": "Bob"})
        sandbox.clock.advance(timedelta(days=2))
        assert not base.webhooks()[0].is_hook_enabled
        mentors.create({"Name": "Ann"})
        assert payloads(call, hook.id)["cursor"] == 2
        refused = call("POST", f"{HOOKS}/{hook.id}/refresh")
        assert (refused.status, refused.body["error"]["type"]) == (
            400,
            "CANNOT_REFRESH_DISABLED_WEBHOOK",
        )
        sandbox.clock.advance(timedelta(days=8))
        assert base.webhooks() == []

    def test_a_base_has_ten_at_most(self, base, call):
        for _ in range(10):
            base.add_webhook("http://127.0.0.1:9/", SPEC)
        refused = call("POST", HOOKS, {"specification": SPEC})
        assert refused.body["error"]["type"] == "TOO_MANY_WEBHOOKS_IN_BASE"
        base.webhooks()[0].delete()
        assert call("POST", HOOKS, {"specification": SPEC}).status == 200

    def test_a_broken_one_says_so_in_its_last_payload(self, base, call, mentors, hook):
        call("POST", "/_sandbox/break-webhook", {"webhook": hook.id})
        mentors.create({"Name": "Bob"})
        (last,) = base.webhook(hook.id).payloads()
        assert (last.error, last.error_code) == (True, "INVALID_HOOK")

    def test_a_muted_one_records_and_is_silent(self, base, call, mentors, hook):
        call("POST", "/_sandbox/mute-webhook", {"webhook": hook.id})
        mentors.create({"Name": "Bob"})
        assert not base.webhook(hook.id).are_notifications_enabled
        assert len(list(base.webhook(hook.id).payloads())) == 1

    def test_a_deleted_one_is_gone_without_a_request(self, base, call, hook):
        call("POST", "/_sandbox/delete-webhook", {"webhook": hook.id})
        assert base.webhooks() == []

    def test_a_specification_takes_ids_only(self, call):
        filters = {"dataTypes": ["tableData"], "recordChangeScope": "Mentors"}
        body = {"specification": {"options": {"filters": filters}}}
        assert call("POST", HOOKS, body).status == 422
