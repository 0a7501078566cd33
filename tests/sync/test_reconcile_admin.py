"""What an operator does from the console: compare, read what it found, and switch who answers."""

from __future__ import annotations

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from sync import tasks
from sync.reconcile import runs
from sync.reconcile.models import ReconcileRun
from sync.rollout import flags
from sync.rollout.models import Endpoint, RolloutFlag, ShadowDifference
from tests.config.console import console, messages_of
from tests.people import alice, carol
from tests.sync.comparing import compare, silently

RUNS = "/admin/sync/reconcilerun/"
ORDER = "/admin/sync/reconcilerun/order/"
FOUND = "/admin/sync/reconciledifference/"
ANSWERED = "/admin/sync/rolloutflag/"


@pytest.fixture(autouse=True)
def _no_flags_of_others():
    cache.clear()
    yield
    cache.clear()


class TestComparisons:
    def test_a_rehearsal_is_ordered_done_and_read(self, base, mentor):
        silently(base, "Mentors", base.of("Mentors", mentor)["id"], Headline="Theirs")
        browser = console(carol())

        answer = browser.post(ORDER, {"dry_run": "1"}, follow=True)
        assert "It begins within a minute." in messages_of(answer)
        assert answer["Refresh"] == "5"
        tasks.reconcile()

        run = ReconcileRun.objects.get()
        assert (run.state, run.dry_run, run.asked_by) == ("done", True, "Carol Manager")
        page = browser.get(f"{FOUND}?run__id__exact={run.pk}").content.decode()
        assert "Headline" in page
        assert "Theirs" in page
        assert "Would change here" in page
        mentor.refresh_from_db()
        assert mentor.headline != "Theirs"

    def test_healing(self, base, mentor):
        silently(base, "Mentors", base.of("Mentors", mentor)["id"], Headline="Theirs")
        browser = console(carol())
        browser.post(ORDER)
        tasks.reconcile()
        mentor.refresh_from_db()
        assert mentor.headline == "Theirs"
        run = ReconcileRun.objects.get()
        page = browser.get(f"{RUNS}{run.pk}/change/").content.decode()
        assert "1 differing" in page
        assert "100 %" in page

    def test_a_second_one_is_refused_in_words_and_the_first_can_be_ended(self, base, mentor):
        run = runs.begin(now=timezone.now())
        browser = console(carol())
        answer = browser.post(ORDER, follow=True)
        assert any("is under way" in sentence for sentence in messages_of(answer))

        browser.post(RUNS, {"action": "end", "_selected_action": [run.pk]})
        run.refresh_from_db()
        assert (run.state, run.error) == ("failed", "Stopped by Carol Manager.")

    def test_a_mentee_orders_nothing(self, base, mentor):
        assert console(alice()).post(ORDER).status_code == 403
        assert console(carol()).get(ORDER).status_code == 405
        assert not ReconcileRun.objects.exists()

    def test_lists_cost_as_many_queries_however_long(self, base, mentor):
        browser = console(carol())

        def queries(path):
            with CaptureQueriesContext(connection) as found:
                assert browser.get(path).status_code == 200
            return len(found)

        compare()
        queries(RUNS)
        few = queries(RUNS)
        for _ in range(4):
            compare(dry_run=True)
        assert queries(RUNS) == few


class TestWhoAnswers:
    def test_is_switched_and_switched_back(self, base, mentor):
        browser = console(carol())
        assert "Mentor list" in browser.get(ANSWERED).content.decode()
        row = RolloutFlag.objects.get(endpoint="mentor_list")

        for mode in ("airtable_only", "postgres_shadow_read", "postgres_primary"):
            answer = browser.post(
                f"{ANSWERED}{row.pk}/change/", {"mode": mode, "sample_percent": 40}
            )
            assert answer.status_code == 302
            cache.clear()
            assert flags.flag_of(Endpoint.MENTOR_LIST).mode == mode
        row.refresh_from_db()
        assert row.changed_by == "Carol Manager"

    def test_not_to_an_empty_base(self, base):
        browser = console(carol())
        browser.get(ANSWERED)
        row = RolloutFlag.objects.get(endpoint="availability")
        answer = browser.post(
            f"{ANSWERED}{row.pk}/change/", {"mode": "airtable_only", "sample_percent": 100}
        )
        assert "run sync_backfill first" in answer.content.decode()
        row.refresh_from_db()
        assert row.mode == "postgres_primary"

    def test_differences_are_read_and_forgotten(self, base, mentor):
        row = ShadowDifference.objects.create(
            endpoint="mentor_card", key=mentor.pk, field="bio", there="Airtable's", here="Ours"
        )
        browser = console(carol())
        page = browser.get("/admin/sync/shadowdifference/").content.decode()
        assert "Airtable&#x27;s" in page
        assert ">Bob Mentor</a>" in page
        browser.post(
            "/admin/sync/shadowdifference/", {"action": "forget", "_selected_action": [row.pk]}
        )
        assert not ShadowDifference.objects.exists()
