"""The console's first page: four questions, answered, and what each answer leads to."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from analytics import services as analytics
from config.console.attention import QUESTIONS, late_schedules
from matching.models import MatchImpression, MatchRequest, MentorIndex
from mentors.models import Mentor
from sessions_app.models import (
    AvailabilityWindow,
    BusyTime,
    Feedback,
    Meeting,
    MentorOpening,
    MessagePreferences,
    Notification,
    Session,
)
from sessions_app.selectors import attention, displaced
from sync import guard
from sync.models import OutboxRow, SyncConflict, WebhookRegistration
from tests import people
from tests.config.console import HOUR, TOMORROW, booked, console, window
from tests.factories import MenteeFactory, MentorFactory

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _nothing_kept():
    cache.clear()


@pytest.fixture
def carol():
    """Carol's browser, in which she was seen already."""
    browser = console(people.carol())
    browser.get("/admin/everything/")
    return browser


def text_of(answer) -> str:
    """What stands on the page, in one line."""
    page = answer.content.decode().partition('class="home"')[2]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def compute() -> None:
    analytics.order(by=None, now=timezone.now())
    analytics.carry_out(clock=timezone.now)


def held(mentor, mentee, days_ago=3.0, status="completed", **more) -> Session:
    session = booked(mentor, mentee, timezone.now() - days_ago * DAY, status)
    Session.objects.filter(pk=session.pk).update(created_at=session.starts_at - HOUR, **more)
    return session


# -- The four answers --------------------------------------------------------------------------
def test_a_program_without_a_past_is_told_so(carol):
    page = text_of(carol.get("/admin/"))
    assert "Nothing. Enjoy the day." in page
    assert "is computed every night" in page
    assert "Sessions this week" in page


def test_how_mentors_are_used_and_how_good_matches_are(carol):
    now = timezone.now()
    used, idle = MentorFactory(areas=["Sales"]), MentorFactory(areas=["Legal"])
    for mentor in (used, idle):
        window(mentor, now - 3 * DAY)
    mentee = MenteeFactory()
    request = MatchRequest.objects.create(
        user=mentee.user, query="money", model_id="m", policy="p", took_ms=3, created_at=now - 4 * DAY
    )  # fmt: skip
    MatchRequest.objects.create(
        user=mentee.user, query="x", model_id="m", policy="p", took_ms=3, created_at=now - 4 * DAY
    )
    MatchImpression.objects.create(
        request=request, mentor=used, position=1, score=80, clicked_at=now
    )
    met = held(used, mentee, match_request=request.pk)
    Feedback.objects.create(session=met, side="mentee", overall=4)
    compute()

    answer = carol.get("/admin/")
    assert answer.context["use"].value == 0.5
    assert [(step.label, step.count, step.share) for step in answer.context["funnel"]] == [
        ("Asked", 2, ""),
        ("Answered with a mentor", 1, "50%"),
        ("Opened a mentor", 1, "100%"),
        ("Booked", 1, "100%"),
        ("Attended", 1, "100%"),
        ("Rated", 1, "100%"),
    ]
    page = text_of(answer)
    assert "50 % of 2 mentors who offered hours had a session in 28 days." in page
    assert re.search(r"Legal 0 % 0 of \d+ places Sales \d+ % 1 of", page)
    assert "4.0 of 5, by 1 rating" in page


def test_the_sessions_of_this_week_on_the_readers_clock():
    carol = people.carol(time_zone="Pacific/Auckland")
    now = timezone.now().astimezone(carol.zone)
    monday = (now - timedelta(days=now.weekday())).replace(hour=0, minute=0, second=0)
    for place, (starts_at, status) in enumerate([
        (monday - HOUR, "completed"), (monday + HOUR, "completed"), (monday + 2 * HOUR, "no_show"),
        (monday + 7 * DAY - HOUR, "booked"), (monday + 7 * DAY + HOUR, "booked"),
        (monday + 6 * DAY + 20 * HOUR, "pending"), (monday + 3 * HOUR, "cancelled"),
    ]):  # fmt: skip
        booked(MentorFactory(), MenteeFactory(company=str(place)), starts_at, status)
    week = console(carol).get("/admin/").context["week"]
    counted = {name: week[name] for name in ("held", "to_come", "no_shows", "waiting", "cancelled")}
    assert counted == {"held": 1, "to_come": 1, "no_shows": 1, "waiting": 1, "cancelled": 1}


