"""Running comparisons in tests."""

from __future__ import annotations

import io
import json
from contextlib import suppress
from datetime import timedelta

from django.core.management import CommandError, call_command
from django.utils import timezone

from sync.models import OutboxRow, RecordLink
from sync.reconcile import runs
from tests.factories import MentorFactory
from tests.sync.conftest import drain, pull


def run(name, *arguments):
    out = io.StringIO()
    call_command(name, *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


def rehearse(*arguments):
    """What `sync_reconcile --dry-run --json` says, whether anything differs or not."""
    out = io.StringIO()
    with suppress(CommandError):
        call_command(
            "sync_reconcile", "--dry-run", "--json", *arguments, stdout=out, stderr=io.StringIO()
        )
    return json.loads(out.getvalue())


def silently(base, table, record_id, **fields):
    """An edit that no webhook tells: as after a week without one."""
    base.edit(table, record_id, **fields)
    for hook in base.server.base.webhooks.hooks.values():
        hook.payloads.clear()


def compare(**more):
    runs.begin(now=timezone.now(), **more)
    return runs.carry_on(slice_=None)


def many(count):
    """So many mentors besides, in both places."""
    for _ in range(count):
        MentorFactory()
    drain()
    pull()
    assert not OutboxRow.objects.exists()


def long_ago():
    RecordLink.objects.update(synced_at=timezone.now() - timedelta(hours=1))
