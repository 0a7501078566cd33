"""Mentors are asked about sessions that came to lie outside their hours without anybody here deciding it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import User
from mentors.models import Mentor
from sessions_app import services, tasks
from sessions_app.models import AvailabilityWindow, BusyTime, Meeting, Notification
from sessions_app.services import Action, Decision
from tests.bookings import booked, html_of, links_in, mail_to, mails, moved
from tests.factories import MenteeFactory
from tests.people import browser

pytestmark = pytest.mark.django_db
BOB, ALICE = "bob@example.com", "alice@example.com"


@pytest.fixture
def session():
    """Alice's with Bob; the confirmations are out."""
    session = booked()
    mails()
    return session


def clash(session, **more):
    """Something in Bob's own calendar at that time."""
    return BusyTime.objects.create(
        mentor=session.mentor,
        starts_at=session.starts_at,
        ends_at=session.ends_at,
        source=BusyTime.Source.CALENDAR,
        uid="dentist",
        **more,
    )


def ask() -> int:
    return services.ask_about_displaced(now=timezone.now())


def close_the_window(session):
    AvailabilityWindow.objects.filter(pk=session.meeting.window_id).update(is_active=False)


def pause_in_the_database(session):
    Mentor.objects.filter(pk=session.mentor_id).update(is_active=False)


def change_the_clocks(session):
    Meeting.objects.update(agreed_local="2026-01-06T12:00", zone="Europe/London")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (clash, "Something else is at that time."),
        (close_the_window, "It lies outside the hours."),
        (pause_in_the_database, "No sessions are taken at the moment."),
        (change_the_clocks, "The clocks have new rules: 12:00 was agreed"),
    ],
)
def test_the_mentor_is_told_which_why_and_where_to_decide(session, change, why):
    change(session)
    assert ask() == 1
    mail = mail_to(BOB)
    assert mail.subject.startswith("Please decide: your session with Alice")
    assert f"Why you are asked: {why}" in mail.body
    assert "takes place as agreed" in mail.body
    assert links_in(mail)["Keep, move or cancel it"] == "/hours/"
    assert not any(part.startswith("text/calendar") for _text, part in mail.alternatives)
    assert "Keep, move or cancel it" in html_of(mail)
    page = browser(User.objects.get(email=BOB)).get("/hours/").content.decode()
    assert "One session needs a decision" in page


def test_the_mentee_is_not_alarmed_by_what_may_not_happen(session):
    clash(session)
    ask()
    assert mails(to=ALICE) == []


def test_it_is_asked_once_and_again_only_of_another_time(session):
    clash(session)
    assert [ask(), ask()] == [1, 0]
    assert len(mails(to=BOB)) == 1
    assert ask() == 0
    moved(session, minutes=60)
    session.refresh_from_db()
    mails()
    assert ask() == 0
    BusyTime.objects.update(starts_at=session.starts_at, ends_at=session.ends_at)
    assert ask() == 1


def test_of_many_at_once_one_mail(session):
    other = MenteeFactory()
    services.book_session(
        mentor_id=session.mentor_id,
        mentee=other,
        by=other.user,
        starts_at=session.starts_at + timedelta(minutes=60),
        clock=timezone.now,
    )
    mails()
    close_the_window(session)
    tasks.ask_about_displaced()
    assert "Alice" in mail_to(BOB).subject
    assert ask() == 0
    assert Notification.objects.filter(kind="displaced").count() == 2


def test_what_fits_or_was_decided_is_not_asked_about(session):
    assert ask() == 0
    clash(session)
    services.decide_displaced(
        mentor_id=session.mentor_id,
        decisions=[Decision(session.pk, Action.KEEP)],
        by=session.mentor.user,
        clock=timezone.now,
    )
    assert ask() == 0


def test_a_pause_that_is_over_lets_nothing_stand_that_comes_later(session):
    services.pause_mentor(mentor_id=session.mentor_id, by=session.mentor.user, clock=timezone.now)
    assert ask() == 0
    services.resume_mentor(mentor_id=session.mentor_id, clock=timezone.now)
    assert ask() == 0
    clash(session)
    assert ask() == 1


def test_what_was_let_stand_before_a_pause_stands_after_it(session):
    close_the_window(session)
    services.pause_mentor(mentor_id=session.mentor_id, by=session.mentor.user, clock=timezone.now)
    services.resume_mentor(mentor_id=session.mentor_id, clock=timezone.now)
    assert ask() == 0


def test_what_fits_again_before_it_is_sent_is_not_sent(session):
    busy = clash(session)
    ask()
    busy.delete()
    assert mails() == []
    assert Notification.objects.get(kind="displaced").state == "dropped"


def test_a_thousand_mentors_are_asked_by_as_many_queries_as_one(
    session, django_assert_max_num_queries
):
    close_the_window(session)
    with django_assert_max_num_queries(4):
        ask()
