"""What is noted of a list: whom people open, and whom they book, for which team."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from matching import selectors
from matching.experiments import CONTROL, TREATMENT
from matching.models import MatchImpression, MatchRequest
from mentors.models import Mentor
from sessions_app.models import Session, SessionEvent
from tests.matching.experimenting import (
    ask,
    by_words,
    everybody,
    everybodys,
    running,
    teams,
)
from tests.matching.worlds import ROUND, market
from tests.people import alice, api, browser, mallory

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def other():
    everybodys()
    return by_words()


# -- What is noted -----------------------------------------------------------------------------
def opened(answer, place=0):
    mentor = answer["matches"][place]["mentor"]["id"]
    return MatchImpression.objects.get(request_id=answer["request_id"], mentor_id=mentor).clicked_at


def path_of(answer, place=0):
    return answer["matches"][place]["profile_url"].removeprefix("http://testserver")


def test_opening_a_mentor_from_the_list_is_noted_once():
    market()
    mentee = alice()
    answer = ask(mentee)
    alices = browser(mentee)
    before = timezone.now()
    assert alices.get(path_of(answer)).status_code == 200
    first = opened(answer)
    assert before <= first <= timezone.now()
    assert alices.get(path_of(answer)).status_code == 200
    assert opened(answer) == first
    assert opened(answer, 1) is None


def test_the_links_of_the_search_page_are_noted_too():
    market()
    mentee = alice()
    alices = browser(mentee)
    page = alices.get("/search/", {"q": ROUND}).content.decode()
    request = MatchRequest.objects.get()
    links = [part.split('"')[0] for part in page.split('href="')[1:]]
    mentor = MatchImpression.objects.order_by("position").first()
    titles = [link for link in links if link.startswith(f"/mentors/{mentor.mentor_id}/?request=")]
    times = [link for link in links if link.startswith(f"/mentors/{mentor.mentor_id}/?start=")]
    assert titles
    assert times
    alices.get(times[0].replace("&amp;", "&").split("#")[0])
    mentor.refresh_from_db()
    assert mentor.request_id == request.pk
    assert mentor.clicked_at is not None


def test_a_mentors_card_in_the_api_is_noted_too():
    market()
    mentee = alice()
    answer = ask(mentee)
    mentor = answer["matches"][2]["mentor"]["id"]
    card = f"/api/mentors/{mentor}"
    assert api(mentee).get(card).status_code == 200
    assert opened(answer, 2) is None
    assert api(mentee).get(card, {"request": "nonsense"}).status_code == 200
    assert api(mentee).get(card, {"request": answer["request_id"]}).status_code == 200
    assert opened(answer, 2) is not None


def test_mallory_opens_nothing_in_alices_name():
    market()
    answer = ask(alice())
    stranger = mallory()
    assert browser(stranger).get(path_of(answer)).status_code == 200
    mentor = answer["matches"][0]["mentor"]["id"]
    api(stranger).get(f"/api/mentors/{mentor}", {"request": answer["request_id"]})
    assert opened(answer) is None


@pytest.mark.parametrize("said", ["", "x", "4f9017d4-500c-40e6-8768-2cab7472c860", "0" * 4000])
def test_an_id_that_is_none_leaves_the_page_as_it_is(said):
    mentor = market()["ada"]
    page = browser(alice()).get(f"/mentors/{mentor.pk}/", {"request": said})
    assert page.status_code == 200
    assert not MatchImpression.objects.exists()


def test_what_nobody_looks_at_is_no_opening(client):
    people = market()
    mentee = alice()
    answer = ask(mentee)
    alices = browser(mentee)
    alices.head(path_of(answer))
    alices.get(path_of(answer), headers={"sec-purpose": "prefetch;prerender"})
    client.get(path_of(answer))  # nobody is signed in
    Mentor.objects.filter(pk=answer["matches"][0]["mentor"]["id"]).update(visibility="private")
    assert alices.get(path_of(answer)).status_code == 404
    assert opened(answer) is None
    assert people


def test_noting_costs_the_page_one_query():
    market()
    mentee = alice()
    answer = ask(mentee)
    alices = browser(mentee)
    alices.get("/")

    def count(path):
        with CaptureQueriesContext(connection) as queries:
            assert alices.get(path).status_code == 200
        return len(queries)

    alone = count(path_of(answer).split("?")[0])
    assert count(path_of(answer)) == alone + 1


# -- What came of it ---------------------------------------------------------------------------
def votes(experiment):
    """By outcome, the two teams' sums."""
    rows = selectors.requests_of(experiment)
    return {
        name: tuple(sum(row.counts[team][name] for row in rows) for team in (CONTROL, TREATMENT))
        for name in ("shown", "click", "booking", "accepted", "unused")
    }


def first_of(answer, team):
    return teams(answer).index(team)


def book(user, answer, place, *, request=None):
    match = answer["matches"][place]
    body = {"mentor": match["mentor"]["id"], "starts_at": match["slots"][0]["starts_at"]}
    if request is not None:
        body["match_request"] = request
    booked = api(user).post("/api/sessions", body, format="json")
    assert booked.status_code == 201, booked.content
    return Session.objects.get(pk=booked.json()["id"])


def test_a_booking_counts_for_the_team_that_showed_the_mentor(other):
    market()
    experiment = running(other)
    mentee = alice()
    answer = ask(mentee)
    assert votes(experiment) == {
        "shown": (teams(answer).count(CONTROL), teams(answer).count(TREATMENT)),
        "click": (0, 0), "booking": (0, 0), "accepted": (0, 0), "unused": (0, 0),
    }  # fmt: skip
    place = first_of(answer, TREATMENT)
    browser(mentee).get(path_of(answer, place))
    book(mentee, answer, place, request=answer["request_id"])
    found = votes(experiment)
    assert (found["click"], found["booking"], found["accepted"]) == ((0, 1), (0, 1), (0, 1))
    assert found["unused"] == (0, 1)


