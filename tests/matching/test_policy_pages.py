"""The console's pages of policies, as Carol uses them."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from matching.models import MatchPolicy, MatchRequest, SavedQuery
from matching.ranking import DEFAULT_POLICY, WEIGHTS
from matching.services import policies, previewing
from mentors.models import Mentor
from tests import people
from tests.config.console import booked, console, messages_of, superuser
from tests.factories import MenteeFactory
from tests.matching.worlds import PROFILES, index, market, mentor

pytestmark = pytest.mark.django_db


def url(name, policy):
    return reverse(f"admin:matching_matchpolicy_{name}", args=[policy.pk])


def shipped() -> MatchPolicy:
    return MatchPolicy.objects.get(name="default", version=1)


def filled(policy: MatchPolicy, **changes):
    values = {name: getattr(policy, name) for name in ("name", "note", *WEIGHTS)}
    return {**values, **changes}


def drafted(browser) -> MatchPolicy:
    browser.post(url("draft", shipped()))
    return MatchPolicy.objects.get(state="draft")


def test_a_manager_drafts_edits_looks_and_publishes():
    market()
    carol = people.carol()
    browser = console(carol)
    draft = drafted(browser)
    assert (draft.version, draft.created_by) == (2, carol)
    page = browser.get(url("change", draft)).content.decode()
    assert "New draft from this version" in page
    answer = browser.post(url("change", draft), filled(draft, deficit=0.4, note="Fuller"))
    assert answer.status_code == 302, answer.context["errors"]
    draft.refresh_from_db()
    assert (draft.deficit, draft.note, draft.state) == (0.4, "Fuller", "draft")
    assert policies.published() == DEFAULT_POLICY
    assert browser.get(url("preview", draft)).status_code == 200
    asks = browser.get(url("publish", draft)).content.decode()
    assert re.search(r"Deficit</th><td[^>]*>0\.14</td><td[^>]*>0\.4<", asks)
    assert MatchPolicy.objects.get(state="published").version == 1
    browser.post(url("publish", draft))
    assert policies.published().deficit == 0.4
    assert policies.published().version == 2
    notes = list(LogEntry.objects.filter(user=carol).values_list("change_message", flat=True))
    assert any("Published in place of default, version 1." in note for note in notes)
    assert any("A draft from default, version 1." in note for note in notes)


def test_the_version_before_comes_back_by_the_same_steps():
    browser = console(people.carol())
    browser.post(url("publish", drafted(browser)))
    browser.post(url("publish", shipped()))
    assert policies.published() == DEFAULT_POLICY
    answer = browser.post(url("publish", shipped()), follow=True)
    assert "This policy is published already." in messages_of(answer)


def test_what_was_published_cannot_be_edited_or_deleted_by_anybody():
    for user in (people.carol(), superuser()):
        browser = console(user)
        assert (
            browser.post(url("change", shipped()), filled(shipped(), load=0.4)).status_code == 403
        )
        assert browser.post(url("delete", shipped()), {"post": "yes"}).status_code == 403
        browser.post(
            reverse("admin:matching_matchpolicy_changelist"),
            {"action": "delete_selected", "_selected_action": [shipped().pk], "post": "yes"},
        )
    assert policies.published() == DEFAULT_POLICY


def test_a_draft_can_be_thrown_away():
    browser = console(people.carol())
    draft = drafted(browser)
    browser.post(url("delete", draft), {"post": "yes"})
    assert not MatchPolicy.objects.filter(state="draft").exists()


def test_a_weight_outside_its_range_is_an_error_of_its_field():
    browser = console(people.carol())
    draft = drafted(browser)
    answer = browser.post(url("change", draft), filled(draft, load=0.7, name="No Spaces!"))
    assert set(answer.context["adminform"].form.errors) == {"load", "name"}
    draft.refresh_from_db()
    assert draft.load == DEFAULT_POLICY.load


def test_a_policy_from_nothing_starts_with_the_weights_in_use():
    browser = console(people.carol())
    add = reverse("admin:matching_matchpolicy_add")
    form = browser.get(add).context["adminform"].form
    assert form.initial["meaning"] == DEFAULT_POLICY.meaning
    answer = browser.post(add, filled(shipped(), name="quiet", note=""))
    assert answer.status_code == 302
    made = MatchPolicy.objects.get(name="quiet")
    assert (made.version, made.state, made.created_by.email) == (1, "draft", "carol@example.com")


@pytest.mark.parametrize("name", ["preview", "publish", "draft"])
@pytest.mark.parametrize("who", [people.alice, people.bob])
def test_strangers_see_nothing_and_change_nothing(name, who):
    browser = console(who())
    assert browser.get(url(name, shipped())).status_code == 403
    assert browser.post(url(name, shipped())).status_code == 403
    assert MatchPolicy.objects.count() == 1


def test_whoever_may_only_look_can_preview_and_no_more():
    carol = people.carol()
    carol.groups.clear()
    from django.contrib.auth.models import Permission

    carol.user_permissions.add(Permission.objects.get(codename="view_matchpolicy"))
    browser = console(carol)
    assert browser.get(url("preview", shipped())).status_code == 200
    assert "New draft" not in browser.get(url("change", shipped())).content.decode()
    assert browser.post(url("draft", shipped())).status_code == 403
    assert browser.post(url("publish", shipped())).status_code == 403


def test_a_draft_is_not_made_by_following_a_link():
    assert console(people.carol()).get(url("draft", shipped())).status_code == 405


# -- The preview --------------------------------------------------------------------------------
def by_deficit():
    """Ada is booked out, and Ann fits nearly as well and is not."""
    ada = mentor(**PROFILES[0])
    ann = mentor(**{**PROFILES[0], "name": "Ann Second", "areas": [("Fundraising", "", 3)]})
    for day in range(1, 20):
        booked(ada, MenteeFactory(), timezone.now() - timedelta(days=day), "completed")
    Mentor.objects.update(created_at=timezone.now() - timedelta(days=200))
    SavedQuery.objects.all().delete()
    SavedQuery.objects.create(text="raising our first institutional round")
    index()
    return ann


def test_the_preview_shows_both_orders_the_moves_and_what_made_them(settings):
    settings.EMBEDDING_BACKEND = "minilm"
    second = by_deficit()
    carol = people.carol()
    none = policies.draft_from(policy_id=shipped().pk, by=carol)
    none.deficit = none.floor = 0.0
    much = policies.draft_from(policy_id=shipped().pk, by=carol)
    much.deficit, much.floor = 0.5, 0.0
    for draft in (none, much):
        policies.save_draft(draft=draft, by=carol)
    (found,) = previewing.compare(
        queries=["raising our first institutional round"],
        old=policies.as_policy(none),
        new=policies.as_policy(much),
        by=carol,
        now=timezone.now(),
    )
    assert [row.name for row in found.old][:2] == ["Ada Investor", "Ann Second"]
    assert [row.name for row in found.new][:2] == ["Ann Second", "Ada Investor"]
    ann, ada = found.new[:2]
    assert (ann.up, ann.down, ada.up, ada.down) == (1, 0, 0, 1)
    assert found.moved == 2
    assert dict(ann.parts)["deficit"] == pytest.approx(0.5)
    # Nineteen of the 18 sessions that four weeks have room for: nothing is missing.
    assert "deficit" not in dict(ada.parts)
    page = console(carol).get(url("preview", much), {"against": "default:2"}).content.decode()
    assert "2 of ten places have somebody else in them." in page
    assert re.search(r"Ann Second</a>\s*<strong>▲ up 1</strong>", page)
    assert re.search(r"Ada Investor</a>\s*<span>▼ down 1</span>", page)
    assert "<li>deficit +0.50</li>" in page
    assert str(second.pk) in page


def test_a_preview_leaves_no_trace():
    market()
    console(people.carol()).get(url("preview", shipped()))
    assert not MatchRequest.objects.exists()


def test_a_preview_asks_as_often_however_many_mentors_there_are():
    market()
    browser = console(people.carol())
    browser.get(url("preview", shipped()))
    with CaptureQueriesContext(connection) as queries:
        browser.get(url("preview", shipped()))
    # Four a saved query (candidates take two, and likeness by each policy), and the page's own.
    assert len(queries) <= 4 * SavedQuery.objects.count() + 12


def test_saved_queries_are_the_managers_own():
    browser = console(people.carol())
    browser.post(reverse("admin:matching_savedquery_add"), {"text": "Our own question"})
    saved = SavedQuery.objects.get(text="Our own question")
    page = browser.get(reverse("admin:matching_savedquery_change", args=[saved.pk]))
    assert page.status_code == 200
    browser.post(reverse("admin:matching_savedquery_delete", args=[saved.pk]), {"post": "yes"})
    assert not SavedQuery.objects.filter(pk=saved.pk).exists()
