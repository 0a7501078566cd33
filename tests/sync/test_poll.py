"""The safety net: what was modified is found though nobody told us."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from sync import airtable, services
from sync.models import InboundChange, OutboxRow, SyncConflict, TableState, WebhookRegistration
from sync.sandbox.model import Field
from tests.sync.conftest import drain, pull


@pytest.fixture
def watched(base, mentor):
    """A program manager added a last-modified field to Mentors."""
    table = base.server.base.table("Mentors")
    table.fields.append(Field("fldLastModified01", "Last Modified", "lastModifiedTime"))
    airtable.connect().schema(fresh=True)
    return mentor


def unheard(base, mentor, **fields):
    """An edit whose payload never comes: the log has it no more, and shows no gap."""
    base.edit("Mentors", base.of("Mentors", mentor)["id"], **fields)
    hook = WebhookRegistration.objects.get(is_live=True)
    base.server.base.webhooks.hooks[hook.webhook_id].payloads.clear()


def reads(base):
    return [r for r in base.requests("GET") if "IS_AFTER" in r["query"]]


def test_an_edit_that_nobody_told_of_is_found(base, watched):
    unheard(base, watched, Bio="Nobody was told")
    pull()
    watched.refresh_from_db()
    assert watched.bio != "Nobody was told"

    services.keep_webhook()
    watched.refresh_from_db()
    assert watched.bio == "Nobody was told"
    drain()
    assert not OutboxRow.objects.exists()


def test_it_asks_every_half_hour_and_a_little_of_the_time_before(base, watched):
    now = timezone.now()
    services.keep_webhook(clock=lambda: now)
    services.keep_webhook(clock=lambda: now + timedelta(minutes=10))
    assert len(reads(base)) == 1
    unheard(base, watched, Bio="Just before the next look")
    services.keep_webhook(clock=lambda: now + timedelta(minutes=31))
    assert len(reads(base)) == 2
    watched.refresh_from_db()
    assert watched.bio == "Just before the next look"


def test_what_we_know_changes_nothing(base, watched):
    services.keep_webhook()
    assert not SyncConflict.objects.exists()
    assert not OutboxRow.objects.exists()
    assert not InboundChange.objects.filter(webhook="again").exists()


def test_without_such_a_field_nothing_is_asked(base, mentor):
    services.keep_webhook()
    assert reads(base) == []


def test_what_could_not_be_asked_is_asked_again(base, watched):
    unheard(base, watched, Bio="Nobody was told")
    base.fault("error_before", method="GET", path="/tbl", status=502)
    services.keep_webhook()
    assert not TableState.objects.exclude(polled_until=None).exists()
    services.keep_webhook()
    watched.refresh_from_db()
    assert watched.bio == "Nobody was told"