def test_a_booking_on_the_mentors_page_within_a_week_counts_for_the_list_it_was_opened_from(other):
    market()
    experiment = running(other)
    mentee = alice()
    answer = ask(mentee)
    place = first_of(answer, CONTROL)
    assert votes(experiment)["booking"] == (0, 0)
    browser(mentee).get(path_of(answer, place))
    session = book(mentee, answer, place)
    assert session.match_request is None
    assert votes(experiment)["booking"] == (1, 0)
    for days, counted in ((6.9, (1, 0)), (7.1, (0, 0))):
        Session.objects.filter(pk=session.pk).update(created_at=timezone.now() + days * DAY)
        assert votes(experiment)["booking"] == counted


def test_a_booking_without_a_list_counts_for_the_one_opened_last(other):
    market()
    experiment = running(other)
    mentee = alice()
    earlier, later = ask(mentee), ask(mentee, "investor intros for our first round")
    mentor = earlier["matches"][0]["mentor"]["id"]
    place = [match["mentor"]["id"] for match in later["matches"]].index(mentor)
    browser(mentee).get(path_of(earlier))
    browser(mentee).get(path_of(later, place))
    book(mentee, earlier, 0)
    by_request = {
        str(request.pk): row.won("booking")
        for request, row in zip(
            MatchRequest.objects.order_by("created_at"),
            selectors.requests_of(experiment),
            strict=True,
        )
    }
    assert by_request == {earlier["request_id"]: False, later["request_id"]: True}


def test_coming_back_to_a_list_is_no_other_request(other):
    market()
    experiment = running(other)
    mentee = alice()
    answers = [ask(mentee) for _ in range(3)]
    for answer in answers:
        browser(mentee).get(path_of(answer))
    browser(mentee).get(path_of(answers[2], 1))
    ask(mentee, "contracts and trademarks")
    stranger = mallory()
    ask(stranger)
    found = selectors.requests_of(experiment)
    assert sorted(str(row.user_id) for row in found) == sorted(
        str(user.pk) for user in (mentee, mentee, stranger)
    )
    assert sum(sum(team["click"] for team in row.counts.values()) for row in found) == 2
    assert max(sum(team["shown"] for team in row.counts.values()) for row in found) == 5


def test_a_request_that_mallory_names_is_not_credited(other):
    market()
    experiment = running(other)
    answer = ask(alice())
    stranger = mallory()
    ask(stranger)  # who takes part as well
    book(stranger, answer, 0, request=answer["request_id"])
    assert votes(experiment)["booking"] == (0, 0)


def test_what_a_manager_books_for_somebody_is_no_vote_of_theirs(other):
    market()
    experiment = running(other)
    mentee = alice()
    answer = ask(mentee)
    browser(mentee).get(path_of(answer))
    session = book(mentee, answer, 0)
    assert sum(votes(experiment)["booking"]) == 1
    Session.objects.filter(pk=session.pk).update(booked_by=experiment.started_by)
    assert votes(experiment)["booking"] == (0, 0)


def test_a_mentor_who_was_not_in_the_list_is_no_booking_from_it(other):
    market()
    experiment = running(other)
    mentee = alice()
    wide, narrow = ask(mentee), ask(mentee, limit=1)
    outside = next(
        place for place, match in enumerate(wide["matches"])
        if match["mentor"]["id"] != narrow["matches"][0]["mentor"]["id"]
    )  # fmt: skip
    book(mentee, wide, outside, request=narrow["request_id"])
    assert votes(experiment)["booking"] == (0, 0)


def test_where_mentors_approve_a_request_is_accepted_when_they_did(other):
    market()
    Mentor.objects.update(approves_bookings=True)
    experiment = running(other)
    mentee = alice()
    answer = ask(mentee)
    place = first_of(answer, TREATMENT)
    session = book(mentee, answer, place, request=answer["request_id"])
    assert (votes(experiment)["booking"], votes(experiment)["accepted"]) == ((0, 1), (0, 0))
    accepted = browser(session.mentor.user).post(f"/sessions/{session.pk}/accept/", {"version": 1})
    assert accepted.status_code in {200, 302, 303}
    assert SessionEvent.objects.filter(session=session, to_status="booked").exists()
    assert votes(experiment)["accepted"] == (0, 1)


def test_a_booking_with_a_mentor_who_was_busy_is_no_use_of_an_unused_one(other):
    market()
    experiment = running(other)
    first, second = alice(), mallory()
    answer = ask(first)
    book(first, answer, 0, request=answer["request_id"])
    again = ask(second)
    place = [m["mentor"]["id"] for m in again["matches"]].index(
        answer["matches"][0]["mentor"]["id"]
    )
    book(second, again, place, request=again["request_id"])
    assert sum(votes(experiment)["booking"]) == 2
    assert sum(votes(experiment)["unused"]) == 1


def test_the_needed_sample_is_fixed_at_the_start_from_the_weeks_before(other):
    market()
    people = everybody(12)
    for n, user in enumerate(people):
        answer = ask(user)
        if n < 6:
            browser(user).get(path_of(answer))
    experiment = running(other, kind="ab", least_effect=20)
    assert experiment.needed == 182  # half of the requests had an opening
