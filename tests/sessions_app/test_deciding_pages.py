"""What the pages ask before hours change, and the inbox of sessions that need a decision."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from html import unescape
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from sessions_app import services
from sessions_app.models import (
    AvailabilityWindow,
    BusyTime,
    WeeklyHours,
)
from tests.factories import MentorFactory
from tests.hours import open_window
from tests.people import alice, bob, browser, mallory

pytestmark = pytest.mark.django_db
BERLIN = ZoneInfo("Europe/Berlin")
WEEKLY = {
    "starts": "09:00", "ends": "12:00", "every_n_weeks": "1", "ends_on": "", "capacity": "1",
    "location": "",
}  # fmt: skip


@pytest.fixture
def mentor():
    return bob(time_zone="Europe/Berlin", booking_horizon_days=28, minimum_notice_minutes=0).mentor


@pytest.fixture
def client(mentor):
    return browser(mentor.user)


def day_ahead(days=3):
    return (timezone.now().astimezone(BERLIN) + timedelta(days=days)).date()


def weekly(day, **changes):
    return {**WEEKLY, "weekday": str(day.weekday()), "starts_on": str(day), **changes}


def text_of(response):
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def fields_of(response):
    """The fields of the page's form as a browser would send them, radios not chosen."""
    page = response.content.decode()
    page = page[page.index('<form class="form"') :]
    found = {}
    for tag in re.findall(r"<input[^>]*>", page):
        given = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if given.get("type") not in ("radio", "checkbox") or "checked" in tag:
            found[given.get("name")] = unescape(given.get("value", ""))
    return {name: value for name, value in found.items() if name}


def booked(mentor, hour=9, day=None, user=None):
    starts_at = datetime.combine(day or day_ahead(), time(hour), BERLIN)
    user = user or alice()
    return services.book_session(
        mentor_id=mentor.pk, mentee=user.mentee, starts_at=starts_at, by=user, clock=timezone.now
    )


class TestDeciding:
    @pytest.fixture
    def session(self, client, mentor):
        client.post("/hours/weekly/add/", weekly(day_ahead()))
        return booked(mentor)

    def shorten(self, client, **changes):
        rule = WeeklyHours.objects.get()
        return client.post(
            f"/hours/weekly/{rule.pk}/", weekly(day_ahead(), starts="10:00", **changes)
        )

    def test_trap_20_the_page_asks_before_it_saves(self, client, session):
        answer = self.shorten(client)

        assert answer.status_code == 409
        page = text_of(answer)
        assert "A session is booked there" in page
        assert "Alice Founder" in page
        assert "Keep it: it takes place as agreed" in page
        assert page.count("Move it to") == 5
        assert " checked" not in answer.content.decode()
        assert WeeklyHours.objects.get().starts == time(9)

    @pytest.mark.parametrize("what", ["keep", "cancel", "move"])
    def test_the_answer_goes_with_the_form_that_was_typed(self, client, session, what):
        asked = self.shorten(client, location="The café")
        [first, *_rest] = re.findall(r'value="(2\d{3}-[^"]+Z)"', asked.content.decode())
        body = fields_of(asked) | {
            f"decide-{session.pk}": first if what == "move" else what,
            f"reason-{session.pk}": "Sorry, the dentist.",
        }

        answer = client.post(asked.request["PATH_INFO"], body)

        assert answer.status_code == 302
        rule = WeeklyHours.objects.get()
        assert (rule.starts, rule.location) == (time(10), "The café")
        before = session.starts_at
        session.refresh_from_db()
        assert (session.status, bool(session.kept_at), session.starts_at != before) == {
            "keep": ("booked", True, False),
            "cancel": ("cancelled", False, False),
            "move": ("booked", False, True),
        }[what]
        assert "Sorry, the dentist." in session.events.latest("pk").reason

    def test_saving_without_an_answer_says_what_is_missing(self, client, session):
        asked = self.shorten(client)
        missing = "Keep, move or cancel each of them."
        assert missing not in text_of(asked)

        answer = client.post(asked.request["PATH_INFO"], fields_of(asked))

        assert answer.status_code == 409
        assert missing in text_of(answer)
        assert WeeklyHours.objects.get().starts == time(9)

    def test_a_time_taken_meanwhile_is_said_and_asked_again(self, client, session):
        asked = self.shorten(client)
        [first, second, *_rest] = re.findall(r'value="(2\d{3}-[^"]+Z)"', asked.content.decode())
        booked(
            session.mentor,
            hour=datetime.fromisoformat(first).astimezone(BERLIN).hour,
            day=datetime.fromisoformat(first).astimezone(BERLIN).date(),
            user=mallory(),
        )
        decided = fields_of(asked) | {f"decide-{session.pk}": first}

        answer = client.post(asked.request["PATH_INFO"], decided)

        assert answer.status_code == 409
        assert "just taken that time" in text_of(answer)
        assert "Alice Founder" in text_of(answer)
        again = fields_of(answer) | {f"decide-{session.pk}": second}
        assert client.post(asked.request["PATH_INFO"], again).status_code == 302

    @pytest.mark.parametrize("nonsense", ["perhaps", "", "2026-01-01", "\0"])
    def test_nonsense_decides_nothing(self, client, session, nonsense):
        answer = self.shorten(client, **{f"decide-{session.pk}": nonsense, "decide-x": "cancel"})
        assert answer.status_code == 409
        session.refresh_from_db()
        assert session.status == "booked"

    def test_closing_a_window_asks_too(self, client, session):
        window = AvailabilityWindow.objects.earliest("starts_at")
        asked = client.post(f"/hours/{window.pk}/remove/")
        assert asked.status_code == 409
        body = fields_of(asked) | {f"decide-{session.pk}": "cancel"}
        assert client.post(f"/hours/{window.pk}/remove/", body).status_code == 302
        session.refresh_from_db()
        window.refresh_from_db()
        assert (session.status, window.is_active) == ("cancelled", False)

    def test_another_clock_asks_and_moves_nobody_by_itself(self, client, session):
        assert "Berlin" in text_of(client.get("/hours/zone/"))
        asked = client.post("/hours/zone/", {"time_zone": "Asia/Tokyo"})
        assert asked.status_code == 409
        body = fields_of(asked) | {f"decide-{session.pk}": "keep"}
        assert client.post("/hours/zone/", body).status_code == 302
        session.mentor.user.refresh_from_db()
        assert session.mentor.user.time_zone == "Asia/Tokyo"
        before = session.starts_at
        session.refresh_from_db()
        assert session.starts_at == before


