from __future__ import annotations

import json
import threading
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.utils import timezone

from sync import services, signatures, webhooks
from sync.models import InboundChange, SyncLag, WebhookRegistration
from tests.people import bob
from tests.sync.conftest import drain, pull


def live():
    return WebhookRegistration.objects.get(is_live=True)


def hooks(base):
    return base.server.base.webhooks.hooks


class TestKeepingTheWebhook:
    def test_one_is_made_and_kept(self, base):
        services.keep_webhook()
        services.keep_webhook()
        assert list(hooks(base)) == [live().webhook_id]
        assert not live().needs_scan

    def test_it_is_refreshed_before_it_expires(self, base):
        services.keep_webhook()
        WebhookRegistration.objects.update(expires_at=timezone.now() + timedelta(days=1))
        services.keep_webhook()
        assert live().expires_at > timezone.now() + timedelta(days=6)

    def test_an_expired_one_is_replaced_and_the_base_is_read(self, base):
        services.keep_webhook()
        old = live().webhook_id
        base.server.clock.advance(timedelta(days=8))
        WebhookRegistration.objects.update(expires_at=timezone.now() - timedelta(days=1))
        services.keep_webhook()
        assert live().webhook_id != old
        assert live().needs_scan

    def test_pings_that_were_given_up_are_turned_on_again(self, base):
        services.keep_webhook()
        hooks(base)[live().webhook_id].notifies = False
        services.keep_webhook()
        assert hooks(base)[live().webhook_id].notifies

    def test_one_in_error_is_replaced(self, base):
        services.keep_webhook()
        old = live().webhook_id
        base.server.base.webhooks.break_hook(old, "INVALID_HOOK")
        pull()
        pull()
        assert live().webhook_id != old
        assert old not in hooks(base)

    def test_others_are_left_alone(self, base, settings):
        other = base.server.base.webhooks.create(
            {
                "notificationUrl": "https://elsewhere.example/api/webhooks/airtable",
                "specification": {"options": {"filters": {"dataTypes": ["tableData"]}}},
            }
        )
        stale = base.server.base.webhooks.create(
            {
                "notificationUrl": settings.SITE_URL + webhooks.PATH,
                "specification": {"options": {"filters": {"dataTypes": ["tableData"]}}},
            }
        )
        services.keep_webhook()
        assert set(hooks(base)) == {other["id"], live().webhook_id}
        assert stale["id"] not in hooks(base)

    def test_a_site_that_moved_is_followed(self, base, settings):
        services.keep_webhook()
        settings.SITE_URL = "http://127.0.0.1:8123"
        services.keep_webhook()
        assert live().notification_url.startswith("http://127.0.0.1:8123/api/webhooks/airtable?")
        assert len(hooks(base)) == 1

    def test_another_deployment_at_the_same_address_is_left_alone(self, base, settings):
        other = base.server.base.webhooks.create(
            {
                "notificationUrl": settings.SITE_URL + webhooks.PATH + "?for=somebodyelse",
                "specification": {"options": {"filters": {"dataTypes": ["tableData"]}}},
            }
        )
        services.keep_webhook()
        assert set(hooks(base)) == {other["id"], live().webhook_id}

    def test_trap_7_one_that_looks_healthy_and_tells_nothing_is_replaced(self, base):
        services.keep_webhook()
        silent = live().webhook_id
        # It watches a table that nobody writes to, as far as anyone can see it is well.
        hooks(base)[silent].specification["options"]["filters"]["recordChangeScope"] = "tblNowhere"
        mentor = bob().mentor
        drain()
        in_an_hour = timezone.now() + timedelta(hours=1)
        services.pull(clock=lambda: in_an_hour)
        base.edit("Mentors", base.of("Mentors", mentor)["id"], Bio="Nobody was told")

        services.keep_webhook(clock=lambda: in_an_hour)
        assert live().webhook_id != silent
        assert silent not in hooks(base)
        pull()
        mentor.refresh_from_db()
        assert mentor.bio == "Nobody was told"

    def test_trap_7_one_whose_echoes_come_is_kept(self, base):
        services.keep_webhook()
        kept = live().webhook_id
        bob()
        drain()
        pull()
        in_an_hour = timezone.now() + timedelta(hours=1)
        services.pull(clock=lambda: in_an_hour)
        services.keep_webhook(clock=lambda: in_an_hour)
        assert live().webhook_id == kept

    def test_trap_7_an_error_is_found_though_the_list_says_that_all_is_well(self, base):
        services.keep_webhook()
        old = live().webhook_id
        base.server.base.switches.hook_error_shows = False
        base.server.base.webhooks.break_hook(old, "INVALID_HOOK")
        services.keep_webhook()
        pull()
        pull()
        assert live().webhook_id != old

    def test_a_laptop_polls_a_base_that_cannot_reach_it(self, settings):
        settings.AIRTABLE_API_URL = "https://api.airtable.com"
        settings.SITE_URL = "http://127.0.0.1:8000"
        assert webhooks.notification_url() is None


def test_the_mac_of_a_real_ping_fits_our_secret(base, settings):
    seen = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.append((body, self.headers["X-Airtable-Content-MAC"]))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args):
            pass

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        settings.SITE_URL = f"http://127.0.0.1:{server.server_address[1]}"
        services.keep_webhook()
        base.create("Mentors", Name="Dana")
        thread.join(timeout=10)

    body, mac = seen[0]
    assert json.loads(body)["webhook"]["id"] == live().webhook_id
    assert signatures.sender_of_ping(body, mac) == live()


class TestTidying:
    @pytest.fixture
    def later(self, base):
        bob()
        pull()
        drain()
        pull()
        return lambda days: services.tidy(now=timezone.now() + timedelta(days=days))

    def test_what_was_applied_is_forgotten_after_a_week(self, later):
        later(6)
        assert InboundChange.objects.exists()
        later(8)
        assert not InboundChange.objects.exists()
        assert not SyncLag.objects.exists()

    def test_what_was_not_applied_stays(self, later):
        InboundChange.objects.update(applied_at=None)
        later(100)
        assert InboundChange.objects.exists()
