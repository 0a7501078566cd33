"""What the figures say of a past that is known."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from django.utils import timezone

from accounts.models import User
from analytics import selectors, services, speed, tasks
from analytics.models import KeptMeasure, MentorFigures, Refresh
from mentors.models import Mentee, Mentor
from sessions_app.models import BusyTime, Feedback, Notification
from sync.models import BaseBinding, SyncLag
from sync.people_models import Invitation
from tests import people
from tests.analytics.program import DAY, NOW, asked, rated, refreshed, session, window
from tests.factories import MenteeFactory, MentorFactory

pytestmark = pytest.mark.django_db
LONG_AGO = NOW - timedelta(days=400)


def standing(refresh, name):
    return next(one for one in selectors.standings(refresh) if one.measure.name == name)


def value(refresh, name):
    return standing(refresh, name).value


def joined_long_ago():
    for model in (Mentor, Mentee):
        model.objects.update(created_at=LONG_AGO)


# -- Measures of success -----------------------------------------------------------------------
def test_mentors_in_use_are_those_who_offered_hours_and_had_a_session():
    used, unused, resting, left, suspended = (MentorFactory() for _ in range(5))
    alice = MenteeFactory()
    for mentor in (used, unused, left, suspended):
        window(mentor, 10)
    session(used, alice, 10)
    session(unused, alice, 9, "cancelled")
    session(resting, alice, 8)
    Mentor.objects.filter(pk=left.pk).update(is_active=False)
    User.objects.filter(pk=suspended.user_id).update(status="suspended")
    found = standing(refreshed(), "utilization")
    assert (found.value, found.now.sample) == (0.5, 2)
    assert found.meets is False


def test_a_point_of_the_trend_is_what_was_seen_that_week():
    bob, alice = MentorFactory(), MenteeFactory()
    window(bob, 50)
    window(bob, 3)
    session(bob, alice, 50)
    found = standing(refreshed(), "utilization")
    today = NOW.date()
    # 50 days ago lies in the period of the points of 28 (day 28 to 56), 35, 42 and 49 days ago.
    assert {p.day: p.value for p in found.points} == {
        today: 0.0,
        **{today - timedelta(days=ago): 1.0 for ago in (28, 35, 42, 49)},
    }
    assert found.change == -1.0


def test_the_rating_is_the_mentees_mean_of_28_days():
    bob, alice = MentorFactory(), MenteeFactory()
    rated(session(bob, alice, 2), 5)
    rated(session(bob, alice, 20), 4)
    rated(session(bob, alice, 40), 1)
    rated(session(bob, alice, 5), 1, side="mentor")
    assert value(refreshed(), "rating") == 4.5


def test_growth_is_against_half_a_year_before():
    bob, alice = MentorFactory(), MenteeFactory()
    for days in (1, 5, 9):
        session(bob, alice, days, created_at=NOW - timedelta(days=days))
    session(bob, alice, 2, "cancelled")
    for days in (183, 190):
        session(bob, alice, days, created_at=NOW - timedelta(days=days))
    found = standing(refreshed(), "growth")
    assert (found.value, found.now.sample, found.meets) == (0.5, 3, True)


def test_who_takes_part_in_a_quarter():
    bob, idle, gone = MentorFactory(), MentorFactory(), MentorFactory(is_active=False)
    alice, asks, silent = MenteeFactory(), MenteeFactory(), MenteeFactory()
    joined_long_ago()
    newcomer = MenteeFactory()
    Mentee.objects.filter(pk=newcomer.pk).update(created_at=NOW + DAY)
    session(bob, alice, 80)
    session(idle, silent, 100)
    session(gone, alice, 5)
    asked(asks, 3)
    refresh = refreshed()
    assert value(refresh, "mentors_active") == 0.5
    assert value(refresh, "mentees_active") == pytest.approx(2 / 3)


def test_an_even_load_is_0_and_one_area_with_everything_nears_1():
    sales, legal = MentorFactory(areas=["Sales"]), MentorFactory(areas=["Legal"])
    for mentor in (sales, legal):
        window(mentor, 3)
    session(sales, MenteeFactory(), 3)
    assert value(refreshed(), "unevenness") == 0.5  # of two, the most there is
    session(legal, MenteeFactory(), 3)
    assert value(refreshed(), "unevenness") == 0.0


def test_rated_in_time_leaves_out_what_may_still_be_rated():
    bob, alice = MentorFactory(), MenteeFactory()
    rated(session(bob, alice, 5), 5, hours_after=47)
    rated(session(bob, alice, 6), 5, hours_after=49)
    session(bob, alice, 7)
    session(bob, alice, 1)
    found = standing(refreshed(), "rated_in_time")
    assert found.value == pytest.approx(1 / 3)
    assert found.now.sample == 3


def test_no_shows_are_of_what_was_to_take_place():
    bob, alice = MentorFactory(), MenteeFactory()
    session(bob, alice, 5)
    session(bob, alice, 6, "no_show")
    session(bob, alice, 7, "cancelled")
    assert value(refreshed(), "no_shows") == 0.5


def test_bookings_of_what_was_possible():
    bob = MentorFactory(weekly_load_cap=5)
    window(bob, 3)
    alice, asks_twice, asks_and_books = MenteeFactory(), MenteeFactory(), MenteeFactory()
    session(bob, alice, 3, created_at=NOW - 4 * DAY)
    session(bob, asks_and_books, 2.9, created_at=NOW - 4 * DAY)
    asked(asks_and_books, 4)
    asked(asks_twice, 4)
    asked(asks_twice, 5)
    # Demand 3 (two booked, one asked in vain), room 4.
    assert value(refreshed(), "possible") == pytest.approx(2 / 3)


def test_the_confirmation_that_was_not_sent_yet_counts_as_long_as_it_waits():
    bob, alice = MentorFactory(), MenteeFactory()
    held = session(bob, alice, 2)
    common = {"session": held, "recipient": alice.user, "kind": "booked"}
    for version in range(1, 11):
        made = NOW - timedelta(days=1, seconds=version)
        sent = Notification.objects.create(
            **common, version=version, state="sent", sent_at=made + timedelta(seconds=4)
        )
        Notification.objects.filter(pk=sent.pk).update(created_at=made)
    assert value(refreshed(), "confirmation") == pytest.approx(4)
    late = Notification.objects.create(**common, version=11, state="due")
    Notification.objects.filter(pk=late.pk).update(created_at=NOW - timedelta(hours=1))
    found = standing(refreshed(), "confirmation")
    assert found.value > 1000
    assert found.meets is False


def test_people_of_airtable_but_not_those_of_the_first_load():
    BaseBinding.objects.create(base_id="app1", deployment_id="here", bound_at=NOW - 9 * DAY)
    for appeared, took in ((20 * DAY, 3600), (2 * DAY, 5), (1 * DAY, 7)):
        person = MenteeFactory().user
        Invitation.objects.create(
            user=person,
            subject="mentee",
            appeared_at=NOW - appeared,
            admitted_at=NOW - appeared + timedelta(seconds=took) if took < 3600 else NOW - 8 * DAY,
        )
    refresh = refreshed()
    assert value(refresh, "newcomer_95") == pytest.approx(6.9)
    assert value(refresh, "newcomer_99") == pytest.approx(6.98)


def test_there_are_no_double_bookings():
    bob, alice = MentorFactory(), MenteeFactory()
    session(bob, alice, -1, "booked")
    found = standing(refreshed(), "double_bookings")
    assert (found.value, found.meets) == (0, True)


def test_matches_are_timed():
    alice = MenteeFactory()
    for took in [40] * 19 + [140]:
        asked(alice, 1, took_ms=took)
    assert value(refreshed(), "match") == pytest.approx(45)


def test_what_is_forgotten_after_a_day_is_kept_with_its_day():
    SyncLag.objects.create(direction="in", seconds=4, at=NOW - timedelta(hours=1))
    SyncLag.objects.create(direction="out", seconds=90, at=NOW - timedelta(hours=1))
    KeptMeasure.objects.create(name="airtable_edit", day=date(2026, 11, 20), value=12, sample=3)
    found = standing(refreshed(), "airtable_edit")
    assert found.value == 4
    assert next((p.day, p.value) for p in found.points) == (date(2026, 11, 20), 12)
    SyncLag.objects.all().delete()
    SyncLag.objects.create(direction="in", seconds=5, at=NOW - timedelta(hours=1))
    assert value(refreshed(), "airtable_edit") == 5  # the same day's, taken again
    assert KeptMeasure.objects.filter(name="airtable_edit").count() == 2


def test_api_requests_are_timed_and_pages_are_not(client):
    browser = people.api(people.alice())
    now = timezone.now()
    speed.add()
    before = speed.percentile(0.95, now=now)[1]
    browser.get("/api/profiles/me")
    client.get("/healthz")
    speed.add()
    below, seen = speed.percentile(0.95, now=now)
    assert seen == before + 1
    assert below > 0
    refresh = refreshed(now)
    assert standing(refresh, "api").now.sample == seen


# -- Per mentor, per area ----------------------------------------------------------------------
def test_a_mentors_room_is_what_can_be_booked_one_after_the_other():
    bob = MentorFactory(
        session_minutes=30, buffer_before_minutes=5, buffer_after_minutes=15, weekly_load_cap=50
    )
    window(bob, 5, hours=2, capacity=2)  # 0:00 and 1:00, on the half hour with 15 minutes between
    window(bob, 6, hours=0.25)
    away = window(bob, 7, hours=4)
    BusyTime.objects.create(
        mentor=bob, starts_at=away.starts_at + timedelta(hours=1), ends_at=away.ends_at + DAY
    )
    window(bob, 8, is_active=False)
    window(bob, 40)
    figures = MentorFigures.objects.get(refresh=refreshed())
    assert (figures.offered, figures.room) == (2 * 2 + 1, 5)


def test_nobody_has_more_room_than_their_cap():
    bob, alice = MentorFactory(weekly_load_cap=1, session_minutes=30), MenteeFactory()
    window(bob, 5, hours=8)
    session(bob, alice, 5)
    session(bob, alice, 12)
    session(bob, alice, 13, "no_show")
    rated(session(bob, alice, 14, "cancelled"), 3)
    figures = MentorFigures.objects.get(refresh=refreshed())
    assert (figures.offered, figures.room, figures.booked) == (16, 4, 3)
    assert (figures.completed, figures.no_shows) == (2, 1)
    assert figures.utilization == 0.75
    assert (figures.rating, figures.ratings) == (3, 1)


def test_a_mentor_of_two_areas_counts_in_each():
    both = MentorFactory(areas=["Sales", "Legal"])
    sales, idle = MentorFactory(areas=["Sales"]), MentorFactory(areas=["Idle"])
    for mentor in (both, sales):
        window(mentor, 5)
    session(both, MenteeFactory(), 5)
    areas = {row.area: row for row in selectors.areas(refreshed())}
    assert areas["Idle"].utilization is None
    assert (areas["Sales"].mentors, areas["Sales"].mentors_booked) == (2, 1)
    assert MentorFigures.objects.get(mentor=idle).utilization is None  # not "fully booked"
    assert (areas["Legal"].room, areas["Legal"].booked, areas["Legal"].utilization) == (4, 1, 0.25)


# -- By day, by week ---------------------------------------------------------------------------
def test_days_of_sessions_and_of_matches():
    bob, alice, mallory = MentorFactory(), MenteeFactory(), MenteeFactory()
    first = asked(alice, 2, bob, MentorFactory(), opened=True, took_ms=10)
    asked(mallory, 2, bob, took_ms=30)
    asked(mallory, 2)
    session(bob, alice, 1, match_request=first.pk, created_at=NOW - 2 * DAY)
    session(bob, mallory, 1.2, "no_show", created_at=NOW - 2 * DAY)
    session(bob, mallory, 1.3, "cancelled", created_at=NOW - 2 * DAY)
    refresh = refreshed()
    made, held = list(selectors.session_days(refresh))[-3:-1]
    assert (made.day, made.made, made.completed) == (date(2026, 11, 25), 2, 0)
    assert (held.completed, held.no_shows, held.cancelled) == (1, 1, 1)
    assert (held.mentors, held.mentees) == (1, 2)
    day = list(selectors.match_days(refresh))[-3]
    assert (day.requests, day.people, day.answered, day.opened, day.booked) == (3, 2, 2, 1, 1)
    assert day.best_score == 80
    assert len(selectors.match_days(refresh)) == 182  # also days on which nobody asked


def test_weeks_of_feedback_begin_on_monday_and_each_side_has_its_own():
    bob, alice = MentorFactory(), MenteeFactory()
    monday = (NOW - datetime(2026, 11, 23, 0, tzinfo=UTC)) / DAY
    rated(session(bob, alice, monday), 4, goals_achieved=True, helpfulness=5)
    session(bob, alice, monday - 1)
    session(bob, alice, monday + 0.1)  # Sunday
    rows = {(r.week, r.side): r for r in selectors.feedback_weeks(refreshed())}
    week = rows[date(2026, 11, 23), "mentee"]
    assert (week.completed, week.given, week.in_time) == (2, 1, 1)
    assert (week.overall, week.helpfulness, week.goals_achieved) == (4, 5, 1)
    assert rows[date(2026, 11, 23), "mentor"].given == 0
    assert rows[date(2026, 11, 16), "mentee"].completed == 1


# -- When and how ------------------------------------------------------------------------------
def test_the_command_computes_and_says_so():
    said = StringIO()
    call_command("refresh_analytics", stdout=said)
    assert "Done in" in said.getvalue()
    assert selectors.latest() is not None


def test_the_task_computes_once_a_night_and_whenever_somebody_asks():
    tasks.refresh()
    tasks.refresh()
    assert Refresh.objects.count() == 1
    carol = people.carol()
    services.order(by=carol, now=timezone.now())
    services.order(by=carol, now=timezone.now())
    assert selectors.underway().asked_by == carol
    tasks.refresh()
    assert Refresh.objects.count() == 2
    assert selectors.underway() is None


def test_a_night_is_due_at_four_and_a_missed_one_is_made_up_for():
    def ordered(hour):
        services.order_if_due(now=datetime(2026, 11, 27, hour, tzinfo=UTC))
        return Refresh.objects.count()

    Refresh.objects.create(asked_at=datetime(2026, 11, 26, 5, tzinfo=UTC), ended_at=NOW, as_of=NOW)
    assert [ordered(3), ordered(4), ordered(5)] == [1, 2, 2]


def test_two_workers_do_not_compute_at_once():
    services.order(by=None, now=NOW)
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(hashtext('analytics'), 0)")
            assert services.carry_out(clock=lambda: NOW) is None
            with pytest.raises(CommandError, match="Another process"):
                call_command("refresh_analytics")
    finally:
        other.close()
    assert services.carry_out(clock=lambda: NOW) is not None


def test_the_last_two_are_kept():
    seen = [refreshed(NOW + n * DAY).pk for n in range(4)]
    assert sorted(Refresh.objects.values_list("pk", flat=True)) == seen[-2:]


def test_what_fails_is_written_down_and_the_figures_of_before_stay():
    MentorFactory()
    good = refreshed()
    services.order(by=None, now=NOW)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE analytics_areafigures RENAME TO away")
    with pytest.raises(DatabaseError):
        services.carry_out(clock=lambda: NOW)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE away RENAME TO analytics_areafigures")
    failed = Refresh.objects.exclude(error="").get()
    assert "areafigures" in failed.error
    assert selectors.latest() == good
    assert MentorFigures.objects.count() == 1  # what was computed before it failed is gone again
    # Not at once again, but within the hour.
    services.order_if_due(now=NOW + timedelta(minutes=59))
    assert selectors.underway() is None
    Refresh.objects.filter(pk=good.pk).update(asked_at=NOW - 2 * DAY)
    services.order_if_due(now=NOW + timedelta(minutes=61))
    assert selectors.underway() is not None


def test_an_empty_program_has_figures_too():
    refresh = refreshed()
    assert standing(refresh, "utilization").value is None
    assert standing(refresh, "utilization").meets is None
    assert not Feedback.objects.exists()
    assert len(selectors.session_days(refresh)) == 182
