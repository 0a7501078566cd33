"""Ways in which booking systems fail their users, one by one. (The rest stand with their subjects:
docs/booking.md says which test holds which.)"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from django.db.models import ProtectedError
from django.utils import timezone

from mentors.models import Mentee, Mentor
from sessions_app import selectors, services
from sessions_app.models import Meeting, MentorOpening, Session
from sessions_app.refusals import UnableToBook
from sessions_app.slots import minute, open_slots
from tests.factories import MenteeFactory, MentorFactory
from tests.hours import open_window
from tests.people import alice, api, bob, browser, carol, mallory
from tests.sessions_app.test_booking_api import book, error_of

pytestmark = pytest.mark.django_db
HALF = timedelta(minutes=30)


@pytest.fixture
def hours():
    """Bob holds two hours in three days' time, in sessions of half an hour."""
    return open_window(bob().mentor)


def slots_of(client, window):
    answer = client.get(
        f"/api/availability/{window.mentor_id}/slots",
        {"from": window.starts_at.isoformat(), "to": window.ends_at.isoformat()},
    )
    return [slot["starts_at"] for slot in answer.json()["slots"]]


def offered(window, *halves):
    return [f"{window.starts_at + n * HALF:%Y-%m-%dT%H:%M:%SZ}" for n in halves]


class TestTrap4TheClock:
    def test_it_is_read_behind_the_lock(self, hours):
        """A booking that waited past the notice is refused, whatever the time was when it came."""
        Mentor.objects.update(minimum_notice_minutes=60)
        in_time = hours.starts_at - timedelta(minutes=60)
        # The first reading is the look before the lock; the second one comes behind it.
        readings = iter([in_time, in_time + timedelta(seconds=1), in_time])
        user = alice()

        with pytest.raises(UnableToBook) as refused:
            services.book_session(
                mentor_id=hours.mentor_id,
                mentee=user.mentee,
                starts_at=hours.starts_at,
                by=user,
                clock=lambda: next(readings),
            )

        assert refused.value.code == "too_soon"


class TestTrap10Buffers:
    def test_they_are_frozen_on_the_session_and_the_gap_is_the_larger_one(self, hours):
        Mentor.objects.update(buffer_after_minutes=30, buffer_before_minutes=0)
        book(api(alice()), hours)
        Mentor.objects.update(buffer_after_minutes=0, buffer_before_minutes=15)
        client = api(mallory())

        # Half an hour after the booked one, as agreed then; a quarter before it would be new ones'.
        assert slots_of(client, hours) == offered(hours, 2, 3)
        start = (hours.starts_at + HALF).isoformat()
        refused = book(client, hours, starts_at=start)
        assert error_of(refused) == (409, "slot_taken")
        assert "keeps a break" in refused.json()["detail"]

    def test_they_are_not_in_the_invitation(self, hours):
        Mentor.objects.update(buffer_after_minutes=30)
        book(api(alice()), hours)

        session = Session.objects.get()

        assert session.ends_at - session.starts_at == HALF


class TestTrap13CancelThenRebook:
    def test_the_same_person_books_the_same_time_again(self, hours):
        client = api(alice())
        first = book(client, hours).json()["id"]
        client.delete(f"/api/sessions/{first}")

        second = book(client, hours)

        assert second.status_code == 201
        assert second.json()["id"] != first
        assert Meeting.objects.filter(live=True).count() == 1


class TestTrap17TheLink:
    def test_it_is_in_no_list_and_no_file_and_another_one_after_a_cancellation(self, hours):
        user = alice()
        client = api(user)
        session_id = book(client, hours).json()["id"]
        link = Meeting.objects.get().meeting_url
        room = link.rpartition("/")[2]
        assert len(room) > 30

        for address in (
            "/api/sessions", "/api/sessions/upcoming", f"/api/sessions/{session_id}",
            f"/api/sessions/{session_id}/calendar.ics", f"/api/availability/{hours.mentor_id}/slots",
            f"/api/availability/{hours.mentor_id}",
        ):  # fmt: skip
            assert room not in client.get(address).content.decode(), address
        page = browser(user).get(f"/sessions/{session_id}/").content.decode()
        assert room not in page
        assert error_of(client.post(f"/api/sessions/{session_id}/join")) == (403, "too_early")
        assert error_of(api(mallory()).post(f"/api/sessions/{session_id}/join")) == (
            404,
            "not_found",
        )

        client.delete(f"/api/sessions/{session_id}")
        book(client, hours)
        assert Meeting.objects.get(live=True).meeting_url != link

    def test_a_mentor_with_a_room_of_their_own_uses_it(self, hours):
        Mentor.objects.update(meeting_link="https://video.example.com/bob")
        book(api(alice()), hours)

        assert Meeting.objects.get().meeting_url == "https://video.example.com/bob"


