"""Cards and saved mentors through HTTP, and who sees whom."""

from __future__ import annotations

import uuid

import pytest
from django.contrib.auth.models import AnonymousUser
from django.utils import timezone

from accounts import services as accounts
from mentors import selectors
from mentors.models import Block, Mentor, SavedMentor
from tests import people
from tests.factories import ExpertiseFactory, MenteeFactory, MentorFactory

pytestmark = pytest.mark.django_db


def url(mentor, rest=""):
    return f"/api/mentors/{mentor.pk}{rest}"


def test_the_card_shows_the_mentor_and_not_the_address():
    bob = people.bob(areas=["Sales"], industries=["Health"], time_zone="Europe/Madrid")
    card = people.api(people.alice()).get(url(bob.mentor)).json()
    assert set(card) == {
        "id", "name", "headline", "bio", "company", "title", "photo_url", "expertise", "industries",
        "stages", "languages", "time_zone", "session_minutes", "linkedin",
    }  # fmt: skip
    assert "bob@example.com" not in str(card)
    assert card["expertise"] == [
        {"area": "Sales", "sub_area": "", "seniority": "expert", "weight": 3}
    ]
    assert card["time_zone"] == "Europe/Madrid"
    assert people.api().get(url(bob.mentor)).status_code == 401


@pytest.mark.parametrize(
    ("what", "stranger", "mentee", "self", "pm"),
    [
        ({}, True, True, True, True),
        ({"visibility": "limited"}, False, True, True, True),
        ({"visibility": "private"}, False, False, True, True),
        ({"is_active": False}, False, False, True, True),
        ({"consent_at": None}, False, False, True, True),
        ({"status": "inactive"}, False, False, True, True),
    ],
)
def test_who_sees_a_mentor(what, stranger, mentee, self, pm):
    bob = people.bob(**what)
    sees = {
        "stranger": selectors.visible_to(AnonymousUser()).exists(),
        "mentee": selectors.visible_to(people.alice()).exists(),
        "other mentor": selectors.visible_to(MentorFactory(visibility="private").user)
        .filter(user=bob)
        .exists(),
        "self": selectors.visible_to(bob).filter(user=bob).exists(),
        "pm": selectors.visible_to(people.carol()).filter(user=bob).exists(),
    }
    assert sees == {
        "stranger": stranger, "mentee": mentee, "other mentor": mentee, "self": self, "pm": pm,
    }  # fmt: skip
    response = people.api(people.mallory()).get(url(bob.mentor))
    assert response.status_code == (200 if mentee else 404)


def test_a_block_hides_the_two_from_each_other_and_from_nobody_else():
    alice, bob = people.alice(), people.bob()
    Block.objects.create(mentor=bob.mentor, mentee=alice.mentee, kind="conflict")
    assert people.api(alice).get(url(bob.mentor)).status_code == 404
    assert people.api(people.mallory()).get(url(bob.mentor)).status_code == 200
    assert people.api(people.carol()).get(url(bob.mentor)).status_code == 200


def test_saving_twice_saves_once_and_unsaving_may_be_repeated():
    alice, bob = people.alice(), people.bob()
    client = people.api(alice)
    assert client.put(url(bob.mentor, "/saved")).status_code == 204
    assert client.put(url(bob.mentor, "/saved")).status_code == 204
    page = client.get("/api/mentors/saved").json()
    assert set(page) == {"next", "previous", "results"}
    (saved,) = page["results"]
    assert saved["mentor"]["name"] == "Bob Mentor"
    assert saved["saved_at"].endswith("Z")
    assert client.delete(url(bob.mentor, "/saved")).status_code == 204
    assert client.delete(url(bob.mentor, "/saved")).status_code == 204
    assert not SavedMentor.objects.exists()


def test_only_mentees_save_and_only_whom_they_see():
    alice, bob = people.alice(), people.bob(visibility="private")
    assert people.api(alice).put(url(bob.mentor, "/saved")).status_code == 404
    for user in (bob, people.carol()):
        assert people.api(user).put(url(bob.mentor, "/saved")).status_code == 403
        assert people.api(user).get("/api/mentors/saved").status_code == 403
    unknown = f"/api/mentors/{uuid.uuid4()}/saved"
    assert people.api(alice).put(unknown).status_code == 404
    assert people.api(alice).delete(unknown).status_code == 204


def test_saved_mentors_are_ones_own_and_those_who_withdrew_are_not_listed():
    alice, bob = people.alice(), people.bob()
    client = people.api(alice)
    client.put(url(bob.mentor, "/saved"))
    assert people.api(people.mallory()).get("/api/mentors/saved").json()["results"] == []
    Mentor.objects.update(visibility="private")
    assert client.get("/api/mentors/saved").json()["results"] == []
    assert client.delete(url(bob.mentor, "/saved")).status_code == 204


def test_the_list_of_saved_costs_the_same_however_long(django_assert_max_num_queries):
    mentee = MenteeFactory()
    for _ in range(10):
        SavedMentor.objects.create(mentee=mentee, mentor=MentorFactory(areas=["Sales", "Legal"]))
    client = people.api(mentee.user)
    with django_assert_max_num_queries(6):
        assert len(client.get("/api/mentors/saved").json()["results"]) == 10


def names(**filters):
    mentors = selectors.filtered(selectors.visible_to(AnonymousUser()), **filters)
    return sorted(mentor.user.name for mentor in mentors)


def test_filters_hold_exactly_and_whatever_the_case():
    MentorFactory(user__name="Ann", industries=["Health"], stages=["Seed"], languages=["English"])
    ben = MentorFactory(user__name="Ben", industries=["Fintech", "Own word"], areas=["Data & AI"])
    ExpertiseFactory(mentor=ben, area="Data & AI", sub_area="Vision")
    assert names() == ["Ann", "Ben"]
    assert names(industries=["health"]) == ["Ann"]
    assert names(industries=[" HEALTH ", "fintech"]) == ["Ann", "Ben"]
    assert names(industries=["Own word"]) == ["Ben"]
    assert names(industries=["Heal"]) == []
    assert names(industries=["Health"], languages=["Spanish"]) == []
    assert names(stages=["seed"], languages=["ENGLISH"]) == ["Ann"]
    assert names(expertise=["data & ai"]) == ["Ben"]
    assert names(expertise=["data"]) == []
    assert names(expertise=["", " "]) == ["Ann", "Ben"]


def test_a_list_of_mentors_costs_two_queries(django_assert_num_queries):
    for _ in range(8):
        MentorFactory(areas=["Sales", "Legal"])
    with django_assert_num_queries(2):
        for mentor in selectors.visible_to(AnonymousUser()):
            assert mentor.user.name
            assert len(mentor.expertise.all()) == 2


def test_a_suspended_mentor_disappears_at_once():
    bob, client = people.bob(), people.api(people.alice())
    assert client.get(url(bob.mentor)).status_code == 200
    accounts.suspend(user=bob, by=None, now=timezone.now())
    assert client.get(url(bob.mentor)).status_code == 404
