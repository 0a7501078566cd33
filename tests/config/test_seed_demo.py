from __future__ import annotations

import io
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from allauth.account.models import EmailAddress
from django.core.management import CommandError, call_command
from django.db.models import Count, F
from django.test import Client
from django.utils import timezone

from accounts.models import ProgramSettings, User
from accounts.roles import PROGRAM_MANAGERS
from content.models import HelpPrompt, MessageTemplate
from matching.models import MatchImpression, MatchRequest, MentorEmbedding, MentorIndex
from mentors.models import Expertise, Mentee, Mentor, SavedMentor
from sessions_app import selectors
from sessions_app.models import (
    AvailabilityWindow,
    Feedback,
    Meeting,
    MentorOpening,
    Notification,
    Session,
    SessionEvent,
    WeeklyHours,
)

pytestmark = pytest.mark.django_db
EVERYTHING = (
    User, EmailAddress, Mentor, Mentee, Expertise, WeeklyHours, AvailabilityWindow, Meeting,
    Session, SessionEvent, Feedback, SavedMentor, HelpPrompt, MessageTemplate, ProgramSettings, MentorEmbedding,
    MatchRequest, MatchImpression,
)  # fmt: skip
BOBS_QUESTION = "we are raising our first institutional round and need help with investor intros"


@pytest.fixture(autouse=True)
def _laptop(settings):
    settings.DEBUG = True
    settings.SITE_URL = "http://127.0.0.1:8000"


def seed(*args: str) -> str:
    out = io.StringIO()
    call_command("seed_demo", *args, stdout=out)
    return out.getvalue()


def counts() -> dict[str, int]:
    return {model.__name__: model.objects.count() for model in EVERYTHING}


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("DEBUG", False, "DEBUG is off"),
        ("SITE_URL", "https://hours.example.org", "SITE_URL is https://hours.example.org"),
        ("AIRTABLE_API_KEY", "patReal", "a real base is connected (https://api.airtable.com)"),
    ],
)
def test_it_refuses_outside_a_demo(settings, setting, value, said):
    setattr(settings, setting, value)
    with pytest.raises(CommandError) as refusal:
        seed("--no-embed")
    assert said in str(refusal.value)
    assert refusal.value.returncode == 1
    assert not User.objects.exists()


def test_a_base_on_this_machine_is_fine(settings):
    settings.AIRTABLE_API_KEY, settings.AIRTABLE_API_URL = "patSandbox", "http://127.0.0.1:9999"
    seed("--no-embed")
    assert Mentor.objects.exists()


def test_a_second_run_changes_nothing():
    assert "added" in seed()
    before = counts()
    openings = list(MentorOpening.objects.order_by("pk").values_list("pk", "generation"))
    assert "nothing was missing" in seed()
    assert counts() == before
    assert list(MentorOpening.objects.order_by("pk").values_list("pk", "generation")) == openings


def test_who_met_found_one_another_in_a_list_and_some_asked_and_left_it_at_that():
    seed()
    now, asked = timezone.now(), MatchRequest.objects.all()
    assert not asked.filter(created_at__gt=now).exists()
    assert asked.filter(created_at__gt=now - timedelta(days=29)).count() == len(asked)
    found = Session.objects.filter(match_request__isnull=False)
    assert 0 < found.count() < len(asked)
    for session in found:
        opened = MatchImpression.objects.get(
            request=session.match_request, mentor=session.mentor_id
        )
        assert opened.clicked_at < session.created_at
        assert opened.request.created_at < opened.clicked_at
        assert (opened.request.user, opened.request.query) == (session.mentee.user, session.goal)
    # What was free when this was made was not so when it was asked.
    told = {row["code"] for reasons in _reasons() for row in reasons}
    assert told
    assert not told & {"next_slot", "room"}


def _reasons():
    return MatchImpression.objects.values_list("reasons", flat=True)


def test_people_are_complete():
    seed("--no-embed")
    assert Mentor.objects.count() == 83
    assert Mentee.objects.count() == 40
    assert not Mentor.objects.filter(consent_at=None).exists()
    assert not Mentee.objects.filter(consent_at=None).exists()
    assert not User.objects.exclude(emailaddress__verified=True).exists()
    carol = User.objects.get(email="carol@example.com")
    assert carol.role == User.Role.PM
    assert not carol.is_superuser
    assert carol.groups.filter(name=PROGRAM_MANAGERS).exists()
    assert HelpPrompt.objects.count() == 14
    assert MessageTemplate.objects.count() == 2
    assert ProgramSettings.objects.get().name
    assert SavedMentor.objects.filter(mentee__user__email="alice@example.com").count() == 3


