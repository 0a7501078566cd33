"""/api/profiles through HTTP."""

from __future__ import annotations

import uuid

import pytest

from accounts import signals
from mentors.models import Mentor
from tests import people
from tests.factories import MentorFactory

pytestmark = pytest.mark.django_db


def url(user):
    return f"/api/profiles/{user.pk}"


def test_the_shape_of_a_mentees_and_a_mentors_profile():
    alice, bob = people.alice(time_zone="Europe/Madrid"), people.bob(areas=["Sales"])
    mine = people.api(alice).get("/api/profiles/me").json()
    assert mine == {
        "id": str(alice.pk), "email": "alice@example.com", "name": "Alice Founder", "role": "mentee",
        "time_zone": "Europe/Madrid", "language": "en",
        "mentee": {
            "id": str(alice.mentee.pk), "company": "Acorn", "stage": "Seed", "industry": "Health",
            "goals": "Raise a seed round.", "seeks": "", "is_active": True,
        },
    }  # fmt: skip
    his = people.api(bob).get(url(bob)).json()
    assert set(his) == {"id", "email", "name", "role", "time_zone", "language", "mentor"}
    assert his["mentor"]["id"] == str(bob.mentor.pk)
    assert his["mentor"]["expertise"] == [
        {"area": "Sales", "sub_area": "", "seniority": "expert", "weight": 3}
    ]


def test_a_profile_is_its_owners_and_the_program_managers():
    alice, bob, carol = people.alice(), people.bob(), people.carol()
    assert people.api(carol).get(url(alice)).json()["name"] == "Alice Founder"
    assert people.api(carol).patch(url(bob), {"name": "Robert"}, format="json").status_code == 200
    for stranger in (people.mallory(), bob):
        client = people.api(stranger)
        for response in (
            client.get(url(alice)),
            client.patch(url(alice), {"name": "Owned"}, format="json"),
            client.put(url(alice), {"name": "Owned"}, format="json"),
        ):
            assert response.status_code == 404
            assert response.json()["code"] == "not_found"
    assert people.api(carol).get(f"/api/profiles/{uuid.uuid4()}").status_code == 404
    alice.refresh_from_db()
    assert alice.name == "Alice Founder"


def test_only_program_managers_list_everybody():
    people.alice(), people.bob(areas=["Sales", "Legal"])
    assert people.api(people.mallory()).get("/api/profiles").status_code == 403
    response = people.api(people.carol()).get("/api/profiles")
    assert len(response.json()["results"]) == 4


def test_the_list_costs_the_same_however_long(django_assert_max_num_queries):
    for _ in range(12):
        MentorFactory(areas=["Sales", "Legal"])
    client = people.api(people.carol())
    with django_assert_max_num_queries(4):
        assert len(client.get("/api/profiles").json()["results"]) == 13


def test_patch_changes_what_is_given_and_nothing_else():
    bob = people.bob(industries=["Fintech"], areas=["Sales"])
    response = people.api(bob).patch(
        url(bob),
        {
            "time_zone": "Asia/Tokyo",
            "mentor": {
                "headline": " Sells ",
                "industries": ["health", " FINTECH", "Health", "Own word"],
            },
        },
        format="json",
    )
    assert response.status_code == 200
    mentor = response.json()["mentor"]
    assert mentor["headline"] == "Sells"
    assert mentor["industries"] == ["Health", "Fintech", "Own word"]
    assert mentor["bio"] == "Founder twice, now an angel investor."
    assert mentor["expertise"][0]["area"] == "Sales"
    assert response.json()["time_zone"] == "Asia/Tokyo"
    assert response.json()["name"] == "Bob Mentor"


def test_put_replaces_the_whole():
    bob = people.bob(industries=["Fintech"], areas=["Sales"], weekly_load_cap=9)
    client = people.api(bob)
    assert client.put(url(bob), {"name": "Bob"}, format="json").json()["fields"].keys() == {
        "mentor"
    }
    body = {
        "name": "Bob",
        "mentor": {
            "headline": "New",
            "expertise": [{"area": "legal", "weight": 5}],
            "photo_source": "https://x.org/b.png",
        },
    }
    response = client.put(url(bob), body, format="json")
    assert response.status_code == 200, response.json()
    mentor = response.json()["mentor"]
    assert (mentor["headline"], mentor["bio"], mentor["industries"]) == ("New", "", [])
    assert mentor["weekly_load_cap"] == 5
    assert mentor["expertise"] == [
        {"area": "Legal", "sub_area": "", "seniority": "expert", "weight": 5}
    ]
    assert mentor["photo_source"] == "https://x.org/b.png"
    assert response.json()["time_zone"] == "UTC"


