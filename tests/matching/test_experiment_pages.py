"""Experiments in the console: Carol prepares, starts, reads, stops and publishes; nobody else."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.urls import reverse

from matching.models import Experiment
from matching.services import policies
from tests.config.console import console, messages_of
from tests.matching.experimenting import answered, by_words, drafted, everybodys, running
from tests.people import alice, bob, carol

pytestmark = pytest.mark.django_db
ADD = "/admin/matching/experiment/add/"


@pytest.fixture
def other():
    everybodys()
    return by_words()


@pytest.fixture
def manager():
    return carol(time_zone="Europe/Lisbon")


@pytest.fixture
def browser(manager):
    return console(manager)


def page(experiment):
    return reverse("admin:matching_experiment_change", args=[experiment.pk])


def step(experiment, name):
    return reverse("admin:matching_experiment_step", args=[experiment.pk, name])


def text_of(browser, experiment):
    answer = browser.get(page(experiment))
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def filled(treatment, **changes):
    return {
        "name": "Fill the calendars",
        "hypothesis": "Unused hours first, so more mentors are booked.",
        "kind": "switchback",
        "control": str(everybodys().pk),
        "treatment": str(treatment.pk),
        "outcome": "unused",
        "least_effect": "5",
        "percent": "100",
        "time_zone": "Europe/Lisbon",
        "wash_in_hours": "4",
        **changes,
    }


def test_the_whole_way(browser, manager, other):
    form = browser.get(ADD).context["adminform"].form
    assert form.initial["time_zone"] == "Europe/Lisbon"
    assert form.initial["control"] == everybodys().pk
    assert browser.post(ADD, filled(other)).status_code == 302
    experiment = Experiment.objects.get()
    assert (experiment.state, experiment.created_by) == ("draft", manager)
    assert "Not started" in text_of(browser, experiment)
    assert "it would take about" in text_of(browser, experiment)

    asked = browser.get(step(experiment, "start"))
    assert "Start this experiment?" in asked.content.decode()
    experiment.refresh_from_db()
    assert experiment.state == "draft"  # looking at the question starts nothing

    done = browser.post(step(experiment, "start"), follow=True)
    assert "Started." in messages_of(done)
    experiment.refresh_from_db()
    assert (experiment.state, experiment.started_by) == ("running", manager)
    shown = text_of(browser, experiment)
    assert f"Too early to say: 0 of about {experiment.needed} whole days." in shown
    assert "Publish the better policy" not in shown
    assert browser.post(page(experiment), filled(other, least_effect="1")).status_code == 403

    assert "Stopped." in messages_of(browser.post(step(experiment, "stop"), follow=True))
    experiment.refresh_from_db()
    assert (experiment.state, experiment.stopped_by) == ("stopped", manager)
    assert step(experiment, "stop") not in text_of(browser, experiment)
    written = LogEntry.objects.filter(object_id=str(experiment.pk)).order_by("action_time")
    assert [entry.user for entry in written] == [manager] * 3
    assert [entry.get_change_message() for entry in written][1:] == ["Started.", "Stopped."]


def test_by_day_is_for_everybody(browser, other):
    answer = browser.post(ADD, filled(other, percent="50"))
    assert answer.status_code == 200
    assert "By day everybody takes part: 100." in answer.content.decode()
    assert not Experiment.objects.exists()


def test_a_policy_is_not_compared_with_itself(browser, other):
    answer = browser.post(ADD, filled(everybodys()))
    assert answer.status_code == 200
    assert "A policy compared with itself says nothing." in answer.content.decode()
    assert not Experiment.objects.exists()


def test_what_the_service_refuses_is_said(browser, other):
    first = running(other, by=carol(email="c2@example.com"))
    second = drafted(other, name="Another")
    done = browser.post(step(second, "start"), follow=True)
    assert messages_of(done) == ["“Words” is running. One experiment runs at a time."]
    assert not LogEntry.objects.filter(object_id=str(second.pk)).exists()
    early = browser.post(step(first, "publish"), follow=True)
    assert "Too early to say which policy is better, so none is published." in messages_of(early)
    assert policies.published().name == "default"


def test_no_conclusion_is_shown_below_the_needed_sample(browser, other):
    experiment = running(other, by=carol(email="c2@example.com"), least_effect=20)
    answered(experiment, [1] * 37)
    shown = text_of(browser, experiment)
    assert "Too early to say: 37 of about 47 requests with a vote." in shown
    assert "This still moves." in shown
    assert "100 % of the votes are for the new policy (95 % interval 8" in shown
    assert "is better" not in shown
    assert "No difference" not in shown
    assert step(experiment, "publish") not in shown


def test_the_winner_is_published_after_asking(browser, other):
    experiment = running(other, by=carol(email="c2@example.com"), least_effect=20)
    answered(experiment, [1] * 40 + [0] * 7)
    shown = text_of(browser, experiment)
    assert "“words, version 1” is better than what everybody has." in shown
    assert step(experiment, "publish") in shown
    assert "This still moves." not in shown
    assert "the first 47 requests with a vote" in shown
    assert "Publish the better policy?" in browser.get(step(experiment, "publish")).content.decode()
    assert policies.published().name == "default"
    done = browser.post(step(experiment, "publish"), follow=True)
    assert "Stopped, and the new policy published." in messages_of(done)
    assert policies.published().name == "words"
    assert step(experiment, "publish") not in text_of(browser, experiment)


@pytest.mark.parametrize(
    ("votes", "sentence"),
    [
        ([1, 0] * 24, "No difference was found. One of 20 percentage points would have shown"),
        ([0] * 40 + [1] * 7, "“default, version 1”, which everybody has, is the better one."),
    ],
)
def test_other_ends(browser, other, votes, sentence):
    experiment = running(other, by=carol(email="c2@example.com"), least_effect=20)
    answered(experiment, votes)
    shown = text_of(browser, experiment)
    assert sentence in shown
    assert step(experiment, "publish") not in shown


def test_a_handful_of_people_is_said_to_be_one(browser, other):
    experiment = running(other, by=carol(email="c2@example.com"), least_effect=20)
    answered(experiment, [1] * 50, people=6)
    assert "all this is from 6 people, and it takes 30" in text_of(browser, experiment)


@pytest.mark.parametrize("who", [alice, bob])
def test_nobody_else_sees_or_does_any_of_it(other, who):
    experiment = drafted(other)
    stranger = console(who())
    for address in (ADD, page(experiment), step(experiment, "start")):
        assert stranger.get(address).status_code == 403
    assert stranger.post(step(experiment, "start")).status_code == 403
    experiment.refresh_from_db()
    assert experiment.state == "draft"


def test_staff_without_the_right_see_and_do_not(other):
    experiment = drafted(other)
    reader = carol()
    reader.groups.clear()
    reader.user_permissions.add(Permission.objects.get(codename="view_experiment"))
    looking = console(reader)
    assert looking.get(page(experiment)).status_code == 200
    assert step(experiment, "start") not in looking.get(page(experiment)).content.decode()
    assert looking.post(step(experiment, "start")).status_code == 403


def test_addresses_that_are_none(browser, other):
    experiment = drafted(other)
    assert browser.get(step(experiment, "dance")).status_code == 404
    gone = step(experiment, "start")
    experiment.delete()
    assert browser.post(gone).status_code == 404
