"""Hours are closed while others book in them, in many processes at once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import services as accounts
from benchmarks.servers import web
from benchmarks.volley import Shot, fire
from sessions_app.models import Session
from sessions_app.selectors import displaced
from tests.factories import MenteeFactory, MentorFactory
from tests.hours import open_window

pytestmark = [
    pytest.mark.race,
    pytest.mark.crowd,
    pytest.mark.django_db(transaction=True),
]
ROUNDS, MENTEES = 6, 8


def signed_in(user):
    token, _row = accounts.issue_token(user=user, now=timezone.now())
    return {"Authorization": f"Bearer {token}"}


def test_nobody_is_booked_into_hours_that_are_closed_at_that_moment():
    """Either the mentor is asked about the session, or the mentee is refused: no third way."""
    mentees = MenteeFactory.create_batch(MENTEES)
    keys = [signed_in(mentee.user) for mentee in mentees]
    seen = set()
    with web() as url:
        for days in range(3, 3 + ROUNDS):
            mentor = MentorFactory(weekly_load_cap=50)
            window = open_window(mentor, days=days, hours=MENTEES / 2)
            close = Shot(
                f"/api/availability/{mentor.pk}", {"windows": []}, signed_in(mentor.user), "PUT"
            )
            bookings = [
                Shot(
                    "/api/sessions",
                    {
                        "mentor": str(mentor.pk),
                        "starts_at": (window.starts_at + n * timedelta(minutes=30)).isoformat(),
                    },
                    key,
                )
                for n, key in enumerate(keys)
            ]
            shots = [*bookings[: MENTEES // 2], close, *bookings[MENTEES // 2 :]]

            statuses = [hit.status for hit in fire(url, shots)]

            closed = statuses.pop(MENTEES // 2)
            assert closed in (200, 409), closed
            assert set(statuses) <= {201, 422}, statuses
            booked = Session.objects.filter(mentor=mentor, status__in=Session.LIVE).count()
            assert booked == statuses.count(201)
            assert (closed == 409) == (booked > 0)
            assert displaced.displaced_sessions(mentor=mentor, now=timezone.now()) == []
            seen.add(closed)
            Session.objects.filter(mentor=mentor).update(status="cancelled")
    assert seen
