"""What ends a kept answer: every change of what it was made of, whoever wrote it, and at no wrong moment."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.core.cache import cache
from django.db import connection
from django.utils import timezone

from accounts.models import ProgramSettings, User
from benchmarks.servers import ROOT, environment
from matching import services
from matching.models import Experiment, MatchPolicy, MatchRequest, MentorIndex, WordIndex
from matching.ranking import WEIGHTS
from matching.services import policies
from mentors.models import Block, Expertise, Mentee, Mentor
from sessions_app.models import AvailabilityWindow, BusyTime, Feedback, MentorOpening, Session
from sessions_app.services.openings import refresh_openings
from tests.factories import MenteeFactory, UserFactory
from tests.hours import open_window
from tests.line import book
from tests.matching.asking import ask, is_kept, names, said, sql
from tests.matching.experimenting import drafted, everybodys
from tests.matching.worlds import market
from tests.people import alice, carol, mallory

pytestmark = pytest.mark.django_db(transaction=True)


def _saved(people):
    people["ada"].headline = "Something else"
    people["ada"].save()


def _published(people):
    """A policy by which nothing but the words counts."""
    nothing = dict.fromkeys(WEIGHTS, 0)
    draft = MatchPolicy.objects.create(name="words", version=1, **nothing)
    by, now = User.objects.get(email="carol@example.com"), timezone.now()
    policies.publish(policy_id=draft.pk, by=by, now=now)


def _experiment(move):
    experiment, by = Experiment.objects.get(), User.objects.get(email="carol@example.com")
    move(experiment_id=experiment.pk, by=by, now=timezone.now())


def _rated(people):
    Feedback.objects.create(session=Session.objects.get(), side="mentee", overall=5)


# Every path that writes, and everything an answer is made of.
CHANGES = {
    "a profile saved": _saved,
    "profiles in bulk": lambda people: Mentor.objects.update(bio="I have changed my mind."),
    "a profile by SQL": lambda people: sql(
        "UPDATE mentors_mentor SET headline = 'Bakes' WHERE id = %s", people["ada"].pk
    ),
    "hidden from mentees": lambda people: Mentor.objects.filter(pk=people["ada"].pk).update(
        visibility="private"
    ),
    "a cap": lambda people: Mentor.objects.filter(pk=people["ada"].pk).update(weekly_load_cap=1),
    "notice": lambda people: Mentor.objects.filter(pk=people["ada"].pk).update(
        minimum_notice_minutes=60 * 24 * 20
    ),
    "renamed": lambda people: User.objects.filter(pk=people["ada"].user_id).update(name="Zoe"),
    "suspended": lambda people: User.objects.filter(pk=people["ada"].user_id).update(
        status="suspended"
    ),
    "expertise gained": lambda people: Expertise.objects.create(mentor=people["eva"], area="Sales"),
    "expertise changed": lambda people: Expertise.objects.update(weight=1),
    "expertise lost": lambda people: Expertise.objects.filter(mentor=people["ada"]).delete(),
    "kept apart": lambda people: Block.objects.create(
        mentor=people["ada"], mentee=Mentee.objects.get(user__email="alice@example.com"), kind="personal"
    ),
    "hours added": lambda people: open_window(people["ada"], days=6),
    "hours moved": lambda people: sql(
        "UPDATE sessions_app_availabilitywindow SET starts_at = starts_at + interval '30 minutes'"
        " WHERE mentor_id = %s", people["ada"].pk,
    ),
    "hours gone": lambda people: AvailabilityWindow.objects.filter(mentor=people["ada"]).delete(),
    "away": lambda people: BusyTime.objects.create(
        mentor=people["ada"],
        starts_at=timezone.now(),
        ends_at=timezone.now() + timedelta(days=9),
    ),
    "an opening was found": lambda people: refresh_openings(now=timezone.now()),
    "booked": lambda people: book(
        MenteeFactory.create().user, AvailabilityWindow.objects.get(mentor=people["ben"])
    ),
    "rated": _rated,
    "cancelled": lambda people: Session.objects.update(status="cancelled"),
    "indexed again": lambda people: MentorIndex.objects.filter(mentor=people["ada"]).delete(),
    "words counted again": lambda people: WordIndex.objects.filter(mentor=people["ben"]).update(
        length=200
    ),
    "an experiment begins": lambda people: _experiment(services.start_experiment),
    "an experiment ends": lambda people: _experiment(services.stop_experiment),
    "a language model is wanted": lambda people: ProgramSettings.objects.update(
        language_model_helps=True
    ),
    "another policy": _published,
    "a new mentor": lambda people: Mentor.objects.create(
        user=UserFactory.create(role="mentor"), headline="New", consent_at=timezone.now()
    ),
}  # fmt: skip


def test_a_change_by_whatever_path_ends_the_answer():
    people = market()
    mentee = alice()
    carol()
    ProgramSettings.objects.create()
    everybodys()
    nothing = dict.fromkeys(WEIGHTS, 0)
    drafted(MatchPolicy.objects.create(name="tried", version=1, **nothing))
    for what, change in CHANGES.items():
        ask(mentee)
        assert is_kept(ask(mentee)), what
        change(people)
        changed = ask(mentee)
        assert not is_kept(changed), what
        cache.clear()
        assert said(ask(mentee)) == said(changed), what
    assert MatchRequest.objects.get(pk=changed.request_id).policy == "words"


def test_what_says_nothing_to_a_mentee_ends_no_answer():
    people = market()
    mentee = alice()
    ask(mentee)
    person = User.objects.get(pk=people["ada"].user_id)
    person.last_seen_at = timezone.now()
    person.save()
    mallory()
    # Only time has passed for this one, and it was computed again.
    MentorOpening.objects.filter(mentor=people["ben"]).update(computed_at=timezone.now(), free_7d=9)
    ask(mentee, "something else altogether")
    assert is_kept(ask(mentee))


def test_the_first_change_of_a_new_database_is_noticed():
    """A sequence that was never called says 1 before its first number, which is 1."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT is_called FROM matching_generation")
        assert cursor.fetchone() == (True,)


