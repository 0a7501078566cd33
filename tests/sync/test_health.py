"""Is it healthy? Judged on the figures, which are counted on stored rows."""

from __future__ import annotations

import dataclasses
import uuid
from datetime import timedelta

import pytest
from django.conf import settings
from django.db.models import Sum
from django.utils import timezone

from sync import health, metrics, selectors, services
from sync.known_base import BaseField
from sync.models import (
    ApiUsage,
    BaseBinding,
    InboundChange,
    OutboxRow,
    RecordLink,
    SyncLag,
    WebhookRegistration,
)
from sync.people_models import Invitation
from sync.reconcile.models import ReconcileRun
from sync.selectors import TableFigures
from tests.factories import MenteeFactory
from tests.sync.conftest import pull

MINUTE = timedelta(minutes=1)


def figures():
    return selectors.figures(now=timezone.now())


def names(found):
    return [problem.name for problem in health.judge(found).problems]


def outbox(age, status="pending"):
    return OutboxRow.objects.create(
        subject="mentor", object_id=uuid.uuid4(), changed_at=timezone.now() - age, status=status
    )


@pytest.fixture
def well(mentor):
    """Bob in both places for some days, nothing to do."""
    WebhookRegistration.objects.update(created_at=timezone.now() - timedelta(days=3))
    SyncLag.objects.all().delete()
    return mentor


class TestJudgement:
    def test_all_is_well(self, well):
        found = health.judge(figures())
        assert found.healthy
        assert found.sentence == "All is well. Nothing waits."

    def test_without_a_base_it_is_neither(self, db, settings):
        settings.AIRTABLE_API_KEY = None
        found = health.judge(figures())
        assert (found.configured, found.problems) == (False, ())
        assert "AIRTABLE_API_KEY" in found.sentence

    def test_nothing_was_ever_read(self, base):
        assert names(figures()) == ["SyncNotReading"]
        pull()
        assert names(figures()) == []

    def test_traffic_is_stopped_and_what_waits_waits_because_of_that(self, well):
        BaseBinding.objects.update(paused=True)
        outbox(60 * MINUTE)
        found = health.judge(figures())
        assert [problem.name for problem in found.problems] == ["SyncStopped"]
        assert "paused by an operator" in found.sentence

    def test_the_oldest_change_waits_too_long(self, well):
        outbox(4 * MINUTE)
        assert names(figures()) == []
        outbox(6 * MINUTE)
        found = health.judge(figures())
        assert found.sentence == "A change in Mentors has waited for 6 min to be sent."
        assert found.problems[0].severe

    def test_a_paused_table_waits_on_purpose(self, well):
        outbox(60 * MINUTE)
        services.pause_table(table="Mentors", by="Carol", note="import", now=timezone.now())
        found = health.judge(figures())
        assert [problem.sentence for problem in found.problems] == [
            "Mentors is paused by Carol: import."
        ]

    def test_airtable_refused_something(self, well):
        outbox(MINUTE, status="dead")
        assert names(figures()) == ["SyncDeadLetters"]

    def test_what_airtable_told_us_is_not_applied(self, well):
        now = timezone.now()
        InboundChange.objects.create(
            webhook="again", position=1, payload={}, received_at=now - 6 * MINUTE
        )
        InboundChange.objects.create(
            webhook="again", position=2, payload={}, attempts=8, error="no", applied_at=now
        )
        assert names(figures()) == ["SyncInboundOld", "SyncInboundGivenUp"]

    def test_changes_take_long(self, well):
        for seconds in (1, 2, 300):
            SyncLag.objects.create(direction="in", seconds=seconds)
        assert names(figures()) == ["SyncSlow"]
        SyncLag.objects.update(at=timezone.now() - timedelta(hours=2))
        assert names(figures()) == []

    def test_the_base_was_not_read_for_long(self, well):
        WebhookRegistration.objects.update(last_success_at=timezone.now() - 16 * MINUTE)
        assert names(figures()) == ["SyncNotReading"]

    def test_the_webhook_expires_or_says_why_not(self, well):
        WebhookRegistration.objects.update(expires_at=timezone.now() + timedelta(hours=20))
        assert names(figures()) == ["SyncWebhookUnhealthy"]
        WebhookRegistration.objects.update(expires_at=None, last_error="Pings fail.")
        assert "Pings fail." in health.judge(figures()).sentence

    def test_the_months_requests_will_not_last(self, well):
        used = ApiUsage.objects.aggregate(used=Sum("requests"))["used"]
        BaseBinding.objects.update(monthly_requests=used + 1_000_000)
        assert names(figures()) == []
        month = dataclasses.replace(figures().month, budget=100, used=50, forecast=120)
        found = health.judge(dataclasses.replace(figures(), month=month))
        assert found.sentence == "At this pace the month takes 120 of 100 requests."
        BaseBinding.objects.update(monthly_requests=used)
        found = health.judge(figures())
        assert "stopped: backfill, sync, interactive, people." in found.sentence
        assert found.problems[0].severe

    def test_somebody_changed_the_base(self, well):
        BaseField.objects.create(
            base_id=settings.AIRTABLE_BASE_ID, table="Mentors", field="Goals", is_blocked=True,
            problem="The field is missing.",
        )  # fmt: skip
        assert health.judge(figures()).sentence == (
            "The base was changed. Mentors / Goals: The field is missing."
        )
        BaseField.objects.update(is_blocked=False)  # renamed alone is no trouble
        assert names(figures()) == []

    def test_what_is_severe_is_said_first(self, well):
        outbox(MINUTE, status="dead")
        WebhookRegistration.objects.update(last_success_at=timezone.now() - 16 * MINUTE)
        assert names(figures()) == ["SyncNotReading", "SyncDeadLetters"]


