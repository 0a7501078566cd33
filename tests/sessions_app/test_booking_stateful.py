"""Any interleaving of commands keeps every invariant: a state machine against Postgres.

The machine knows nothing of the rules. It tries whatever comes to mind, takes refusals as answers, and
after each step asks the database in plain SQL whether anything is so that may never be so.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection, transaction
from django.db.models import Min
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from accounts.refusals import Refusal
from mentors.models import Mentee, Mentor
from sessions_app import selectors, services
from sessions_app.models import AvailabilityWindow, Session
from sessions_app.services.moves import LEGAL
from tests.factories import MenteeFactory, MentorFactory
from tests.people import carol

pytestmark = pytest.mark.django_db
HALF = timedelta(minutes=30)
START = datetime(2026, 3, 2, 8, tzinfo=UTC)  # a Monday

# What may never be: each query finds the offenders.
NEVER = {
    "two live meetings of a mentor overlap": """
        SELECT a.id FROM sessions_app_meeting a JOIN sessions_app_meeting b
        ON a.mentor_id = b.mentor_id AND a.id < b.id AND a.live AND b.live
        AND a.starts_at < b.ends_at AND b.starts_at < a.ends_at""",
    "a person is in two places": """
        WITH place AS (
            SELECT m.user_id, t.id, t.starts_at, t.ends_at FROM sessions_app_meeting t
            JOIN mentors_mentor m ON m.id = t.mentor_id WHERE t.live
            UNION ALL
            SELECT m.user_id, s.id, s.starts_at, s.ends_at FROM sessions_app_session s
            JOIN mentors_mentee m ON m.id = s.mentee_id WHERE s.status IN ('pending', 'booked')
        )
        SELECT a.id FROM place a JOIN place b ON a.user_id = b.user_id AND a.id < b.id
        AND a.starts_at < b.ends_at AND b.starts_at < a.ends_at""",
    "a meeting has more live seats than it has": """
        SELECT t.id FROM sessions_app_meeting t JOIN sessions_app_session s ON s.meeting_id = t.id
        WHERE s.status IN ('pending', 'booked') GROUP BY t.id HAVING count(*) > t.capacity""",
    "a session is not when its meeting is": """
        SELECT s.id FROM sessions_app_session s JOIN sessions_app_meeting t ON t.id = s.meeting_id
        WHERE (s.mentor_id, s.starts_at, s.ends_at, s.capacity)
           <> (t.mentor_id, t.starts_at, t.ends_at, t.capacity)""",
    "a meeting is live without a live session, or the other way round": """
        SELECT t.id FROM sessions_app_meeting t WHERE t.live <> EXISTS (
            SELECT 1 FROM sessions_app_session s
            WHERE s.meeting_id = t.id AND s.status IN ('pending', 'booked'))""",
    "commitments are not what is live": """
        (SELECT id FROM sessions_app_meeting WHERE live
         EXCEPT SELECT meeting_id FROM sessions_app_commitment WHERE meeting_id IS NOT NULL)
        UNION ALL
        (SELECT meeting_id FROM sessions_app_commitment WHERE meeting_id IS NOT NULL
         EXCEPT SELECT id FROM sessions_app_meeting WHERE live)
        UNION ALL
        (SELECT id FROM sessions_app_session WHERE status IN ('pending', 'booked')
         EXCEPT SELECT session_id FROM sessions_app_commitment WHERE session_id IS NOT NULL)
        UNION ALL
        (SELECT session_id FROM sessions_app_commitment WHERE session_id IS NOT NULL
         EXCEPT SELECT id FROM sessions_app_session WHERE status IN ('pending', 'booked'))""",
    "a place in line is offered without a live hold": """
        SELECT e.id FROM sessions_app_waitlistentry e WHERE (e.state = 'offered') <> EXISTS (
            SELECT 1 FROM sessions_app_hold h WHERE h.entry_id = e.id AND h.state = 'live')""",
    "a message is still due about a cancelled session's hour": """
        SELECT n.id FROM sessions_app_notification n
        JOIN sessions_app_session s ON s.id = n.session_id
        WHERE s.status = 'cancelled' AND n.state = 'due' AND n.kind LIKE 'reminder%'""",
}


class Booking(RuleBasedStateMachine):
    """Two mentors with hours of one and of two seats, three mentees, one of them a mentor too."""

    def __init__(self):
        super().__init__()
        self.example = transaction.atomic()
        self.example.__enter__()

    def teardown(self):
        transaction.set_rollback(True)
        self.example.__exit__(None, None, None)

    @initialize()
    def people(self):
        self.now = START
        self.pm = carol()
        self.mentors = [
            MentorFactory(weekly_load_cap=3, minimum_notice_minutes=60, buffer_after_minutes=10),
            MentorFactory(weekly_load_cap=20, start_step_minutes=15, approves_bookings=True),
        ]
        self.mentees = MenteeFactory.create_batch(2)
        self.mentees.append(Mentee.objects.create(user=self.mentors[0].user, consent_at=START))
        for mentor, capacity in zip(self.mentors, (1, 2), strict=True):
            AvailabilityWindow.objects.create(
                mentor=mentor,
                starts_at=START + timedelta(hours=3),
                ends_at=START + timedelta(hours=6),
                capacity=capacity,
            )

    def attempt(self, service, **arguments):
        """A refusal is an answer; anything else that goes wrong is a fault."""
        try:
            return service(clock=lambda: self.now, **arguments)
        except Refusal:
            return None

    def sessions(self):
        """In the order in which they were booked: ids are random, and a replay must draw the same."""
        rows = Session.objects.select_related("mentor__user", "mentee__user")
        return list(rows.annotate(first=Min("events__id")).order_by("first"))

    def nth_session(self, nth):
        sessions = self.sessions()
        return sessions[nth % len(sessions)] if sessions else None

    def start(self, quarter):
        return START + timedelta(hours=2, minutes=15 * quarter)

    @rule(who=st.integers(0, 2), mentor=st.integers(0, 1), quarter=st.integers(0, 20))
    def book(self, who, mentor, quarter):
        mentee = self.mentees[who]
        self.attempt(
            services.book_session,
            mentor_id=self.mentors[mentor].pk,
            mentee=mentee,
            starts_at=self.start(quarter),
            by=mentee.user,
        )

    @rule(who=st.integers(0, 2), mentor=st.integers(0, 1), quarter=st.integers(0, 30))
    def insist(self, who, mentor, quarter):
        self.attempt(
            services.book_session,
            mentor_id=self.mentors[mentor].pk,
            mentee=self.mentees[who],
            starts_at=self.start(quarter),
            by=self.pm,
            override=True,
        )

    @rule(who=st.integers(0, 2), mentor=st.integers(0, 1))
    def book_what_is_listed(self, who, mentor):
        mentee, mentor = self.mentees[who], self.mentors[mentor]
        if mentee.user_id == mentor.user_id or not Mentor.objects.get(pk=mentor.pk).is_active:
            return
        listed = selectors.open_slots(
            mentor_ids=[mentor.pk],
            viewer=mentee,
            first=self.now,
            last=self.now + timedelta(days=2),
            now=self.now,
        )[mentor.pk]
        if listed:
            # No `attempt`: what is shown can be booked.
            services.book_session(
                mentor_id=mentor.pk,
                mentee=mentee,
                starts_at=listed[-1].starts_at,
                by=mentee.user,
                clock=lambda: self.now,
            )

    @rule(nth=st.integers(0, 9), quarter=st.integers(0, 20), insists=st.booleans())
    def move(self, nth, quarter, insists):
        session = self.nth_session(nth)
        if session is None:
            return
        by = self.pm if insists else session.mentee.user
        before = (session.starts_at, session.status)
        moved = self.attempt(
            services.reschedule_session,
            session_id=session.pk,
            starts_at=self.start(quarter),
            by=by,
            override=insists,
        )
        session.refresh_from_db()
        wanted = (self.start(quarter), before[1]) if moved else before
        assert (session.starts_at, session.status) == wanted

    @rule(
        nth=st.integers(0, 9),
        what=st.sampled_from(["cancel", "approve", "complete", "dispute", "absent", "join"]),
        who=st.integers(0, 2),
        side=st.sampled_from(["mentor", "mentee"]),
    )
    def change(self, nth, what, who, side):
        session = self.nth_session(nth)
        if session is None:
            return
        by = [session.mentor.user, session.mentee.user, self.pm][who]
        services_by_name = {
            "cancel": (services.cancel_session, {"reason": "Why not"}),
            "approve": (services.approve_session, {}),
            "complete": (services.complete_session, {}),
            "dispute": (services.dispute_absence, {}),
            "absent": (services.report_absence, {"side": side}),
            "join": (services.join_session, {}),
        }
        service, arguments = services_by_name[what]
        self.attempt(service, session_id=session.pk, by=by, **arguments)

    @rule(minutes=st.sampled_from([1, 20, 60, 200]))
    def time_passes(self, minutes):
        self.now += timedelta(minutes=minutes)
        services.finish_ended_sessions(now=self.now)
        services.lapse_pending_sessions(now=self.now)
        services.tend_waitlists(now=self.now)

    @rule(mentor=st.integers(0, 1), first=st.integers(0, 20), length=st.integers(1, 12))
    def open_hours(self, mentor, first, length):
        self.attempt(
            services.save_window,
            mentor_id=self.mentors[mentor].pk,
            starts_at=self.start(first),
            ends_at=self.start(first + length),
            capacity=1 + mentor,
            location="",
        )

    @rule(nth=st.integers(0, 5), keeps=st.booleans())
    def close_hours(self, nth, keeps):
        windows = list(AvailabilityWindow.objects.filter(is_active=True).order_by("created_at"))
        if not windows:
            return
        window = windows[nth % len(windows)]
        live = Session.objects.filter(status__in=Session.LIVE).count()
        self.attempt(services.withdraw_window, window_id=window.pk, force=keeps)
        assert Session.objects.filter(status__in=Session.LIVE).count() == live

    @rule(who=st.integers(0, 2), mentor=st.integers(0, 1))
    def wait(self, who, mentor):
        mentee = self.mentees[who]
        self.attempt(
            services.join_waitlist,
            mentor_id=self.mentors[mentor].pk,
            mentee=mentee,
            by=mentee.user,
        )

    @rule(who=st.integers(0, 2), takes=st.booleans())
    def answer_offer(self, who, takes):
        mentee = self.mentees[who]
        for place in mentee.waitlist.filter(state="offered"):
            service = services.accept_offer if takes else services.pass_offer
            self.attempt(service, entry_id=place.pk, by=mentee.user)

    @invariant()
    def nothing_is_so_that_may_never_be(self):
        with connection.cursor() as cursor:
            for name, query in NEVER.items():
                cursor.execute(query)
                assert not cursor.fetchall(), name

    @invariant()
    def states_moved_as_they_may(self):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT from_status, to_status FROM sessions_app_sessionevent"
                " WHERE from_status <> '' AND from_status <> to_status"
            )
            assert all(to in LEGAL[was] for was, to in cursor.fetchall())

    @invariant()
    def no_week_has_more_than_its_cap_unless_somebody_insisted(self):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT m.id FROM mentors_mentor m JOIN sessions_app_session s ON s.mentor_id = m.id"
                " WHERE s.status <> 'cancelled' AND NOT EXISTS ("
                "   SELECT 1 FROM sessions_app_sessionevent e JOIN sessions_app_session o"
                "   ON o.id = e.session_id WHERE o.mentor_id = m.id AND e.overrode <> '{}')"
                " GROUP BY m.id HAVING count(*) > m.weekly_load_cap"
            )
            assert not cursor.fetchall()


def test_any_interleaving_keeps_every_invariant():
    run_state_machine_as_test(
        Booking,
        settings=settings(
            max_examples=25,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
