"""What goes wrong on purpose: limits, lock-outs, lost answers."""

from __future__ import annotations

import http.client
import time

import pytest
import requests

from sync.sandbox import BASE_ID, SandboxServer
from tests.sync.sandbox.conftest import Caller

ROOT = f"/v0/{BASE_ID}"


def test_the_sixth_request_of_a_second_shuts_the_base():
    with SandboxServer(rps=5, lockout_seconds=0.4) as sandbox:
        call = Caller(sandbox.url)
        statuses = [call("GET", f"{ROOT}/Mentors?maxRecords=1").status for _ in range(6)]
        assert statuses == [200] * 5 + [429]
        refused = call("GET", f"/v0/meta/bases/{BASE_ID}/tables")
        assert refused.body["error"]["type"] == "RATE_LIMIT_REACHED"
        assert "Retry-After" not in refused.headers
        assert call("GET", "/_sandbox/records/Mentors").status == 200
        assert call("GET", "/").status == 200
        time.sleep(1.1)
        assert call("GET", f"{ROOT}/Mentors").status == 200


def test_a_request_during_the_lock_out_extends_it():
    with SandboxServer(rps=1, lockout_seconds=0.5) as sandbox:
        call = Caller(sandbox.url)
        sandbox.switches.rate_window_seconds = 0.1
        assert [call("GET", f"{ROOT}/Mentors").status for _ in range(2)] == [200, 429]
        time.sleep(0.3)
        assert call("GET", f"{ROOT}/Mentors").status == 429
        time.sleep(0.3)
        assert call("GET", f"{ROOT}/Mentors").status == 429
        time.sleep(0.6)
        assert call("GET", f"{ROOT}/Mentors").status == 200


def test_the_monthly_quota_has_its_own_error(sandbox, call):
    call("POST", "/_sandbox/switches", {"billing_limit": 1})
    assert call("GET", f"{ROOT}/Mentors").status == 200
    refused = call("GET", f"{ROOT}/Mentors")
    assert refused.status == 429
    assert refused.body["error"]["type"] == "PUBLIC_API_BILLING_LIMIT_EXCEEDED"


def test_a_lost_answer_has_been_applied(call, mentors):
    call("POST", "/_sandbox/faults", {"kind": "timeout_after_apply", "delay": 0.1})
    with pytest.raises(requests.ConnectionError):
        mentors.create({"Name": "Bob"})
    assert [row["fields"]["Name"] for row in mentors.all()] == ["Bob"]
    posts = [e for e in call("GET", "/_sandbox/requests").body["requests"] if e["method"] == "POST"]
    assert [(e["status"], e["records"]) for e in posts] == [(0, 1)]


def test_a_dropped_connection_and_an_early_error_apply_nothing(call, mentors):
    faults = [
        {"kind": "drop_connection", "method": "POST"},
        {"kind": "error_before", "method": "POST", "status": 503, "type": "RETRIABLE_ERROR"},
        {"kind": "retry_after", "method": "POST", "delay": 2},
    ]
    call("POST", "/_sandbox/faults", {"faults": faults})
    assert mentors.all() == []
    with pytest.raises(requests.ConnectionError):
        mentors.create({"Name": "Bob"})
    with pytest.raises(requests.HTTPError) as refused:
        mentors.create({"Name": "Bob"})
    assert refused.value.response.json() == {"error": {"type": "RETRIABLE_ERROR"}}
    with pytest.raises(requests.HTTPError) as refused:
        mentors.create({"Name": "Bob"})
    assert refused.value.response.status_code == 503
    assert refused.value.response.headers["Retry-After"] == "2"
    assert mentors.all() == []
    assert call("GET", "/_sandbox/faults").body == {"faults": []}


def test_a_fault_nobody_knows_is_refused(call):
    assert call("POST", "/_sandbox/faults", {"kind": "earthquake"}).status == 422
    assert call("POST", "/_sandbox/switches", {"batch_atomc": False}).status == 422


def test_faults_that_have_not_happened_can_be_called_off(call, mentors):
    call("POST", "/_sandbox/faults", {"kind": "error_before", "times": 3})
    call("DELETE", "/_sandbox/faults")
    assert call("GET", "/_sandbox/faults").body == {"faults": []}
    assert mentors.all() == []


def test_reset_clears_everything(call, mentors, sandbox):
    mentors.create({"Name": "Bob"})
    call("POST", "/_sandbox/switches", {"batch_atomic": False})
    call("POST", "/_sandbox/reset")
    assert call("GET", "/_sandbox/records/Mentors").body == {"records": []}
    assert call("GET", "/_sandbox/requests").body == {"requests": []}
    assert sandbox.switches.batch_atomic
    call("POST", "/_sandbox/reset", {"empty": True})
    assert call("GET", f"/v0/meta/bases/{BASE_ID}/tables").body == {"tables": []}


def test_a_connection_serves_many_requests_quickly(sandbox):
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=5)
    headers = {"authorization": "Bearer pat"}
    started = time.monotonic()
    for _ in range(50):
        connection.request("GET", f"{ROOT}/Mentors", headers=headers)
        answer = connection.getresponse()
        assert (answer.status, answer.read()) == (200, b'{"records":[]}')
    connection.close()
    assert time.monotonic() - started < 1.5
