"""Trap 12: a paste of many rows, and single looks that must not become thousands of requests."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from mentors.models import Mentor
from sync import hints, services
from sync.models import InboundChange, SyncConflict
from sync.records import remember_hint
from tests.sync.conftest import drain, drain_later, pull, pull_later
from tests.sync.test_webhook_view import send


@pytest.fixture(autouse=True)
def secret(settings):
    settings.AIRTABLE_WEBHOOK_SECRETS = ["secret-of-the-tests"]


def pasted(base, count):
    """New mentors in the base, each announced by a post of the Automation."""
    made = [
        base.create("Mentors", Name=f"Mentor {n}", Email=f"m{n}@example.com", Is_Active=True)
        for n in range(count)
    ]
    for record in made:
        send({"recordId": record, "fields": {}, "table": "Mentors"})
    base.forget_requests()
    return made


def reads(base):
    return [
        r for r in base.requests("GET") if r["path"].endswith("/Mentors") or "/tbl" in r["path"]
    ]


def posts():
    return InboundChange.objects.filter(webhook="automation").order_by("id")


class TestTrap12:
    def test_trap_12_the_first_of_forty_posts_does_the_work_of_all_with_one_read(self, base):
        pasted(base, 40)
        for row in posts():
            services.apply_hint(change_id=row.pk)

        assert Mentor.objects.count() == 40
        assert len(reads(base)) == 1
        assert not posts().filter(applied_at=None).exists()

    def test_trap_12_more_than_a_hundred_are_read_by_pages(self, base):
        pasted(base, 130)
        services.apply_hint(change_id=posts().first().pk)

        assert Mentor.objects.count() == 130
        assert len(reads(base)) == 2

    def test_several_posts_about_one_record_need_one_look(self, base, mentor):
        record = base.of("Mentors", mentor)["id"]
        for _ in range(5):
            send({"recordId": record, "fields": {}})
        base.forget_requests()
        pull()
        assert len([r for r in reads(base) if "RECORD_ID" in r["query"]]) == 1
        assert not posts().filter(applied_at=None).exists()


class TestClaiming:
    def test_two_workers_do_not_take_the_same(self, base):
        remember_hint("Mentors", "recAAAAAAAAAAAAAA")
        now = timezone.now()
        assert len(hints.claim(now=now)) == 1
        assert hints.claim(now=now) == []

    def test_what_a_dead_worker_took_comes_back(self, base, mentor):
        base.edit("Mentors", base.of("Mentors", mentor)["id"], Bio="New")
        remember_hint("Mentors", base.of("Mentors", mentor)["id"])
        hints.claim(now=timezone.now())
        pull_later()
        mentor.refresh_from_db()
        assert mentor.bio == "New"

    def test_airtables_trouble_is_not_the_records_fault(self, base, mentor):
        record = base.of("Mentors", mentor)["id"]
        row = remember_hint("Mentors", record)
        base.fault("error_before", method="GET", path="Mentors", status=502, times=1)
        base.fault("error_before", method="GET", path="tbl", status=502, times=1)
        services.apply_hint(change_id=row.pk)
        row.refresh_from_db()
        assert (row.attempts, row.applied_at) == (0, None)
        assert row.next_attempt_at > timezone.now()
        services.apply_hint(change_id=row.pk, clock=lambda: timezone.now() + timedelta(hours=1))
        row.refresh_from_db()
        assert row.applied_at is not None

    def test_a_hint_about_a_table_that_nobody_maps_is_put_away(self, base):
        row = remember_hint("Nowhere", "recAAAAAAAAAAAAAA")
        pull()
        row.refresh_from_db()
        assert row.applied_at is not None


class TestAPausedTable:
    def test_what_is_told_of_it_waits_until_it_goes_on(self, base, mentor):
        record = base.of("Mentors", mentor)["id"]
        services.pause_table(table="Mentors", by="Carol", now=timezone.now())
        base.edit("Mentors", record, Bio="While paused")
        send({"recordId": record, "fields": {}})
        pull()
        pull()
        mentor.refresh_from_db()
        assert mentor.bio != "While paused"

        services.resume_table(table="Mentors")
        pull_later()
        mentor.refresh_from_db()
        assert mentor.bio == "While paused"
        drain()

    def test_an_edit_made_there_meanwhile_is_read_before_ours_is_sent(self, base, mentor):
        record = base.of("Mentors", mentor)["id"]
        services.pause_table(table="Mentors", by="Carol", now=timezone.now())
        Mentor.objects.update(headline="Said here")
        base.edit("Mentors", record, Headline="Said there")
        pull()
        pull()

        services.resume_table(table="Mentors")
        drain()
        drain()

        mentor.refresh_from_db()
        assert mentor.headline == "Said there"
        assert base.of("Mentors", mentor)["fields"]["Headline"] == "Said there"
        conflict = SyncConflict.objects.get()
        assert (conflict.local, conflict.remote) == ("Said here", "Said there")


def test_nothing_is_written_to_a_record_that_is_still_to_be_read(base, mentor):
    """Another worker may be reading it at this moment: it has claimed the hint."""
    record = base.of("Mentors", mentor)["id"]
    hint = remember_hint("Mentors", record)
    hints.claim(now=timezone.now())
    Mentor.objects.update(headline="Said here")
    drain()
    assert base.of("Mentors", mentor)["fields"].get("Headline") != "Said here"

    InboundChange.objects.filter(pk=hint.pk).update(applied_at=timezone.now())
    drain_later()
    assert base.of("Mentors", mentor)["fields"]["Headline"] == "Said here"