# -- What needs somebody -----------------------------------------------------------------------
def _displaced():
    booked(MentorFactory(), MenteeFactory())


def _unanswered():
    session = booked(MentorFactory(), MenteeFactory(), status="pending")
    window(session.mentor)
    Session.objects.update(created_at=timezone.now() - timedelta(hours=25))


def _unreachable():
    bob = people.bob()
    MessagePreferences.objects.create(user=bob, bounced_email="Bob@example.com")


def _undelivered():
    bob = people.bob()
    session = held(bob.mentor, MenteeFactory())
    Notification.objects.create(
        session=session, recipient=bob, kind="booked", version=1, state="failed"
    )


def _refused():
    mentor = MentorFactory()
    OutboxRow.objects.update_or_create(
        subject="mentor", object_id=mentor.pk, defaults={"status": "dead"}
    )


def _conflict():
    SyncConflict.objects.create(
        subject="mentor", object_id=MentorFactory().pk, field="bio", winner="local"
    )


def _mentor(**more):
    """One of whom the search knows and who has hours, but for what is asked otherwise."""
    mentor = MentorFactory()
    if more.get("hours", True):
        window(mentor)
    MentorOpening.objects.filter(mentor=mentor).update(
        next_start=TOMORROW if more.get("hours", True) else None
    )
    if more.get("indexed", True):
        MentorIndex.objects.create(mentor=mentor, model_id=_model(), source_hash="x")
    return mentor


def _model() -> str:
    from matching import embeddings

    return embeddings.backend().model_id


def _unused():
    window(_mentor(), timezone.now() - 2 * DAY)
    compute()


def _low():
    session = held(MentorFactory(), MenteeFactory())
    Feedback.objects.create(session=session, side="mentee", overall=2)


def _late():
    task = PeriodicTask.objects.order_by("name").first()
    PeriodicTask.objects.filter(pk=task.pk).update(last_run_at=timezone.now() - 2 * DAY)


CASES = {
    "displaced": _displaced,
    "unanswered": _unanswered,
    "unreachable": _unreachable,
    "undelivered": _undelivered,
    "refused": _refused,
    "conflicts": _conflict,
    "hours": lambda: _mentor(hours=False),
    "unused": _unused,
    "unindexed": lambda: _mentor(indexed=False),
    "low": _low,
    "late": _late,
}


@pytest.mark.parametrize("name", [question.name for question in QUESTIONS])
def test_what_needs_somebody_is_counted_and_leads_to_just_these_rows(carol, name):
    before = {need.question.name for need in carol.get("/admin/").context["needs"]}
    assert name not in before
    CASES[name]()
    [need] = [one for one in carol.get("/admin/").context["needs"] if one.question.name == name]
    assert need.count == 1
    assert need.question.url in carol.get("/admin/").content.decode()
    shown = carol.get(need.question.url)
    assert shown.status_code == 200
    assert shown.context["cl"].result_count == 1


def test_nothing_is_asked_whose_list_may_not_be_opened(carol):
    _conflict()
    _displaced()
    group = Group.objects.get(name="Program managers")
    group.permissions.remove(*group.permissions.filter(content_type__app_label="sync"))
    answer = carol.get("/admin/")
    assert {need.question.name for need in answer.context["needs"]} >= {"displaced"}
    assert "conflicts" not in {need.question.name for need in answer.context["needs"]}
    assert "sync" not in answer.context
    assert "Airtable" not in text_of(answer)


