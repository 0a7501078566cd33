"""A mentor's own page: who is coming and why, how their hours were used, and the pause."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from matching.models import MatchImpression, MatchRequest
from mentors.models import SavedMentor
from sessions_app import selectors, services
from sessions_app.agenda import part_of
from sessions_app.models import AvailabilityWindow, Session
from tests.bookings import booked, completed
from tests.hours import open_window
from tests.people import alice, bob, browser, mallory

pytestmark = pytest.mark.django_db


def home_of(user):
    answer = browser(user).get("/sessions/")
    assert answer.status_code == 200
    return answer.content.decode()


def from_a_list(session, *reasons):
    """As if the session had been booked from a list in which the mentor was shown with these reasons."""
    request = MatchRequest.objects.create(
        user=session.mentee.user, query="?", model_id="-", policy="-", took_ms=1
    )
    said = [{"code": code, "text": text, "signal": "words"} for code, text in reasons]
    MatchImpression.objects.create(
        request=request, mentor=session.mentor, position=1, score=80, reasons=said
    )
    session.match_request = request.pk
    session.save(update_fields=["match_request"])


class TestWhoIsComing:
    def test_the_mentor_sees_who_comes_with_what_and_why(self):
        session = booked(goal="Which funds first?")
        from_a_list(
            session,
            ("expertise", "Knows Fundraising, which you asked for"),
            ("next_slot", "Free Tue 8 Dec, 14:00 your time"),
        )
        for address in ("/sessions/", f"/sessions/{session.pk}/"):
            page = browser(session.mentor.user).get(address).content.decode()
            assert "Which funds first?" in page
            assert "Acorn" in page
            assert "Seed" in page
            assert "Health" in page
            assert "Knows Fundraising, which you asked for" in page
            assert "Free Tue 8 Dec" not in page, "A time that was free once is no reason now."

    def test_the_mentee_is_not_told_their_own_reasons(self):
        session = booked()
        from_a_list(session, ("expertise", "Knows Fundraising, which you asked for"))
        page = browser(session.mentee.user).get(f"/sessions/{session.pk}/").content.decode()
        assert "Knows Fundraising" not in page

    def test_a_session_that_came_from_no_list_has_no_why(self):
        session = booked()
        page = browser(session.mentor.user).get(f"/sessions/{session.pk}/").content.decode()
        assert "chose you" not in page

    def test_today_the_coming_week_and_later(self):
        session = booked()
        now, zone = timezone.now(), session.mentor.user.zone
        today = now.astimezone(zone).replace(hour=23, minute=30)
        assert part_of(today, now=now, zone=zone) == "today"
        assert part_of(now - timedelta(minutes=20), now=now, zone=zone) == "today"
        assert part_of(today + timedelta(days=1), now=now, zone=zone) == "week"
        assert part_of(today + timedelta(days=7), now=now, zone=zone) == "week"
        assert part_of(today + timedelta(days=8), now=now, zone=zone) == "later"
        page = home_of(session.mentor.user)
        assert page.index("Nobody is coming today.") < page.index("The coming week</h2>")

    def test_the_queries_do_not_grow_with_the_sessions(self):
        window = open_window(bob().mentor, hours=6)
        people = [alice(), mallory()]
        client = browser(window.mentor.user)

        def count(n):
            mentee = people[n % 2]
            session = services.book_session(
                mentor_id=window.mentor_id,
                mentee=mentee.mentee,
                starts_at=window.starts_at + timedelta(minutes=30 * n),
                by=mentee,
                clock=timezone.now,
            )
            from_a_list(session, ("quote", "“I help.”"))
            client.get("/sessions/")
            with CaptureQueriesContext(connection) as found:
                client.get("/sessions/")
            return len(found)

        first = count(0)
        assert [count(n) for n in (1, 2, 3)] == [first] * 3
        assert first <= 15


class TestOwnFigures:
    def test_booked_of_what_could_be_booked(self):
        session = completed()
        services.give_feedback(
            session_id=session.pk,
            by=session.mentee.user,
            values=services.FeedbackValues(overall=4),
            clock=lambda: session.ends_at,
        )
        SavedMentor.objects.create(mentee=session.mentee, mentor=session.mentor)
        # The session of three days ahead, as it looks when two weeks have passed.
        load = selectors.loads([session.mentor_id], now=session.ends_at + timedelta(days=14))
        assert load[session.mentor_id] == selectors.Load(offered=4, places=4, booked=1)
        assert load[session.mentor_id].share == 0.25
        page = home_of(session.mentor.user)
        assert "4.0" in page
        assert "from one founder" in page
        assert "founder saved you" in page
        assert "No hours were open for booking." in page, "These hours are still to come."

    @pytest.mark.parametrize(
        ("changes", "places"),
        [({"weekly_load_cap": 1}, 4), ({"session_minutes": 45}, 6), ({"session_minutes": 240}, 0)],
    )
    def test_places_are_what_fits_and_what_the_limit_allows(self, changes, places):
        mentor = bob(**changes).mentor
        now = timezone.now()
        for days in (1, 8, 15, 29):  # the last is before the period
            open_window(mentor, starts_at=now - timedelta(days=days), hours=2)
        closed = open_window(mentor, starts_at=now - timedelta(days=3), hours=2)
        AvailabilityWindow.objects.filter(pk=closed.pk).update(is_active=False)
        assert selectors.loads([mentor.pk], now=now)[mentor.pk].places == places

    def test_seats_of_a_group_count_and_cancelled_ones_do_not(self):
        session = booked()
        mentor = session.mentor
        AvailabilityWindow.objects.update(capacity=3)
        after = session.ends_at + timedelta(days=1)
        assert selectors.loads([mentor.pk], now=after)[mentor.pk].booked == 1
        assert selectors.loads([mentor.pk], now=after)[mentor.pk].offered == 12
        Session.objects.update(status=Session.Status.CANCELLED)
        assert selectors.loads([mentor.pk], now=after)[mentor.pk].booked == 0
        assert selectors.loads([mentor.pk], now=after)[mentor.pk].share == 0

    def test_without_hours_there_is_no_share(self):
        mentor = bob().mentor
        assert selectors.loads([mentor.pk], now=timezone.now())[mentor.pk].share is None
        assert selectors.loads([], now=timezone.now()) == {}

    def test_only_the_mentor_sees_them(self):
        session = booked()
        assert "Your last four weeks" not in home_of(session.mentee.user)


class TestPause:
    def test_nothing_new_is_booked_and_what_is_booked_stands(self):
        session = booked()
        client = browser(session.mentor.user)
        page = client.post("/hours/pause/", follow=True).content.decode()
        assert "Paused: nobody can book you." in page
        assert "Take bookings again" in page
        session.mentor.refresh_from_db()
        session.refresh_from_db()
        assert (session.mentor.is_active, session.status) == (False, "booked")
        hours = client.get("/hours/").content.decode()
        assert "needs a decision" not in hours
        assert 'action="/hours/resume/"' in hours

        page = client.post("/hours/resume/", follow=True).content.decode()
        assert "Pause new bookings" in page
        session.mentor.refresh_from_db()
        assert session.mentor.is_active
        assert "needs a decision" not in client.get("/hours/").content.decode()

    def test_twice_is_once(self):
        client = browser(bob())
        for address in ("/hours/pause/", "/hours/pause/", "/hours/resume/", "/hours/resume/"):
            assert client.post(address).status_code == 302

    def test_it_is_the_mentors_own(self):
        bob()
        assert browser(alice()).post("/hours/pause/").status_code == 403
        assert browser(mallory()).post("/hours/resume/").status_code == 403
        assert browser(alice_again()).get("/hours/pause/").status_code == 405


def alice_again():
    from accounts.models import User

    return User.objects.get(email="alice@example.com")