@pytest.mark.parametrize("name", ["alice", "bob", "carol"])
def test_the_demo_people_can_sign_in(name):
    seed("--no-embed")
    browser = Client()
    answer = browser.post(
        "/accounts/login/", {"login": f"{name}@example.com", "password": "officehours-demo"}
    )
    assert answer.status_code == 302
    assert User.objects.get(pk=browser.session["_auth_user_id"]).email == f"{name}@example.com"


def test_there_is_a_history_and_it_is_consistent():
    seed("--no-embed")
    now = timezone.now()
    past = Session.objects.filter(ends_at__lte=now)
    status = Counter(past.values_list("status", flat=True))
    assert 140 <= past.count() <= 150
    assert status["completed"] > 110
    assert status["no_show"] > 0
    assert status["cancelled"] > 0
    assert set(status) == {"completed", "no_show", "cancelled"}
    assert past.earliest("starts_at").starts_at > now - timedelta(weeks=8, days=1)
    rated = past.filter(status="completed", feedback__side="mentee").distinct().count()
    assert rated / status["completed"] == pytest.approx(0.7, abs=0.03)
    assert not Feedback.objects.exclude(session__status="completed").exists()
    assert not Feedback.objects.filter(submitted_at__gt=now).exists()
    comments = Feedback.objects.exclude(comment="").values_list("comment", flat=True)
    assert len(set(comments)) == len(comments) > 40
    # Everyone's last event says how it stands, and a past meeting holds nobody's hour.
    for session in Session.objects.prefetch_related("events"):
        assert max(session.events.all(), key=lambda event: event.at).to_status == session.status
    assert not Meeting.objects.filter(live=True, ends_at__lte=now).exists()
    assert not SessionEvent.objects.filter(at__gt=now).exists()
    assert not Session.objects.exclude(
        meeting__window__starts_at__lte=F("starts_at"), meeting__window__ends_at__gte=F("ends_at")
    ).exists()


def test_no_mentor_was_booked_beyond_their_cap():
    seed("--no-embed")
    weeks = Counter()
    for session in Session.objects.exclude(status="cancelled").select_related("mentor__user"):
        local = session.starts_at.astimezone(session.mentor.user.zone).date()
        weeks[session.mentor, local - timedelta(days=local.weekday())] += 1
    assert all(held <= mentor.weekly_load_cap for (mentor, _week), held in weeks.items())


def test_what_is_next_for_alice_and_bob():
    seed("--no-embed")
    now = timezone.now()
    alice, bob = (User.objects.get(email=f"{name}@example.com") for name in ("alice", "bob"))
    assert selectors.upcoming(alice, now=now).count() == 1
    assert selectors.past(alice, now=now).count() == 2
    assert Feedback.objects.filter(session__mentee__user=alice, side="mentee").count() == 1
    assert selectors.upcoming(bob, now=now).count() == 2
    slots = selectors.open_slots(
        mentor_ids=[bob.mentor.pk],
        viewer=alice.mentee,
        first=now,
        last=now + timedelta(days=8),
        now=now,
    )
    assert slots[bob.mentor.pk]
    assert (
        MentorOpening.objects.get(mentor=bob.mentor).next_start == slots[bob.mentor.pk][0].starts_at
    )


def test_nobody_gets_a_mail():
    seed("--no-embed")
    assert not Notification.objects.exists()


def test_bob_is_found_for_his_question():
    from matching import services

    seed()
    alice = User.objects.get(email="alice@example.com")
    answer = services.match(
        user=alice, query=BOBS_QUESTION, filters=services.Filters(), limit=10, now=timezone.now()
    )
    assert "bob@example.com" in [match.mentor.user.email for match in answer.matches]


def test_what_people_changed_is_kept():
    seed("--no-embed")
    bob = Mentor.objects.get(user__email="bob@example.com")
    bob.headline, bob.weekly_load_cap = "On holiday", 1
    bob.save()
    bob.expertise.first().delete()
    User.objects.filter(email="ingrid.solheim@example.com").update(email="ingrid@example.org")
    window = bob.windows.filter(starts_at__gt=timezone.now(), meetings=None).latest("starts_at")
    AvailabilityWindow.objects.filter(pk=window.pk).update(is_active=False)
    bob.windows.filter(starts_at__gt=timezone.now(), meetings=None).earliest("starts_at").delete()
    before = counts()

    seed("--no-embed")

    bob.refresh_from_db()
    assert (bob.headline, bob.weekly_load_cap) == ("On holiday", 1)
    assert counts() == before


