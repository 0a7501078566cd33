"""Hours in the console: everything through the services, which ask about booked sessions."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from sessions_app.models import (
    AvailabilityWindow,
    BusyTime,
    Holiday,
    HoursException,
    WeeklyHours,
)
from tests import people
from tests.config.console import HOUR, TOMORROW, booked, console, messages_of, window

pytestmark = pytest.mark.django_db
DAY = (timezone.now() + timedelta(days=4)).date()


@pytest.fixture
def mentor():
    return people.bob().mentor


@pytest.fixture
def browser(mentor):
    return console(people.carol())


def weekly(mentor, **changes):
    return {
        "mentor": str(mentor.pk), "weekday": str(DAY.weekday()), "starts": "09:00", "ends": "12:00",
        "every_n_weeks": "1", "starts_on": str(DAY), "ends_on": "", "capacity": "1", "location": "",
        **changes,
    }  # fmt: skip


def path(model, rest=""):
    return f"/admin/sessions_app/{model}/{rest}"


def moments(**times):
    return {
        key: value
        for name, moment in times.items()
        for key, value in (
            (f"{name}_0", f"{moment:%Y-%m-%d}"),
            (f"{name}_1", f"{moment:%H:%M:%S}"),
        )
    }


def test_weekly_hours_are_added_changed_and_removed_with_their_windows(mentor, browser):
    assert browser.post(path("weeklyhours", "add/"), weekly(mentor)).status_code == 302
    rule = WeeklyHours.objects.get()
    first = mentor.windows.earliest("starts_at")
    assert (first.starts_at.date(), first.starts_at.hour) == (DAY, 9)

    body = weekly(mentor, ends="10:00")
    assert browser.post(path("weeklyhours", f"{rule.pk}/change/"), body).status_code == 302
    first.refresh_from_db()
    assert first.ends_at - first.starts_at == HOUR

    answer = browser.post(
        path("weeklyhours"), {"action": "remove", "_selected_action": [rule.pk]}, follow=True
    )
    assert "1 removed." in messages_of(answer)
    assert not AvailabilityWindow.objects.exists()


def test_what_the_service_refuses_is_an_error_of_the_form(mentor, browser):
    browser.post(path("weeklyhours", "add/"), weekly(mentor))
    answer = browser.post(path("weeklyhours", "add/"), weekly(mentor, starts="11:00"))
    assert answer.status_code == 200
    assert "overlap your other ones" in answer.content.decode()
    assert WeeklyHours.objects.count() == 1


def test_trap_20_a_change_asks_about_sessions_with_the_times_open_then(mentor, browser):
    browser.post(path("weeklyhours", "add/"), weekly(mentor))
    rule = WeeklyHours.objects.get()
    starts_at = mentor.windows.earliest("starts_at").starts_at
    session = booked(mentor, people.alice().mentee, starts_at)
    where = path("weeklyhours", f"{rule.pk}/change/")
    body = weekly(mentor, starts="10:00", location="Room 4")

    asked = browser.post(where, body)

    assert asked.status_code == 409
    page = asked.content.decode()
    assert "Alice Founder" in page
    assert "Move it to" in page
    assert 'name="location" value="Room 4"' in page
    rule.refresh_from_db()
    assert rule.starts.hour == 9
    moved = f"{starts_at + HOUR:%Y-%m-%dT%H:%M:%SZ}"
    assert browser.post(where, body | {f"decide-{session.pk}": moved}).status_code == 302
    session.refresh_from_db()
    rule.refresh_from_db()
    assert (session.starts_at, rule.location) == (starts_at + HOUR, "Room 4")


def test_dates_that_differ(mentor, browser):
    browser.post(path("weeklyhours", "add/"), weekly(mentor))
    closed = {"mentor": str(mentor.pk), "date": str(DAY), "capacity": "1"}
    assert browser.post(path("hoursexception", "add/"), closed).status_code == 302
    row = HoursException.objects.get()
    assert mentor.windows.earliest("starts_at").starts_at.date() > DAY
    other = closed | {"starts": "18:00", "ends": "19:00"}
    browser.post(path("hoursexception", f"{row.pk}/change/"), other)
    assert mentor.windows.earliest("starts_at").starts_at.hour == 18
    browser.post(path("hoursexception"), {"action": "remove", "_selected_action": [row.pk]})
    assert mentor.windows.earliest("starts_at").starts_at.hour == 9


def test_time_away_and_a_calendars_busy_time(mentor, browser):
    body = {"mentor": str(mentor.pk), "reason": "Leave"}
    body |= moments(starts_at=TOMORROW, ends_at=TOMORROW + 3 * HOUR)
    assert browser.post(path("busytime", "add/"), body).status_code == 302
    row = BusyTime.objects.get()
    assert (row.starts_at, row.source) == (TOMORROW, "away")
    theirs = BusyTime.objects.create(
        mentor=mentor, starts_at=TOMORROW, ends_at=TOMORROW + HOUR, source="calendar", uid="x"
    )
    assert browser.post(path("busytime", f"{theirs.pk}/change/"), body).status_code == 403
    browser.post(path("busytime"), {"action": "remove", "_selected_action": [row.pk, theirs.pk]})
    assert BusyTime.objects.get() == theirs


def test_holidays(mentor, browser):
    browser.post(path("weeklyhours", "add/"), weekly(mentor))
    starts_at = mentor.windows.earliest("starts_at").starts_at
    session = booked(mentor, people.alice().mentee, starts_at)
    body = {"date": str(DAY), "name": "Founders' Day"}

    assert browser.post(path("holiday", "add/"), body).status_code == 409
    assert not Holiday.objects.exists()
    body |= {f"decide-{session.pk}": "cancel", f"reason-{session.pk}": "It is a holiday."}
    assert browser.post(path("holiday", "add/"), body).status_code == 302

    session.refresh_from_db()
    assert (session.status, session.events.latest("pk").reason) == ("cancelled", "It is a holiday.")
    assert mentor.windows.filter(is_active=True).earliest("starts_at").starts_at.date() > DAY
    row = Holiday.objects.get()
    browser.post(path("holiday"), {"action": "remove", "_selected_action": [row.pk]})
    assert mentor.windows.filter(is_active=True).earliest("starts_at").starts_at.date() == DAY


PROFILE = {
    "headline": "Here", "visibility": "public", "is_active": "on", "weekly_load_cap": "3",
    "session_minutes": "30", "buffer_before_minutes": "0", "buffer_after_minutes": "0",
    "minimum_notice_minutes": "60", "booking_horizon_days": "30",
    "expertise-TOTAL_FORMS": "0", "expertise-INITIAL_FORMS": "0",
    "windows-TOTAL_FORMS": "0", "windows-INITIAL_FORMS": "0",
}  # fmt: skip


def test_deactivating_a_mentor_lists_their_sessions(mentor, browser):
    window(mentor)
    session = booked(mentor, people.alice().mentee)
    where = f"/admin/mentors/mentor/{mentor.pk}/change/"
    assert browser.post(where, PROFILE).status_code == 302
    body = {name: value for name, value in PROFILE.items() if name != "is_active"}

    asked = browser.post(where, body | {"headline": "On leave"})

    assert asked.status_code == 409
    assert "Alice Founder" in asked.content.decode()
    mentor.refresh_from_db()
    assert mentor.is_active
    decided = body | {"headline": "On leave", f"decide-{session.pk}": "keep"}
    assert browser.post(where, decided).status_code == 302
    mentor.refresh_from_db()
    session.refresh_from_db()
    assert (mentor.is_active, mentor.headline) == (False, "On leave")
    assert (session.status, session.kept_at is not None) == ("booked", True)


def test_the_tick_in_the_list_asks_too(mentor, browser):
    window(mentor)
    session = booked(mentor, people.alice().mentee)
    body = {
        "form-TOTAL_FORMS": "1",
        "form-INITIAL_FORMS": "1",
        "form-0-id": str(mentor.pk),
        "form-0-visibility": "public",
        "_save": "Save",
    }
    asked = browser.post("/admin/mentors/mentor/", body)
    assert asked.status_code == 409
    mentor.refresh_from_db()
    assert mentor.is_active

    done = browser.post("/admin/mentors/mentor/", body | {f"decide-{session.pk}": "cancel"})
    assert done.status_code == 302
    mentor.refresh_from_db()
    session.refresh_from_db()
    assert (mentor.is_active, session.status) == (False, "cancelled")


def test_a_decision_that_cannot_be_had_changes_nothing(mentor, browser):
    row = window(mentor)
    session = booked(mentor, people.alice().mentee)
    body = {"action": "close", "_selected_action": [row.pk]}
    never = {f"decide-{session.pk}": f"{TOMORROW + 90 * HOUR:%Y-%m-%dT%H:%M:%SZ}"}

    answer = browser.post(path("availabilitywindow"), body | never, follow=True)

    assert "0 of 1 closed." in messages_of(answer)
    assert any("no office hours then" in said for said in messages_of(answer))
    row.refresh_from_db()
    assert row.is_active
