"""Experiments as people meet them: who is answered by which policy, and what may be done."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import IntegrityError, connection, transaction
from django.db.models import ProtectedError
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from matching import services
from matching.experiments import CONTROL, TREATMENT, Verdict
from matching.models import Experiment, MatchPolicy
from matching.services import policies
from mentors.models import Mentor
from sessions_app.models import AvailabilityWindow
from sessions_app.refusals import IllegalMove
from tests.factories import MenteeFactory
from tests.hours import open_window
from tests.matching.experimenting import (
    answered,
    ask,
    by_words,
    drafted,
    everybody,
    everybodys,
    names,
    running,
    stored,
    teams,
)
from tests.matching.worlds import ROUND, index, market
from tests.people import alice, carol

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture
def other():
    everybodys()
    return by_words()


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


# -- Who is answered how -----------------------------------------------------------------------
def test_without_an_experiment_nothing_is_said_of_arms(other):
    market()
    drafted(other)
    answer = ask(alice())
    assert (stored(answer).experiment, stored(answer).arm) == (None, "")
    assert set(teams(answer)) == {""}


@pytest.mark.parametrize("diversity", [0.0, 0.3])
def test_an_interleaved_list_is_both_rankings_drafted_and_says_whose_pick_each_was(
    other, diversity
):
    market()
    MatchPolicy.objects.filter(pk=other.pk).update(diversity=diversity)
    other.refresh_from_db()
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
    manager = carol(email="another@example.com")
    answer = ask(manager)
    assert (stored(answer).experiment, set(teams(answer))) == (None, {""})
    MenteeFactory(user=manager)
    manager.refresh_from_db()
    assert stored(ask(manager)).experiment is None


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
    # Both ask how alike the first mentors are, and the database is asked once.
    MatchPolicy.objects.filter(pk=other.pk).update(diversity=0.1)
    other.refresh_from_db()
    assert everybodys().diversity
    asker = alice()
    asker.mentee  # noqa: B018 - read beforehand, as the request's own checks do
    question = services.understand(ROUND)

    def count():
        with CaptureQueriesContext(connection) as queries:
            services.match(
                query=question, user=asker, filters=services.Filters(), limit=12, now=timezone.now()
            )
        # What was prepared has no text here.
        asked = [query["sql"] for query in queries if "SAVEPOINT" not in (query["sql"] or "")]
        return len(asked), asked

    running(other, kind=kind)
    during, asked = count()
    assert during <= 8, asked


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


def test_a_policy_is_not_compared_with_itself(other):
    with pytest.raises(IllegalMove, match="compared with itself"):
        start(drafted(everybodys()), carol())


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
