"""Reasons and scores as the service gives them: traced to their signals, and the same whoever else there is."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings, strategies as st
from hypothesis.extra.django import TestCase

from matching import ranking, services
from matching.explanations import EXPLORED, FILTER, LANGUAGE, MEANING, ROOM, SPARE_TIME, WORDS
from matching.models import MatchImpression
from matching.services.policies import published
from mentors.models import Mentor
from sessions_app.models import AvailabilityWindow
from tests.factories import MenteeFactory
from tests.hours import open_window
from tests.line import book
from tests.matching.asking import ask, names
from tests.matching.worlds import PROFILES, ROUND, index, market, mentor
from tests.people import alice, carol


def said(answer, name):
    match = next(match for match in answer.matches if str(match.mentor.user) == name)
    return {reason.code: reason for reason in match.reasons}


@pytest.mark.django_db
@pytest.mark.parametrize("asker", [alice, carol])
@pytest.mark.parametrize("query", [ROUND, "Eva Lawyer", "tea", "hiring in logistics, seed round"])
def test_every_stored_reason_names_a_signal_that_moved_the_mentor(asker, query):
    market()
    person = asker()
    answer = ask(person, query, languages=("English",))
    question = services.understand(query)
    rows = services.search(
        question=question,
        eligible=services.eligible_for(
            person, services.Filters(languages=("English",)), timezone.now()
        ),
        now=timezone.now(),
        policy=published(),
        mentee=getattr(person, "mentee", None),
    )
    by_mentor = {row.candidate.mentor_id: row for row in rows}
    moved_up = ranking.moved_up_by_spare_time(rows)
    stored = MatchImpression.objects.filter(request=answer.request_id)
    assert stored.count() == len(answer.matches) == 5
    for shown in stored:
        row = by_mentor[shown.mentor_id]
        also = {
            MEANING: row.candidate.cosine or 0,
            WORDS: row.candidate.bm25,
            ROOM: row.candidate.is_bookable,
            SPARE_TIME: shown.mentor_id in moved_up,
            EXPLORED: shown.is_explored,
            FILTER: True,
            LANGUAGE: True,
        }
        for reason in shown.reasons:
            assert {**row.parts, **also}[reason["signal"]] > 0, reason


@pytest.mark.django_db
def test_whoever_is_further_up_for_being_free_is_said_to_be_and_nobody_else():
    """Two mentors alike, of whom one is booked and all the same offers more."""
    alike = {
        "headline": "Sells software to hospitals",
        "bio": "Hospitals buy slowly. I sell to them.",
    }
    busy = mentor(name="Busy Bee", **alike, weekly_load_cap=2)
    mentor(name="Free Fox", **alike, weekly_load_cap=2)
    book(MenteeFactory.create().user, AvailabilityWindow.objects.get(mentor=busy))
    open_window(busy, days=6)
    # Joined long ago, so that neither is new.
    Mentor.objects.update(created_at=timezone.now() - timedelta(days=400))
    index()
    answer = ask(alice(), "selling software to hospitals")
    assert names(answer) == ["Free Fox", "Busy Bee"]
    assert said(answer, "Free Fox")["room"].text.startswith("Shown partly because they have")
    assert said(answer, "Free Fox")["room"].signal == SPARE_TIME
    assert "room" not in said(answer, "Busy Bee")


@pytest.mark.django_db
def test_equally_free_mentors_are_not_there_for_being_free():
    market()
    Mentor.objects.update(created_at=timezone.now() - timedelta(days=400))
    for match in ask(alice()).matches:
        assert "room" not in {reason.code for reason in match.reasons}


def scores_of(answer):
    return {str(match.mentor.user): match.score for match in answer.matches}


class TheScoreOfOneStays(TestCase):
    """Whoever else joins or leaves: the vectors, and so the share of a profile that is meant, stay."""

    @given(
        others=st.lists(st.integers(0, len(PROFILES) - 1), max_size=4),
        left=st.sets(st.integers(0, len(PROFILES) - 1), max_size=3),
        query=st.sampled_from(
            [
                ROUND,
                "Eva Lawyer reads contracts",
                "Ben Angel seed",
                "hiring engineers interviews tea",
                "warehouses, lorries and people who hate them",
            ]
        ),
    )
    @settings(
        deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture]
    )
    def test_score(self, others, left, query):
        people = market()
        # Words are weighed by their rarity among all; only a name or nearly all of them lift a score.
        person = alice()
        before = scores_of(ask(person, query, limit=50))
        for number, which in enumerate(others):
            mentor(**{**PROFILES[which], "name": f"Other {number}"})
        gone = {list(people.values())[which].pk for which in left}
        Mentor.objects.filter(pk__in=gone).update(is_active=False)
        index()
        after = scores_of(ask(person, query, limit=50))
        staying = [str(one.user) for one in people.values() if one.pk not in gone]
        assert {name: after[name] for name in staying} == {name: before[name] for name in staying}
