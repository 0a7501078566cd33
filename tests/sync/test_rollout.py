"""From which side an endpoint is answered: switched at once, without a query, losing nothing."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.cache import ForgivingRedisCache
from accounts.refusals import Refusal
from benchmarks.servers import ROOT, environment
from mentors.models import Block, Mentor
from sync.models import OutboxRow, RecordLink
from sync.rollout import flags
from sync.rollout.models import Endpoint, RolloutFlag, ShadowDifference, ShadowTally
from sync.rollout.shadow import canonical
from tests.factories import MentorFactory
from tests.hours import open_window
from tests.people import alice, api, carol
from tests.sync.comparing import many
from tests.sync.conftest import drain, in_two_days, pull

LIST, CARD, HOURS = Endpoint.MENTOR_LIST, Endpoint.MENTOR_CARD, Endpoint.AVAILABILITY


@pytest.fixture(autouse=True)
def _no_flags_of_others():
    cache.clear()
    yield
    cache.clear()


def switch(endpoint, mode, percent=100):
    flags.switch(
        endpoint=endpoint, mode=mode, sample_percent=percent, by="Carol", now=timezone.now()
    )
    # The test's transaction never commits; what its commit would do is done by hand.
    cache.clear()


def drift(mentor, **values):
    """Postgres is changed behind the engine's back: the two sides differ from now on."""
    Mentor.objects.filter(pk=mentor.pk).update(**values)
    OutboxRow.objects.all().delete()


def results(client, **query):
    answer = client.get("/api/mentors", query)
    assert answer.status_code == 200, answer.json()
    return answer.json()["results"]


class TestAirtableOnly:
    def test_the_list_is_what_stands_in_airtable(self, base, mentor):
        client = api(alice())
        drift(mentor, headline="Only here", industries=["Health"])
        switch(LIST, "airtable_only")

        (card,) = results(client)

        assert card["headline"] == "Raised three seed rounds"
        assert card["industries"] == []
        assert [skill["area"] for skill in card["expertise"]] == ["Sales"]
        assert card["id"] == str(mentor.pk)

    def test_filters_ask_airtables_cells(self, base, mentor):
        client = api(alice())
        base.edit(
            "Mentors",
            base.of("Mentors", mentor)["id"],
            Industries=["Fintech"],
            Stage_Focus=["Seed"],
            Expertise=["Hiring"],
        )
        pull()
        drain()
        drift(mentor, industries=[], stages=[])
        mentor.expertise.all().delete()
        OutboxRow.objects.all().delete()
        assert not results(client, industry="Fintech")
        switch(LIST, "airtable_only")

        assert results(client, industry="fintech", stage="Seed", expertise="hiring")
        assert not results(client, expertise="Sales")

    def test_pages_follow_one_another(self, base, mentor):
        client = api(alice())
        many(4)
        switch(LIST, "airtable_only")
        first = client.get("/api/mentors?page_size=3").json()
        second = client.get(first["next"]).json()
        assert len({card["id"] for card in first["results"] + second["results"]}) == 5
        assert second["next"] is None

    def test_what_keeps_two_people_apart_holds(self, base, mentor):
        mentee = alice()
        client = api(mentee)
        other = MentorFactory()
        drain()
        pull()
        switch(LIST, "airtable_only")
        switch(CARD, "airtable_only")
        Block.objects.create(mentor=mentor, mentee=mentee.mentee, kind="personal")
        drift(other, visibility="private")

        assert results(client) == []
        assert client.get(f"/api/mentors/{mentor.pk}").status_code == 404
        assert client.get(f"/api/mentors/{other.pk}").status_code == 404
        assert len(results(api(carol()))) == 2

    def test_a_cell_opens_nobodys_profile_before_we_agreed(self, base, mentor):
        drift(mentor, visibility="private")
        switch(LIST, "airtable_only")
        assert RecordLink.objects.get(subject="mentor").ancestor["Visibility"] == "public"
        assert results(api(alice())) == []

    def test_inactive_there_is_not_listed(self, base, mentor):
        client = api(alice())
        RecordLink.objects.filter(object_id=mentor.pk).update(
            ancestor={**RecordLink.objects.get(object_id=mentor.pk).ancestor, "Is Active": False}
        )
        assert results(client)
        switch(LIST, "airtable_only")
        assert not results(client)

    def test_the_card(self, base, mentor):
        client = api(alice())
        mentor.expertise.update(sub_area="Enterprise", weight=5)
        drift(mentor, headline="Only here")
        switch(CARD, "airtable_only")

        card = client.get(f"/api/mentors/{mentor.pk}").json()

        assert card["headline"] == "Raised three seed rounds"
        assert card["expertise"][0]["sub_area"] == "Enterprise"
        mentor.refresh_from_db()
        assert mentor.headline == "Only here"

    def test_the_hours_and_saving_them(self, base, mentor):
        client = api(alice())
        window = open_window(mentor, capacity=2)
        drain()
        pull()
        window.__class__.objects.filter(pk=window.pk).update(capacity=7)
        OutboxRow.objects.all().delete()
        switch(HOURS, "airtable_only")

        (shown,) = client.get(f"/api/availability/{mentor.pk}").json()["windows"]
        assert (shown["id"], shown["capacity"]) == (str(window.pk), 2)

        starts = timezone.now().replace(microsecond=0) + timedelta(days=4)
        answer = api(mentor.user).put(
            f"/api/availability/{mentor.pk}",
            {
                "windows": [
                    {
                        "starts_at": starts.isoformat(),
                        "ends_at": (starts + timedelta(hours=1)).isoformat(),
                    }
                ]
            },
            format="json",
        )
        assert answer.status_code == 200
        drain()
        (shown,) = client.get(f"/api/availability/{mentor.pk}").json()["windows"]
        assert shown["id"] == answer.json()["windows"][0]["id"]

    def test_hours_added_in_airtable_show(self, base, mentor):
        open_window(mentor, days=9)
        drain()
        switch(HOURS, "airtable_only")
        base.create(
            "Availability",
            Mentor=[base.of("Mentors", mentor)["id"]],
            Starts=in_two_days(),
            Ends=in_two_days(1),
        )
        pull()
        shown = api(alice()).get(f"/api/availability/{mentor.pk}").json()["windows"]
        assert next(window["starts_at"] for window in shown) == in_two_days().replace(".000", "")
        assert len(shown) == 2


