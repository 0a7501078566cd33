"""Waiting as a person does it: plain pages and forms, without any script."""

from __future__ import annotations

import re
import uuid
from datetime import timedelta

import pytest
from django.utils import timezone

from sessions_app import services
from sessions_app.models import Hold, Session, WaitlistEntry
from tests.factories import MenteeFactory, MentorFactory
from tests.hours import open_window
from tests.line import book, cancel, full_hour, later, offer_to, wait
from tests.people import alice, bob, browser, carol, mallory

pytestmark = pytest.mark.django_db


@pytest.fixture
def full():
    return full_hour(bob().mentor)


@pytest.fixture
def offered(full):
    hours, session = full
    user = alice()
    place = wait(user, hours.mentor, goal="Meet funds")
    cancel(session)
    return user, place, hours


def page(user, address, status=200):
    answer = browser(user).get(address)
    assert answer.status_code == status, answer.content[:300]
    return answer.content.decode()


def send(user, address, **fields):
    return browser(user).post(address, {"idempotency_key": str(uuid.uuid4()), **fields})


def join_address(hours):
    return f"/mentors/{hours.mentor_id}/waitlist/"


class TestMentorPage:
    def test_where_nothing_is_open_the_way_to_wait_is_open(self, full):
        hours, _session = full

        shown = page(alice(), f"/mentors/{hours.mentor_id}/?goal=Meet+funds")

        assert "Tell me when something opens" in shown
        assert '<details class="fold" id="wait" open>' in shown
        assert f'action="{join_address(hours)}"' in shown
        assert re.search(r"<textarea[^>]*id=\"wait_goal\"[^>]*>\s*Meet funds", shown)

    def test_beside_open_times_it_is_small(self):
        hours = open_window(bob().mentor)

        shown = page(alice(), f"/mentors/{hours.mentor_id}/")

        assert "None of these suit you? Wait for another day" in shown
        assert '<details class="fold" id="wait">' in shown

    def test_who_waits_sees_their_place(self, full):
        hours, _session = full
        wait(mallory(), hours.mentor)
        user = alice()
        wait(user, hours.mentor)

        shown = page(user, f"/mentors/{hours.mentor_id}/")

        assert "You are in line for Bob" in shown
        assert "1 person is before you." in shown
        assert "Mallory" not in shown

    def test_an_offer_is_answered_there_too(self, offered):
        user, place, hours = offered

        shown = page(user, f"/mentors/{hours.mentor_id}/")

        assert "Bob Mentor has a time for you" in shown
        assert f'action="/waitlist/{place.pk}/accept/"' in shown

    @pytest.mark.parametrize("who", ["mentor", "manager", "nobody"])
    def test_only_mentees_are_asked_to_wait(self, full, client, who):
        hours, _session = full
        if who != "nobody":
            client.force_login(hours.mentor.user if who == "mentor" else carol())

        shown = client.get(f"/mentors/{hours.mentor_id}/").content.decode()

        assert 'id="wait"' not in shown


class TestJoining:
    def test_days_are_read_on_the_clock_of_the_page(self, full):
        hours, _session = full
        user = alice(time_zone="America/New_York")
        first = timezone.localdate() + timedelta(days=20)

        answer = send(
            user,
            join_address(hours),
            first_day=first.isoformat(),
            last_day=(first + timedelta(days=4)).isoformat(),
            goal="Meet funds",
        )

        assert (answer.status_code, answer["Location"]) == (302, "/waitlist/")
        place = WaitlistEntry.objects.get()
        begins = place.wanted_from.astimezone(user.zone)
        ends = place.wanted_until.astimezone(user.zone)
        assert (begins.date(), f"{begins:%H:%M}") == (first, "00:00")
        assert (ends.date(), f"{ends:%H:%M}") == (first + timedelta(days=5), "00:00")
        shown = page(user, "/waitlist/")
        assert f"a time from {first:%a} {first.day} {first:%B} to" in shown
        assert "You are next." in shown

    def test_the_same_form_sent_twice_joins_once(self, full):
        hours, _session = full
        user, key = alice(), str(uuid.uuid4())
        client = browser(user)

        answers = [client.post(join_address(hours), {"idempotency_key": key}) for _ in range(2)]

        assert [answer["Location"] for answer in answers] == ["/waitlist/"] * 2
        assert WaitlistEntry.objects.count() == 1

    def test_open_times_are_shown_instead_and_what_was_written_is_kept(self):
        hours = open_window(bob().mentor, hours=0.5)

        answer = send(alice(), join_address(hours), goal="Meet funds")

        shown = answer.content.decode()
        assert answer.status_code == 409
        assert "You need not wait: Bob has open times." in shown
        start = hours.starts_at.strftime("%Y-%m-%dT%H:%M:%SZ")
        assert f"/mentors/{hours.mentor_id}/?start={start}&amp;goal=Meet+funds#confirm" in shown
        assert "Meet funds</textarea>" in shown

    def test_a_last_day_before_the_first_is_said_at_its_field(self, full):
        hours, _session = full
        day = timezone.localdate() + timedelta(days=5)

        answer = send(
            alice(),
            join_address(hours),
            first_day=day.isoformat(),
            last_day=(day - timedelta(days=1)).isoformat(),
            goal="Meet funds",
        )

        shown = answer.content.decode()
        assert answer.status_code == 400
        assert "The last day is before the first one." in shown
        assert f'value="{day.isoformat()}"' in shown
        assert "Meet funds</textarea>" in shown
        assert not WaitlistEntry.objects.exists()

    def test_a_day_that_is_over_is_refused(self, full):
        hours, _session = full

        answer = send(alice(), join_address(hours), last_day="2020-01-01")

        assert answer.status_code == 400
        assert "This day is over." in answer.content.decode()

    def test_changing_the_wish_starts_from_what_it_was(self, full):
        hours, _session = full
        user = alice()
        wait(user, hours.mentor, goal="Meet funds", wanted_until=later(days=30))

        shown = page(user, join_address(hours))

        last = (later(days=30) - timedelta(minutes=1)).date()
        assert f'value="{last.isoformat()}"' in shown
        assert "You keep your place in the line." in shown
        assert "Meet funds</textarea>" in shown

    def test_a_mentor_that_one_may_not_see_has_no_such_page(self, full):
        hours, _session = full
        type(hours.mentor).objects.update(visibility="private")

        page(alice(), join_address(hours), status=404)

    def test_a_mentor_is_told_that_only_mentees_wait(self, full):
        hours, _session = full

        answer = send(MentorFactory().user, join_address(hours))

        assert answer.status_code == 403
        assert "Only mentees wait for a time." in answer.content.decode()


