from __future__ import annotations

import io
import json

import pytest
from django.core.management import CommandError, call_command

from mentors.models import Mentor
from sync.models import BaseBinding, OutboxRow, WebhookRegistration
from tests.factories import MentorFactory
from tests.hours import open_window
from tests.people import bob
from tests.sync.conftest import drain, link_of


def run(name, *arguments):
    out = io.StringIO()
    call_command(name, *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


class TestStatus:
    def test_has_the_promised_keys(self, base):
        bob()
        drain()
        MentorFactory()

        status = json.loads(run("sync_status", "--json"))

        assert set(status) >= {
            "backlog", "oldest_seconds", "dead", "conflicts", "paused", "requests_last_hour",
            "lag_seconds", "inbound", "success_rate",
        }  # fmt: skip
        assert set(status["lag_seconds"]) == {"p50", "p95", "p99"}
        assert set(status["inbound"]) >= {"backlog", "last_success_at"}
        assert (status["backlog"], status["dead"], status["paused"]) == (1, 0, False)
        assert status["requests_last_hour"] == len(base.requests())
        assert status["success_rate"] == 1.0

    def test_in_words(self, base):
        assert "Waiting to be sent" in run("sync_status")

    def test_without_a_base(self, db, settings):
        settings.AIRTABLE_API_KEY = None
        assert "AIRTABLE_API_KEY" in json.loads(run("sync_status", "--json"))["paused"]


class TestBinding:
    def test_asks_first(self, base):
        with pytest.raises(CommandError, match="--yes") as refused:
            run("sync_bind")
        assert refused.value.returncode == 1
        assert not BaseBinding.objects.exists()

    def test_takes_the_place_of_another(self, base):
        BaseBinding.objects.create(base_id="appSandboxOffice1", deployment_id="another's")
        run("sync_bind", "--yes")
        bob()
        drain()
        assert len(base.rows("Mentors")) == 1

    def test_without_a_base(self, db, settings):
        settings.AIRTABLE_API_KEY = None
        with pytest.raises(CommandError) as refused:
            run("sync_bind", "--yes")
        assert refused.value.returncode == 2


class TestBackfill:
    def test_loads_both_ways(self, base):
        here = MentorFactory()
        both = bob().mentor
        OutboxRow.objects.all().delete()  # as if sync came to a product that was in use
        base.create("Mentors", Name="Bobby", Email="bob@example.com", Is_Active=True)
        base.create("Mentors", Name="Dana", Email="dana@example.com", Is_Active=True)

        text = run("sync_backfill")
        drain()

        assert "Mentors: 2 records" in text
        assert Mentor.objects.filter(user__email="dana@example.com").exists()
        both.user.refresh_from_db()
        assert both.user.name == "Bobby"
        assert len(base.rows("Mentors")) == 3
        assert link_of(here)
        run("sync_backfill")
        assert drain() is None or len(base.rows("Mentors")) == 3

    def test_a_rehearsal_changes_nothing(self, base):
        MentorFactory()
        OutboxRow.objects.all().delete()
        base.create("Mentors", Name="Dana", Email="dana@example.com")

        text = run("sync_backfill", "--dry-run", "--table", "Mentors")

        assert "1 would be taken in, 0 cannot be; 1 objects would be queued" in text
        assert Mentor.objects.count() == 1
        assert not OutboxRow.objects.exists()
        assert base.requests("POST") == []

    def test_an_unknown_table(self, base):
        with pytest.raises(CommandError, match="--table must be one of"):
            run("sync_backfill", "--table", "Nowhere")


class TestSchema:
    def test_the_sandbox_fits(self, base):
        assert "The base fits." in run("sync_check_schema")

    def test_an_empty_base_is_made_to_fit(self, base):
        base.server.base.reset(empty=True)
        with pytest.raises(CommandError, match="does not fit") as refused:
            run("sync_check_schema")
        assert refused.value.returncode == 1

        assert "The base fits." in run("sync_check_schema", "--create")
        window = open_window(bob().mentor)
        drain()
        assert base.of("Availability", window)["fields"]["Mentor"]

    def test_a_missing_field_is_named_and_its_values_are_safe(self, base):
        mentor = bob().mentor
        drain()
        table = base.server.base.table("Mentors")
        table.fields.remove(table.find_field("Bio"))
        with pytest.raises(CommandError):
            run("sync_check_schema")
        run("sync_backfill")
        mentor.refresh_from_db()
        assert mentor.bio


class TestReplayAndWebhooks:
    def test_nothing_to_replay(self, base):
        assert "nothing to replay" in run("sync_replay")

    def test_a_webhook_for_another_address(self, base):
        run("sync_webhooks", "--url", "http://127.0.0.1:9/")
        hook = WebhookRegistration.objects.get(is_live=True)
        assert hook.notification_url == "http://127.0.0.1:9/api/webhooks/airtable"
        assert "already" in run("sync_webhooks", "--url", "http://127.0.0.1:9")
        assert len(base.server.base.webhooks.hooks) == 1

        run("sync_webhooks", "--url", "http://127.0.0.1:10")
        assert len(base.server.base.webhooks.hooks) == 1
