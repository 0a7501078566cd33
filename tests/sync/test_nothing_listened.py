"""Edits made in Airtable while no webhook recorded them are in no log. Nothing is written over them unseen."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import F, Func, JSONField, Value
from django.utils import timezone

from mentors.models import Mentor
from sync import services
from sync.models import InboundChange, OutboxRow, RecordLink, SyncConflict, WebhookRegistration
from sync.records import note
from tests.hours import open_window
from tests.sync.conftest import drain, drain_in_bulk, drain_later, outbox_of, pull, pull_later


def live():
    return WebhookRegistration.objects.get(is_live=True).webhook_id


def conflict():
    found = SyncConflict.objects.get()
    return found.field, found.local, found.remote, found.winner


@pytest.mark.parametrize("noticed", [False, True], ids=["not noticed yet", "noticed"])
@pytest.mark.parametrize("how", ["break", "delete"])
def test_trap_7_a_dead_webhook_is_replaced_and_the_base_read_before_anything_is_written(
    base, mentor, how, noticed
):
    dead = live()
    record = base.of("Mentors", mentor)
    getattr(base.server.control, f"_{how}_webhook")({"webhook": dead})
    if noticed:
        pull()
    base.edit("Mentors", record["id"], Headline="What Carol wrote")
    Mentor.objects.update(headline="What Bob wrote")

    drain()

    mentor.refresh_from_db()
    assert mentor.headline == "What Carol wrote"
    assert conflict() == ("Headline", "What Bob wrote", "What Carol wrote", "remote")
    assert live() != dead
    drain()
    assert base.of("Mentors", mentor)["fields"]["Headline"] == "What Carol wrote"
    assert not OutboxRow.objects.exists()


@pytest.mark.parametrize("is_new", [False, True], ids=["known hours", "new hours"])
def test_hours_whose_mentor_was_deleted_there_wait_until_that_is_known(base, mentor, is_new):
    """Airtable refuses a link to what it has deleted; that is no fault of the hours."""
    window = open_window(mentor)
    if not is_new:
        drain()
        pull()
    base.delete("Mentors", base.of("Mentors", mentor)["id"])
    for hook in base.server.base.webhooks.hooks.values():
        hook.payloads.clear()
    if not is_new:
        # As after any edit that we put back: the cell was emptied by the deletion.
        RecordLink.objects.filter(object_id=window.pk).update(
            ancestor=Func(
                F("ancestor"), Value("{Mentor}"), Value("[]", JSONField()), function="jsonb_set"
            )
        )
        note("window", window.pk)

    drain()

    waiting = outbox_of(window)
    assert (waiting.status, waiting.error_kind) == ("pending", "gone")
    for _ in range(2):  # only the second miss counts
        pull_later()
        InboundChange.objects.filter(applied_at=None).update(next_attempt_at=timezone.now())
    drain_later()
    mentor.refresh_from_db()
    assert not mentor.is_active
    assert "Mentor" not in base.of("Availability", window)["fields"]
    assert not OutboxRow.objects.exists()


def test_where_no_webhook_can_be_made_what_changed_here_is_sent_all_the_same(base, mentor):
    base.server.control._delete_webhook({"webhook": live()})
    for _ in range(10):
        base.server.base.webhooks.create(
            {"specification": {"options": {"filters": {"dataTypes": ["tableData"]}}}}
        )
    Mentor.objects.update(headline="What Bob wrote")

    drain()

    assert base.of("Mentors", mentor)["fields"]["Headline"] == "What Bob wrote"


def test_trap_4_news_of_before_our_write_that_come_before_its_echo_are_a_conflict(base, mentor):
    """Airtable's log lags: the edit that we overwrote is told by itself, and our write only later."""
    record, clock = base.of("Mentors", mentor)["id"], base.server.clock
    base.server.switches.payload_delay_seconds = 60.0
    base.edit("Mentors", record, Headline="What Carol wrote")
    Mentor.objects.update(headline="What Bob wrote")
    clock.advance(timedelta(seconds=30))
    drain_in_bulk(clock.now)
    assert base.of("Mentors", mentor)["fields"]["Headline"] == "What Bob wrote"

    # What Carol wrote is told; then our first write, by itself; then our second.
    for seconds in (35, 30, 120):
        clock.advance(timedelta(seconds=seconds))
        services.pull(clock=clock.now)
        services.drain(clock=clock.now)
        mentor.refresh_from_db()
        assert mentor.headline == "What Carol wrote"
        assert base.of("Mentors", mentor)["fields"]["Headline"] == "What Carol wrote"

    assert conflict() == ("Headline", "What Bob wrote", "What Carol wrote", "remote")
    assert not OutboxRow.objects.exists()


def test_trap_7_a_webhook_that_is_given_up_is_heard_out_first(base, mentor):
    """What our write came over stands in its log alone, which is deleted with it."""
    record = base.of("Mentors", mentor)["id"]
    base.server.switches.payload_delay_seconds = 60.0
    base.edit("Mentors", record, Headline="What Carol wrote")
    Mentor.objects.update(headline="What Bob wrote")
    drain_in_bulk()
    assert base.of("Mentors", mentor)["fields"]["Headline"] == "What Bob wrote"  # the race happened
    base.server.switches.hook_error_shows = True
    base.server.control._break_webhook({"webhook": live()})
    base.server.clock.advance(timedelta(minutes=2))

    services.keep_webhook()
    pull()

    mentor.refresh_from_db()
    assert mentor.headline == "What Carol wrote"
    assert conflict() == ("Headline", "What Bob wrote", "What Carol wrote", "remote")


def test_trap_7_what_it_told_is_older_than_what_the_base_says_now(base, mentor):
    record = base.of("Mentors", mentor)["id"]
    base.server.switches.hook_error_shows = True
    base.edit("Mentors", record, Headline="First")
    base.server.control._break_webhook({"webhook": live()})
    base.edit("Mentors", record, Headline="Second")

    services.keep_webhook()
    pull()

    mentor.refresh_from_db()
    assert mentor.headline == "Second" == base.of("Mentors", mentor)["fields"]["Headline"]
    assert not SyncConflict.objects.exists()
