"""Policies: versions that stay, one that is published, and who may change them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.refusals import NotFound
from matching.models import MatchPolicy, MatchRequest
from matching.ranking import DEFAULT_POLICY, WEIGHTS
from matching.services import policies
from sessions_app.refusals import IllegalMove
from tests.matching.worlds import market
from tests.people import alice, api, carol

pytestmark = pytest.mark.django_db


def draft(by, **weights) -> MatchPolicy:
    made = policies.draft_from(policy_id=MatchPolicy.objects.get(state="published").pk, by=by)
    for name, value in weights.items():
        setattr(made, name, value)
    return policies.save_draft(draft=made, by=by)


def test_what_the_product_is_shipped_with_is_published():
    assert policies.published() == DEFAULT_POLICY
    assert DEFAULT_POLICY.label == "default:1"


def test_lists_have_an_order_even_where_nothing_is_published():
    MatchPolicy.objects.filter(state="published").update(state="retired")
    assert policies.published() == DEFAULT_POLICY


def test_a_change_is_a_new_version_and_the_old_one_stays():
    manager = carol()
    changed = draft(manager, load=0.3, note="Quieter weeks")
    assert (changed.name, changed.version, changed.state) == ("default", 2, "draft")
    assert policies.published() == DEFAULT_POLICY
    policies.publish(policy_id=changed.pk, by=manager, now=timezone.now())
    assert policies.published() == replace(DEFAULT_POLICY, version=2, load=0.3)
    assert policies.named("default:1") == DEFAULT_POLICY
    assert MatchPolicy.objects.get(version=1).state == "retired"
    published = MatchPolicy.objects.get(version=2)
    assert (published.published_by, published.created_by) == (manager, manager)


def test_an_old_version_comes_back_as_it_was():
    manager, now = carol(), timezone.now()
    policies.publish(policy_id=draft(manager, load=0.3).pk, by=manager, now=now)
    first = MatchPolicy.objects.get(version=1)
    policies.publish(policy_id=first.pk, by=manager, now=now)
    assert policies.published() == DEFAULT_POLICY
    with pytest.raises(IllegalMove):
        policies.publish(policy_id=first.pk, by=manager, now=now)


def test_a_draft_under_a_new_name_begins_its_own_versions():
    manager = carol()
    other = draft(manager, name="quiet")
    assert (other.name, other.version) == ("quiet", 1)
    assert draft(manager).version == 2
    assert policies.named("quiet") == replace(DEFAULT_POLICY, name="quiet")


def test_what_was_published_is_kept_by_services_and_by_the_database():
    row = MatchPolicy.objects.get(version=1)
    with pytest.raises(IllegalMove):
        policies.save_draft(draft=row, by=carol())
    everything = MatchPolicy.objects.filter(version=1)
    for change in ({"load": 0.2}, {"note": "other words"}, {"name": "x"}, {"state": "draft"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            everything.update(**change)
    with pytest.raises(IntegrityError), transaction.atomic():
        everything._raw_delete("default")
    assert policies.published() == DEFAULT_POLICY


@pytest.mark.parametrize("change", [{"load": 0.6}, {"floor": float("nan")}, {"meaning": -0.1}])
def test_no_weight_leaves_its_range_whoever_writes_it(change):
    made = draft(carol())
    with pytest.raises(IntegrityError), transaction.atomic():
        MatchPolicy.objects.filter(pk=made.pk).update(**change)


def test_two_are_never_published():
    made = draft(carol())
    with pytest.raises(IntegrityError), transaction.atomic():
        MatchPolicy.objects.filter(pk=made.pk).update(state="published")


def test_a_request_keeps_the_policy_it_was_answered_with():
    market()
    manager, client = carol(), api(alice())
    client.post("/api/match", {"query": "raising a round"}, format="json")
    policies.publish(policy_id=draft(manager, load=0.2).pk, by=manager, now=timezone.now())
    client.post("/api/match", {"query": "raising a round"}, format="json")
    asked = MatchRequest.objects.order_by("created_at").values_list("policy", "policy_version")
    assert list(asked) == [("default", 1), ("default", 2)]


@pytest.mark.parametrize("label", ["nobody", "default:7", "default:x", "default:"])
def test_a_name_that_nobody_has_is_refused(label):
    if label == "default:":
        assert policies.named(label) == DEFAULT_POLICY
        return
    with pytest.raises(NotFound):
        policies.named(label)


@pytest.mark.parametrize(
    ("weights", "sentence"),
    [
        ({"lode": 0.1}, "lode is not a weight"),
        ({"load": 3}, "load is 3, and not from 0 to 0.5"),
        ({"load": "much"}, "load is not a number"),
        ({"explore_at": 2.5}, "a whole number"),
        ([], "an object of weights"),
    ],
)
def test_a_file_of_weights_that_is_wrong_is_refused_by_name(tmp_path, weights, sentence):
    (tmp_path / "mine.json").write_text(json.dumps(weights))
    with pytest.raises(CommandError, match=sentence):
        call_command("evaluate_matching", tmp_path, policy=str(tmp_path / "mine.json"))


def test_the_command_says_which_policy_there_is_not(tmp_path):
    with pytest.raises(CommandError, match="There is no policy default:9"):
        call_command("evaluate_matching", tmp_path, policy="default:9")


def test_every_weight_has_a_field():
    assert set(WEIGHTS) <= {field.name for field in MatchPolicy._meta.get_fields()}