def test_displaced_sessions_are_the_same_for_all_mentors_at_once_as_for_one_by_one():
    """`attention.displaced` says in SQL what `displaced.displaced_sessions` says in Python."""
    now = timezone.now()
    start = TOMORROW.replace(hour=10)

    def session(*hours, **more):
        """Of half an hour from the start, in a meeting of a mentor with these hours (minutes from the start)."""
        made = booked(MentorFactory(), MenteeFactory(), start)
        for first, last in hours:
            AvailabilityWindow.objects.create(
                mentor=made.mentor,
                starts_at=start + timedelta(minutes=first),
                ends_at=start + timedelta(minutes=last),
            )
        for name, value in more.items():
            setattr(made, name, value)
            made.save()
        return made

    def busy(made, uid="", first=10, last=40):
        BusyTime.objects.create(
            mentor=made.mentor, starts_at=start + timedelta(minutes=first),
            ends_at=start + timedelta(minutes=last), source="away", uid=uid,
        )  # fmt: skip

    session((0, 30))
    session((-30, 10), (10, 60))
    session((0, 29))
    session((0, 10), (11, 60))
    session()
    session(kept_at=now)
    session((0, 30), status="cancelled")
    busy(session((0, 30)))
    busy(session((0, 30)), first=30)
    closed = session((0, 30))
    AvailabilityWindow.objects.filter(mentor=closed.mentor).update(is_active=False)
    own = session((0, 30))
    busy(own, uid=own.ical_uid)
    Mentor.objects.filter(pk=session((0, 30)).mentor_id).update(is_active=False)
    suspended = session((0, 30)).mentor.user
    suspended.status = "suspended"
    suspended.save()
    for agreed in (f"{start:%Y-%m-%dT%H:%M}", f"{start + HOUR:%Y-%m-%dT%H:%M}"):
        made = session((0, 30))
        Meeting.objects.filter(pk=made.meeting_id).update(agreed_local=agreed, zone="UTC")

    one_by_one = {
        row.session.pk
        for mentor in Mentor.objects.select_related("user")
        for row in displaced.displaced_sessions(mentor=mentor, now=now)
    }
    assert len(one_by_one) == 8
    assert set(attention.displaced(now=now).values_list("pk", flat=True)) == one_by_one


@pytest.mark.parametrize(
    ("every", "period", "hours_ago", "is_late"),
    [
        (60, "seconds", 1, True), (86400, "seconds", 48, False), (86400, "seconds", 73, True),
        (1, "days", 48, False), (1, "days", 73, True), (366, "days", 48, False),
        (2_000_000_000, "microseconds", 1, False), (2_000_000_000, "microseconds", 2, True),
        (2, "hours", 6, False), (2, "hours", 7, True), (30, "minutes", 2, True),
    ],
)  # fmt: skip
def test_a_schedule_is_late_after_three_of_its_intervals(every, period, hours_ago, is_late):
    now = timezone.now()
    interval, _new = IntervalSchedule.objects.get_or_create(every=every, period=period)
    PeriodicTask.objects.all().update(last_run_at=now)
    task = PeriodicTask.objects.order_by("name").first()
    ago = now - timedelta(hours=hours_ago)
    PeriodicTask.objects.filter(pk=task.pk).update(interval=interval, last_run_at=ago)
    assert late_schedules(now).exists() == is_late
    PeriodicTask.objects.filter(pk=task.pk).update(enabled=False)
    assert not late_schedules(now).exists()


# -- Its price ---------------------------------------------------------------------------------
@pytest.fixture
def base(settings, tmp_path):
    """A base that this deployment is bound to and listens to."""
    settings.AIRTABLE_API_KEY, settings.AIRTABLE_BASE_ID = "patOfATest", "appOfATest"
    settings.VAR_DIR = tmp_path
    guard.bind(by="test")
    WebhookRegistration.objects.create(base_id="appOfATest", webhook_id="ach1")


@pytest.mark.parametrize("is_anew", [False, True])
def test_the_page_takes_fifteen_queries_at_most_whatever_there_is(carol, base, is_anew):
    counts = []
    for _ in range(2):
        for _ in range(10):
            mentor = MentorFactory(areas=["Sales", "Legal"])
            window(mentor, timezone.now() - 2 * DAY)
            booked(mentor, MenteeFactory())
        compute()
        carol.get("/admin/")
        if is_anew:
            cache.clear()
        with CaptureQueriesContext(connection) as queries:
            page = text_of(carol.get("/admin/"))
        assert "Airtable's changes" in page or "All is well" in page or "waits" in page
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 15