class TestShadow:
    def test_serves_airtable_and_tells_what_we_would_have_said(self, base, mentor):
        client = api(alice())
        drift(mentor, headline="Only here")
        switch(LIST, "postgres_shadow_read")

        for _ in range(2):
            (card,) = results(client)

        assert card["headline"] == "Raised three seed rounds"
        found = ShadowDifference.objects.get()
        assert (found.key, found.field, found.count) == (mentor.pk, "headline", 2)
        assert (found.there, found.here) == ("Raised three seed rounds", "Only here")
        tally = ShadowTally.objects.get()
        assert (tally.compared, tally.differed) == (2, 2)

    def test_equal_sides_differ_in_nothing(self, base, mentor):
        client = api(alice())
        open_window(mentor)
        many(5)
        for endpoint in Endpoint:
            switch(endpoint, "postgres_shadow_read")

        results(client, page_size=4)
        client.get(f"/api/mentors/{mentor.pk}")
        client.get(f"/api/availability/{mentor.pk}")

        assert {
            row.endpoint: (row.compared, row.differed) for row in ShadowTally.objects.all()
        } == {endpoint.value: (1, 0) for endpoint in Endpoint}
        assert not ShadowDifference.objects.exists()

    def test_who_is_missing_is_told_and_who_was_pushed_to_the_next_page_is_not(self, base, mentor):
        client = api(alice())
        many(5)
        newest = Mentor.objects.order_by("-created_at").first()
        drift(newest, is_active=False)
        switch(LIST, "postgres_shadow_read")

        results(client, page_size=3)

        found = ShadowDifference.objects.get()
        assert (found.key, found.field, found.there, found.here) == (
            newest.pk, "(in the list)", True, False,
        )  # fmt: skip

    def test_the_card_and_the_hours_too(self, base, mentor):
        client = api(alice())
        window = open_window(mentor)
        drain()
        pull()
        window.__class__.objects.filter(pk=window.pk).update(capacity=4)
        drift(mentor, bio="Only here")
        OutboxRow.objects.all().delete()
        switch(CARD, "postgres_shadow_read")
        switch(HOURS, "postgres_shadow_read")

        client.get(f"/api/mentors/{mentor.pk}")
        client.get(f"/api/availability/{mentor.pk}")

        assert ShadowDifference.objects.get(endpoint=CARD).field == "bio"
        hours = ShadowDifference.objects.get(endpoint=HOURS)
        assert hours.field == f"window {window.pk}"
        assert (hours.there["capacity"], hours.here["capacity"]) == (1, 4)

    def test_only_a_sample(self, base, mentor):
        switch(LIST, "postgres_shadow_read", percent=0)
        results(api(alice()))
        assert not ShadowTally.objects.exists()

    @pytest.mark.parametrize(
        ("there", "here"),
        [
            ("", None),
            ([], None),
            (["b", "a"], ["a", "b"]),
            ("line\r\nline ", "line\nline"),
        ],
    )
    def test_spelling_is_no_difference(self, there, here):
        assert canonical(there) == canonical(here)


