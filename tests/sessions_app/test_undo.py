"""Light things can be taken back from the notice that says they are done; heavy ones ask first."""

from __future__ import annotations

import re
from datetime import time, timedelta
from html import unescape

import pytest
from django.utils import timezone

from mentors.models import SavedMentor
from sessions_app import services
from sessions_app.models import (
    AvailabilityWindow,
    BusyTime,
    HoursException,
    WaitlistEntry,
    WeeklyHours,
)
from sessions_app.services.hours import AwaySpec, ExceptionSpec, WeeklySpec
from tests.bookings import booked
from tests.people import alice, bob, browser, mallory

pytestmark = pytest.mark.django_db


@pytest.fixture
def mentor():
    return bob(time_zone="Europe/Berlin", booking_horizon_days=28, minimum_notice_minutes=0).mentor


def undo(client, page):
    """Press the button of the notice."""
    text = page.content.decode()
    notices = text[text.index('id="notices"') : text.index("<main")]
    [(address, inside)] = re.findall(
        r'<form method="post" action="([^"]+)">(.*?)</form>', notices, re.DOTALL
    )
    values = {}
    for tag in re.findall(r"<input[^>]*>", inside):
        found = {name: unescape(value) for name, value in re.findall(r'(\w+)="([^"]*)"', tag)}
        assert found["type"] == "hidden"
        assert "id" not in found, "The page has fields of these names."
        values[found["name"]] = found.get("value", "")
    answer = client.post(address, values)
    assert answer.status_code in (302, 303)
    return client.get(answer["Location"])


def specs_of(rows, *names):
    return [tuple(getattr(row, name) for name in names) for row in rows]


def day(mentor, ahead):
    return (timezone.now().astimezone(mentor.user.zone) + timedelta(days=ahead)).date()


class TestHours:
    WEEKLY = ("weekday", "starts", "ends", "every_n_weeks", "starts_on", "capacity", "location")

    def test_weekly_hours_that_were_removed_come_back(self, mentor):
        spec = WeeklySpec(
            day(mentor, 3).weekday(), time(9), time(12), every_n_weeks=2,
            starts_on=day(mentor, 0), capacity=3, location="Room “2” & <b>",
        )  # fmt: skip
        row = services.save_weekly_hours(
            mentor_id=mentor.pk, spec=spec, by=mentor.user, clock=timezone.now
        )
        before = specs_of(WeeklyHours.objects.all(), *self.WEEKLY)
        windows = set(AvailabilityWindow.objects.values_list("starts_at", "ends_at"))
        client = browser(mentor.user)
        page = client.post(f"/hours/weekly/{row.pk}/remove/", follow=True)
        assert not WeeklyHours.objects.exists()
        undo(client, page)
        assert specs_of(WeeklyHours.objects.all(), *self.WEEKLY) == before
        open_now = AvailabilityWindow.objects.filter(is_active=True)
        assert set(open_now.values_list("starts_at", "ends_at")) == windows

    def test_pressed_twice_it_comes_back_once(self, mentor):
        spec = WeeklySpec(2, time(9), time(12), starts_on=day(mentor, 0))
        row = services.save_weekly_hours(
            mentor_id=mentor.pk, spec=spec, by=mentor.user, clock=timezone.now
        )
        client = browser(mentor.user)
        page = client.post(f"/hours/weekly/{row.pk}/remove/", follow=True)
        undo(client, page)
        assert undo(client, page).status_code == 200
        assert WeeklyHours.objects.count() == 1

    @pytest.mark.parametrize("times", [(None, None), (time(10), time(12))], ids=["closed", "open"])
    def test_a_date_that_differs_comes_back(self, mentor, times):
        spec = ExceptionSpec(date=day(mentor, 5), starts=times[0], ends=times[1], reason="A fair")
        row = services.save_exception(
            mentor_id=mentor.pk, spec=spec, by=mentor.user, clock=timezone.now
        )
        client = browser(mentor.user)
        page = client.post(f"/hours/dates/{row.pk}/remove/", follow=True)
        assert not HoursException.objects.exists()
        undo(client, page)
        assert specs_of(HoursException.objects.all(), "date", "starts", "ends", "reason") == [
            (day(mentor, 5), *times, "A fair")
        ]

    def test_time_away_comes_back(self, mentor):
        begins = timezone.now().replace(minute=15, second=0, microsecond=0) + timedelta(days=4)
        row = services.save_time_away(
            mentor_id=mentor.pk,
            spec=AwaySpec(begins, begins + timedelta(days=2), "Skiing"),
            by=mentor.user,
            clock=timezone.now,
        )
        before = specs_of(BusyTime.objects.all(), "starts_at", "ends_at", "reason")
        client = browser(mentor.user)
        page = client.post(f"/hours/away/{row.pk}/remove/", follow=True)
        assert not BusyTime.objects.exists()
        undo(client, page)
        assert specs_of(BusyTime.objects.all(), "starts_at", "ends_at", "reason") == before

    def test_hours_opened_once_and_closed_open_again(self, mentor):
        begins = timezone.now().replace(minute=0, second=0, microsecond=0) + timedelta(days=4)
        services.save_window(
            mentor_id=mentor.pk, starts_at=begins, ends_at=begins + timedelta(hours=2), capacity=2,
            location="Room 2", clock=timezone.now, by=mentor.user,
        )  # fmt: skip
        self.closed_and_opened(mentor)

    def test_hours_of_a_week_that_were_closed_open_again(self, mentor):
        spec = WeeklySpec(day(mentor, 3).weekday(), time(9), time(12), starts_on=day(mentor, 0))
        services.save_weekly_hours(
            mentor_id=mentor.pk, spec=spec, by=mentor.user, clock=timezone.now
        )
        self.closed_and_opened(mentor)
        assert not HoursException.objects.exists()

    def closed_and_opened(self, mentor):
        names = ("starts_at", "ends_at", "capacity", "location")
        live = AvailabilityWindow.objects.filter(is_active=True).order_by("starts_at")
        before = specs_of(live, *names)
        client = browser(mentor.user)
        page = client.post(f"/hours/{live[0].pk}/remove/", follow=True)
        assert specs_of(live.all(), *names) == before[1:]
        undo(client, page)
        assert specs_of(live.all(), *names) == before


