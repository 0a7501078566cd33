"""What somebody has just changed here is read over there before it is written."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from mentors.models import Mentor
from sessions_app.services import withdraw_window
from sync.models import OutboxRow, RecordLink, SyncConflict, WebhookRegistration
from sync.planning import MOST_WAITS
from tests.hours import open_window
from tests.sync.conftest import drain, drain_in_bulk, drain_later, outbox_of, pull


@pytest.fixture
def untold(base, mentor):
    """The log of the base tells what happens from here on a minute later."""
    base.server.base.switches.payload_delay_seconds = 60.0
    return mentor


def edit(base, mentor, **fields):
    base.edit("Mentors", base.of("Mentors", mentor)["id"], **fields)


def there(base, mentor):
    return base.of("Mentors", mentor)["fields"]


def tell(base):
    base.server.clock.advance(timedelta(minutes=2))
    pull()


def read_until_given_up():
    """The log does not tell of the edit, however often the sender comes by."""
    for _ in range(MOST_WAITS + 1):
        OutboxRow.objects.update(next_attempt_at=timezone.now())
        drain()


def conflicts():
    return [
        (row.field, row.local, row.remote, row.winner)
        for row in SyncConflict.objects.order_by("at")
    ]


def test_an_edit_that_the_log_does_not_tell_yet_is_not_written_over(base, untold):
    edit(base, untold, Headline="Theirs")
    Mentor.objects.update(headline="Ours")

    drain()

    assert there(base, untold)["Headline"] == "Theirs"
    waiting = outbox_of(untold)
    assert (waiting.status, waiting.error_kind, waiting.attempts) == ("pending", "unread", 1)
    tell(base)
    drain_later()
    untold.refresh_from_db()
    assert untold.headline == there(base, untold)["Headline"] == "Theirs"
    assert conflicts() == [("Headline", "Ours", "Theirs", "remote")]
    assert not OutboxRow.objects.exists()


def test_what_both_may_change_is_decided_by_when_it_was_edited_and_not_by_when_it_was_read(
    base, untold
):
    edit(base, untold, Weekly_Load_Cap=9)
    Mentor.objects.update(weekly_load_cap=2)

    drain()
    assert there(base, untold)["Weekly Load Cap"] == 9
    tell(base)
    drain_later()

    untold.refresh_from_db()
    assert untold.weekly_load_cap == there(base, untold)["Weekly Load Cap"] == 2
    assert conflicts() == [("Weekly Load Cap", 2, 9, "local")]


def test_an_edit_that_is_never_told_is_merged_as_it_was_read(base, untold):
    edit(base, untold, Headline="Theirs")
    Mentor.objects.update(headline="Ours")

    read_until_given_up()

    untold.refresh_from_db()
    assert untold.headline == there(base, untold)["Headline"] == "Theirs"
    assert conflicts() == [("Headline", "Ours", "Theirs", "remote")]
    assert not OutboxRow.objects.exists()


@pytest.mark.parametrize("how", ["break", "delete"])
def test_trap_7_it_is_kept_where_the_webhook_dies_before_it_has_told(base, untold, how):
    hook = WebhookRegistration.objects.get(is_live=True).webhook_id
    edit(base, untold, Headline="Theirs")
    Mentor.objects.update(headline="Ours")

    drain()
    getattr(base.server.control, f"_{how}_webhook")({"webhook": hook})
    base.server.clock.advance(timedelta(minutes=2))
    drain_later()
    drain_later()

    untold.refresh_from_db()
    assert untold.headline == there(base, untold)["Headline"] == "Theirs"
    assert conflicts() == [("Headline", "Ours", "Theirs", "remote")]


def test_trap_4_what_was_merged_as_read_is_not_news_when_the_log_tells_it_at_last(base, untold):
    edit(base, untold, Headline="Theirs")
    Mentor.objects.update(headline="Ours")
    read_until_given_up()
    Mentor.objects.update(headline="Ours, later")
    drain()
    assert there(base, untold)["Headline"] == "Ours, later"

    tell(base)
    drain_later()

    untold.refresh_from_db()
    assert untold.headline == there(base, untold)["Headline"] == "Ours, later"
    assert len(conflicts()) == 1


def test_the_same_edit_made_again_after_our_write_is_another_one(base, untold):
    for _ in range(2):
        edit(base, untold, Headline="Theirs")
        Mentor.objects.update(headline="Ours")
        read_until_given_up()
        Mentor.objects.update(headline="Ours, later")
        drain()
    edit(base, untold, Headline="Theirs")
    Mentor.objects.update(headline="Ours, last")
    drain_in_bulk()
    assert there(base, untold)["Headline"] == "Ours, last"  # the race happened

    tell(base)
    drain_later()

    untold.refresh_from_db()
    assert untold.headline == there(base, untold)["Headline"] == "Theirs"
    assert conflicts()[-1] == ("Headline", "Ours, last", "Theirs", "remote")


def test_what_is_decided_here_is_undone_once_and_told_once(base, untold):
    edit(base, untold, Timezone="Europe/Rome")
    User.objects.filter(pk=untold.user_id).update(time_zone="Europe/Madrid")
    read_until_given_up()
    assert there(base, untold)["Timezone"] == "Europe/Madrid"

    tell(base)
    drain_later()

    assert conflicts() == [("Timezone", "Europe/Madrid", "Europe/Rome", "local")]


def test_an_edit_of_a_row_that_was_withdrawn_here_is_kept_as_a_conflict(base, untold):
    window = open_window(untold)
    drain()
    tell(base)
    edited = base.of("Availability", window)["id"]
    base.edit("Availability", edited, Location="Theirs")
    withdraw_window(window_id=window.pk, by=untold.user, clock=timezone.now)

    read_until_given_up()

    assert edited not in [row["id"] for row in base.rows("Availability")]
    conflict = SyncConflict.objects.get()
    assert (conflict.object_id, conflict.winner) == (window.pk, "local")
    assert "withdrawn here" in conflict.reason


def test_one_request_reads_all_rows_and_nothing_else_is_asked_where_nothing_happened(base, mentor):
    Mentor.objects.update(headline="Ours")
    drain()

    asked = [(entry["method"], entry["path"].rpartition("/")[2]) for entry in base.requests()]
    table = base.server.base.table("Mentors").id
    assert asked == [("GET", table), ("PATCH", table)]


def test_a_bulk_change_is_not_slowed_down_by_it(base, mentor):
    Mentor.objects.update(headline="Ours")
    drain_in_bulk()

    asked = [(entry["method"], entry["path"].rpartition("/")[2]) for entry in base.requests()]
    assert asked == [("GET", "payloads"), ("PATCH", base.server.base.table("Mentors").id)]


def test_other_cells_of_the_row_hold_nothing_up(base, untold):
    edit(base, untold, Bio="Theirs")
    Mentor.objects.update(headline="Ours")
    drain()
    assert there(base, untold)["Headline"] == "Ours"
    tell(base)
    untold.refresh_from_db()
    assert (untold.headline, untold.bio) == ("Ours", "Theirs")
    assert RecordLink.objects.get(object_id=untold.pk).ancestor["Bio"] == "Theirs"


def test_trap_6_a_field_that_was_removed_there_empties_nothing_here(base, untold):
    """Its cells are missing from what is read, as if somebody had cleared them."""
    bio = untold.bio
    assert bio
    table = base.server.base.table("Mentors")
    table.fields.remove(table.find_field("Bio"))
    Mentor.objects.update(bio="Ours", company="Acorn")

    read_until_given_up()

    untold.refresh_from_db()
    assert untold.bio == "Ours"
    assert there(base, untold)["Company"] == "Acorn"
    assert not SyncConflict.objects.exists()