class TestTrap19TheWeek:
    @pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Los_Angeles", "Asia/Kolkata"])
    def test_it_runs_from_monday_to_monday_on_the_mentors_clock(self, zone):
        mentor = MentorFactory(weekly_load_cap=1, booking_horizon_days=60)
        mentor.user.time_zone = zone
        mentor.user.save()
        here = ZoneInfo(zone)
        monday = timezone.now().astimezone(here).date()
        monday += timedelta(days=14 - monday.weekday())
        midnight = datetime.combine(monday, time.min, here)
        open_window(mentor, starts_at=midnight - HALF, hours=1)
        now = timezone.now()

        user = MenteeFactory().user
        services.book_session(
            mentor_id=mentor.pk,
            mentee=user.mentee,
            starts_at=midnight - HALF,
            by=user,
            clock=lambda: now,
        )
        found = selectors.open_slots(
            mentor_ids=[mentor.pk],
            viewer=None,
            first=midnight - timedelta(days=1),
            last=midnight + timedelta(days=1),
            now=now,
        )[mentor.pk]

        # Sunday's last half hour fills its week; Monday's first is another week.
        assert [slot.starts_at for slot in found] == [midnight.astimezone(UTC)]


class TestTheHorizon:
    """Complaint 8: limits counted in the wrong zone."""

    def test_it_ends_at_the_mentors_midnight(self):
        mentor = MentorFactory(booking_horizon_days=2, minimum_notice_minutes=0)
        mentor.user.time_zone = "Pacific/Auckland"
        now = datetime(2026, 3, 2, 9, tzinfo=UTC)  # 22:00 in Auckland, still the second of March
        last = datetime.combine(date(2026, 3, 5), time.min, ZoneInfo("Pacific/Auckland"))

        assert selectors.opens_until(mentor, now) == minute(last)


class TestTrap23APersonGoes:
    def test_a_session_outlives_the_wish_to_delete_its_people(self, hours):
        user = alice()
        book(api(user), hours)

        with pytest.raises(ProtectedError), transaction.atomic():
            Mentee.objects.get(user=user).delete()
        with pytest.raises(ProtectedError), transaction.atomic():
            Mentor.objects.get(pk=hours.mentor_id).delete()

        assert Session.objects.count() == 1


class TestTrap29HalfHours:
    def test_a_window_in_a_half_hour_zone_is_cut_on_its_own_half_hours(self):
        mentor = MentorFactory(session_minutes=60, minimum_notice_minutes=0)
        local = datetime(2026, 3, 9, 10, tzinfo=ZoneInfo("Asia/Kolkata"))  # 04:30 UTC
        open_window(mentor, starts_at=local, hours=3)
        now = datetime(2026, 3, 8, 9, tzinfo=UTC)

        calendar = selectors.calendars(
            mentors=[mentor], first=now, last=now + timedelta(days=7), now=now
        )[mentor.pk]
        found = open_slots(calendar, now=now, first=0, last=10**9)

        assert [f"{slot.starts_at:%H:%M}" for slot in found] == ["04:30", "05:30", "06:30"]


class TestOneRuleEngine:
    """Complaints 3 and 4: what is shown can be booked, and nothing else."""

    def test_every_listed_start_can_be_booked_and_the_list_follows(self):
        mentor = MentorFactory(weekly_load_cap=50, buffer_after_minutes=10, start_step_minutes=15)
        window = open_window(mentor, hours=4)
        viewer = api(mallory())

        booked = []
        while listed := slots_of(viewer, window):
            assert book(api(MenteeFactory().user), window, starts_at=listed[-1]).status_code == 201
            booked.append(listed[-1])

        assert len(booked) == 5  # 30 minutes, and 10 between, in four hours by quarters

    def test_queries_do_not_grow_with_mentors(self, django_assert_num_queries):
        mentors = MentorFactory.create_batch(12)
        for mentor in mentors:
            open_window(mentor)
        now = timezone.now()

        with django_assert_num_queries(2):
            found = selectors.open_slots(
                mentor_ids=[mentor.pk for mentor in mentors],
                viewer=MenteeFactory.build(),
                first=now,
                last=now + timedelta(days=14),
                now=now,
            )

        assert all(found.values())


class TestOpenings:
    def test_a_seat_elsewhere_outdates_the_mentors_own_opening(self, hours):
        bobs = hours.mentor.user
        Mentee.objects.create(user=bobs)
        services.refresh_openings(now=timezone.now())
        before = MentorOpening.objects.get(mentor=hours.mentor)
        assert before.next_start == hours.starts_at

        book(api(bobs), open_window(MentorFactory(), starts_at=hours.starts_at))
        services.refresh_openings(now=timezone.now())

        after = MentorOpening.objects.get(mentor=hours.mentor)
        assert after.next_start == hours.starts_at + HALF

    def test_strangers_see_no_calendar_of_others(self, hours):
        """What closes a time is said without a name."""
        book(api(alice()), hours)

        page = browser(mallory()).get(f"/mentors/{hours.mentor_id}/").content.decode()

        assert "Alice" not in page
        assert browser(carol()).get(f"/mentors/{hours.mentor_id}/").status_code == 200
