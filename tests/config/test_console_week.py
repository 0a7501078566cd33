"""The week's sessions in the console, and the box that finds anything."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from content.models import HelpPrompt, MessageTemplate
from matching.models import MatchRequest
from mentors.models import Mentor
from tests import people
from tests.config.console import booked, console, superuser
from tests.factories import MenteeFactory, MentorFactory

pytestmark = pytest.mark.django_db
WEEK = "/admin/sessions_app/session/week/"
MINUTES = timedelta(minutes=1)
# In Auckland that is Monday, one in the morning; in UTC still Sunday.
MONDAY = datetime(2031, 5, 4, 13, tzinfo=UTC)


@pytest.fixture
def carol():
    browser = console(people.carol(time_zone="Pacific/Auckland"))
    browser.get("/admin/everything/")
    return browser


def days(answer) -> dict[str, list[str]]:
    """The days that have sessions: their weekday, and whose they are."""
    return {
        f"{day.day:%a}": [str(session.mentor.user) for session in day.sessions]
        for day in answer.context["days"]
        if day.count
    }


def session(name, starts_at, mentee="Anybody", status="booked", areas=()):
    mentor = MentorFactory(user__name=name, areas=list(areas))
    return booked(mentor, MenteeFactory(user__name=mentee), starts_at, status)


# -- The week ----------------------------------------------------------------------------------
def test_a_week_is_seven_days_on_the_readers_clock(carol):
    session("Sunday", MONDAY - 90 * MINUTES)
    early = session("Early", MONDAY - 30 * MINUTES)
    session("Later", MONDAY + 60 * MINUTES)
    session("Last", MONDAY + timedelta(days=6, hours=22), status="no_show")
    session("Next", MONDAY + timedelta(days=7))
    answer = carol.get(f"{WEEK}?date=2031-05-07")
    assert days(answer) == {"Mon": ["Early", "Later"], "Sun": ["Last"]}
    page = answer.content.decode()
    assert re.search("5 May . 11 May 2031", page)
    assert f"/admin/sessions_app/session/{early.pk}/change/" in page
    assert 'rel="prev" href="?date=2031-04-28"' in page
    assert days(carol.get(f"{WEEK}?date=2031-05-12")) == {"Mon": ["Next"]}


@pytest.mark.parametrize("wrong", ["2031-02-30", "x", "0001-01-01", "9999-12-31", ""])
def test_a_date_that_is_none_shows_this_week(carol, wrong):
    answer = carol.get(f"{WEEK}?date={wrong}")
    assert answer.status_code == 200
    assert answer.context["is_this_week"]


def test_a_week_is_narrowed_and_turning_it_keeps_that(carol):
    session("Ann Sales", MONDAY, mentee="Zoe", areas=["Sales"])
    session("Ben Legal", MONDAY, mentee="Yan", areas=["Legal"], status="cancelled")
    session("Cem Both", MONDAY, mentee="Zoe", areas=["Sales", "Legal"], status="pending")
    for query, names in {
        "": ["Ann Sales", "Cem Both"], "mentor=ann": ["Ann Sales"], "mentee=zoe&area=Legal": ["Cem Both"],
        "status=cancelled": ["Ben Legal"], "status=pending": ["Cem Both"], "area=Nothing": [],
        "status=nonsense": ["Ann Sales", "Cem Both"],
    }.items():  # fmt: skip
        found = days(carol.get(f"{WEEK}?date=2031-05-05&{query}"))
        assert sorted(found.get("Mon", [])) == names, query
    page = carol.get(f"{WEEK}?date=2031-05-05&mentor=ann+s&area=Sales").content.decode()
    assert 'href="?date=2031-05-12&amp;mentor=ann%20s&amp;area=Sales"' in page
    assert 'value="ann s"' in page


def test_a_crowded_day_shows_the_first_and_leads_to_all(carol):
    for n in range(43):
        session(f"M{n:02}", MONDAY + n * MINUTES)
    answer = carol.get(f"{WEEK}?date=2031-05-05")
    [monday] = [day for day in answer.context["days"] if day.count]
    assert (len(monday.sessions), monday.more) == (40, 3)
    session("Tuesday", MONDAY + timedelta(days=1))
    listed = carol.get(monday.list_url)
    assert listed.context["cl"].result_count == 43


@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("starts_at_from_0=2031-05-05", ["Early", "Noon"]),
        ("starts_at_to_0=2031-05-04", ["Sunday"]),
        ("starts_at_from_0=2031-05-05&starts_at_to_0=2031-05-05&starts_at_to_1=01:00", ["Early"]),
        ("starts_at_from_0=2031-02-30&starts_at_to_1=x", ["Early", "Noon", "Sunday"]),
    ],
)
def test_a_list_is_narrowed_to_a_period_on_the_readers_clock(carol, typed, names):
    session("Sunday", MONDAY - 90 * MINUTES)
    session("Early", MONDAY)
    session("Noon", MONDAY + timedelta(hours=11))
    answer = carol.get(f"/admin/sessions_app/session/?{typed}")
    assert sorted(str(row.mentor.user) for row in answer.context["cl"].result_list) == names


def test_the_week_takes_the_same_few_queries_however_full_it_is(carol):
    counts = []
    for _ in range(2):
        for n in range(10):
            session(f"M{n}", MONDAY + n * MINUTES)
        with CaptureQueriesContext(connection) as queries:
            carol.get(f"{WEEK}?date=2031-05-05")
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 10


def test_who_may_not_see_sessions_sees_no_week(carol):
    group = User.objects.get(email="carol@example.com").groups.get()
    group.permissions.remove(*group.permissions.filter(codename__endswith="_session"))
    assert carol.get(WEEK).status_code == 403


# -- Find --------------------------------------------------------------------------------------
def found(browser, text) -> dict[str, list[str]]:
    answer = browser.get("/admin/find/", {"q": text, "part": 1})
    assert answer.status_code == 200
    return {kind.title: [hit.title for hit in kind.hits] for kind in answer.context["kinds"]}


def test_anything_is_found_from_one_box(carol):
    bob, alice = people.bob(), people.alice()
    met = booked(bob.mentor, alice.mentee, MONDAY)
    asked = MatchRequest.objects.create(
        user=alice, query="Who knows Bob's market?", model_id="m", policy="p", took_ms=1
    )
    HelpPrompt.objects.create(category="Booking", topic="How to bob along", response="…")
    MessageTemplate.objects.create(name="Session booked", subject="Bobbing", body="…")
    assert found(carol, "BOB") == {
        "Mentors": ["Bob Mentor"],
        "Everyone who signs in": ["Bob Mentor"],
        "Sessions": ["Bob Mentor with Alice Founder"],
        "Questions asked": ["Who knows Bob's market?"],
        "Message templates": ["Session booked"],
        "Help page": ["How to bob along"],
    }
    assert found(carol, "alice@")["Sessions"] == ["Bob Mentor with Alice Founder"]
    assert found(carol, "acorn")["Mentees"] == ["Alice Founder"]
    assert "Waitlist" in found(carol, "waitl")["Pages"]
    assert found(carol, str(met.pk)) == {"Sessions": ["Bob Mentor with Alice Founder"]}
    assert found(carol, f"  {asked.pk} ") == {"Questions asked": ["Who knows Bob's market?"]}
    assert found(carol, "b") == {} == found(carol, "nobody")


def test_what_is_found_can_be_opened_and_without_a_script_it_is_a_page(carol):
    people.bob()
    answer = carol.get("/admin/find/?q=Bob")
    page = answer.content.decode()
    links = {unescape(one) for one in re.findall(r'<a href="(/admin/[^"]+/change/)"', page)}
    assert len(links) == 2
    assert all(carol.get(link).status_code == 200 for link in links)
    assert "Nothing answers to “xyzzy”." in carol.get("/admin/find/?q=xyzzy").content.decode()


def test_nobody_finds_what_they_may_not_open(carol):
    bob, alice = people.bob(), people.alice()
    booked(bob.mentor, alice.mentee, MONDAY)
    group = User.objects.get(email="carol@example.com").groups.get()
    group.permissions.remove(*group.permissions.filter(content_type__app_label="sessions_app"))
    kinds = found(carol, "bob")
    assert "Sessions" not in kinds
    assert found(carol, "waitlist").get("Pages") is None
    assert found(carol, "groups").get("Pages") is None
    assert found(console(superuser()), "groups")["Pages"] == ["Groups"]


def test_finding_takes_one_query_per_kind(carol):
    counts = []
    for _ in range(2):
        for n in range(15):
            booked(
                MentorFactory(user__name=f"Bob {n}"), MenteeFactory(user__name=f"Bob {n}"), MONDAY
            )
        with CaptureQueriesContext(connection) as queries:
            kinds = found(carol, "bob")
        assert all(len(hits) == 6 for hits in kinds.values())
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 15
    assert Mentor.objects.count() == 30
