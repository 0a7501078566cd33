"""A comparison as something that begins, is interrupted, goes on, and ends; every night one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from sync import airtable, services, tasks
from sync.errors import Transient
from sync.reconcile import runs
from sync.reconcile.models import ReconcileRun
from tests.sync.comparing import compare, many


class TestGoingOn:
    def test_after_a_crash_behind_the_last_page(self, base, mentor, monkeypatch):
        monkeypatch.setattr(airtable, "PAGE_SIZE", 5)
        many(11)
        mentors = base.server.base.table("Mentors").id
        begun = runs.begin(now=timezone.now(), tables=["Mentors"])
        with pytest.raises(Transient):
            runs.carry_on(
                slice_=None,
                told=lambda run, table: base.fault("error_before", path=mentors, status=503),
            )
        begun.refresh_from_db()
        assert (begun.is_open, begun.progress["Mentors"]["pages"]) == (True, 1)
        base.forget_requests()

        done = runs.carry_on(slice_=None)

        assert done.pk == begun.pk
        assert done.counts("Mentors") == {"records": 12, "same": 12}
        assert len([entry for entry in base.requests("GET") if mentors in entry["path"]]) == 2

    def test_in_slices(self, base, mentor, monkeypatch):
        monkeypatch.setattr(airtable, "PAGE_SIZE", 5)
        many(6)
        runs.begin(now=timezone.now(), tables=["Mentors"])

        first = runs.carry_on(slice_=timedelta(0))

        assert (first.is_open, first.progress) == (True, {})
        assert runs.carry_on(slice_=None).total("same") == 7

    def test_one_at_a_time(self, base, mentor):
        runs.begin(now=timezone.now())
        with pytest.raises(runs.Busy):
            runs.begin(now=timezone.now())

    def test_an_operator_ends_it(self, base, mentor):
        begun = runs.begin(now=timezone.now())
        runs.give_up(begun, now=timezone.now(), by="Carol")
        assert runs.carry_on() is None
        runs.begin(now=timezone.now())

    def test_an_operator_ends_it_while_a_worker_is_at_it(self, base, mentor, monkeypatch):
        monkeypatch.setattr(airtable, "PAGE_SIZE", 5)
        many(6)
        begun = runs.begin(now=timezone.now())

        ended = runs.carry_on(
            slice_=None,
            told=lambda run, table: runs.give_up(run, now=timezone.now(), by="Carol"),
        )

        assert (ended.pk, ended.state, ended.error) == (begun.pk, "failed", "Stopped by Carol.")
        assert ended.total("records") == 5


class TestEveryNight:
    def test_once(self, base, mentor):
        night = datetime(2026, 11, 28, 2, 31, tzinfo=UTC)
        assert not runs.is_due(night - timedelta(hours=14))
        assert runs.is_due(night)
        runs.begin_if_due(now=night)
        assert not runs.is_due(night + timedelta(hours=1))
        tasks.reconcile()
        assert ReconcileRun.objects.get().state == ReconcileRun.State.DONE
        assert runs.is_due(night + timedelta(days=1))

    def test_not_of_a_base_that_was_never_loaded(self, base):
        assert not runs.is_due(datetime(2026, 11, 28, 2, 31, tzinfo=UTC))

    def test_reports_are_kept_for_ninety_days(self, base, mentor):
        done = compare()
        services.tidy(now=timezone.now() + timedelta(days=89))
        assert ReconcileRun.objects.filter(pk=done.pk).exists()
        services.tidy(now=timezone.now() + timedelta(days=91))
        assert not ReconcileRun.objects.exists()
