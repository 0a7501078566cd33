"""What retrieval reads of each mentor for the signals, from rows as people leave them."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from matching import selectors, services
from matching.models import MatchImpression, MatchRequest, MentorEmbedding
from matching.services import policies
from mentors.models import Mentor
from sessions_app.models import Session
from sessions_app.services import (
    approve_session,
    book_session,
    cancel_session,
    lapse_pending_sessions,
)
from tests.config.console import booked
from tests.factories import MenteeFactory
from tests.matching.worlds import ROUND, index, market, mentor
from tests.people import alice, api, carol

pytestmark = pytest.mark.django_db


def read(made: Mentor, user: User | None = None):
    """That mentor as a candidate of a search by that person."""
    user, now = user or alice(), timezone.now()
    found = selectors.retrieve(
        eligible=selectors.Eligible(services.eligible_for(user, services.Filters(), now)),
        text=ROUND,
        vector=None,
        model_id="",
        now=now,
        mentee=user.mentee,
    )
    return next(row for row in found if row.mentor_id == made.pk)


def test_sessions_are_counted_by_when_they_are():
    made, now = mentor(), timezone.now()
    for days, status in (
        (-40, "completed"), (-10, "completed"), (-3, "no_show"), (2, "booked"), (20, "booked"),
        (5, "cancelled"),
    ):  # fmt: skip
        booked(made, MenteeFactory(), now + timedelta(days=days), status)
    index()
    found = read(made)
    assert (found.sessions, found.booked_28d, found.booked_7d) == (5, 4, 1)
    assert found.idle_days == 0  # one is still to come


def test_where_there_was_no_session_the_days_since_joining_are_counted():
    made = mentor()
    joined = timezone.now() - timedelta(days=90)
    Mentor.objects.filter(pk=made.pk).update(created_at=joined)
    index()
    assert read(made).idle_days == pytest.approx(90, abs=0.1)


def test_the_days_since_the_last_session_are_counted():
    made, now = mentor(), timezone.now()
    index()
    booked(made, MenteeFactory(), now - timedelta(days=12), "completed")
    booked(made, MenteeFactory(), now - timedelta(days=2), "cancelled")
    assert read(made).idle_days == pytest.approx(12, abs=0.1)


def test_the_last_visit_is_read_and_may_be_unknown():
    now = timezone.now().replace(microsecond=0)
    here, never = mentor(), mentor()
    User.objects.filter(pk=here.user_id).update(last_seen_at=now)
    index()
    user = alice()
    assert read(here, user).last_seen == now
    assert read(never, user).last_seen is None


def test_requests_count_once_the_mentor_answered_or_let_them_lapse():
    made = mentor(approves_bookings=True)
    by, window = made.user, made.windows.get()

    def request(number):
        mentee = MenteeFactory()
        starts_at = window.starts_at + number * timedelta(minutes=made.session_minutes)
        session = book_session(
            mentor_id=made.pk,
            mentee=mentee,
            by=mentee.user,
            starts_at=starts_at,
            clock=timezone.now,
        )
        assert session.status == Session.Status.PENDING
        return session, mentee.user

    yes, _ = request(0)
    approve_session(session_id=yes.pk, by=by, clock=timezone.now)
    no, _ = request(1)
    cancel_session(session_id=no.pk, by=by, reason="", clock=timezone.now)
    taken_back, person = request(1)
    cancel_session(session_id=taken_back.pk, by=person, reason="", clock=timezone.now)
    lapsed, _ = request(1)
    assert lapse_pending_sessions(now=lapsed.answer_by + timedelta(minutes=1)) == 1
    request(2)  # not answered yet
    index()
    found = read(made)
    assert (found.requests, found.accepted) == (3, 1)
    # Who lets founders book at once is not asked, so nothing is held for or against them.
    Mentor.objects.filter(pk=made.pk).update(approves_bookings=False)
    assert (read(made, MenteeFactory().user).requests) == 0


def test_a_company_connects_by_somebody_met_or_by_the_founders_own_words():
    user = alice()
    user.mentee.goals, user.mentee.seeks = "I was at Northwind. We square accounts.", ""
    user.mentee.save()
    met, colleague = mentor(company="Acme"), mentor(company="ACME")
    named, everyday, part = (
        mentor(company="Northwind"), mentor(company="Square"), mentor(company="North")
    )  # fmt: skip
    booked(met, user.mentee, timezone.now() - timedelta(days=5), "completed")
    index()
    ties = {
        name: read(one, user).connection
        for name, one in {
            "met": met, "colleague": colleague, "named": named, "everyday": everyday, "part": part,
        }.items()
    }  # fmt: skip
    # The mentor whom they met is known to them, and needs nobody in between.
    assert ties == {"met": "", "colleague": "met", "named": "named", "everyday": "", "part": ""}
    stranger = MenteeFactory().user
    assert read(colleague, stranger).connection == ""


def test_lists_are_counted_for_the_new_and_only_up_to_what_is_enough():
    fresh, old = mentor(), mentor(created_at=timezone.now() - timedelta(days=60))
    user = alice()
    for _ in range(25):
        request = MatchRequest.objects.create(user=user, query="x", took_ms=1)
        for made in (fresh, old):
            MatchImpression.objects.create(request=request, mentor=made, position=1, score=1)
    index()
    assert (read(fresh, user).shown, read(old, user).shown) == (20, 0)


def test_who_is_tried_is_noted_with_what_was_shown():
    market()
    Mentor.objects.update(created_at=timezone.now() - timedelta(days=90))
    fresh = mentor(name="Fay Newcomer", headline="Seed investor: first rounds and funds")
    index()
    row = policies.draft_from(policy_id=published().pk, by=carol())
    # At once in front, so that the world can be small; and where everyone fits.
    row.explore_at, row.floor = 1, 0.0
    policies.save_draft(draft=row, by=row.created_by)
    policies.publish(policy_id=row.pk, by=row.created_by, now=timezone.now())
    client = api(alice())
    first = ask(client)
    if first[0] != "Fay Newcomer":
        pytest.fail(f"the place was not kept: {first}")
    noted = MatchImpression.objects.filter(is_explored=True)
    assert [(one.mentor, one.position) for one in noted] == [(fresh, 1)]
    assert ask(client) == first


def published():
    from matching.models import MatchPolicy

    return MatchPolicy.objects.get(state="published")


def ask(client):
    answer = client.post("/api/match", {"query": "contracts and trademarks"}, format="json").json()
    return [match["mentor"]["name"] for match in answer["matches"]]


def test_likeness_is_the_cosine_of_whole_profiles_in_the_order_asked_for():
    made = [mentor() for _ in range(3)]
    vectors = np.eye(4, dtype=np.float32)[:2]
    for one, vector in zip(
        made, (vectors[0], (vectors[0] + vectors[1]) / np.sqrt(2)), strict=False
    ):
        MentorEmbedding.objects.create(
            mentor=one, model_id="m", chunk_no=0, text="-", text_hash="-", vector=vector
        )
    ids = [one.pk for one in (made[1], made[2], made[0])]
    with CaptureQueriesContext(connection) as queries:
        found = selectors.likeness(ids, "m")
    assert len(queries) == 1
    half = np.sqrt(0.5)
    assert found == pytest.approx(np.array([[1, 0, half], [0, 0, 0], [half, 0, 1]]), abs=1e-6)
