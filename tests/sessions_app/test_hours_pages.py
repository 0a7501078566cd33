"""The pages on which mentors say when they can be met: what they show, ask and store."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta
from html import unescape
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from accounts.models import User
from sessions_app import services
from sessions_app.models import (
    AvailabilityWindow,
    BusyTime,
    HoursException,
    Session,
    WeeklyHours,
)
from tests.factories import MentorFactory
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


@pytest.mark.parametrize(
    ("page", "pairs"),
    [
        ("weekly", [["starts", "ends"], ["starts_on", "ends_on"]]),
        ("dates", [["starts", "ends"]]),
        ("away", [["first", "from_time"], ["last", "to_time"]]),
    ],
)
def test_a_beginning_and_its_end_stand_side_by_side_and_every_field_once(client, page, pairs):
    answer = client.get(f"/hours/{page}/add/")
    _before, *shown = answer.content.decode().split('<div class="pair">')
    assert [re.findall(r'<input[^>]* name="(\w+)"', row)[:2] for row in shown] == pairs
    # Time away ends when it is said to, and not on the next day.
    assert ("on the next day" in text_of(answer)) == (page != "away")
    form = answer.context["form"]
    assert sorted(field.name for row in form.rows() for field in row) == sorted(form.fields)


class TestWeeklyHours:
    def test_added_they_open_by_themselves(self, client, mentor):
        day = day_ahead()
        answer = client.post("/hours/weekly/add/", weekly(day, capacity="2", location="Room 4"))

        assert (answer.status_code, answer["Location"]) == (302, "/hours/")
        rule = WeeklyHours.objects.get()
        assert (rule.weekday, rule.starts, rule.capacity) == (day.weekday(), time(9), 2)
        window = mentor.windows.earliest("starts_at")
        assert window.starts_at == datetime.combine(day, time(9), BERLIN)
        page = text_of(client.get("/hours/"))
        assert f"{rule.day_name} 09:00\N{EN DASH}12:00 Room 4 · 2 seats each" in page

    def test_changed_and_removed(self, client, mentor):
        client.post("/hours/weekly/add/", weekly(day_ahead()))
        rule = WeeklyHours.objects.get()
        assert 'value="09:00"' in client.get(f"/hours/weekly/{rule.pk}/").content.decode()

        client.post(f"/hours/weekly/{rule.pk}/", weekly(day_ahead(), ends="10:00"))
        assert mentor.windows.first().ends_at - mentor.windows.first().starts_at == timedelta(
            hours=1
        )

        assert client.post(f"/hours/weekly/{rule.pk}/remove/").status_code == 302
        assert not AvailabilityWindow.objects.exists()

    def test_a_preview_shows_the_slots_and_saves_nothing(self, client):
        answer = client.post("/hours/weekly/add/", weekly(day_ahead(), preview="1"))

        page = text_of(answer)
        assert answer.status_code == 200
        assert "Not saved yet" in page
        assert "09:00 09:30 10:00 10:30 11:00 11:30" in page
        assert not WeeklyHours.objects.exists()
        assert not AvailabilityWindow.objects.exists()
        sent_again = client.post(
            "/hours/weekly/add/", fields_of(answer) | weekly(day_ahead(), preview="1")
        )
        assert "Not saved yet" in text_of(sent_again)

    def test_a_preview_tells_of_sessions_that_would_lie_outside(self, client, mentor):
        client.post("/hours/weekly/add/", weekly(day_ahead()))
        booked(mentor)
        rule = WeeklyHours.objects.get()

        answer = client.post(
            f"/hours/weekly/{rule.pk}/", weekly(day_ahead(), starts="10:00", preview="1")
        )

        assert "One booked session would lie outside" in text_of(answer)
        assert "Alice Founder" in text_of(answer)
        assert not Session.objects.get().kept_at

    @pytest.mark.parametrize(
        ("changes", "said"),
        [
            ({"starts": ""}, "This field is required"),
            ({"weekday": "9"}, "valid choice"),
            ({"capacity": "0"}, "greater than or equal to 1"),
            ({"starts_on": "9999-01-01"}, "too far away"),
            ({"ends_on": "2020-01-01"}, "end before they begin"),
        ],
    )
    def test_what_is_wrong_is_said_and_nothing_typed_is_lost(self, client, changes, said):
        answer = client.post(
            "/hours/weekly/add/", weekly(day_ahead(), location="The café", **changes)
        )
        assert answer.status_code == 400
        assert said in text_of(answer)
        assert 'value="The café"' in answer.content.decode()
        assert not WeeklyHours.objects.exists()

    def test_overlapping_hours_are_refused_in_the_form(self, client):
        client.post("/hours/weekly/add/", weekly(day_ahead()))
        answer = client.post("/hours/weekly/add/", weekly(day_ahead(), starts="11:00"))
        assert answer.status_code == 400
        assert "overlap your other ones from 09:00 to 12:00" in text_of(answer)

    def test_sent_twice_it_is_added_once(self, client):
        page = client.get("/hours/weekly/add/")
        body = weekly(day_ahead()) | {"idempotency_key": fields_of(page)["idempotency_key"]}
        answers = [client.post("/hours/weekly/add/", body) for _again in range(2)]
        assert [answer["Location"] for answer in answers] == ["/hours/", "/hours/"]
        assert WeeklyHours.objects.count() == 1


class TestDatesAndTimeAway:
    def test_a_closed_date_and_as_usual_again(self, client, mentor):
        day = day_ahead()
        client.post("/hours/weekly/add/", weekly(day))
        closed = {"date": str(day), "kind": "closed", "capacity": "1", "reason": "Fair"}

        assert client.post("/hours/dates/add/", closed).status_code == 302
        assert mentor.windows.earliest("starts_at").starts_at.date() > day
        row = HoursException.objects.get()
        assert f"{day:%A} {day.day} {day:%B} closed · Fair" in text_of(client.get("/hours/"))
        assert client.get(f"/hours/dates/{row.pk}/").status_code == 200

        client.post(f"/hours/dates/{row.pk}/remove/")
        assert mentor.windows.earliest("starts_at").starts_at.date() == day

    def test_other_hours_need_times(self, client):
        body = {"date": str(day_ahead()), "kind": "open", "capacity": "1"}
        answer = client.post("/hours/dates/add/", body)
        assert answer.status_code == 400
        assert "Say from when to when" in text_of(answer)
        body |= {"starts": "18:00", "ends": "20:00"}
        assert client.post("/hours/dates/add/", body).status_code == 302
        assert AvailabilityWindow.objects.get().exception is not None

    def test_a_window_that_was_closed_is_a_date_that_differs(self, client, mentor):
        client.post("/hours/weekly/add/", weekly(day_ahead()))
        window = mentor.windows.earliest("starts_at")
        client.post(f"/hours/{window.pk}/remove/")
        row = HoursException.objects.get()
        assert "without 09:00\N{EN DASH}12:00" in text_of(client.get("/hours/"))
        assert client.get(f"/hours/dates/{row.pk}/").status_code == 404

    def test_whole_days_away_end_with_the_last_one(self, client):
        first, last = day_ahead(5), day_ahead(6)
        body = {"first": str(first), "last": str(last), "reason": "Leave"}
        assert client.post("/hours/away/add/", body).status_code == 302
        row = BusyTime.objects.get()
        assert row.starts_at == datetime.combine(first, time.min, BERLIN)
        assert row.ends_at == datetime.combine(last + timedelta(days=1), time.min, BERLIN)
        page = client.get(f"/hours/away/{row.pk}/")
        assert f'value="{last}"' in page.content.decode()

        body |= {"from_time": "13:00", "to_time": "15:00", "last": str(first)}
        client.post(f"/hours/away/{row.pk}/", body)
        row.refresh_from_db()
        assert row.ends_at - row.starts_at == timedelta(hours=2)
        client.post(f"/hours/away/{row.pk}/remove/")
        assert not BusyTime.objects.exists()

    @pytest.mark.parametrize(
        "changes",
        [{"last": "2020-01-01"}, {"first": "9999-01-01", "last": "9999-01-02"}, {"first": ""}],
    )
    def test_time_away_that_makes_no_sense(self, client, changes):
        body = {"first": str(day_ahead()), "last": str(day_ahead()), "reason": "Keep me"} | changes
        answer = client.post("/hours/away/add/", body)
        assert answer.status_code == 400
        assert "Keep me" in answer.content.decode()


class TestWhoMay:
    ADDRESSES = ("weekly/add/", "dates/add/", "away/add/", "zone/")

    @pytest.mark.parametrize("address", ADDRESSES)
    def test_pages_are_for_mentors_who_are_signed_in(self, address, mentor):
        assert browser(alice()).get(f"/hours/{address}").status_code == 403
        assert browser(mentor.user).get(f"/hours/{address}").status_code == 200

    def test_rows_of_others_are_not_there(self, client, mentor):
        client.post("/hours/weekly/add/", weekly(day_ahead()))
        client.post(
            "/hours/dates/add/", {"date": str(day_ahead()), "kind": "closed", "capacity": "1"}
        )
        client.post("/hours/away/add/", {"first": str(day_ahead()), "last": str(day_ahead())})
        stranger = browser(MentorFactory().user)
        for address in (
            f"/hours/weekly/{WeeklyHours.objects.get().pk}/",
            f"/hours/dates/{HoursException.objects.get().pk}/",
            f"/hours/away/{BusyTime.objects.get().pk}/",
        ):
            assert stranger.get(address).status_code == 404
            assert stranger.post(address, {}).status_code == 404
            assert stranger.post(f"{address}remove/").status_code == 404
        assert WeeklyHours.objects.exists()


class TestSeats:
    """Fewer seats than are booked are refused with who is there, whichever page it is."""

    @pytest.fixture
    def day(self, client, mentor):
        mentor.weekly_load_cap = 20
        mentor.save()
        day = day_ahead()
        client.post("/hours/weekly/add/", weekly(day, capacity="3"))
        booked(mentor, day=day)
        booked(mentor, day=day, user=mallory())
        return day

    def test_the_list_names_the_day_and_the_hour_on_the_mentors_clock(self, client, mentor, day):
        User.objects.filter(pk=mentor.user_id).update(time_zone="UTC")
        client.cookies["tz"] = "Asia/Tokyo"
        rule = WeeklyHours.objects.get()

        answer = client.post(f"/hours/weekly/{rule.pk}/", weekly(day, capacity="1"))

        begins = Session.objects.first().starts_at
        assert answer.status_code == 409
        assert f"{begins:%a} {begins.day} {begins:%B, %H:%M}, Alice Founder" in text_of(answer)

    def test_hours_of_that_day_alone(self, client, day):
        form = {
            "date": str(day),
            "starts": "09:00",
            "ends": "12:00",
            "capacity": "1",
            "location": "",
        }

        answer = client.post("/hours/add/", form)

        assert answer.status_code == 409
        assert "2 people are booked" in text_of(answer)
        assert "Mallory Stranger" in text_of(answer)

    def test_a_date_that_would_be_as_usual_again(self, client, day):
        WeeklyHours.objects.update(capacity=1)
        form = {
            "date": str(day),
            "kind": "open",
            "starts": "09:00",
            "ends": "12:00",
            "capacity": "3",
        }
        assert client.post("/hours/dates/add/", form).status_code == 302
        exception = HoursException.objects.get()

        answer = client.post(f"/hours/dates/{exception.pk}/remove/")

        assert answer.status_code == 409
        assert "2 people are booked" in text_of(answer)
        assert HoursException.objects.exists()