class TestAFirstLoad:
    """It takes minutes, sends what is years old, and is no trouble."""

    @pytest.fixture
    def load(self, well):
        WebhookRegistration.objects.update(created_at=timezone.now() - 20 * MINUTE)
        return ReconcileRun.objects.create(
            base_id=settings.AIRTABLE_BASE_ID,
            purpose=ReconcileRun.Purpose.LOAD,
            state=ReconcileRun.State.RUNNING,
            began_at=timezone.now() - 15 * MINUTE,
        )

    def test_while_it_is_under_way(self, load):
        outbox(14 * MINUTE)
        now = timezone.now()
        SyncLag.objects.create(direction="out", seconds=400, at=now)
        ApiUsage.objects.create(base_id=settings.AIRTABLE_BASE_ID, minute=now, requests=4000)
        BaseBinding.objects.update(monthly_requests=100_000)

        found = health.judge(figures())
        assert found.healthy
        assert found.sentence == "All is well. 1 on their way."
        assert figures().month.forecast is None

    def test_just_after_it(self, load):
        load.state, load.finished_at = "done", timezone.now() - MINUTE
        load.save()
        outbox(14 * MINUTE)
        SyncLag.objects.create(direction="out", seconds=400, at=timezone.now())
        SyncLag.objects.create(direction="out", seconds=2, at=timezone.now())
        found = figures()
        assert health.judge(found).healthy
        assert 55 < found.oldest_seconds < 65
        assert found.lag_lately["out"].count == 1  # of a change that somebody made since

    def test_what_stays_undone_is_trouble_again(self, load):
        load.state, load.finished_at = "done", timezone.now() - 6 * MINUTE
        load.save()
        outbox(14 * MINUTE)
        assert names(figures()) == ["SyncBacklogOld"]

    def test_a_rehearsal_is_none(self, load):
        load.dry_run = True
        load.save()
        outbox(14 * MINUTE)
        assert names(figures()) == ["SyncBacklogOld"]


class TestFigures:
    def test_from_a_row_to_a_possible_sign_in(self, well):
        now = timezone.now()
        for number, (days, seconds) in enumerate(((0, 2), (1, 4), (2, 60), (8, 900), (4, 900))):
            admitted = now - timedelta(
                days=days
            )  # the last two: long ago, and before we were connected
            Invitation.objects.create(
                user=MenteeFactory().user,
                subject="mentee",
                appeared_at=admitted - timedelta(seconds=seconds),
                admitted_at=admitted,
                version=number + 1,
            )
        found = figures()
        assert (found.sign_in.count, found.sign_in.p50, found.sign_in.p95) == (3, 4, 60)
        told = selectors.as_json(found)["row_to_sign_in_seconds"]
        assert told == {"count": 3, "p50": 4.0, "p95": 60.0, "p99": 60.0}
        assert 'row_to_sign_in_seconds{percentile="95"} 60.0' in metrics.text(found)

    def test_lag_by_direction_of_the_hour_and_of_the_day(self, db):
        now = timezone.now()
        for seconds in range(1, 101):
            SyncLag.objects.create(direction="out", seconds=seconds, at=now - 10 * MINUTE)
        SyncLag.objects.create(direction="in", seconds=7, at=now - timedelta(hours=3))
        found = selectors.figures(now=now)
        assert found.lag_lately["out"].as_json() == {"p50": 50, "p95": 95, "p99": 99}
        assert found.lag_lately["in"].as_json() == {"p50": None, "p95": None, "p99": None}
        assert found.lag_last_day["in"].p99 == 7
        assert found.lag_last_day["both"].count == 101

    def test_each_table_has_its_own(self, db):
        outbox(MINUTE)
        outbox(2 * MINUTE)
        outbox(9 * MINUTE, status="dead")
        for number, state in enumerate(("linked", "waiting", "tombstone")):
            RecordLink.objects.create(
                table="Mentors", record_id=f"rec{number}", subject="mentor",
                object_id=uuid.uuid4(), state=state,
            )  # fmt: skip
        found = figures()
        first = found.tables[0]
        assert dataclasses.replace(
            first, oldest_seconds=round(first.oldest_seconds)
        ) == TableFigures(
            "Mentors", "mentor", backlog=2, oldest_seconds=120, dead=1, linked=1, waiting=1
        )
        assert (found.backlog, found.dead) == (2, 1)

    def test_it_asks_three_times_for_many_as_for_none(self, well, django_assert_max_num_queries):
        with django_assert_max_num_queries(3):
            figures()
        for _ in range(30):
            outbox(MINUTE)
        with django_assert_max_num_queries(3):
            assert figures().backlog >= 30

    def test_the_values_are_what_their_columns_hold(self, well, settings):
        now = timezone.now()
        hook = WebhookRegistration.objects.get()
        services.pause_table(table="Mentors", by="Carol", note="50% off", now=now)
        row = outbox(3 * MINUTE)
        found = selectors.figures(now=now)
        for name in ("pk", "cursor", "mac_secret", "expires_at", "created_at", "is_pinned"):
            assert getattr(found.webhook, name) == getattr(hook, name), name
        (table,) = (one for one in found.tables if one.table == "Mentors")
        assert (table.pause.paused_at, table.pause.note) == (now, "50% off")
        assert table.oldest_seconds == (now - row.changed_at).total_seconds()


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.04, "0.0 s"), (2.44, "2.4 s"), (45, "45 s"), (119, "119 s"), (120, "2 min"),
     (7300, "2 h"), (3 * 86400, "3 days")],
)  # fmt: skip
def test_a_duration_is_as_exact_as_a_person_wants_it(seconds, said):
    assert health.duration(seconds) == said
