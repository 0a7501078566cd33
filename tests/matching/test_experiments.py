"""Experiments as people meet them: who is answered by which policy, what is noted, what may be done."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.db.models import ProtectedError
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from matching import selectors, services
from matching.experiments import CONTROL, TREATMENT, Verdict
from matching.models import Experiment, MatchImpression, MatchPolicy, MatchRequest
from matching.services import policies
from mentors.models import Mentor
from sessions_app.models import AvailabilityWindow, Session, SessionEvent
from sessions_app.refusals import IllegalMove
from tests.factories import MenteeFactory
from tests.hours import open_window
from tests.matching.experimenting import answered, by_words, drafted, running
from tests.matching.worlds import ROUND, index, market
from tests.people import alice, api, browser, carol, mallory

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def other():
    return by_words()


def ask(user, query=ROUND, **more):
    answer = api(user).post("/api/match", {"query": query, **more}, format="json")
    assert answer.status_code == 200, answer.content
    return answer.json()


def stored(answer):
    return MatchRequest.objects.get(pk=answer["request_id"])


def teams(answer):
    rows = MatchImpression.objects.filter(request_id=answer["request_id"]).order_by("position")
    return [row.team for row in rows]


def names(answer):
    return [match["mentor"]["name"] for match in answer["matches"]]


def by(user, policy):
    """What one policy alone answers."""
    return services.match(
        query=ROUND,
        user=user,
        filters=services.Filters(),
        limit=5,
        now=timezone.now(),
        policy=policies.as_policy(policy),
    ).matches


def everybody(n):
    return [MenteeFactory().user for _ in range(n)]


# -- Who is answered how -----------------------------------------------------------------------
def test_without_an_experiment_nothing_is_said_of_arms(other):
    market()
    drafted(other)
    answer = ask(alice())
    assert (stored(answer).experiment, stored(answer).arm) == (None, "")
    assert set(teams(answer)) == {""}


def test_an_interleaved_list_is_both_rankings_drafted_and_says_whose_pick_each_was(other):
    market()
    experiment = running(other)
    answer = ask(alice())
    request = stored(answer)
    assert (request.experiment, request.arm) == (experiment, "both")
    assert (request.policy, request.policy_version) == ("default", 1)
    found = teams(answer)
    assert len(found) == 5
    for n in range(6):
        assert abs(found[:n].count(CONTROL) - found[:n].count(TREATMENT)) <= 1
    manager = carol(email="c2@example.com")
    alone = {
        team: [match.mentor.user.name for match in by(manager, policy)]
        for team, policy in ((CONTROL, experiment.control), (TREATMENT, other))
    }
    gone = []
    for name, team in zip(names(answer), found, strict=True):
        assert name == next(other for other in alone[team] if other not in gone)
        gone.append(name)


def test_the_same_question_is_answered_the_same_on_the_same_day(other):
    market()
    running(other)
    mentee = alice()
    first = ask(mentee)
    assert [names(ask(mentee)) for _ in range(3)] == [names(first)] * 3
    assert teams(ask(mentee)) == teams(first)


def test_program_managers_are_answered_by_the_published_policy_and_not_counted(other):
    market()
    running(other)
    answer = ask(carol(email="another@example.com"))
    assert (stored(answer).experiment, set(teams(answer))) == (None, {""})


def test_one_half_takes_part_when_it_was_said_so(other):
    market()
    running(other, percent=50)
    arms = [stored(ask(user)).arm for user in everybody(40)]
    assert 8 <= arms.count("both") <= 32
    assert set(arms) == {"both", ""}


def test_by_person_each_has_one_policy_throughout(other):
    market()
    running(other, kind="ab")
    people = everybody(20)
    firsts = [stored(ask(user)) for user in people]
    assert {request.arm for request in firsts} == {CONTROL, TREATMENT}
    for user, first in zip(people, firsts, strict=True):
        again = ask(user, "contracts and trademarks")
        assert stored(again).arm == first.arm
        assert set(teams(again)) == {first.arm}
        assert first.policy == ("words" if first.arm == TREATMENT else "default")


def test_by_day_everybody_has_the_policy_of_the_programs_day(other):
    market()
    with time_machine.travel(datetime(2031, 3, 3, 12, tzinfo=UTC), tick=False):
        for mentor in Mentor.objects.all():
            open_window(mentor, days=20)
        index()
        experiment = running(other, kind="switchback", time_zone="Asia/Tokyo")
    people = everybody(2)
    arms = {}
    for n in range(14):
        for hour in (14, 16):  # on either side of midnight in Tokyo
            at = datetime(2031, 3, 3, hour, tzinfo=UTC) + n * DAY
            with time_machine.travel(at, tick=False):
                found = {stored(ask(user)).arm for user in people}
            assert len(found) == 1
            arms.setdefault((at + timedelta(hours=9)).date(), set()).update(found)
    assert all(len(found) == 1 for found in arms.values())
    first_two_weeks = [next(iter(arms[day])) for day in sorted(arms)[:14]]
    assert first_two_weeks.count(TREATMENT) == 7
    assert experiment.needed % 14 == 0


def test_a_mentor_whose_opening_is_gone_costs_neither_team_a_place(other):
    people = market()
    running(other)
    # The refresh has not seen it yet, so both rankings still have Ben among the free ones.
    AvailabilityWindow.objects.filter(mentor=people["ben"]).delete()
    for user in everybody(6):
        answer = ask(user)
        found = teams(answer)
        assert names(answer)[-1] == "Ben Angel"
        for n in range(6):
            assert abs(found[:n].count(CONTROL) - found[:n].count(TREATMENT)) <= 1


@pytest.mark.parametrize("kind", ["interleaving", "ab", "switchback"])
def test_an_answer_costs_no_more_queries_than_eight(other, kind):
    market()
    asker = alice()
    asker.mentee  # noqa: B018 - read beforehand, as the request's own checks do
    question = services.understand(ROUND)

    def count():
        with CaptureQueriesContext(connection) as queries:
            services.match(
                query=question, user=asker, filters=services.Filters(), limit=12, now=timezone.now()
            )
        asked = [query["sql"] for query in queries if "SAVEPOINT" not in query["sql"]]
        return len(asked), asked

    running(other, kind=kind)
    during, asked = count()
    assert during <= 8, asked


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


@pytest.mark.parametrize("said", ["", "x", str(uuid.uuid4()), "0" * 4000])
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


def test_a_request_that_mallory_names_is_not_credited(other):
    market()
    experiment = running(other)
    answer = ask(alice())
    book(mallory(), answer, 0, request=answer["request_id"])
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


# -- Start, stop, publish ----------------------------------------------------------------------
def start(experiment, by):
    return services.start_experiment(experiment_id=experiment.pk, by=by, now=timezone.now())


def test_one_experiment_runs_at_a_time(other):
    running(other)
    second = drafted(other, name="Another")
    with pytest.raises(IllegalMove, match="“Words” is running"):
        start(second, carol(email="c2@example.com"))
    with pytest.raises(IntegrityError, match="one_experiment_runs_at_a_time"), transaction.atomic():
        Experiment.objects.filter(pk=second.pk).update(
            state="running", needed=1, started_at=timezone.now()
        )


def test_the_control_is_what_everybody_has(other):
    with pytest.raises(IllegalMove, match="what everybody has now"):
        start(drafted(other, control=other), carol())


def test_what_was_started_stays_as_it_was(other):
    experiment = running(other)
    experiment.least_effect = 20
    with pytest.raises(IllegalMove, match="stays as it was"):
        services.save_experiment(draft=experiment, by=carol(email="c2@example.com"))
    with pytest.raises(IntegrityError, match="stays as it was"), transaction.atomic():
        Experiment.objects.filter(pk=experiment.pk).update(seed="another")
    with pytest.raises(IntegrityError, match="stays as it was"), transaction.atomic():
        experiment.delete()


def test_policies_of_a_running_experiment_are_left_alone(other):
    experiment = running(other)
    by = carol(email="c2@example.com")
    other.meaning = 0.9
    with pytest.raises(IllegalMove, match="“Words” shows people this version"):
        policies.save_draft(draft=other, by=by)
    with pytest.raises(IntegrityError, match="people were shown"), transaction.atomic():
        MatchPolicy.objects.filter(pk=other.pk).update(meaning=0.9)
    with pytest.raises(ProtectedError):
        MatchPolicy.objects.get(pk=other.pk).delete()
    third = MatchPolicy.objects.create(
        name="third", version=1, **policies.as_policy(experiment.control).weights()
    )
    with pytest.raises(IllegalMove, match="Stop it first"):
        policies.publish(policy_id=third.pk, by=by, now=timezone.now())
    assert policies.published().name == "default"


def test_stopping_brings_everybody_back_to_the_published_policy(other):
    market()
    mentee = alice()
    before = names(ask(mentee))
    experiment = running(other, kind="ab")
    stopped = services.stop_experiment(experiment_id=experiment.pk, by=mentee, now=timezone.now())
    assert (stopped.state, stopped.stopped_by) == ("stopped", mentee)
    answer = ask(mentee)
    assert names(answer) == before
    assert (stored(answer).experiment, stored(answer).policy) == (None, "default")
    with pytest.raises(IllegalMove, match="not running"):
        services.stop_experiment(experiment_id=experiment.pk, by=mentee, now=timezone.now())


def test_nothing_is_concluded_or_published_too_early(other):
    experiment = running(other, least_effect=20)
    assert experiment.needed == 47
    answered(experiment, [1] * 46)
    found = services.results_of(experiment, now=timezone.now())
    assert (found.verdict, found.seen, found.needed) == (Verdict.EARLY, 46, 47)
    assert found.estimate.favours_treatment  # and yet
    with pytest.raises(IllegalMove, match="Too early"):
        services.publish_winner(experiment_id=experiment.pk, by=alice(), now=timezone.now())
    experiment.refresh_from_db()
    assert experiment.state == "running"


def test_a_few_people_are_too_few_however_much_they_ask(other):
    experiment = running(other, least_effect=20)
    answered(experiment, [1] * 60, people=10)
    found = services.results_of(experiment, now=timezone.now())
    assert (found.verdict, found.people) == (Verdict.EARLY, 10)


def test_the_better_policy_is_published(other):
    experiment = running(other, least_effect=20)
    answered(experiment, [1] * 40 + [0] * 7)
    by = alice()
    policy = services.publish_winner(experiment_id=experiment.pk, by=by, now=timezone.now())
    experiment.refresh_from_db()
    assert (experiment.state, experiment.stopped_by) == ("stopped", by)
    assert policies.published() == policies.as_policy(policy)
    assert policy.name == "words"
    assert MatchPolicy.objects.get(name="default").state == "retired"


def test_a_worse_or_equal_policy_is_not(other):
    experiment = running(other, least_effect=20)
    answered(experiment, [1, 0] * 24)
    assert services.results_of(experiment, now=timezone.now()).verdict == Verdict.NEITHER
    with pytest.raises(IllegalMove, match="not the better one"):
        services.publish_winner(experiment_id=experiment.pk, by=alice(), now=timezone.now())
    assert policies.published().name == "default"


def test_looking_later_is_no_second_chance(other):
    """The verdict is of the first 47 votes, whatever comes after."""
    experiment = running(other, least_effect=20)
    answered(experiment, [1, 0] * 24 + [1] * 100)
    found = services.results_of(experiment, now=timezone.now())
    assert (found.verdict, found.seen) == (Verdict.NEITHER, 47)
    assert found.treatment.counts["click"] == 124


def test_the_needed_sample_is_fixed_at_the_start_from_the_weeks_before(other):
    market()
    people = everybody(12)
    for n, user in enumerate(people):
        answer = ask(user)
        if n < 6:
            browser(user).get(path_of(answer))
    experiment = running(other, kind="ab", least_effect=20)
    assert experiment.needed == 182  # half of the requests had an opening