def test_a_mentor_who_was_taken_off_the_list_comes_back(mentor):
    client = browser(alice())
    client.post(f"/mentors/{mentor.pk}/save/")
    page = client.post(f"/mentors/{mentor.pk}/unsave/", {"next": "/saved/"}, follow=True)
    assert not SavedMentor.objects.exists()
    page = undo(client, page)
    assert page.request["PATH_INFO"] == "/saved/"
    assert SavedMentor.objects.get().mentor == mentor


class TestLeavingTheLine:
    @pytest.fixture
    def place(self, mentor):
        person = alice()
        place, _new = services.join_waitlist(
            mentor_id=mentor.pk, mentee=person.mentee, by=person, clock=timezone.now
        )
        return place

    def test_it_says_first_what_is_lost(self, place):
        client = browser(place.mentee.user)
        page = client.get(f"/waitlist/{place.pk}/leave/").content.decode()
        assert "Leave the line for Bob Mentor?" in page
        assert "You are next." in page
        assert WaitlistEntry.objects.get().state == "waiting"
        client.post(f"/waitlist/{place.pk}/leave/")
        assert "You are not waiting for anybody" in client.get("/waitlist/").content.decode()

    def test_a_stranger_sees_nothing(self, place):
        assert browser(mallory()).get(f"/waitlist/{place.pk}/leave/").status_code == 404


def test_a_cancelled_session_leads_back_to_its_time():
    session = booked(goal="Which funds & why?")
    client = browser(session.mentee.user)
    client.post(f"/sessions/{session.pk}/cancel/", {"reason": "Ill", "version": session.version})
    page = client.get(f"/sessions/{session.pk}/").content.decode()
    [address] = re.findall(r'href="([^"]+)">Book this time again', page)
    page = client.get(unescape(address))
    assert page.context["picker"].chosen.starts_at == session.starts_at
    assert page.context["form"]["goal"].value() == "Which funds & why?"
