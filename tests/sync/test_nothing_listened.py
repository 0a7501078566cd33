"""Edits made in Airtable while no webhook recorded them are in no log. Nothing is written over them unseen."""

from __future__ import annotations

import pytest

from mentors.models import Mentor
from sync.models import OutboxRow, SyncConflict, WebhookRegistration
from tests.sync.conftest import drain, pull


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


def test_where_no_webhook_can_be_made_what_changed_here_is_sent_all_the_same(base, mentor):
    base.server.control._delete_webhook({"webhook": live()})
    for _ in range(10):
        base.server.base.webhooks.create(
            {"specification": {"options": {"filters": {"dataTypes": ["tableData"]}}}}
        )
    Mentor.objects.update(headline="What Bob wrote")

    drain()

    assert base.of("Mentors", mentor)["fields"]["Headline"] == "What Bob wrote"