class TestTheInbox:
    @pytest.fixture
    def session(self, client, mentor):
        client.post("/hours/weekly/add/", weekly(day_ahead()))
        session = booked(mentor)
        BusyTime.objects.create(
            mentor=mentor,
            starts_at=session.starts_at,
            ends_at=session.ends_at,
            source="calendar",
            uid="board@calendar",
        )
        return session

    def test_it_stands_above_the_hours_and_takes_a_decision(self, client, session):
        page = client.get("/hours/")
        assert "One session needs a decision" in text_of(page)
        assert "Something else is at that time" in text_of(page)

        answer = client.post("/hours/decide/", {f"decide-{session.pk}": "keep"})

        assert answer.status_code == 302
        session.refresh_from_db()
        assert session.kept_at
        assert "needs a decision" not in text_of(client.get("/hours/"))
        again = client.post("/hours/decide/", {f"decide-{session.pk}": "keep"})
        assert again.status_code == 422
        assert "needs no decision any more" in text_of(again)

    def test_nothing_chosen_changes_nothing(self, client, session):
        answer = client.post("/hours/decide/", {f"decide-{session.pk}": ""}, follow=True)
        assert "Choose for at least one session" in text_of(answer)

    def test_a_stranger_decides_nothing(self, session):
        other = browser(MentorFactory().user)
        answer = other.post("/hours/decide/", {f"decide-{session.pk}": "cancel"})
        assert answer.status_code == 422
        session.refresh_from_db()
        assert session.status == "booked"

    def test_the_queries_do_not_grow_with_the_weeks(self, client, mentor, session):
        def queries():
            with CaptureQueriesContext(connection) as found:
                assert client.get("/hours/").status_code == 200
            return len(found)

        few = queries()
        for days in range(10, 40):
            open_window(
                mentor, starts_at=datetime.combine(day_ahead(days), time(20), BERLIN), hours=1
            )
            BusyTime.objects.create(
                mentor=mentor,
                starts_at=timezone.now() + timedelta(days=days),
                ends_at=timezone.now() + timedelta(days=days, hours=1),
            )
        assert queries() == few