def test_hours_are_topped_up(time_machine):
    time_machine.move_to(datetime(2026, 3, 4, 12, tzinfo=UTC))
    seed("--no-embed")
    per_mentor = dict(
        AvailabilityWindow.objects.values_list("mentor").annotate(Count("id")).order_by()
    )
    # Over the change of the clocks in Europe.
    time_machine.move_to(datetime(2026, 4, 8, 12, tzinfo=UTC))
    assert "hours" in seed("--no-embed")
    now = timezone.now()
    for mentor in Mentor.objects.annotate(n=Count("windows")).select_related("user"):
        assert mentor.n > per_mentor[mentor.pk]
        last = mentor.windows.latest("starts_at").starts_at
        assert now + timedelta(days=20) < last < now + timedelta(days=32)
    bob = Mentor.objects.get(user__email="bob@example.com")
    local = {w.starts_at.astimezone(bob.user.zone).strftime("%a %H:%M") for w in bob.windows.all()}
    assert local == {"Tue 14:00", "Thu 09:30"}


def test_synthetic_mentors_come_and_go():
    seed()
    real = counts()
    assert "Added 30 synthetic mentors in" in seed("--mentors", "30")
    synthetic = Mentor.objects.filter(is_synthetic=True)
    assert synthetic.count() == 30
    person = User.objects.get(email="load-1@example.com")
    assert not person.has_usable_password()
    assert synthetic.values("headline").distinct().count() > 20
    assert not synthetic.filter(windows=None).exists()
    assert not synthetic.filter(expertise=None).exists()
    assert not synthetic.filter(word_index=None).exists()
    assert MentorIndex.objects.filter(mentor__is_synthetic=True).count() == 30

    assert "Added 10 synthetic mentors" in seed("--mentors", "40")
    assert synthetic.count() == 40
    assert "There are 40 synthetic mentors already." in seed("--mentors", "35")

    assert "Removed 40 synthetic mentors" in seed("--mentors", "0")
    assert counts() == real


def test_synthetic_vectors_are_unit_and_current():
    from matching import embeddings, selectors as matching

    seed("--mentors", "10")
    assert matching.stale_mentors(embeddings.backend().model_id, 100) == []
    for vector in MentorEmbedding.objects.filter(mentor__is_synthetic=True).values_list(
        "vector", flat=True
    ):
        assert sum(float(x) ** 2 for x in vector) == pytest.approx(1, abs=1e-4)


def test_openings_of_synthetic_mentors_are_what_the_rule_engine_finds():
    from sessions_app.services import refresh_openings

    seed("--mentors", "25", "--no-embed")
    found = MentorOpening.objects.filter(mentor__is_synthetic=True).order_by("pk")
    columns = ("pk", "next_start", "free_7d", "free_14d")
    quick = list(found.values_list(*columns))
    assert len(quick) == 25
    now = found[0].computed_at
    MentorOpening.objects.update(generation=F("generation") + 1)
    refresh_openings(now=now)
    assert list(found.values_list(*columns)) == quick


def test_synthetic_mentors_leave_no_work_for_airtable():
    from sync.models import OutboxRow

    seed("--no-embed")
    before = OutboxRow.objects.count()
    seed("--no-embed", "--mentors", "5")
    assert OutboxRow.objects.count() == before


def test_a_synthetic_mentor_with_bookings_goes_too():
    seed("--no-embed", "--mentors", "3")
    mentor = Mentor.objects.filter(is_synthetic=True).first()
    window = mentor.windows.first()
    meeting = Meeting.objects.create(
        mentor=mentor, window=window, starts_at=window.starts_at, ends_at=window.ends_at
    )
    session = Session.objects.create(
        meeting=meeting,
        mentor=mentor,
        mentee=Mentee.objects.get(user__email="alice@example.com"),
        starts_at=window.starts_at,
        ends_at=window.ends_at,
    )
    SessionEvent.objects.create(session=session, at=timezone.now(), to_status="booked")
    seed("--no-embed", "--mentors", "0")
    assert not Session.objects.filter(pk=session.pk).exists()
    assert not User.objects.filter(email__startswith="load-").exists()


@pytest.mark.parametrize("number", ["-1", "100001"])
def test_a_number_out_of_range_is_refused(number):
    with pytest.raises(CommandError, match="0 to 100,000"):
        seed("--mentors", number)
