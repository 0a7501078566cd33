"""Simulated markets in the console, as Carol orders, watches and reads them."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone

from matching.models import MarketPicture, MarketRun, MatchPolicy
from matching.ranking import DEFAULT_POLICY
from matching.simulator import runs
from matching.simulator.scenario import Scenario
from matching.tasks import play_markets
from tests import people
from tests.config.console import console, messages_of
from tests.matching.markets import open_market as market

pytestmark = pytest.mark.django_db
ADD = "/admin/matching/marketrun/add/"
SHORT = 'weeks = 2\nseeds = 1\n[demand]\nto_capacity = 0.5\ngoals = ["a first round"]\n'


def url(name: str, run: MarketRun, *more: str) -> str:
    return reverse(f"admin:matching_marketrun_{name}", args=[run.pk, *more])


def ordered(browser, scenario: str = SHORT) -> MarketRun:
    policy = MatchPolicy.objects.get()
    answer = browser.post(ADD, {"policies": [str(policy.pk)], "scenario": scenario})
    assert answer.status_code == 302, answer.context["form"].errors
    run = MarketRun.objects.get()
    assert answer["Location"] == url("change", run)
    return run


def test_a_manager_orders_watches_and_reads():
    market()
    carol = people.carol()
    browser = console(carol)
    page = browser.get(ADD)
    assert page.context["form"].initial["policies"] == [MatchPolicy.objects.get().pk]
    assert "seeds = 5" in page.content.decode()
    run = ordered(browser)
    assert (run.state, run.created_by) == ("waiting", carol)
    assert run.policies["default:1"]["floor"] == DEFAULT_POLICY.floor
    waiting = browser.get(url("change", run))
    assert waiting["Refresh"] == "5"
    assert "Waiting" in waiting.content.decode()

    play_markets()

    run.refresh_from_db()
    assert (run.state, run.progress) == ("done", "")
    assert run.ended_at
    page = browser.get(url("change", run))
    assert "Refresh" not in page
    text = page.content.decode()
    assert "Demand 0.5 of capacity" in text
    assert "mentors with room who were booked or met within four weeks, share" in text
    assert text.count('<th scope="col"') == 4
    assert {picture.name for picture in run.pictures.all()} == {"booked", "relevance", "evenness"}
    for name in ("booked", "relevance", "evenness"):
        assert url("picture", run, name) in text
        picture = browser.get(url("picture", run, name))
        assert picture["Content-Type"] == "image/png"
        assert picture.content.startswith(b"\x89PNG")
    assert browser.get(url("picture", run, "nothing")).status_code == 404
    assert "default:1" in browser.get("/admin/matching/marketrun/").content.decode()
    assert LogEntry.objects.filter(user=carol, change_message__contains="Ordered").exists()


def test_what_cannot_be_is_said_at_the_field():
    browser = console(people.carol())
    policy = MatchPolicy.objects.get()
    wrong = {"policies": [str(policy.pk)], "scenario": "[supply]\njoining = -1"}
    answer = browser.post(ADD, wrong)
    assert answer.status_code == 200
    assert "supply.joining is a number from 0 to 0.9, not -1." in answer.content.decode()
    assert browser.post(ADD, {"scenario": SHORT}).context["form"].errors["policies"]
    assert not MarketRun.objects.exists()


def test_at_most_four_policies_are_compared():
    browser = console(people.carol())
    for version in range(2, 6):
        weights = runs.stored.as_policy(MatchPolicy.objects.get(version=1)).weights()
        MatchPolicy.objects.create(name="default", version=version, **weights)
    all_five = [str(row.pk) for row in MatchPolicy.objects.all()]
    answer = browser.post(ADD, {"policies": all_five, "scenario": SHORT})
    assert "4 at most" in answer.content.decode()
    assert len(browser.get(ADD).context["form"].initial["policies"]) == 4


def test_a_run_that_is_stopped_is_not_played():
    market()
    browser = console(people.carol())
    run = ordered(browser)
    assert browser.get(url("stop", run)).status_code == 405
    answer = browser.post(url("stop", run), follow=True)
    assert messages_of(answer) == ["Stopped."]
    play_markets()
    run.refresh_from_db()
    assert (run.state, run.result) == ("stopped", None)
    assert messages_of(browser.post(url("stop", run), follow=True)) == []


def test_stopping_ends_a_run_in_the_middle(monkeypatch):
    market()
    run = ordered(console(people.carol()))
    monkeypatch.setattr(runs, "_NOTED_EVERY", 0)
    seen = []

    def clock():
        seen.append(MarketRun.objects.get().state)
        runs.stop(run_id=run.pk, now=timezone.now())
        return timezone.now()

    assert runs.play_next(clock=clock)
    run.refresh_from_db()
    assert (seen, run.state, run.result) == (["running"], "stopped", None)
    assert not MarketPicture.objects.exists()


def test_what_fails_says_why_and_holds_up_nobody():
    people.alice()
    run = ordered(console(people.carol()))
    play_markets()
    run.refresh_from_db()
    assert run.state == "failed"
    assert "No mentor has an hour" in run.progress
    assert not runs.play_next(clock=timezone.now)


def test_a_run_that_a_worker_left_behind_is_played_again():
    market()
    run = ordered(console(people.carol()))
    MarketRun.objects.update(state="running", progress="3 of 8 runs")
    play_markets()
    run.refresh_from_db()
    assert run.state == "done"


def test_weights_are_those_of_the_moment_it_was_ordered():
    market()
    browser = console(people.carol())
    draft = MatchPolicy.objects.create(
        name="mine",
        version=1,
        **runs.stored.as_policy(MatchPolicy.objects.get()).weights(),
    )
    browser.post(ADD, {"policies": [str(draft.pk)], "scenario": SHORT})
    MatchPolicy.objects.filter(pk=draft.pk).update(deficit=0.5)
    run = MarketRun.objects.get()
    assert run.policies["mine:1"]["deficit"] != 0.5


@pytest.mark.parametrize("who", [people.alice, people.bob, people.mallory])
def test_others_get_nowhere(who):
    run = MarketRun.objects.create(scenario=Scenario().as_toml(), policies={})
    browser = console(who())
    for address in (ADD, url("change", run), url("picture", run, "booked")):
        assert browser.get(address).status_code == 403
    assert browser.post(url("stop", run)).status_code == 403
    run.refresh_from_db()
    assert run.state == "waiting"


def test_a_manager_without_the_right_may_read_and_not_order():
    carol = people.carol()
    carol.groups.clear()
    carol.user_permissions.add(Permission.objects.get(codename="view_marketrun"))
    browser = console(carol)
    run = MarketRun.objects.create(scenario=SHORT, policies={})
    assert browser.get(url("change", run)).status_code == 200
    assert browser.get(ADD).status_code == 403
    assert browser.post(url("stop", run)).status_code == 403
