"""Not relevant, because …: said on the page and by the API, kept for the program managers, and used."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from matching import services
from matching.models import MatchFeedback, MatchRequest
from mentors.models import Mentor
from tests.config.console import console
from tests.matching.asking import ask, is_kept, names
from tests.matching.worlds import ROUND, market
from tests.people import alice, api, bob, browser, carol, mallory

pytestmark = pytest.mark.django_db

OTHER = "who can read our contracts with investors"


def said(client, request_id, mentor, reason="not_meant", **more):
    return client.post(
        f"/api/match/{request_id}/not-relevant",
        {"mentor": str(mentor.pk), "reason": reason, **more},
        format="json",
    )


def again(client, request_id, mentor):
    return client.delete(f"/api/match/{request_id}/not-relevant/{mentor.pk}")


def test_what_is_said_is_stored_and_answered():
    people, mentee = market(), alice()
    answer = ask(mentee)
    response = said(
        api(mentee), answer.request_id, people["ada"], "wrong_stage", words=" Too late. "
    )
    stored = MatchFeedback.objects.get()
    assert response.status_code == 201
    assert response.json() == {
        "mentor": str(people["ada"].pk),
        "reason": "wrong_stage",
        "words": "Too late.",
        "hidden_until": (stored.created_at + timedelta(days=90)).strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    assert (stored.user, stored.mentor, stored.request_id) == (
        mentee,
        people["ada"],
        answer.request_id,
    )
    assert (stored.reason, stored.words, stored.question) == (
        "wrong_stage",
        "Too late.",
        ROUND.lower(),
    )


def test_said_again_it_is_changed_and_there_is_one():
    people, mentee = market(), alice()
    answer, client = ask(mentee), api(mentee)
    assert said(client, answer.request_id, people["ada"]).status_code == 201
    assert said(client, answer.request_id, people["ada"], "known").status_code == 200
    assert MatchFeedback.objects.get().reason == "known"
    twice = MatchFeedback(
        request_id=answer.request_id, mentor=people["ada"], user=mentee, reason="other"
    )
    with (
        pytest.raises(IntegrityError, match="a_match_is_judged_once_per_request"),
        transaction.atomic(),
    ):
        twice.save()


@pytest.mark.parametrize(
    ("reason", "for_others"),
    [
        ("wrong_industry", True),
        ("wrong_stage", True),
        ("not_meant", True),
        ("other", True),
        ("known", False),
        ("not_them", False),
    ],
)
def test_who_is_not_relevant_is_not_shown_again_for_this_question_or_for_any(reason, for_others):
    people, mentee = market(), alice()
    client = api(mentee)
    assert said(client, ask(mentee).request_id, people["ada"], reason).status_code == 201
    for same in (ROUND, f"  {ROUND.upper()}\n"):
        answer = ask(mentee, same)
        assert "Ada Investor" not in names(answer)
        assert len(answer.matches) == 4
    assert ("Ada Investor" in names(ask(mentee, OTHER))) == for_others
    # By name too: who is known already is looked up in the directory.
    assert ("Ada Investor" in names(ask(mentee, "Ada Investor"))) == for_others
    assert "Ada Investor" in names(ask(mallory()))


def test_it_holds_for_90_days_and_can_be_taken_back():
    people, mentee = market(), alice()
    client, now = api(mentee), timezone.now()
    request_id = ask(mentee).request_id
    said(client, request_id, people["ada"])
    late = now - timedelta(days=89, hours=23)
    MatchFeedback.objects.update(created_at=late)
    assert "Ada Investor" not in names(ask(mentee))
    MatchFeedback.objects.update(created_at=now - timedelta(days=90, minutes=1))
    assert "Ada Investor" in names(ask(mentee))
    said(client, request_id, people["ada"], "known")
    # From a list in which the mentor no longer is.
    request_id = ask(mentee).request_id
    for _time in range(2):
        assert again(client, request_id, people["ada"]).status_code == 204
    assert "Ada Investor" in names(ask(mentee))
    assert not MatchFeedback.objects.exists()


def test_taking_back_touches_no_other_question_and_nobody_else():
    people, mentee, stranger = market(), alice(), mallory()
    first, other = ask(mentee), ask(mentee, OTHER)
    said(api(mentee), first.request_id, people["ada"])
    said(api(mentee), other.request_id, people["ada"])
    said(api(stranger), ask(stranger).request_id, people["ada"])
    again(api(mentee), first.request_id, people["ada"])
    assert {row.question for row in MatchFeedback.objects.filter(user=mentee)} == {OTHER}
    assert MatchFeedback.objects.filter(user=stranger).exists()


def test_strangers_find_nothing():
    people, mentee = market(), alice()
    Mentor.objects.filter(pk=people["eva"].pk).update(visibility="private")
    request_id = ask(mentee).request_id
    said(api(mentee), request_id, people["ben"])
    page = f"/search/{request_id}/not-relevant/{people['ada'].pk}/"
    for other in (mallory(), bob(), carol()):
        assert said(api(other), request_id, people["ada"]).status_code == 404
        assert again(api(other), request_id, people["ben"]).status_code == 404
        assert browser(other).get(page).status_code == 404
        assert browser(other).post(page, {"reason": "known"}).status_code == 404
        assert browser(other).post(f"{page}undo/").status_code == 404
    assert said(api(), request_id, people["ada"]).status_code == 401
    # Who was not in the list, and what there is not.
    assert said(api(mentee), request_id, people["eva"]).status_code == 404
    assert said(api(mentee), uuid4(), people["ada"]).status_code == 404
    assert MatchFeedback.objects.count() == 1


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "mentor"),
        ({"mentor": "x", "reason": "known"}, "mentor"),
        ({"reason": "ugly"}, "reason"),
        ({"reason": 7}, "reason"),
        ({"reason": "other", "words": "x" * 501}, "words"),
        ({"reason": "other", "words": ["a"]}, "words"),
        ({"reason": "other", "words": "a\0b"}, "words"),
    ],
)
def test_what_cannot_be_used_is_refused_by_field(body, field):
    people, mentee = market(), alice()
    body = {"mentor": str(people["ada"].pk), **body} if body else body
    response = api(mentee).post(
        f"/api/match/{ask(mentee).request_id}/not-relevant", body, format="json"
    )
    assert response.status_code == 400
    assert field in response.json()["fields"]
    assert not MatchFeedback.objects.exists()


def test_an_idempotency_key_says_it_once():
    people, mentee = market(), alice()
    client, request_id = api(mentee), ask(mentee).request_id
    answers = [
        client.post(
            f"/api/match/{request_id}/not-relevant",
            {"mentor": str(people["ada"].pk), "reason": "known"},
            format="json",
            HTTP_IDEMPOTENCY_KEY="k",
        )
        for _time in range(2)
    ]
    assert [answer.status_code for answer in answers] == [201, 201]


@pytest.mark.django_db(transaction=True)
def test_a_kept_answer_does_not_bring_them_back_and_comes_back_itself():
    people, mentee = market(), alice()
    client = api(mentee)
    first = ask(mentee)
    assert is_kept(ask(mentee))
    said(client, first.request_id, people["ada"])
    assert "Ada Investor" not in names(ask(mentee))
    assert "Ada Investor" not in names(ask(mentee))
    again(client, first.request_id, people["ada"])
    assert names(ask(mentee)) == names(first)


def test_nothing_is_asked_besides_to_leave_somebody_out():
    people, mentee = market(), alice()
    services.understand(ROUND)

    def queries():
        with CaptureQueriesContext(connection) as captured:
            answer = ask(mentee)
        return len(captured), answer

    before, answer = queries()
    said(api(mentee), answer.request_id, people["ada"])
    assert queries()[0] == before


# -- The page ----------------------------------------------------------------------------------
def test_without_javascript_a_form_leads_back_to_the_list():
    people = market()
    client = browser(alice())
    here = f"/search/?q={ROUND.replace(' ', '+')}"
    page = client.get(here)
    request_id = page.context["answer"].request_id
    action = f"/search/{request_id}/not-relevant/{people['ada'].pk}/"
    assert action in page.content.decode()
    response = client.post(action, {"reason": "known", "words": "My aunt", "next": here})
    assert (response.status_code, response["Location"]) == (302, here)
    shown = client.get(here)
    text = shown.content.decode()
    assert "Ada Investor is left out of your lists for 90 days." in text
    assert "Ada Investor" not in [str(m.mentor.user) for m in shown.context["answer"].matches]
    assert [str(mentor.user) for mentor in shown.context["left_out"]] == ["Ada Investor"]
    undo = f"/search/{shown.context['answer'].request_id}/not-relevant/{people['ada'].pk}/undo/"
    assert undo in text
    assert client.post(undo, {"next": here})["Location"] == here
    back = client.get(here)
    assert "Ada Investor" in [str(m.mentor.user) for m in back.context["answer"].matches]
    assert back.context["left_out"] == []


def test_the_form_comes_when_it_is_asked_for_and_knows_the_way_back():
    people = market()
    client = browser(alice())
    here = f"/search/?q={ROUND.replace(' ', '+')}&stage=Seed"
    shown = client.get(here)
    text = shown.content.decode()
    request_id, ada = shown.context["answer"].request_id, people["ada"].pk
    assert "In your own words" not in text.partition('id="results"')[2]
    link = html.unescape(re.search(f'id="no-{ada}" href="([^"]+)"', text)[1])
    assert link.startswith(f"/search/{request_id}/not-relevant/{ada}/?")
    for htmx in ({}, {"HTTP_HX_REQUEST": "true"}):
        form = client.get(link, **htmx)
        words = form.content.decode()
        assert (form.status_code, f'value="{html.escape(here)}"' in words) == (200, True)
        assert ("<html" in words) != bool(htmx)
    assert form["HX-Retarget"] == f"#no-{ada}"
    assert re.search(f'<details[^>]* id="no-{ada}" open', words)
    assert browser(mallory()).get(link).status_code == 404


def test_with_htmx_the_mentor_gives_way_to_a_line_that_can_be_undone():
    people = market()
    client = browser(alice())
    request_id = client.get("/search/", {"q": ROUND}).context["answer"].request_id
    action = f"/search/{request_id}/not-relevant/{people['ada'].pk}/"
    line = client.post(
        action, {"reason": "not_meant", "next": "/search/?q=x"}, HTTP_HX_REQUEST="true"
    )
    text = line.content.decode()
    assert text.strip().startswith("<li")
    assert "Ada Investor is left out for this question for 90 days." in text
    assert f"{action}undo/" in text
    undone = client.post(f"{action}undo/", {"next": "/search/?q=x"}, HTTP_HX_REQUEST="true")
    assert undone.headers["HX-Location"] == (
        '{"path": "/search/?q=x", "target": "#results", "swap": "innerHTML"}'
    )
    assert not MatchFeedback.objects.exists()


@pytest.mark.parametrize("htmx", [{}, {"HTTP_HX_REQUEST": "true"}], ids=["page", "part"])
def test_without_a_reason_it_is_asked_again_and_nothing_written_is_lost(htmx):
    people = market()
    client = browser(alice())
    request_id = client.get("/search/", {"q": ROUND}).context["answer"].request_id
    action = f"/search/{request_id}/not-relevant/{people['ada'].pk}/"
    response = client.post(action, {"words": "He sells shoes", "next": "/search/?q=x"}, **htmx)
    text = response.content.decode()
    assert response.status_code == 400
    assert "Choose one of the reasons." in text
    assert "He sells shoes" in text
    assert 'value="/search/?q=x"' in text
    if htmx:
        assert response["HX-Retarget"] == f"#no-{people['ada'].pk}"
        assert "<html" not in text


def test_nobody_is_led_elsewhere():
    people = market()
    client = browser(alice())
    request_id = client.get("/search/", {"q": ROUND}).context["answer"].request_id
    action = f"/search/{request_id}/not-relevant/{people['ada'].pk}/"
    led = client.post(action, {"reason": "known", "next": "https://example.com/"})
    assert led["Location"] == "/search/"


def test_a_name_that_may_not_be_seen_any_more_is_not_shown():
    people, mentee = market(), alice()
    client = browser(mentee)
    said(api(mentee), ask(mentee).request_id, people["ada"])
    Mentor.objects.filter(pk=people["ada"].pk).update(visibility="private")
    page = client.get("/search/", {"q": ROUND})
    assert page.context["left_out"] == []
    assert "Ada Investor" not in page.content.decode()


def test_program_managers_read_it():
    people, mentee = market(), alice()
    answer = ask(mentee)
    said(api(mentee), answer.request_id, people["ada"], "wrong_industry", words="We build ships")
    manager = console(carol())
    listed = manager.get("/admin/matching/matchfeedback/").content.decode()
    assert "We build ships" in listed
    assert "Wrong industry" in listed
    one = manager.get(f"/admin/matching/matchfeedback/{MatchFeedback.objects.get().pk}/change/")
    assert one.status_code == 200
    request = MatchRequest.objects.get(pk=answer.request_id)
    shown = manager.get(f"/admin/matching/matchrequest/{request.pk}/change/").content.decode()
    assert "Wrong industry" in shown