class TestSwitching:
    def test_costs_no_query_to_ask(self, base, mentor):
        switch(LIST, "airtable_only")
        flags.flag_of(LIST)
        with CaptureQueriesContext(connection) as queries:
            assert flags.flag_of(LIST).mode == "airtable_only"
        assert not queries.captured_queries

    def test_without_a_row_it_is_ours(self, db):
        assert flags.flag_of(CARD).mode == "postgres_primary"

    def test_nothing_to_answer_with(self, base):
        with pytest.raises(Refusal, match="sync_backfill"):
            switch(LIST, "airtable_only")
        assert not RolloutFlag.objects.exists()

    def test_without_a_base(self, db, settings):
        settings.AIRTABLE_API_KEY = None
        with pytest.raises(Refusal, match="AIRTABLE_API_KEY"):
            switch(LIST, "airtable_only")

    def test_edits_go_on_and_nothing_is_lost_either_way(self, base, mentor):
        client = api(alice())
        switch(LIST, "airtable_only")
        base.edit("Mentors", base.of("Mentors", mentor)["id"], Headline="While switched")
        pull()
        Mentor.objects.filter(pk=mentor.pk).update(bio="Written here meanwhile")
        drain()
        assert results(client)[0]["headline"] == "While switched"
        assert results(client)[0]["bio"] == "Written here meanwhile"

        switch(LIST, "postgres_primary")

        card = results(client)[0]
        assert (card["headline"], card["bio"]) == ("While switched", "Written here meanwhile")


ASK = """
import django; django.setup()
import sys
import time
from sync.rollout import flags
from sync.rollout.shadow import canonical
from sync.rollout.models import Endpoint
for _ in sys.stdin:
    print(flags.flag_of(Endpoint.MENTOR_LIST).mode, flush=True)
"""


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
class TestOtherProcesses:
    def test_see_a_switch_with_their_next_request(self, base, monkeypatch):
        RecordLink.objects.create(
            table="Mentors", record_id="rec1", subject="mentor", object_id=uuid4()
        )
        with subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", ASK],
            cwd=ROOT,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as other:

            def asked():
                other.stdin.write("\n")
                other.stdin.flush()
                return other.stdout.readline().strip()

            assert asked() == "postgres_primary"
            for mode in ("airtable_only", "postgres_shadow_read", "postgres_primary"):
                # A hiccup of Redis in this process a moment ago changes nothing for the others.
                monkeypatch.setattr(ForgivingRedisCache, "_away_until", time.monotonic() + 5)
                flags.switch(endpoint=LIST, mode=mode, by="Carol", now=timezone.now())
                assert asked() == mode
            other.stdin.close()
