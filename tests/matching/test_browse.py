from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from matching.models import MatchRequest
from mentors.models import Block, Mentor
from sessions_app.models import AvailabilityWindow
from tests.factories import MenteeFactory
from tests.hours import open_window
from tests.matching.worlds import ROUND, index, market, mentor
from tests.people import alice, api, bob, carol

pytestmark = pytest.mark.django_db


def browse(client, **query):
    return client.get("/api/mentors", query)


def names(response):
    assert response.status_code == 200, response.json()
    return {row["name"] for row in response.json()["results"]}


def test_pages_follow_one_another():
    for number in range(7):
        mentor(name=f"Mentor {number}", hours=False)
    client = api(alice())
    found, address = [], "/api/mentors?page_size=3"
    while address:
        page = client.get(address).json()
        assert set(page) == {"next", "previous", "results"}
        found += [row["name"] for row in page["results"]]
        address = page["next"]
    assert sorted(found) == [f"Mentor {number}" for number in range(7)]
    assert client.get("/api/mentors?page_size=3").json()["next"].startswith("http://testserver/")


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"industry": "Fintech"}, {"Ada Investor"}),
        ({"industry": ["Fintech", "Logistics"]}, {"Ada Investor", "Dev Operator"}),
        ({"stage": "Seed", "language": "Portuguese"}, {"Eva Lawyer"}),
        ({"expertise": "hiring"}, {"Cleo Recruiter"}),
        ({"expertise": ["Hiring", "Legal"], "industry": "SaaS"}, {"Cleo Recruiter"}),
        ({"industry": "Nothing"}, set()),
        ({"q": ROUND, "industry": "SaaS"}, {"Ben Angel", "Cleo Recruiter"}),
        (
            {"industry": ""},
            {"Ada Investor", "Ben Angel", "Cleo Recruiter", "Dev Operator", "Eva Lawyer"},
        ),
    ],
)
def test_filters(query, expected):
    market()
    assert names(browse(api(alice()), **query)) == expected


def test_by_relevance_in_one_page_and_not_stored():
    market()
    answer = browse(api(bob()), q=ROUND).json()
    assert (answer["next"], answer["previous"]) == (None, None)
    assert answer["results"][0]["name"] == "Ada Investor"
    assert not MatchRequest.objects.exists()


@pytest.mark.parametrize("words", [{}, {"q": ROUND}])
def test_a_wish_for_a_time_is_kept_by_open_starts_not_by_windows(words):
    people = market()
    AvailabilityWindow.objects.exclude(mentor=people["ada"]).delete()
    short = open_window(people["ben"], days=3, hours=0.25)  # too short for a session
    day = short.starts_at
    index()
    span = {
        "available_from": (day - timedelta(days=1)).isoformat(),
        "available_to": (day + timedelta(days=2)).isoformat(),
    }
    assert names(browse(api(alice()), **span, **words)) == {"Ada Investor"}
    dates = {"available_from": str(day.date()), "available_to": str(day.date() + timedelta(days=2))}
    assert names(browse(api(carol()), **dates, **words)) == {"Ada Investor"}


def test_who_is_seen():
    people = market()
    asker = alice()
    Mentor.objects.filter(pk=people["ada"].pk).update(visibility="private")
    Mentor.objects.filter(pk=people["ben"].pk).update(is_active=False)
    Block.objects.create(mentor=people["dev"], mentee=asker.mentee, kind="conflict")
    assert names(browse(api(asker))) == {"Cleo Recruiter", "Eva Lawyer"}
    assert names(browse(api(carol()))) == {
        "Ada Investor", "Cleo Recruiter", "Dev Operator", "Eva Lawyer",
    }  # fmt: skip
    assert browse(api()).status_code == 401


@pytest.mark.parametrize(
    "query",
    [
        {"available_from": "2026-12-01T10:00:00"},
        {"available_to": "tomorrow"},
        {"available_from": "2030-01-02", "available_to": "2030-01-01"},
        {"available_from": "2030-01-01", "available_to": "2030-06-01"},
        {"industry": "x" * 500},
    ],
)
def test_what_cannot_be_used_is_refused(query):
    response = browse(api(alice()), **query)
    assert (response.status_code, response.json()["code"]) == (400, "invalid")
    assert set(response.json()["fields"]) & set(query) or "industry.0" in response.json()["fields"]


def test_queries_do_not_grow_with_the_mentors():
    client = api(MenteeFactory().user)
    browse(client)

    def count():
        with CaptureQueriesContext(connection) as queries:
            assert browse(client, page_size=100, available_from="2020-01-01").status_code == 200
        return len(queries)

    for number in range(5):
        mentor(name=f"Mentor {number}", areas=[("Sales", "", 3)])
    few = count()
    for number in range(30):
        mentor(name=f"More {number}", areas=[("Sales", "", 3)])
    assert count() == few


def test_a_moment_ago_is_now():
    market()
    past = (timezone.now() - timedelta(minutes=5)).isoformat()
    assert len(names(browse(api(alice()), available_from=past))) == 5