class TestAnswering:
    def test_an_offer_stands_on_top_of_my_sessions(self, offered):
        user, place, hours = offered

        for address in ("/sessions/", "/waitlist/"):
            shown = page(user, address)
            starts = hours.starts_at
            assert f"Book {starts:%A} {starts.day} {starts:%B}, {starts:%H:%M}" in shown
            assert f'action="/waitlist/{place.pk}/pass/"' in shown
            assert f'<time datetime="{offer_to(user).expires_at.isoformat()}">' in shown

    def test_taking_it_leads_to_the_session(self, offered):
        user, place, _hours = offered

        answer = send(user, f"/waitlist/{place.pk}/accept/")

        session = Session.objects.get(mentee=user.mentee)
        assert (answer.status_code, answer["Location"]) == (302, f"/sessions/{session.pk}/")
        assert "Meet funds" in page(user, answer["Location"])

    def test_passing_keeps_the_place(self, offered):
        user, place, _hours = offered

        answer = send(user, f"/waitlist/{place.pk}/pass/")

        assert (answer.status_code, answer["Location"]) == (302, "/waitlist/")
        assert "You are next." in page(user, "/waitlist/")
        assert Hold.objects.get().state == Hold.State.PASSED

    def test_too_late_is_410_with_the_open_times(self, offered):
        user, place, hours = offered
        send(user, f"/waitlist/{place.pk}/pass/")
        book(mallory(), hours)
        open_window(hours.mentor, starts_at=hours.starts_at + timedelta(days=1), hours=0.5)

        answer = send(user, f"/waitlist/{place.pk}/accept/")

        shown = answer.content.decode()
        assert answer.status_code == 410
        assert "This offer has ended." in shown
        assert "Open with Bob:" in shown
        assert f"/mentors/{hours.mentor_id}/?start=" in shown

    def test_leaving(self, offered):
        user, place, _hours = offered

        answer = send(user, f"/waitlist/{place.pk}/leave/")

        assert (answer.status_code, answer["Location"]) == (302, "/waitlist/")
        assert "You are not waiting for anybody" in page(user, "/waitlist/")

    def test_a_place_given_up_says_why_and_how_to_wait_again(self, offered):
        user, _place, hours = offered
        Hold.objects.update(state=Hold.State.EXPIRED)
        WaitlistEntry.objects.update(state=WaitlistEntry.State.WAITING)
        full_hour(hours.mentor, starts_at=hours.starts_at + timedelta(days=1))
        cancel(Session.objects.get(status="booked"))

        services.tend_waitlists(now=later(hours=13))

        shown = page(user, "/waitlist/")
        assert "You are no longer in line for Bob Mentor" in shown
        assert "Two offers went unanswered" in shown
        assert f'href="{join_address(hours)}"' in shown

    def test_nothing_is_answered_by_following_a_link(self, offered):
        """trap 28: mail scanners follow links, so only a POST acts."""
        user, place, _hours = offered

        for verb in ("accept", "pass"):
            assert browser(user).get(f"/waitlist/{place.pk}/{verb}/").status_code == 405
        assert "Leave the line for" in page(user, f"/waitlist/{place.pk}/leave/"), "It asks first."
        assert offer_to(user)

    @pytest.mark.parametrize("verb", ["accept", "pass", "leave"])
    def test_a_stranger_gets_404(self, offered, verb):
        user, place, _hours = offered

        assert send(mallory(), f"/waitlist/{place.pk}/{verb}/").status_code == 404
        assert offer_to(user)
        assert "Bob" not in page(MenteeFactory().user, "/waitlist/")
