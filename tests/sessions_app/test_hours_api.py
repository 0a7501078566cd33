"""Weekly hours, dates that differ, time away and displaced sessions through the API."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from mentors.models import Mentor
from sessions_app.models import (
    AvailabilityWindow,
    BusyTime,
    Holiday,
    HoursException,
    Session,
    WeeklyHours,
)
from tests.factories import MentorFactory
from tests.people import alice, api, bob, carol, mallory

pytestmark = pytest.mark.django_db
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def mentor():
    return bob(time_zone="Europe/Berlin", booking_horizon_days=28, minimum_notice_minutes=0).mentor


def path(mentor, rest="weekly"):
    return f"/api/availability/{mentor.pk}/{rest}"


def put(client, mentor, **body):
    return client.put(path(mentor), body, format="json")


def day_ahead(days=3):
    return (timezone.now().astimezone(BERLIN) + timedelta(days=days)).date()


def weekly(day=None, **changes):
    day = day or day_ahead()
    return {"weekday": day.weekday(), "starts": "09:00", "ends": "12:00", **changes}


def book(mentor, hour=11):
    starts_at = datetime.combine(day_ahead(), time(hour), BERLIN)
    body = {"mentor": str(mentor.pk), "starts_at": starts_at.isoformat()}
    answer = api(alice()).post("/api/sessions", body, format="json")
    assert answer.status_code == 201, answer.content
    return Session.objects.get()


class TestWeekly:
    def test_all_of_it_is_set_read_and_sent_back_unchanged(self, mentor):
        client = api(mentor.user)
        Holiday.objects.create(date=day_ahead(8), name="Founders' Day")
        away = {
            "starts_at": f"{day_ahead(12)}T00:00:00Z",
            "ends_at": f"{day_ahead(13)}T00:00:00Z",
            "reason": "Leave",
        }
        closed = {"date": str(day_ahead(3)), "reason": "Fair"}
        extra = {"date": str(day_ahead(4)), "starts": "18:00", "ends": "20:00", "capacity": 3}

        answer = put(client, mentor, weekly=[weekly()], exceptions=[closed, extra], away=[away])

        assert answer.status_code == 200, answer.content
        hours = answer.json()
        assert hours["time_zone"] == "Europe/Berlin"
        [rule] = hours["weekly"]
        assert rule | {"id": None} == {
            **weekly(), "id": None, "every_n_weeks": 1, "capacity": 1, "location": "",
            "starts_on": str(timezone.now().astimezone(BERLIN).date()), "ends_on": None,
        }  # fmt: skip
        assert [row["starts"] for row in hours["exceptions"]] == [None, "18:00"]
        assert hours["away"][0]["ends_at"] == away["ends_at"]
        assert hours["holidays"] == [{"date": str(day_ahead(8)), "name": "Founders' Day"}]
        assert hours["displaced"] == []
        windows = list(AvailabilityWindow.objects.order_by("starts_at").values())
        assert windows[0]["capacity"] == 3
        assert windows[1]["starts_at"] == datetime.combine(day_ahead(10), time(9), BERLIN)

        kept = {name: hours[name] for name in ("weekly", "exceptions", "away")}
        assert put(client, mentor, **kept).json() == hours
        assert client.get(path(mentor)).json() == hours
        assert list(AvailabilityWindow.objects.order_by("starts_at").values()) == windows

    def test_what_is_left_out_stays_and_what_is_not_named_goes(self, mentor):
        client = api(mentor.user)
        put(client, mentor, weekly=[weekly(), weekly(day_ahead(4))])
        first = client.get(path(mentor)).json()["weekly"][0]

        put(client, mentor, away=[])
        assert WeeklyHours.objects.count() == 2
        put(client, mentor, weekly=[first])
        assert WeeklyHours.objects.get().pk.hex == first["id"].replace("-", "")
        put(client, mentor, weekly=[])
        assert not AvailabilityWindow.objects.exists()

    def test_hours_skipped_by_hand_go_there_and_back(self, mentor):
        client = api(mentor.user)
        put(client, mentor, weekly=[weekly()])
        window = AvailabilityWindow.objects.earliest("starts_at")
        client.put(f"/api/availability/{mentor.pk}", {"windows": []}, format="json")
        assert not AvailabilityWindow.objects.exists()
        hours = client.get(path(mentor)).json()
        skipped = hours["exceptions"]
        assert {row["weekly_hours"] for row in skipped} == {hours["weekly"][0]["id"]}

        put(client, mentor, exceptions=skipped)
        assert not AvailabilityWindow.objects.exists()
        put(client, mentor, exceptions=skipped[1:])
        assert AvailabilityWindow.objects.get().starts_at == window.starts_at

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"weekly": [weekly(weekday=7)]}, "weekly.0.weekday"),
            ({"weekly": [weekly(starts="25:00")]}, "weekly.0.starts"),
            ({"weekly": [weekly(capacity=0)]}, "weekly.0.capacity"),
            ({"weekly": [weekly(), weekly(starts="11:00")]}, "starts"),
            ({"weekly": "every day"}, "weekly"),
            ({"exceptions": [{"date": "2026-13-01"}]}, "exceptions.0.date"),
            ({"exceptions": [{"date": "2020-01-01"}]}, "date"),
            ({"exceptions": [{"date": str(day_ahead()), "starts": "09:00"}]}, "ends"),
            (
                {"away": [{"starts_at": "2027-01-01T00:00", "ends_at": "2027-01-02T00:00Z"}]},
                "away.0.starts_at",
            ),
            (
                {"away": [{"starts_at": "2027-01-02T00:00Z", "ends_at": "2027-01-01T00:00Z"}]},
                "ends_at",
            ),
            ({"decisions": [{"session": str(uuid4()), "action": "drop"}]}, "decisions.0.action"),
        ],
    )
    def test_misshapen_hours_change_nothing_and_name_the_field(self, mentor, body, field):
        answer = put(api(mentor.user), mentor, **body)

        assert (answer.status_code, answer.json()["code"]) == (400, "invalid"), answer.content
        assert field in answer.json()["fields"]
        assert not WeeklyHours.objects.exists()
        assert not HoursException.objects.exists()

    def test_who_may(self, mentor):
        theirs = MentorFactory()
        other = {"id": str(uuid4()), **weekly()}
        assert put(api(carol()), mentor, weekly=[weekly()]).status_code == 200
        assert put(api(theirs.user), mentor, weekly=[]).status_code == 403
        assert api(mallory()).get(path(mentor)).status_code == 403
        assert api().get(path(mentor)).status_code == 401
        assert put(api(mentor.user), mentor, weekly=[other]).status_code == 404
        Mentor.objects.filter(pk=mentor.pk).update(visibility="private")
        stranger = api(alice())
        assert stranger.get(path(mentor)).status_code == 404
        assert stranger.get(path(mentor, "displaced")).status_code == 404
        assert WeeklyHours.objects.exists()


class TestDecisions:
    @pytest.fixture
    def session(self, mentor):
        put(api(mentor.user), mentor, weekly=[weekly()])
        return book(mentor)

    def test_trap_20_displaced_sessions_are_listed_with_other_times(self, mentor, session):
        answer = put(api(mentor.user), mentor, weekly=[weekly(ends="11:00")])

        assert (answer.status_code, answer.json()["code"]) == (409, "sessions_orphaned")
        [conflict] = answer.json()["conflicts"]
        assert conflict["session"] == str(session.pk)
        assert (conflict["cause"], conflict["mentee"]["name"]) == ("outside_hours", "Alice Founder")
        assert len(conflict["alternatives"]) == 5
        assert WeeklyHours.objects.get().ends == time(12)

    def test_the_same_request_with_decisions_is_carried_out(self, mentor, session):
        client = api(mentor.user)
        refused = put(client, mentor, weekly=[weekly(ends="11:00")])
        wanted = refused.json()["conflicts"][0]["alternatives"][0]["starts_at"]
        move = {"session": str(session.pk), "action": "move", "starts_at": wanted}

        answer = put(client, mentor, weekly=[weekly(ends="11:00")], decisions=[move])

        assert answer.status_code == 200, answer.content
        session.refresh_from_db()
        assert session.starts_at == datetime.fromisoformat(wanted)

    def test_windows_take_decisions_too(self, mentor, session):
        client = api(mentor.user)
        cancel = {"session": str(session.pk), "action": "cancel", "reason": "Ill."}
        body = {"windows": [], "decisions": [cancel]}
        assert client.put(path(mentor, "")[:-1], body, format="json").status_code == 200
        session.refresh_from_db()
        assert session.status == "cancelled"

    def test_the_inbox(self, mentor, session):
        client = api(mentor.user)
        BusyTime.objects.create(
            mentor=mentor, starts_at=session.starts_at, ends_at=session.ends_at, source="calendar"
        )
        [row] = client.get(path(mentor, "displaced")).json()["displaced"]
        assert (row["session"], row["cause"]) == (str(session.pk), "busy")
        assert [row] == client.get(path(mentor)).json()["displaced"]
        keep = {"decisions": [{"session": str(session.pk), "action": "keep"}]}

        stranger = api(MentorFactory().user)
        assert stranger.post(path(mentor, "displaced"), keep, format="json").status_code == 403
        answers = [
            client.post(path(mentor, "displaced"), keep, format="json", HTTP_IDEMPOTENCY_KEY="one")
            for _again in range(2)
        ]

        assert [(answer.status_code, answer.json()) for answer in answers] == [
            (200, {"displaced": []})
        ] * 2
        assert session.events.count() == 2
        again = client.post(path(mentor, "displaced"), keep, format="json")
        assert (again.status_code, again.json()["code"]) == (422, "illegal_move")

    def test_a_move_without_a_time_is_refused_by_name(self, mentor, session):
        move = {"session": str(session.pk), "action": "move"}
        answer = put(api(mentor.user), mentor, weekly=[], decisions=[move])
        assert (answer.status_code, "starts_at" in answer.json()["fields"]) == (400, True)

    def test_trap_21_seats_that_are_booked_are_not_taken_away(self, mentor):
        client = api(mentor.user)
        put(client, mentor, weekly=[weekly(capacity=2)])
        session = book(mentor)
        body = {"mentor": str(mentor.pk), "starts_at": session.starts_at.isoformat()}
        assert api(mallory()).post("/api/sessions", body, format="json").status_code == 201
        [rule] = client.get(path(mentor)).json()["weekly"]

        answer = put(client, mentor, weekly=[rule | {"capacity": 1}])

        assert (answer.status_code, answer.json()["code"]) == (409, "sessions_orphaned")
        assert {row["cause"] for row in answer.json()["conflicts"]} == {"no_seat"}
        assert len(answer.json()["conflicts"]) == 2
