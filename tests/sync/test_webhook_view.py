from __future__ import annotations

import hashlib
import hmac
import json
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from mentors.models import Mentor
from sync import services, signatures
from sync.models import AutomationReceipt, InboundChange, WebhookRegistration
from tests.people import bob
from tests.sync.conftest import drain, link_of, pull, pull_later

SECRET = "secret-of-the-tests"
URL = "/api/webhooks/airtable"
NATIVE_BODY = (
    b'{"base":{"id":"app00000000000000"},"webhook":{"id":"ach00000000000000"},'
    b'"timestamp":"2022-02-01T21:25:05.663Z"}'
)


def sign(body, secret=SECRET):
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def send(body, signature=None, **headers):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    if signature is None:
        signature = sign(raw)
    if signature:
        headers["X-Airtable-Signature"] = signature
    return Client().post(URL, raw, content_type="application/json", headers=headers)


def post(**more):
    return {"recordId": "recAAAAAAAAAAAAAA", "fields": {"Bio": "x"}, **more}


def nothing_stored():
    return not InboundChange.objects.exists() and not AutomationReceipt.objects.exists()


@pytest.fixture(autouse=True)
def secret(settings):
    settings.AIRTABLE_WEBHOOK_SECRETS = [SECRET]


@pytest.mark.django_db
class TestWhoMaySpeak:
    def test_a_signed_post_is_stored_and_answered_with_nothing(self):
        answer = send(post())
        assert (answer.status_code, answer.content) == (200, b"")
        assert InboundChange.objects.get().webhook == "automation"

    @pytest.mark.parametrize("prefix", ["sha256=", ""])
    def test_a_prefix_and_capitals_are_fine(self, prefix):
        raw = json.dumps(post()).encode()
        assert send(raw, prefix + sign(raw).upper()).status_code == 200

    @pytest.mark.parametrize("signature", ["0" * 64, "nonsense", "é"])
    def test_a_wrong_signature(self, signature):
        answer = send(post(), signature.encode().decode("latin-1"))
        assert answer.status_code == 401
        assert answer.json()["code"] == "invalid_credentials"
        assert nothing_stored()

    def test_no_signature(self):
        assert send(post(), "").status_code == 401
        assert nothing_stored()

    def test_the_signature_of_another_body(self):
        assert send(post(), sign(b"{}")).status_code == 401
        assert nothing_stored()

    def test_no_secret_configured(self, settings):
        settings.AIRTABLE_WEBHOOK_SECRETS = []
        assert send(post(), sign(json.dumps(post()).encode(), "")).status_code == 401
        assert nothing_stored()

    def test_both_secrets_while_rotating(self, settings):
        settings.AIRTABLE_WEBHOOK_SECRETS = ["new", "old"]
        raw = json.dumps(post()).encode()
        assert send(raw, sign(raw, "old")).status_code == 200
        assert send(raw, sign(raw, "new")).status_code == 200
        assert send(raw, sign(raw, "older")).status_code == 401

    def test_an_old_timestamp(self):
        sent = timezone.now() - timedelta(minutes=6)
        assert send(post(timestamp=sent.isoformat())).status_code == 401
        assert nothing_stored()

    def test_a_replay_is_answered_and_ignored(self):
        body = post(timestamp=timezone.now().isoformat())
        assert [send(body).status_code, send(body).status_code] == [200, 200]
        assert InboundChange.objects.count() == 1

    @pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
    def test_what_is_not_json(self, raw):
        answer = send(raw)
        assert (answer.status_code, answer.json()["code"]) == (400, "malformed")
        assert nothing_stored()

    @pytest.mark.parametrize(
        "body",
        [
            [],
            "text",
            None,
            {},
            post(recordId=7),
            post(recordId="' OR 1=1"),
            post(recordId="rec" + "a" * 500),
            post(fields=[]),
            post(table="Nowhere"),
            post(table={}),
            post(timestamp="yesterday"),
            post(timestamp=5),
            post(timestamp="2026-01-01T00:00:00"),
        ],
    )
    def test_wrong_shapes(self, body):
        answer = send(body)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
        assert nothing_stored()

    @pytest.mark.parametrize("odd", [r"a\u0000b", r"\ud800", r"c:\\u0000"])
    def test_odd_characters_do_no_harm(self, odd):
        raw = b'{"recordId": "recA", "fields": {"Bio": "%s", "N": 1e999}}' % odd.encode()
        assert send(raw).status_code == 200

    def test_malformed_and_unsigned_is_401(self):
        assert send(b"{", "0" * 64).status_code == 401

    def test_only_post(self):
        assert Client().get(URL).status_code == 405