def test_what_one_reads_one_may_put_back():
    bob = people.bob(industries=["Fintech"], areas=["Sales", "Legal"])
    client = people.api(bob)
    before = client.get(url(bob)).json()
    response = client.put(url(bob), before, format="json")
    assert response.status_code == 200, response.json()
    assert response.json() == before


def test_role_address_and_status_are_not_written_here():
    bob = people.bob()
    body = {"role": "admin", "email": "x@y.org", "status": "suspended", "id": str(uuid.uuid4()),
            "mentor": {"is_active": False, "id": str(uuid.uuid4())}}  # fmt: skip
    response = people.api(bob).patch(url(bob), body, format="json")
    assert response.status_code == 200
    bob.refresh_from_db()
    assert (bob.role, bob.email, bob.status, bob.mentor.is_active) == (
        "mentor", "bob@example.com", "active", True,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": None}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"language": "tlh"}, "language"),
        ({"mentee": {"goals": "x"}}, "mentee"),
        ({"mentor": {"linkedin": "javascript:alert(1)"}}, "mentor.linkedin"),
        ({"mentor": {"linkedin": "ftp://example.com/x"}}, "mentor.linkedin"),
        ({"mentor": {"photo_source": "file:///etc/passwd"}}, "mentor.photo_source"),
        ({"mentor": {"session_minutes": 4}}, "mentor.session_minutes"),
        ({"mentor": {"session_minutes": 10**30}}, "mentor.session_minutes"),
        ({"mentor": {"weekly_load_cap": -1}}, "mentor.weekly_load_cap"),
        ({"mentor": {"booking_horizon_days": 367}}, "mentor.booking_horizon_days"),
        ({"mentor": {"visibility": "secret"}}, "mentor.visibility"),
        ({"mentor": {"industries": "Health"}}, "mentor.industries"),
        ({"mentor": {"industries": [{}]}}, "mentor.industries.0"),
        ({"mentor": {"industries": [f"word {n}" for n in range(31)]}}, "mentor.industries"),
        ({"mentor": {"expertise": [{}]}}, "mentor.expertise.0.area"),
        ({"mentor": {"expertise": [{"area": "Sales", "weight": 6}]}}, "mentor.expertise.0.weight"),
        ({"mentor": {"expertise": [{"area": "Sales"}, {"area": "SALES"}]}}, "mentor.expertise.1"),
        ({"mentor": []}, "mentor.non_field_errors"),
    ],
)
def test_what_cannot_be_is_refused_by_name_and_nothing_is_saved(body, field):
    bob = people.bob()
    response = people.api(bob).patch(url(bob), {"language": "es", **body}, format="json")
    assert response.status_code == 400, response.json()
    assert response.json()["code"] == "invalid"
    assert field in response.json()["fields"], response.json()
    bob.refresh_from_db()
    assert bob.language == "en"


def test_a_change_of_zone_is_told_to_the_rooms_above():
    told = []

    def listen(user, before, now, **_):
        told.append((before, user.time_zone))

    signals.time_zone_changed.connect(listen)
    try:
        bob = people.bob()
        client = people.api(bob)
        for zone in ("Asia/Tokyo", "Asia/Tokyo"):
            client.patch(url(bob), {"time_zone": zone}, format="json")
    finally:
        signals.time_zone_changed.disconnect(listen)
    assert told == [("UTC", "Asia/Tokyo")]


def test_one_person_may_be_both():
    bob = people.bob()
    from mentors.services import become_mentee

    become_mentee(user=bob, now=bob.created_at)
    profile = people.api(bob).get("/api/profiles/me").json()
    assert profile["mentor"]["id"] != profile["mentee"]["id"]
    response = people.api(bob).patch(
        url(bob), {"mentor": {"title": "CEO"}, "mentee": {"stage": "pre-seed"}}, format="json"
    )
    assert response.json()["mentee"]["stage"] == "Pre-seed"
    assert Mentor.objects.get().title == "CEO"


def test_what_has_one_line_keeps_one_line():
    bob = people.bob()
    response = people.api(bob).patch(
        url(bob),
        {"name": "Bob\r\nMentor", "mentor": {"headline": "One\ttwo\n", "bio": "One.\n\nTwo."}},
        format="json",
    )
    assert response.status_code == 200
    assert response.json()["name"] == "Bob Mentor"
    assert response.json()["mentor"]["headline"] == "One two"
    assert response.json()["mentor"]["bio"] == "One.\n\nTwo."
