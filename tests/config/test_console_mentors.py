"""The list of mentors: what it answers, how it is narrowed, kept as a view, and changed many at once."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import SavedView, User
from analytics import services as analytics
from mentors.models import Mentor
from sessions_app.models import Feedback, MentorOpening, Session
from sync import letters
from sync.models import OutboxRow, RecordLink
from sync.people_models import Invitation
from tests import people
from tests.config.console import booked, console, messages_of, window
from tests.factories import MenteeFactory, MentorFactory, UserFactory

pytestmark = pytest.mark.django_db
PAGE = "/admin/mentors/mentor/"
DAY = timedelta(days=1)


@pytest.fixture
def carol():
    browser = console(people.carol())
    browser.get("/admin/everything/")
    return browser


def compute() -> None:
    analytics.order(by=None, now=timezone.now())
    analytics.carry_out(clock=timezone.now)


def shown(answer) -> list[str]:
    """The names of the list, in its order."""
    return [str(mentor.user) for mentor in answer.context["cl"].result_list]


def cells(answer) -> dict[str, str]:
    """The first row of the list, cell by cell."""
    row = re.search(
        r"<tr[^>]*>\s*<td[^>]*action-checkbox.*?</tr>", answer.content.decode(), re.DOTALL
    )
    assert row is not None
    parts = re.findall(r"<t[dh][^>]*field-(\w+)[^>]*>(.*?)</t[dh]>", row[0], re.DOTALL)
    return {name: " ".join(unescape(re.sub(r"<[^>]+>", " ", cell)).split()) for name, cell in parts}


# -- What it answers ---------------------------------------------------------------------------
def test_a_row_says_how_a_mentor_is_doing(carol):
    now = timezone.now()
    bob = people.bob(areas=["Sales", "Legal"], weekly_load_cap=1).mentor
    window(bob, now - 3 * DAY)
    met = booked(bob, MenteeFactory(), now - 3 * DAY, "completed")
    Feedback.objects.create(session=met, side="mentee", overall=4)
    Feedback.objects.create(session=met, side="mentor", overall=1)
    old = booked(bob, MenteeFactory(), now - 60 * DAY, "completed")
    Feedback.objects.create(session=old, side="mentee", overall=5)
    MentorOpening.objects.filter(mentor=bob).update(next_start=datetime(2031, 5, 6, 9, tzinfo=UTC))
    OutboxRow.objects.all().delete()
    RecordLink.objects.create(table="Mentors", record_id="rec1", subject="mentor", object_id=bob.pk)
    compute()
    row = cells(carol.get(PAGE))
    assert row["who"] == "Bob Mentor Oak Ventures"
    assert row["areas"] == "Legal and 1 more"
    assert row["use"] == "25 % 1 of 4"
    assert row["next_opening"].startswith("6 May 2031")
    assert row["rating"] == "4.5 of 2"
    assert row["sync_state"] == "In step"


def test_a_mentor_of_whom_nothing_is_known_has_a_row_all_the_same(carol):
    MentorFactory()
    row = cells(carol.get(PAGE))
    assert (row["use"], row["rating"], row["areas"]) == ("-", "-", "")


def test_it_is_narrowed_by_use_and_by_airtable_and_sorted(carol):
    now = timezone.now()
    for name, sessions, state in (("Ada", 0, "dead"), ("Ben", 1, "pending"), ("Cem", 4, None)):
        mentor = MentorFactory(user__name=name, weekly_load_cap=1)
        window(mentor, now - 3 * DAY)
        for n in range(sessions):
            booked(mentor, MenteeFactory(), now - 3 * DAY + n * timedelta(minutes=30), "completed")
        OutboxRow.objects.filter(object_id=mentor.pk).delete()
        if state:
            OutboxRow.objects.create(subject="mentor", object_id=mentor.pk, status=state)
    MentorFactory(user__name="Dan")
    compute()
    for query, names in {
        "use=none": ["Ada"], "use=half": ["Ben"], "use=high": ["Cem"], "use=nothing": ["Dan"],
        "use=low": [], "sync=refused": ["Ada"], "sync=waiting": ["Ben", "Dan"], "sync=step": [],
        "sync=absent": ["Cem"], "o=-5": ["Cem", "Ben", "Ada", "Dan"], "o=5": ["Ada", "Ben", "Cem", "Dan"],
    }.items():  # fmt: skip
        assert shown(carol.get(f"{PAGE}?{query}")) == names, query


def test_the_best_rated_come_first_and_whom_nobody_rated_last(carol):
    for name, stars in (("Ada", [3, 4]), ("Ben", []), ("Cem", [5]), ("Dan", [1])):
        mentor = MentorFactory(user__name=name)
        for n, overall in enumerate(stars):
            met = booked(mentor, MenteeFactory(), timezone.now() - (n + 1) * DAY, "completed")
            Feedback.objects.create(session=met, side="mentee", overall=overall)
            Feedback.objects.create(session=met, side="mentor", overall=5)
    MentorOpening.objects.filter(mentor__user__name="Ben").update(next_start=timezone.now())
    for query, names in {
        "o=-7": ["Cem", "Ada", "Dan", "Ben"],
        "o=7": ["Dan", "Ada", "Cem", "Ben"],
        "o=-6": ["Ben", "Ada", "Cem", "Dan"],
    }.items():
        assert shown(carol.get(f"{PAGE}?{query}")) == names, query


def test_it_asks_as_often_for_fifty_rows_as_for_five(carol):
    counts = []
    for rows in (5, 45):
        for _ in range(rows):
            mentor = MentorFactory(areas=["Sales", "Legal"])
            session = booked(mentor, MenteeFactory(), timezone.now() - DAY, "completed")
            Feedback.objects.create(session=session, side="mentee", overall=4)
        compute()
        with CaptureQueriesContext(connection) as queries:
            assert len(shown(carol.get(PAGE))) == len(Mentor.objects.all())
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 15


# -- Views -------------------------------------------------------------------------------------
def test_a_view_is_kept_shown_to_whom_it_is_for_and_removed(carol):
    keep = {"name": "  Not  seen ", "query": "o=1&is_active__exact=0&p=3"}
    answer = carol.post(f"{PAGE}views/keep/", keep)
    assert answer["Location"] == f"{PAGE}?is_active__exact=0&o=1"
    view = SavedView.objects.get()
    assert (view.name, view.query, view.is_shared) == (
        "Not seen",
        "is_active__exact=0&o=1",
        False,
    )
    dave = console(UserFactory(role="pm", email="dave@example.com"))
    User.objects.get(email="dave@example.com").groups.set(
        User.objects.get(email="carol@example.com").groups.all()
    )
    assert "Not seen" in carol.get(PAGE).content.decode()
    assert "Not seen" not in dave.get(PAGE).content.decode()

    carol.post(f"{PAGE}views/keep/", {**keep, "name": "not seen", "is_shared": "on"})
    assert SavedView.objects.get().is_shared
    page = dave.get(f"{PAGE}?o=1&is_active__exact=0").content.decode()
    assert re.search(r'aria-current="page">not seen', page)
    assert dave.post(f"{PAGE}views/{view.pk}/drop/").status_code == 404
    assert carol.post(f"/admin/mentors/mentee/views/{view.pk}/drop/").status_code == 404
    assert carol.post(f"{PAGE}views/{view.pk}/drop/").status_code == 302
    assert not SavedView.objects.exists()


def test_a_view_without_a_name_is_refused_and_what_the_list_showed_is_not_lost(carol):
    answer = carol.post(f"{PAGE}views/keep/", {"name": " ", "query": "use=none"}, follow=True)
    assert answer.redirect_chain[0][0] == f"{PAGE}?use=none"
    assert messages_of(answer) == ["Give the view a name of at most 60 letters."]
    assert not SavedView.objects.exists()


def test_only_who_may_open_a_list_keeps_views_of_it(carol):
    assert carol.get(f"{PAGE}views/keep/").status_code == 405
    group = User.objects.get(email="carol@example.com").groups.get()
    group.permissions.remove(*group.permissions.filter(content_type__app_label="mentors"))
    assert carol.post(f"{PAGE}views/keep/", {"name": "x"}).status_code == 403
    assert not SavedView.objects.exists()


# -- Many at once ------------------------------------------------------------------------------
def choose(browser, action, *mentors, query=""):
    return browser.post(
        f"{PAGE}{query}", {"action": action, "_selected_action": [str(m.pk) for m in mentors]}
    )


def effects(answer) -> list[tuple[int, str]]:
    return [(len(one.rows), one.sentence) for one in answer.context["effects"]]


def typed(answer, **more):
    context = answer.context
    return {"chosen": context["chosen"], "back": context["back"], "step": "do", **more}


def test_pausing_many_says_what_would_happen_and_asks_about_their_sessions(carol):
    ann, ben = (MentorFactory(user__name=name) for name in ("Ann", "Ben"))
    away = MentorFactory(user__name="Cem", is_active=False)
    session = booked(ann, MenteeFactory())
    answer = choose(carol, "pause", ann, ben, away, query="?is_active__exact=1&q=")
    # The list's own filter holds: Cem is not of these.
    assert effects(answer) == [(2, "can be booked no more")]
    answer = choose(carol, "pause", ann, ben, away)
    assert effects(answer) == [(2, "can be booked no more"), (1, "are paused already")]
    page = answer.content.decode()
    assert "1 session of theirs is to come" in page
    assert "Nothing has happened yet." in page
    assert Mentor.objects.filter(is_active=True).count() == 2

    asked = carol.post(f"{PAGE}bulk/pause/", typed(answer))
    assert asked.status_code == 409
    assert Mentor.objects.filter(is_active=True).count() == 2
    sent = dict(asked.context["typed"]) | {f"decide-{session.pk}": "keep"}
    done = carol.post(f"{PAGE}bulk/pause/", sent, follow=True)
    assert messages_of(done) == ["2 paused."]
    assert not Mentor.objects.filter(is_active=True).exists()
    assert Session.objects.get().kept_at is not None


def test_who_sees_many_is_set_after_a_look_and_the_list_is_as_it_was(carol):
    ann, ben = MentorFactory(visibility="private"), MentorFactory()
    answer = choose(carol, "show_to", ann, ben, query="?visibility__exact=public")
    assert effects(answer) == []
    answer = choose(carol, "show_to", ann, ben)
    assert not answer.context["is_known"]
    look = carol.post(
        f"{PAGE}bulk/show_to/", typed(answer, step="look", visibility="private", back="o=2")
    )
    assert effects(look) == [
        (1, "become visible to: Program managers only"),
        (1, "are so already"),
    ]
    assert Mentor.objects.filter(visibility="private").count() == 1
    done = carol.post(f"{PAGE}bulk/show_to/", typed(look, visibility="private"))
    assert done["Location"] == f"{PAGE}?o=2"
    assert Mentor.objects.filter(visibility="private").count() == 2


def test_a_weekly_cap_that_makes_no_sense_is_refused_and_stays_typed(carol):
    ann = MentorFactory()
    first = choose(carol, "cap", ann)
    answer = carol.post(f"{PAGE}bulk/cap/", typed(first, weekly_load_cap="-3"))
    assert 'value="-3"' in answer.content.decode()
    assert "greater than or equal to 0" in answer.content.decode()
    ann.refresh_from_db()
    assert ann.weekly_load_cap == 5
    look = carol.post(f"{PAGE}bulk/cap/", typed(first, step="look", weekly_load_cap="2"))
    assert effects(look) == [(1, "get less room")]
    carol.post(f"{PAGE}bulk/cap/", typed(first, weekly_load_cap="2"))
    ann.refresh_from_db()
    assert ann.weekly_load_cap == 2


def test_only_who_was_never_here_is_invited(carol):
    new = MentorFactory(user__verified=False, user__email="new@example.com")
    asked = MentorFactory(user__verified=False, user__email="asked@example.com")
    here = MentorFactory(user__email="here@example.com")
    now = timezone.now()
    Invitation.objects.create(
        user=asked.user, subject="mentor", state="held", appeared_at=now, admitted_at=now,
        next_attempt_at=now,
    )  # fmt: skip
    answer = choose(carol, "invite", new, asked, here)
    assert effects(answer) == [
        (2, "get a mail with a link to their account"),
        (1, "have been here already, or may not sign in"),
    ]
    assert Invitation.objects.count() == 1
    carol.post(f"{PAGE}bulk/invite/", typed(answer))
    letters.send_due(clock=lambda: timezone.now() + timedelta(minutes=1))
    assert {message.to[0] for message in mail.outbox} == {"new@example.com", "asked@example.com"}


def test_the_page_itself_takes_the_right_too(carol):
    ann = MentorFactory()
    user = User.objects.get(email="carol@example.com")
    group = user.groups.get()
    group.permissions.remove(group.permissions.get(codename="change_mentor"))
    answer = carol.post(f"{PAGE}bulk/cap/", {"chosen": ann.pk, "step": "do", "weekly_load_cap": 1})
    assert answer.status_code == 403
    assert carol.post(f"{PAGE}bulk/nothing/", {}).status_code == 404
