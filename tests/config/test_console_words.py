"""Schedules in plain words, how far the search knows the mentors, and what program managers may do."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from accounts.models import User
from config.celery import SCHEDULE
from config.console.schedules import WHAT, every
from matching import embeddings
from matching.models import MentorIndex
from matching.services import embed_stale
from mentors.models import Mentor
from tests import people
from tests.config.console import console
from tests.factories import MentorFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def carol():
    return console(people.carol())


def text_of(answer) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.content.decode())).split())


# -- Schedules ---------------------------------------------------------------------------------
def test_every_schedule_of_ours_says_what_it_is_for():
    assert {task for task, _seconds in SCHEDULE.values()} == set(WHAT)


@pytest.mark.parametrize(
    ("count", "period", "words"),
    [
        (1, "seconds", "Every second"), (10, "seconds", "Every 10 seconds"),
        (60, "seconds", "Every minute"), (600, "seconds", "Every 10 minutes"),
        (90, "seconds", "Every 90 seconds"), (3600, "seconds", "Every hour"),
        (86_400, "seconds", "Every day"), (48, "hours", "Every 2 days"),
        (5, "microseconds", "Every 5 microseconds"),
    ],
)  # fmt: skip
def test_how_often_is_said_as_people_say_it(count, period, words):
    assert every(count, period) == words


def test_the_schedules_say_what_runs_and_what_does_not(carol):
    PeriodicTask.objects.all().update(last_run_at=timezone.now())
    PeriodicTask.objects.filter(name="Send invitations").update(
        last_run_at=timezone.now() - timedelta(days=3)
    )
    PeriodicTask.objects.filter(name="Refresh openings").update(enabled=False)
    page = text_of(carol.get("/admin/django_celery_beat/periodictask/"))
    assert re.search(
        r"Send invitations People who came from Airtable are invited\. Every 10 seconds 3 days ago Does not run",
        page,
    )
    assert re.search(r"Refresh openings Lists know .{20,60} Every 5 seconds Just now Off", page)
    assert re.search(r"Forget old changes .{20,80} Every day Just now Runs", page)


# -- The search's indexes ----------------------------------------------------------------------
def test_how_far_the_search_knows_the_mentors(carol):
    for name in ("Ann", "Ben", "Cem"):
        MentorFactory(user__name=name, headline=f"{name} knows sales")
    MentorFactory(is_active=False)
    embed_stale(limit=100, now=timezone.now())
    model = embeddings.backend().model_id
    page = "/admin/matching/mentorembedding/"
    before = text_of(carol.get(page))
    assert "By their words 100 % all 3 active mentors" in before
    assert f"{model} 100 % all 3 active mentors" in before
    Mentor.objects.filter(user__name="Ann").update(headline="Something else")
    User.objects.filter(name="Ben").update(name="Benjamin")
    MentorIndex.objects.filter(mentor__user__name="Cem").update(model_id="old:model")
    after = text_of(carol.get(page))
    assert "By their words 33 % 1 of 3, 2 wait" in after
    assert f"{model} 33 % 1 of 3, 2 wait" in after
    assert "old:model kept, not in use 33 % 1 of 3, 2 wait" in after


# -- What program managers may do --------------------------------------------------------------
def test_managers_have_no_right_to_what_is_administrators_business():
    carol = people.carol()
    assert not carol.is_superuser
    for right in (
        "auth.change_group", "auth.view_group", "accounts.delete_user", "mentors.delete_mentor",
        "sessions_app.delete_session", "sessions_app.delete_feedback", "matching.change_matchrequest",
        "matching.delete_matchfeedback", "matching.add_modeluse", "django_celery_beat.add_periodictask",
        "mfa.view_authenticator", "account.change_emailaddress", "accounts.change_auditentry",
    ):  # fmt: skip
        assert not carol.has_perm(right), right
    for right in (
        "mentors.change_mentor", "sessions_app.add_session", "content.delete_helpprompt",
        "matching.view_matchrequest", "matching.delete_savedquery", "analytics.view_refresh",
    ):  # fmt: skip
        assert carol.has_perm(right), right


def test_what_goes_with_a_deletion_is_said_before_it_is_done(carol):
    from content.models import HelpPrompt

    prompt = HelpPrompt.objects.create(category="Booking", topic="Moving", response="…")
    url = f"/admin/content/helpprompt/{prompt.pk}/delete/"
    assert "Moving" in text_of(carol.get(url))
    assert HelpPrompt.objects.exists()
    carol.post(url, {"post": "yes"})
    assert not HelpPrompt.objects.exists()


def test_the_preview_begins_with_the_words_that_the_form_begins_with(carol):
    page = carol.get("/admin/content/messagetemplate/add/?name=Session%20booked&_popup=1")
    source = unescape(re.search(r'<iframe[^>]+src="([^"]+)"', page.content.decode())[1])
    shown = text_of(carol.get(source))
    assert "Booked:" in shown
    assert "our own go out" not in shown
