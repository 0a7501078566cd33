"""A mentor's figures on their own pages are those that the program sees of them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from analytics.models import MentorFigures
from sessions_app.models import BusyTime
from sessions_app.selectors import loads
from tests.analytics.program import HOUR, NOW, refreshed, session, window
from tests.factories import MenteeFactory, MentorFactory

pytestmark = pytest.mark.django_db


def test_mentors_see_of_themselves_what_the_program_sees_of_them():
    careful = MentorFactory(buffer_after_minutes=20, start_step_minutes=15, weekly_load_cap=30)
    capped, idle = MentorFactory(weekly_load_cap=1), MentorFactory()
    away = window(careful, 3, hours=6)
    window(careful, 27.9, hours=3, capacity=3)
    window(careful, 5, is_active=False)
    window(careful, 29)
    BusyTime.objects.create(mentor=careful, starts_at=away.starts_at + HOUR, ends_at=NOW)
    window(capped, 6, hours=9)
    window(capped, -1)
    session(careful, MenteeFactory(), 3)
    session(careful, MenteeFactory(), 27.9, "no_show")
    session(capped, MenteeFactory(), 6, "cancelled")

    refresh = refreshed()
    seen = loads([careful.pk, capped.pk, idle.pk], now=NOW)

    for mentor in (careful, capped, idle):
        figures, load = MentorFigures.objects.get(refresh=refresh, mentor=mentor), seen[mentor.pk]
        assert (load.offered, load.places) == (figures.offered, figures.room), mentor
        assert (load.booked, load.share) == (figures.booked, figures.utilization), mentor
    # Half-hours begin every hour, because of the pause; and of six hours one was left.
    assert seen[careful.pk].offered == 1 + 3 * 3
    assert seen[capped.pk].places == 4


def test_others_busy_times_and_hours_are_not_looked_at():
    bob, eve = MentorFactory(), MentorFactory()
    window(bob, 2)
    window(eve, 2)
    BusyTime.objects.create(mentor=eve, starts_at=NOW - timedelta(days=9), ends_at=NOW)
    assert loads([bob.pk], now=NOW).keys() == {bob.pk}
    assert [load.offered for load in loads([bob.pk, eve.pk], now=NOW).values()].count(0) == 1
