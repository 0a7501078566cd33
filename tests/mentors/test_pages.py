"""The pages about people: saved mentors, the list of all, and one's own profile."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from mentors.models import Mentee, Mentor, SavedMentor
from tests.factories import MentorFactory
from tests.people import alice, bob, browser, carol

pytestmark = pytest.mark.django_db
EVIL = '<img src=x onerror="alert(1)">'


@pytest.fixture
def mentor():
    return bob(areas=["Sales"]).mentor


def queries_of(client, address):
    client.get(address)
    with CaptureQueriesContext(connection) as found:
        assert client.get(address).status_code == 200
    return len(found)


class TestSaving:
    def test_the_heart_works_as_a_plain_form(self, mentor):
        client = browser(alice())
        back = client.post(f"/mentors/{mentor.pk}/save/", {"next": "/search/?q=sales"})
        assert (back.status_code, back["Location"]) == (302, "/search/?q=sales")
        assert SavedMentor.objects.get().mentor == mentor
        assert "Bob Mentor" in client.get("/saved/").content.decode()
        client.post(f"/mentors/{mentor.pk}/unsave/")
        assert "Nobody saved yet" in client.get("/saved/").content.decode()

    @pytest.mark.parametrize("where", ["/mentors/", "/saved/", "/search/?q=sales", "the mentor's"])
    def test_each_heart_of_a_page_belongs_to_its_one_form(self, mentor, where):
        client = browser(alice())
        other = MentorFactory(areas=["Sales"])
        for one in (mentor, other):
            client.post(f"/mentors/{one.pk}/save/")
        address = f"/mentors/{mentor.pk}/" if where == "the mentor's" else where
        page = client.get(address).content.decode()
        (form,) = re.findall(r'<form id="saving" method="post" hidden>(.*?)</form>', page)
        assert "csrfmiddlewaretoken" in form
        assert f'name="next" value="{address}"' in form
        hearts = re.findall(r'<button id="save-\S+" form="saving" formaction="(\S+)"', page)
        shown = [mentor] if where == "the mentor's" else [mentor, other]
        assert set(hearts) == {f"/mentors/{one.pk}/unsave/" for one in shown}

    def test_those_who_cannot_save_see_no_heart(self, mentor):
        page = browser(carol()).get("/mentors/").content.decode()
        assert "Bob Mentor" in page
        assert 'id="saving"' not in page
        assert 'id="save-' not in page

    def test_htmx_swaps_the_heart_alone(self, mentor):
        client = browser(alice())
        answer = client.post(f"/mentors/{mentor.pk}/save/", headers={"HX-Request": "true"})
        assert 'aria-pressed="true"' in answer.content.decode()
        assert f"/mentors/{mentor.pk}/unsave/" in answer.content.decode()
        assert "<html" not in answer.content.decode()

    def test_it_never_leads_to_another_site(self, mentor):
        answer = browser(alice()).post(
            f"/mentors/{mentor.pk}/save/", {"next": "https://evil.example/"}
        )
        assert answer["Location"] == "/saved/"

    def test_only_mentees_save_and_only_whom_they_see(self, mentor):
        assert browser(carol()).post(f"/mentors/{mentor.pk}/save/").status_code == 403
        Mentor.objects.update(visibility="private")
        assert browser(alice()).post(f"/mentors/{mentor.pk}/save/").status_code == 404

    def test_queries_do_not_grow_with_the_list(self, mentor):
        client = browser(alice())
        client.post(f"/mentors/{mentor.pk}/save/")
        few = queries_of(client, "/saved/")
        for more in MentorFactory.create_batch(5, areas=["Sales", "Hiring"]):
            client.post(f"/mentors/{more.pk}/save/")
        assert queries_of(client, "/saved/") == few


class TestDirectory:
    def test_everybody_sees_the_public_ones(self, mentor, client):
        MentorFactory(user__name="Limited Person", visibility="limited")
        page = client.get("/mentors/").content.decode()
        assert "Bob Mentor" in page
        assert "Limited Person" not in page
        assert "Limited Person" in browser(alice()).get("/mentors/").content.decode()

    def test_filters_stand_in_the_address(self, mentor):
        MentorFactory(user__name="Other Person", areas=["Hiring"])
        page = browser(alice()).get("/mentors/?expertise=Sales").content.decode()
        assert "Bob Mentor" in page
        assert "Other Person" not in page
        assert '<option value="Sales" selected>' in page

    def test_queries_do_not_grow_with_the_list(self, mentor):
        client = browser(alice())
        few = queries_of(client, "/mentors/")
        MentorFactory.create_batch(8, areas=["Sales"])
        assert queries_of(client, "/mentors/") == few


class TestProfile:
    def fields(self, client):
        """What the page's form would send back unchanged."""
        form = client.get("/profile/").context["mentor_form"]
        return {
            name: value
            for name, value in form.initial.items()
            if value is not None and value is not False
        }

    def test_a_mentor_changes_theirs(self, mentor):
        client = browser(mentor.user)
        changes = {
            "headline": "Sold to hospitals", "expertise_areas": ["Sales", "Hiring"],
            "weekly_load_cap": 3,
        }  # fmt: skip
        answer = client.post("/profile/", {**self.fields(client), **changes, "part": "mentor"})
        assert answer.status_code == 302, answer.context["mentor_form"].errors
        mentor.refresh_from_db()
        assert (mentor.headline, mentor.weekly_load_cap) == ("Sold to hospitals", 3)
        assert sorted(skill.area for skill in mentor.expertise.all()) == ["Hiring", "Sales"]
        assert mentor.is_active

    def test_what_is_refused_is_said_beside_its_field_and_nothing_is_lost(self, mentor):
        client = browser(mentor.user)
        wrong = {**self.fields(client), "session_minutes": 3, "bio": "Typed for an hour"}
        answer = client.post("/profile/", {**wrong, "part": "mentor"})
        page = answer.content.decode()
        assert answer.status_code == 400
        assert "Give a whole number from 5 to 480." in page
        assert "Typed for an hour</textarea>" in page
        assert 'id="id_session_minutes_error"' in page
        mentor.refresh_from_db()
        assert mentor.session_minutes == 30

    def test_words_of_their_own_stay(self, mentor):
        Mentor.objects.update(industries=["Beekeeping"])
        client = browser(mentor.user)
        client.post("/profile/", {**self.fields(client), "part": "mentor"})
        mentor.refresh_from_db()
        assert mentor.industries == ["Beekeeping"]

    def test_a_mentee_changes_theirs(self):
        client = browser(alice())
        body = {"part": "mentee", "company": "Oak", "stage": "Seed", "industry": "", "goals": EVIL}
        assert client.post("/profile/", body).status_code == 302
        assert Mentee.objects.get().goals == EVIL
        assert EVIL not in client.get("/profile/").content.decode()

    def test_others_have_no_profile_here(self):
        assert browser(carol()).get("/profile/")["Location"] == "/settings/"


def test_the_front_page_and_search_in_one_click(client):
    page = client.get("/").content.decode()
    assert "/search/?q=We%20are%20raising" in page
    assert client.get("/search/?q=x")["Location"].startswith("/accounts/login/?next=/search/")