# Changes a profile and says so, waits to be told, and commits.
_WRITER = """
import os, sys
import psycopg
with psycopg.connect(os.environ["DATABASE_URL"]) as connection:
    connection.execute("UPDATE mentors_mentor SET is_active = false WHERE id = %s", [sys.argv[1]])
    print("written", flush=True)
    sys.stdin.readline()
print("committed", flush=True)
"""


@contextmanager
def uncommitted(mentor):
    """A process that has made that mentor inactive and has not committed yet. Yields what commits it."""
    process = subprocess.Popen(
        [sys.executable, "-c", _WRITER, str(mentor.pk)],
        cwd=ROOT, env=environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip

    def commit():
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline().strip() == "committed"

    try:
        assert process.stdout.readline().strip() == "written"
        yield commit
    finally:
        process.kill()
        process.communicate()


@contextmanager
def nobody_looks_who_is_still_writing():
    """The database without its guard."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef('matching_generation_now'::regproc)")
        as_it_is = cursor.fetchone()[0]
        begin, end = as_it_is.index("NOT EXISTS ("), as_it_is.index(");") + 1
        cursor.execute(as_it_is[:begin] + "true" + as_it_is[end:])
        try:
            yield
        finally:
            cursor.execute(as_it_is)


def test_a_change_that_is_not_committed_yet_is_in_no_answer_that_is_kept():
    """Between counting up and the commit, an answer of old rows would be kept under the new number.

    First without the guard, to see that it is needed.
    """
    people, mentee = market(), alice()
    with nobody_looks_who_is_still_writing(), uncommitted(people["ada"]) as commit:
        assert "Ada Investor" in names(ask(mentee))
        commit()
        assert "Ada Investor" in names(ask(mentee))  # who may not be found any more
    cache.clear()
    with uncommitted(people["ben"]) as commit:
        assert "Ben Angel" in names(ask(mentee))
        commit()
        assert "Ben Angel" not in names(ask(mentee))


def test_others_are_kept_again_as_soon_as_the_writer_is_done():
    people, mentee = market(), alice()
    with uncommitted(people["ada"]) as commit:
        ask(mentee)
        assert not is_kept(ask(mentee))
        commit()
        ask(mentee)
        assert is_kept(ask(mentee))


def test_a_change_that_is_taken_back_keeps_nobody_waiting():
    people, mentee = market(), alice()
    with uncommitted(people["ada"]):
        ask(mentee)
    ask(mentee)
    assert "Ada Investor" in names(ask(mentee))
    assert is_kept(ask(mentee))
