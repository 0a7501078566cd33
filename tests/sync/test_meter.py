"""The month's requests: counted, forecast, and kept for people when they run out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from sync import airtable, guard, limiter, meter
from sync.errors import OverBudget
from sync.limiter import Lane
from sync.models import ApiUsage, BaseBinding, WebhookRegistration
from sync.reconcile.models import ReconcileRun
from sync.sandbox import BASE_ID
from tests.people import bob
from tests.sync.conftest import drain, outbox_of


def used(count, at):
    ApiUsage.objects.update_or_create(
        base_id=BASE_ID,
        minute=at.replace(second=0, microsecond=0),
        defaults={"requests": count},
    )


class TestTheMonth:
    NOW = datetime(2026, 11, 11, 12, tzinfo=UTC)

    @pytest.mark.django_db
    def test_what_is_used_and_where_it_is_going(self):
        BaseBinding.objects.create(base_id=BASE_ID, deployment_id="x", monthly_requests=40_000)
        used(9_999, datetime(2026, 10, 31, 23, 59, tzinfo=UTC))  # of the month before
        used(3_000, self.NOW - timedelta(days=9))
        used(14_000, self.NOW - timedelta(days=7) + timedelta(minutes=1))

        month = meter.month(BASE_ID, now=self.NOW)

        assert month.used == 17_000
        assert abs(month.forecast - (17_000 + 2_000 * 19.5)) < 10
        assert month.will_exceed

    @pytest.mark.django_db
    @pytest.mark.parametrize(("hours", "is_known"), [(23, False), (25, True)])
    def test_no_month_is_foretold_from_less_than_a_day(self, hours, is_known):
        used(500, self.NOW - timedelta(hours=hours))
        forecast = meter.month(BASE_ID, now=self.NOW).forecast
        assert (forecast is not None) is is_known

    @pytest.mark.django_db
    def test_nor_from_a_first_load(self):
        WebhookRegistration.objects.create(
            webhook_id="achX", base_id=BASE_ID, created_at=self.NOW - timedelta(days=3)
        )
        ReconcileRun.objects.create(
            base_id=BASE_ID,
            purpose="load",
            state="done",
            asked_at=self.NOW - timedelta(days=2),
            began_at=self.NOW - timedelta(days=2),
            finished_at=self.NOW - timedelta(days=2) + timedelta(hours=1),
        )
        used(90_000, self.NOW - timedelta(days=2))
        used(100, self.NOW - timedelta(hours=45))
        month = meter.month(BASE_ID, now=self.NOW)
        assert month.used == 90_100
        assert abs(month.forecast - (90_100 + 100 / 45 * 24 * 19.5)) < 10

    @pytest.mark.django_db
    def test_without_a_budget_nothing_stops(self):
        used(10_000_000, self.NOW)
        month = meter.month(BASE_ID, now=self.NOW)
        assert (month.stopped, month.will_exceed) == ([], False)


class TestRunningOut:
    @pytest.mark.parametrize(
        ("spent", "stopped"),
        [
            (79, []),
            (80, [Lane.BACKFILL]),
            (90, [Lane.BACKFILL, Lane.SYNC]),
            (95, [Lane.BACKFILL, Lane.SYNC, Lane.INTERACTIVE]),
            (100, [Lane.BACKFILL, Lane.SYNC, Lane.INTERACTIVE, Lane.PEOPLE]),
        ],
    )
    def test_what_nobody_waits_for_stops_first(self, base, spent, stopped):
        guard.bind(by="test")
        BaseBinding.objects.update(monthly_requests=10_000)
        client = airtable.connect()
        client.schema(fresh=True)
        refused = []
        for lane in Lane:
            ApiUsage.objects.all().delete()
            used(spent * 100, timezone.now())
            with limiter.lane(lane):
                try:
                    client.pages("Mentors").__next__()
                except OverBudget:
                    refused.append(lane)
        assert set(refused) == set(stopped)

    def test_what_was_to_be_sent_waits_and_says_why(self, base):
        mentor = bob().mentor
        guard.bind(by="test")
        BaseBinding.objects.update(monthly_requests=100)
        airtable.connect().schema(fresh=True)
        ApiUsage.objects.all().delete()
        used(97, timezone.now())
        base.forget_requests()

        sent = drain()

        assert "of this month's 100 requests" in sent.stopped
        assert base.requests() == []
        assert outbox_of(mentor).status == "pending"
