"""The list of mentors is kept for five minutes, shared by those who see the same, and ended by any change."""

from __future__ import annotations

from datetime import timedelta

import psycopg
import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from benchmarks.servers import environment
from mentors.models import Block, Expertise, Mentor
from tests.factories import UserFactory
from tests.matching.asking import sql
from tests.matching.worlds import market
from tests.people import alice, api, carol, mallory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _an_empty_cache():
    cache.clear()


def listed(client, **query):
    answer = client.get("/api/mentors", query)
    assert answer.status_code == 200, answer.json()
    return answer.json()["results"]


def names(client, **query):
    return [card["name"] for card in listed(client, **query)]


def is_kept(client, **query):
    """Whether a list is given without reading mentors."""
    with CaptureQueriesContext(connection) as queries:
        listed(client, **query)
    return not any("mentors_expertise" in query["sql"] for query in queries)


CHANGES = {
    "a profile saved": lambda ada: _save(Mentor.objects.get(pk=ada.pk), bio="New"),
    "linkedin": lambda ada: _set(ada, linkedin="https://www.example.com/in/ada"),
    "session length": lambda ada: _set(ada, session_minutes=45),
    "by SQL": lambda ada: sql("UPDATE mentors_mentor SET headline = 'Bakes' WHERE id = %s", ada.pk),
    "hidden": lambda ada: _set(ada, visibility="private"),
    "inactive": lambda ada: _set(ada, is_active=False),
    "renamed": lambda ada: User.objects.filter(pk=ada.user_id).update(name="Zoe"),
    "a photo": lambda ada: User.objects.filter(pk=ada.user_id).update(photo="photos/x.webp"),
    "moved": lambda ada: User.objects.filter(pk=ada.user_id).update(time_zone="Asia/Tokyo"),
    "suspended": lambda ada: User.objects.filter(pk=ada.user_id).update(status="suspended"),
    "expertise": lambda ada: Expertise.objects.filter(mentor=ada).update(weight=1),
    "kept apart": lambda ada: Block.objects.create(
        mentor=ada, mentee=User.objects.get(email="alice@example.com").mentee, kind="personal"
    ),
    "a new mentor": lambda ada: Mentor.objects.create(
        user=UserFactory.create(role="mentor"), consent_at=timezone.now()
    ),
}


def _save(mentor, **values):
    for name, value in values.items():
        setattr(mentor, name, value)
    mentor.save()


def _set(mentor, **values):
    Mentor.objects.filter(pk=mentor.pk).update(**values)


def test_a_change_by_whatever_path_ends_it():
    ada = market()["ada"]
    client = api(alice())
    for what, change in CHANGES.items():
        listed(client)
        assert is_kept(client), what
        change(ada)
        changed = listed(client)
        cache.clear()
        assert listed(client) == changed, what


def test_those_who_see_the_same_share_it():
    market()
    listed(api(alice()))
    assert is_kept(api(mallory()))
    assert not is_kept(api(carol()))


def test_who_is_kept_apart_has_a_list_of_their_own():
    people = market()
    mentee, other = alice(), api(mallory())
    Block.objects.create(mentor=people["ada"], mentee=mentee.mentee, kind="personal")
    assert "Ada Investor" in names(other)
    assert "Ada Investor" not in names(api(mentee))
    assert "Ada Investor" in names(other)


def test_other_filters_and_pages_are_other_lists():
    market()
    client = api(alice())
    assert names(client) != names(client, industry="Fintech")
    first = client.get("/api/mentors?page_size=2").json()
    assert client.get("/api/mentors?page_size=2").json() == first
    second = client.get(first["next"]).json()
    assert not {c["id"] for c in first["results"]} & {c["id"] for c in second["results"]}


def test_a_wish_for_a_time_is_asked_of_the_clock_each_time():
    market()
    client = api(alice())
    wanted = {"available_to": (timezone.now() + timedelta(days=9)).isoformat()}
    listed(client, **wanted)
    assert not is_kept(client, **wanted)


def test_a_change_under_way_is_not_outlived():
    """Counted already and not to be seen yet: the old list must not be kept under the new number."""
    people = market()
    client = api(alice())
    with psycopg.connect(environment()["DATABASE_URL"]) as other:
        other.execute(
            "UPDATE mentors_mentor SET headline = 'New words' WHERE id = %s", [people["ada"].pk]
        )
        assert "New words" not in [card["headline"] for card in listed(client)]
        other.commit()
    assert "New words" in [card["headline"] for card in listed(client)]