@pytest.mark.django_db
class TestNativePings:
    def hook(self, secret="c3VwZXIgZHVwZXIgc2VjcmV0"):
        registration = WebhookRegistration(webhook_id="ach00000000000000", base_id="app0")
        registration.keep_secret(secret)
        registration.save()
        return registration

    def test_the_documented_vector(self):
        assert signatures.content_mac(NATIVE_BODY, b"super duper secret") == (
            "hmac-sha256=26a5f8b7a527568ceada248cf2b0c2d7bc6c6e099016532131dc17421d5637fa"
        )

    def test_the_secret_is_not_in_the_table(self):
        assert "c3VwZXI" not in self.hook().mac_secret

    def test_the_right_mac_is_noted_whatever_its_age(self):
        self.hook()
        mac = signatures.content_mac(NATIVE_BODY, b"super duper secret")
        answer = send(NATIVE_BODY, "", **{"X-Airtable-Content-MAC": mac})
        assert (answer.status_code, answer.content) == (200, b"")
        assert WebhookRegistration.objects.get().pinged_at is not None

    def test_a_wrong_mac_and_an_unknown_webhook(self):
        mac = signatures.content_mac(NATIVE_BODY, b"super duper secret")
        assert send(NATIVE_BODY, "", **{"X-Airtable-Content-MAC": mac}).status_code == 401
        self.hook("YW5vdGhlcg==")
        assert send(NATIVE_BODY, "", **{"X-Airtable-Content-MAC": mac}).status_code == 401
        assert WebhookRegistration.objects.get().pinged_at is None


class TestAHint:
    def test_with_a_token_the_record_is_read_again(self, base):
        mentor = bob().mentor
        drain()
        record = base.of("Mentors", mentor)["id"]
        base.edit("Mentors", record, Bio="The truth")

        send(post(recordId=record, fields={"Bio": "a lie"}))
        services.apply_hint(change_id=InboundChange.objects.get(webhook="automation").pk)

        mentor.refresh_from_db()
        assert mentor.bio == "The truth"

    def test_a_lost_task_is_found_by_the_sweep(self, base):
        mentor = bob().mentor
        drain()
        record = base.of("Mentors", mentor)["id"]
        base.edit("Mentors", record, Bio="New")
        send(post(recordId=record, fields={}))
        pull()
        mentor.refresh_from_db()
        assert mentor.bio == "New"

    def test_the_same_words_again_are_a_new_hint(self, base):
        assert [send(post()).status_code, send(post()).status_code] == [200, 200]
        assert InboundChange.objects.count() == 2

    def test_a_record_that_is_not_there_changes_nothing(self, base):
        send(post())
        pull()
        pull_later()
        assert InboundChange.objects.get(webhook="automation").applied_at is not None
        assert not Mentor.objects.exists()

    def test_a_record_of_another_table_cannot_be_passed_off(self, base):
        mentor = bob().mentor
        drain()
        record = base.of("Mentors", mentor)["id"]
        send(post(recordId=record, table="Mentees"))
        pull()
        pull_later()
        mentor.refresh_from_db()
        assert mentor.is_active
        assert link_of(mentor).state == "linked"


@pytest.mark.django_db
class TestWithoutAToken:
    def test_the_signed_body_is_applied_once(self, settings):
        settings.AIRTABLE_API_KEY = None
        body = post(fields={"Email": "dana@example.com", "Name": "Dana", "Is Active": True})
        send(body)
        send(body)
        services.pull()

        dana = Mentor.objects.get()
        assert (dana.user.name, dana.is_active) == ("Dana", True)
        assert InboundChange.objects.count() == 1

    def test_a_later_body_changes_what_it_names_and_nothing_else(self, settings):
        """Trap 6: what is not told is not empty."""
        settings.AIRTABLE_API_KEY = None
        send(
            post(fields={"Email": "d@example.com", "Name": "Dana", "Bio": "One", "Is Active": True})
        )
        services.pull()
        send(post(fields={"Headline": "Two"}))
        services.pull()

        dana = Mentor.objects.get()
        assert (dana.bio, dana.headline, dana.is_active) == ("One", "Two", True)

    def test_after_a_day_the_same_words_count_again(self, settings):
        settings.AIRTABLE_API_KEY = None
        send(post())
        AutomationReceipt.objects.update(received_at=timezone.now() - timedelta(hours=25))
        send(post())
        assert InboundChange.objects.count() == 2
