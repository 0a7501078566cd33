"""The pages about time, through a browser's requests: what they say, and what is stored."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta
from html import unescape
from urllib.parse import quote
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from mentors.models import Mentor
from sessions_app.models import AvailabilityWindow, Session
from tests.factories import MentorFactory
from tests.hours import open_window
from tests.people import alice, bob, browser, carol, mallory

pytestmark = pytest.mark.django_db
EVIL = '<script>alert("x")</script>'


@pytest.fixture
def hours():
    """Bob holds two hours in three days' time, in sessions of half an hour."""
    return open_window(bob().mentor)


def page_of(window):
    return f"/mentors/{window.mentor_id}/"


def book(client, window, *, start=None, **changes):
    starts_at = start or window.starts_at
    body = {
        "start": starts_at.isoformat(),
        "goal": "Which funds first?",
        "idempotency_key": str(uuid.uuid4()),
        **changes,
    }
    return client.post(f"{page_of(window)}book/", body)


def booked(window, **changes):
    client = browser(alice(**changes))
    book(client, window)
    return client, Session.objects.get()


def text_of(response):
    """The page as words, without its tags."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def queries_of(client, address):
    client.get(address)
    with CaptureQueriesContext(connection) as found:
        assert client.get(address).status_code == 200
    return len(found)


class TestMentorPage:
    def test_times_are_grouped_by_the_viewers_day(self, hours):
        page = browser(alice(time_zone="Asia/Tokyo")).get(page_of(hours))
        local = hours.starts_at.astimezone(ZoneInfo("Asia/Tokyo"))
        assert page.status_code == 200
        assert f'id="day-{local:%Y-%m-%d}"' in page.content.decode()
        assert f"{local:%A} {local.day} {local:%B}, {local:%H:%M} to" in page.content.decode()
        assert "Tokyo time" in page.content.decode()

    def test_the_zone_is_chosen_beside_the_times_and_remembered(self, hours):
        client = browser(alice(time_zone="Europe/Berlin"))
        assert "Times in Berlin" in text_of(client.get(page_of(hours)))
        assert "Times in New York" in text_of(client.get(f"{page_of(hours)}?tz=America/New_York"))
        assert "Times in New York" in text_of(client.get(page_of(hours)))
        client.get(f"{page_of(hours)}?tz=Europe/Berlin")
        assert "Times in Berlin" in text_of(client.get(page_of(hours)))

    def test_an_hour_at_night_and_another_day_are_said(self):
        mentor = bob(time_zone="America/New_York").mentor
        starts_at = (timezone.now() + timedelta(days=3)).replace(
            hour=17, minute=30, second=0, microsecond=0
        )
        open_window(mentor, starts_at=starts_at, hours=0.5)
        page = browser(alice(time_zone="Asia/Tokyo")).get(f"/mentors/{mentor.pk}/").content.decode()
        assert "Mind the hour: 02:30 is at night for you." in page
        tomorrow = starts_at + timedelta(days=1)
        assert f"{tomorrow:%A} for you is {starts_at:%A} for Bob." in page

    def test_the_mentors_clock_is_the_mentors(self):
        mentor = bob(time_zone="Asia/Kolkata").mentor
        client = browser(alice(time_zone="America/New_York"))
        before = timezone.now()
        page = text_of(client.get(f"/mentors/{mentor.pk}/"))
        clocks = [
            f"{at.astimezone(ZoneInfo('Asia/Kolkata')):%H:%M}" for at in (before, timezone.now())
        ]
        assert any(f"Now {clock} in Kolkata" in page for clock in clocks)

    @pytest.mark.parametrize(
        "query",
        [
            "tz=Mars/Olympus",
            "start=tomorrow",
            "start=9998-12-31T23:00Z",
            "start=0001-01-01T00:00Z",
            "from=2026-13-45",
            "request=1",
            "from=0001-01-01",
        ],
    )
    def test_an_odd_address_shows_the_page_all_the_same(self, hours, query):
        assert browser(alice()).get(f"{page_of(hours)}?{query}").status_code == 200

    def test_the_chosen_time_and_the_goal_come_from_the_address(self, hours):
        start = quote(hours.starts_at.isoformat())
        page = browser(alice()).get(f"{page_of(hours)}?start={start}&goal=Pricing").content.decode()
        assert re.search(r'value="[^"]+Z"[^>]+ checked', page)
        assert ">Pricing</textarea>" in page

    def test_an_empty_day_says_why(self, hours):
        Mentor.objects.update(weekly_load_cap=0)
        page = text_of(browser(alice()).get(page_of(hours)))
        assert "Bob takes at most 0 sessions a week" in page

    def test_a_mentee_who_is_busy_is_told_so(self, hours):
        client, session = booked(hours)
        window = open_window(MentorFactory(), starts_at=session.starts_at, hours=0.5)
        assert "You already have a session at these times." in text_of(client.get(page_of(window)))
        assert "You already have" not in text_of(browser(mallory()).get(page_of(window)))

    def test_what_people_wrote_is_text_and_never_html(self, hours):
        Mentor.objects.update(bio=EVIL, headline=EVIL)
        page = browser(alice()).get(f"{page_of(hours)}?goal={quote(EVIL)}").content.decode()
        assert EVIL not in page
        assert page.count("&lt;script&gt;") >= 3

    def test_mentors_and_managers_see_it_without_booking(self, hours):
        Mentor.objects.update(bio="In the open.")
        for person in (carol(), Mentor.objects.get().user):
            page = browser(person).get(page_of(hours))
            assert "Only mentees book" in text_of(page)
            assert f"{page_of(hours)}book/" not in page.content.decode()

    def test_a_stranger_is_asked_to_sign_in(self, hours, client):
        page = client.get(page_of(hours))
        assert "Sign in to book" in text_of(page)
        assert client.post(f"{page_of(hours)}book/", {}).status_code == 302
        assert client.get(f"{page_of(hours)}book/").status_code == 302

    def test_a_private_mentor_is_not_there(self, hours):
        Mentor.objects.update(visibility="private")
        assert browser(alice()).get(page_of(hours)).status_code == 404

    def test_the_room_is_not_given_away(self, hours):
        client, session = booked(hours)
        assert session.meeting.meeting_url
        for address in (page_of(hours), f"/sessions/{session.pk}/", "/sessions/"):
            assert "meet.jit.si" not in client.get(address).content.decode()

    def test_queries_do_not_grow_with_the_days(self, hours):
        client = browser(alice())
        few = queries_of(client, page_of(hours))
        for day in range(1, 13):
            open_window(hours.mentor, starts_at=hours.starts_at + timedelta(days=day))
        assert queries_of(client, page_of(hours)) == few <= 11


class TestBooking:
    def test_alice_books_through_the_form(self, hours):
        request_id = uuid.uuid4()
        answer = book(browser(alice()), hours, request=str(request_id))
        session = Session.objects.get()
        assert (answer.status_code, answer["Location"]) == (303, f"/sessions/{session.pk}/")
        assert session.starts_at == hours.starts_at
        assert (session.goal, session.match_request) == ("Which funds first?", request_id)

    def test_the_form_of_the_page_is_enough(self, hours):
        """What a browser without JavaScript would send: the fields as they stand in the page."""
        client = browser(alice())
        page = client.get(page_of(hours)).content.decode()
        fields = dict(re.findall(r'name="(idempotency_key|request)" value="([^"]*)"', page))
        start = re.search(r'type="radio" name="start" form="book-form" value="([^"]+)"', page)[1]
        answer = client.post(f"{page_of(hours)}book/", {**fields, "start": start, "goal": "Hello"})
        assert answer.status_code == 303
        assert Session.objects.get().goal == "Hello"

    def test_sent_twice_it_books_once(self, hours):
        client, key = browser(alice()), str(uuid.uuid4())
        first = book(client, hours, idempotency_key=key)
        second = book(client, hours, idempotency_key=key)
        assert Session.objects.count() == 1
        assert first["Location"] == second["Location"]

    def test_going_back_and_choosing_another_time_is_another_booking(self, hours):
        client, key = browser(alice()), str(uuid.uuid4())
        book(client, hours, idempotency_key=key)
        later = hours.starts_at + timedelta(minutes=30)
        assert book(client, hours, start=later, idempotency_key=key).status_code == 303
        assert Session.objects.count() == 2

    def test_a_taken_time_keeps_the_words_and_offers_others(self, hours):
        book(browser(mallory()), hours)
        answer = book(browser(alice()), hours, goal="Keep me, please")
        page = answer.content.decode()
        assert answer.status_code == 409
        assert 'role="alert"' in page
        assert "data-focus" in page
        assert ">Keep me, please</textarea>" in page
        offered = page[page.index('role="alert"') : page.index('id="times"')]
        assert offered.count('type="radio"') == 3
        assert Session.objects.count() == 1

    @pytest.mark.parametrize(
        ("start", "status"), [("", 400), ("soon", 400), ("2026-01-01T10:00:00", 400)]
    )
    def test_a_misshapen_time_keeps_the_form(self, hours, start, status):
        client = browser(alice())
        body = {"start": start, "goal": "Keep me", "idempotency_key": str(uuid.uuid4())}
        answer = client.post(f"{page_of(hours)}book/", body)
        assert answer.status_code == status
        assert ">Keep me</textarea>" in answer.content.decode()
        assert 'role="alert"' in answer.content.decode()

    def test_a_time_outside_the_hours_is_refused_with_its_reason(self, hours):
        answer = book(browser(alice()), hours, start=hours.starts_at - timedelta(hours=5))
        assert answer.status_code == 422
        assert "no office hours then" in text_of(answer)

    def test_a_mentor_cannot_book(self, hours):
        answer = book(browser(MentorFactory().user), hours)
        assert answer.status_code == 403
        assert not Session.objects.exists()

    def test_html_in_a_goal_stays_text_for_both(self, hours):
        client = browser(alice())
        book(client, hours, goal=EVIL)
        address = f"/sessions/{Session.objects.get().pk}/"
        for someone in (client, browser(hours.mentor.user)):
            for page in (address, "/sessions/"):
                assert EVIL not in someone.get(page).content.decode()


class TestSession:
    def test_both_see_it_on_both_clocks_and_a_stranger_does_not(self, hours):
        client, session = booked(hours, time_zone="Europe/Berlin")
        address = f"/sessions/{session.pk}/"
        page = client.get(address)
        assert "You meet Bob Mentor" in text_of(page)
        assert "Berlin" in text_of(page)
        assert "Alice Founder" in text_of(browser(hours.mentor.user).get(address))
        stranger = browser(mallory())
        for path in ("", "cancel/", "calendar.ics"):
            assert stranger.get(address + path).status_code == 404
        for path in ("cancel/", "join/", "notes/", "accept/"):
            assert stranger.post(address + path).status_code == 404

    def test_it_goes_into_a_calendar(self, hours):
        client, session = booked(hours)
        page = client.get(f"/sessions/{session.pk}/").content.decode()
        assert "https://calendar.google.com/calendar/render?action=TEMPLATE" in page
        assert "https://outlook.live.com/" in page
        file = client.get(f"/sessions/{session.pk}/calendar.ics")
        assert file["Content-Type"].startswith("text/calendar")
        assert session.ical_uid.encode() in file.content

    def test_too_early_to_join(self, hours):
        client, session = booked(hours)
        answer = client.post(f"/sessions/{session.pk}/join/")
        assert answer.status_code == 403
        assert "15 minutes before" in text_of(answer)

    def test_joining_leads_to_the_room_and_the_page_may_follow(self, hours):
        client, session = booked(hours)
        now = timezone.now().replace(second=0, microsecond=0)
        times = {"starts_at": now + timedelta(minutes=5), "ends_at": now + timedelta(minutes=35)}
        type(session.meeting).objects.update(**times)  # the session's copies follow
        policy = client.get(f"/sessions/{session.pk}/")["Content-Security-Policy"]
        assert "form-action 'self' https://meet.jit.si" in policy
        answer = client.post(f"/sessions/{session.pk}/join/")
        assert (answer.status_code, answer["Location"]) == (302, session.meeting.meeting_url)
        assert Session.objects.get().mentee_joined_at

    def test_cancelling_says_first_what_it_means(self, hours):
        client, session = booked(hours)
        address = f"/sessions/{session.pk}/cancel/"
        assert "The event leaves both calendars." in text_of(client.get(address))
        assert Session.objects.get().status == "booked"
        assert client.post(address, {"reason": "Closed the round"}).status_code == 302
        assert Session.objects.get().status == "cancelled"
        assert "Closed the round" in text_of(
            browser(hours.mentor.user).get(f"/sessions/{session.pk}/")
        )

    def test_what_is_cancelled_is_not_prepared_and_notes_that_were_made_stay(self, hours):
        client, session = booked(hours)
        page = f"/sessions/{session.pk}/"
        assert "Prepare" in text_of(client.get(page))
        client.post(f"{page}cancel/", {"reason": "Closed the round"})
        assert "notes-title" not in client.get(page).content.decode()
        assert "/?show=past" in client.get("/sessions/").content.decode()
        client.post(f"{page}notes/", {"notes": "Ask about the fund"})
        assert "Ask about the fund" in text_of(client.get(page))
        assert "Prepare" not in text_of(client.get(page))

    def test_a_request_is_accepted_or_declined_by_the_mentor(self, hours):
        Mentor.objects.update(approves_bookings=True)
        client, session = booked(hours)
        address = f"/sessions/{session.pk}/"
        assert "Waiting for Bob to accept" in text_of(client.get(address))
        assert client.post(f"{address}accept/").status_code == 403
        answer = browser(hours.mentor.user)
        assert "Decline" in text_of(answer.get(address))
        assert answer.post(f"{address}accept/").status_code == 302
        assert Session.objects.get().status == "booked"
        assert answer.post(f"{address}accept/").status_code == 422

    def test_notes_are_ones_own(self, hours):
        client, session = booked(hours)
        client.post(f"/sessions/{session.pk}/notes/", {"notes": "Ask about pro rata"})
        assert "Ask about pro rata" in client.get(f"/sessions/{session.pk}/").content.decode()
        mentor = browser(hours.mentor.user)
        assert "Ask about pro rata" not in mentor.get(f"/sessions/{session.pk}/").content.decode()

    def test_lists_say_what_is_missing_and_do_not_query_per_row(self, hours):
        client = browser(alice())
        assert "Nothing booked yet" in text_of(client.get("/sessions/"))
        Mentor.objects.update(weekly_load_cap=100)
        for half_hour in range(2):
            book(client, hours, start=hours.starts_at + timedelta(minutes=30 * half_hour))
        few = queries_of(client, "/sessions/")
        for day in range(1, 10):
            window = open_window(hours.mentor, starts_at=hours.starts_at + timedelta(days=day))
            for half_hour in range(2):
                book(client, window, start=window.starts_at + timedelta(minutes=30 * half_hour))
        assert Session.objects.count() == 20
        assert queries_of(client, "/sessions/") == few
        assert "No sessions behind you yet" in text_of(client.get("/sessions/?show=past"))


class TestHours:
    def add(self, client, **changes):
        day = timezone.now() + timedelta(days=4)
        body = {
            "date": f"{day:%Y-%m-%d}", "starts": "14:00", "ends": "16:00", "capacity": "1",
            "location": "", **changes,
        }  # fmt: skip
        return client.post("/hours/add/", body)

    def test_hours_are_on_the_mentors_own_clock(self):
        client = browser(bob(time_zone="America/New_York"))
        assert self.add(client, date="2027-01-12").status_code == 302
        window = AvailabilityWindow.objects.get()
        assert window.starts_at.isoformat() == "2027-01-12T19:00:00+00:00"
        assert window.ends_at - window.starts_at == timedelta(hours=2)

    @pytest.mark.parametrize("far", ["9999-12-31", "2200-01-01", "0001-01-01"])
    def test_a_date_that_no_calendar_reaches_is_refused_in_the_form(self, far):
        answer = self.add(browser(bob()), date=far, starts="23:00", ends="00:00")
        assert answer.status_code == 400
        assert "too far away" in text_of(answer)

    def test_an_end_before_the_start_is_the_next_day(self):
        client = browser(bob())
        self.add(client, starts="22:00", ends="01:00")
        window = AvailabilityWindow.objects.get()
        assert window.ends_at - window.starts_at == timedelta(hours=3)

    def test_what_overlaps_or_is_past_is_said_in_the_form(self):
        client = browser(bob())
        self.add(client)
        twice = self.add(client, location="Room 4")
        assert twice.status_code == 400
        assert "overlaps another window" in text_of(twice)
        assert 'value="Room 4"' in twice.content.decode()
        past = self.add(client, date="2020-01-01")
        assert past.status_code == 400
        assert "Hours start in the future" in text_of(past)
        assert AvailabilityWindow.objects.count() == 1

    def test_closing_hours_lists_who_is_booked_and_keeps_them_if_asked(self, hours):
        booked(hours)
        client = browser(hours.mentor.user)
        address = f"/hours/{hours.pk}/remove/"
        refused = client.post(address)
        assert refused.status_code == 409
        assert "Alice Founder" in text_of(refused)
        assert AvailabilityWindow.objects.get().is_active
        assert client.post(address, {"force": "keep"}).status_code == 302
        assert not AvailabilityWindow.objects.get().is_active
        assert Session.objects.get().status == "booked"

    def test_hours_are_the_mentors_own(self, hours):
        assert browser(MentorFactory().user).post(f"/hours/{hours.pk}/remove/").status_code == 404
        assert browser(alice()).get("/hours/").status_code == 403
        assert AvailabilityWindow.objects.get().is_active
