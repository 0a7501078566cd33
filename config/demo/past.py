"""What the demo people did together: the last eight weeks, what they thought of it, and what is next.

Rows are written as they would stand now, without the messages that booking sends.
"""

from __future__ import annotations

import random
import secrets
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from django.conf import settings

from config.demo.feedback import seed_feedback
from config.demo.hours import BEHIND
from config.demo.people import ALICE, BOB, Demo, demo_id, records
from mentors.models import Mentee, Mentor
from sessions_app import selectors
from sessions_app.models import AvailabilityWindow, Meeting, Session, SessionEvent

PAST, UPCOMING = 150, 16
# Alice's own story: one session rated long ago, one last week that she may rate now.
ALICE_MET = ("rukmini.deshpande@example.com", "ingrid.solheim@example.com")
STATUSES = (
    *[Session.Status.COMPLETED] * 42,
    *[Session.Status.CANCELLED] * 5,
    *[Session.Status.NO_SHOW] * 3,
)
CANCELLED_BECAUSE = (
    "A customer moved their launch to that day.",
    "I have caught a cold, sorry.",
    "We settled this with our lawyer in the meantime.",
    "My train is cancelled and I will be offline.",
)


@dataclass(frozen=True)
class Start:
    """A time at which a mentor can be met."""

    mentor: Mentor
    window_id: UUID
    starts_at: datetime
    ends_at: datetime
    capacity: int

    @property
    def week(self) -> tuple[UUID, date]:
        local = self.starts_at.astimezone(self.mentor.user.zone).date()
        return self.mentor.pk, local - timedelta(days=local.weekday())


class Diary:
    """Who is where, so that nobody is in two sessions at once and no mentor beyond their cap."""

    def __init__(self, demo: Demo) -> None:
        self.weeks: Counter[tuple[UUID, date]] = Counter()
        self.busy: dict[UUID, list[tuple[datetime, datetime]]] = defaultdict(list)
        rows = Session.objects.filter(mentee__in=demo.mentees.values()).exclude(status="cancelled")
        for mentee_id, *period in rows.values_list("mentee_id", "starts_at", "ends_at"):
            self.busy[mentee_id].append((period[0], period[1]))

    def has_room(self, start: Start, mentee: Mentee) -> bool:
        return self.weeks[start.week] < start.mentor.weekly_load_cap and not any(
            begin < start.ends_at and start.starts_at < end for begin, end in self.busy[mentee.pk]
        )

    def enter(self, start: Start, mentee: Mentee) -> None:
        self.weeks[start.week] += 1
        self.busy[mentee.pk].append((start.starts_at, start.ends_at))


def seed_sessions(demo: Demo, *, now: datetime) -> None:
    """Make the sessions once. They are history then: a later run adds none."""
    past = [demo_id("past session", number) for number in range(PAST)]
    upcoming = [demo_id("upcoming session", number) for number in range(UPCOMING)]
    if Session.objects.filter(pk__in=past + upcoming).exists():
        return
    chance = random.Random("sessions")  # noqa: S311  the same demo for everyone
    _Maker(demo, chance, now).make(_past_pairs(demo, chance, now), past)
    _Maker(demo, chance, now).make(_upcoming_pairs(demo, chance, now), upcoming)


def _past_pairs(demo: Demo, chance: random.Random, now: datetime) -> list[tuple[Start, Mentee]]:
    """Who met whom when. Some mentors are in demand and some are hardly found, as in life."""
    diary, free = Diary(demo), _past_starts(demo, now)
    alice = demo.mentees[ALICE]
    pairs: list[tuple[Start, Mentee]] = []

    def meet(mentor: Mentor, mentee: Mentee, starts: Sequence[Start]) -> None:
        start = next((start for start in starts if diary.has_room(start, mentee)), None)
        if start is not None:
            free[mentor.pk].remove(start)
            diary.enter(start, mentee)
            pairs.append((start, mentee))

    for email, is_recent in zip(ALICE_MET, (False, True), strict=True):
        mentor = demo.mentors[email]
        in_order = free[mentor.pk]
        meet(mentor, alice, in_order[::-1] if is_recent else in_order[2:])
    mentors = [mentor for mentor in demo.mentors.values() if free[mentor.pk]]
    demand = [3.0 if m == demo.mentors[BOB] else chance.lognormvariate(0, 0.9) for m in mentors]
    others = [mentee for email, mentee in demo.mentees.items() if email != ALICE]
    for _attempt in range(PAST * 4):
        if len(pairs) == PAST:
            break
        mentor = chance.choices(mentors, demand)[0]
        starts = chance.sample(free[mentor.pk], min(5, len(free[mentor.pk])))
        meet(mentor, chance.choice(others), starts)
    return pairs


def _past_starts(demo: Demo, now: datetime) -> dict[UUID, list[Start]]:
    """Every start of the last eight weeks, in order, that can have ended by now."""
    mentors = {mentor.pk: mentor for mentor in demo.mentors.values()}
    found: dict[UUID, list[Start]] = defaultdict(list)
    windows = AvailabilityWindow.objects.filter(
        mentor__in=mentors, is_active=True, starts_at__gt=now - BEHIND, ends_at__lt=now
    )
    for window in windows.order_by("starts_at", "mentor_id"):
        mentor = mentors[window.mentor_id]
        length = timedelta(minutes=mentor.session_minutes)
        start = window.starts_at
        while start + length <= window.ends_at:
            found[mentor.pk].append(
                Start(mentor, window.pk, start, start + length, window.capacity)
            )
            start += length
    return found


def _upcoming_pairs(demo: Demo, chance: random.Random, now: datetime) -> list[tuple[Start, Mentee]]:
    """A few starts that are open by the rules, so that what is shown as taken could be booked."""
    slots = selectors.open_slots(
        mentor_ids=[mentor.pk for mentor in demo.mentors.values()],
        viewer=None,
        first=now + timedelta(hours=3),
        last=now + timedelta(days=11),
        now=now,
    )
    starts = {
        mentor.pk: [
            Start(mentor, slot.window.id, slot.starts_at, slot.ends_at, slot.window.capacity)  # type: ignore[arg-type]  # the engine takes any id; ours are UUIDs
            for slot in slots[mentor.pk]
        ]
        for mentor in demo.mentors.values()
    }
    diary, pairs = Diary(demo), []
    alice, bob = demo.mentees[ALICE], demo.mentors[BOB]
    others = [mentee for email, mentee in demo.mentees.items() if email != ALICE]
    rest = [m for m in demo.mentors.values() if m != bob and len(starts[m.pk]) > 2]
    booked = chance.sample(rest, UPCOMING - 2)
    # Bob's first and most of his other times stay open for whoever comes to try.
    wanted = [
        *((start, None) for start in starts[bob.pk][1:][-2:]),
        (starts[booked[0].pk][1], alice),
    ]
    wanted += [(chance.choice(starts[mentor.pk]), None) for mentor in booked[1:]]
    for start, who in wanted:
        mentee = who or next(
            (m for m in chance.sample(others, len(others)) if diary.has_room(start, m)), None
        )
        if mentee is not None and diary.has_room(start, mentee):
            diary.enter(start, mentee)
            pairs.append((start, mentee))
    return pairs


class _Maker:
    """Turns pairs into meetings, sessions with their history, and feedback."""

    def __init__(self, demo: Demo, chance: random.Random, now: datetime) -> None:
        self.demo, self.chance, self.now = demo, chance, now
        self.goals: dict[str, list[str]] = defaultdict(list)
        for query in records("queries"):
            for email in query["relevant"]:
                self.goals[email].append(query["text"])
        self.emails = {mentor.pk: email for email, mentor in demo.mentors.items()}

    def make(self, pairs: Sequence[tuple[Start, Mentee]], ids: Sequence[UUID]) -> None:
        sessions = [
            self._session(start, mentee, pk)
            for (start, mentee), pk in zip(pairs, ids, strict=False)
        ]
        Meeting.objects.bulk_create(session.meeting for session in sessions)
        Session.objects.bulk_create(sessions)
        SessionEvent.objects.bulk_create(
            event for session in sessions for event in self._history(session)
        )
        is_past = any(not session.is_live for session in sessions)
        self.demo.note("past sessions" if is_past else "upcoming sessions", len(sessions))
        if is_past:
            seed_feedback(self.demo, sessions, chance=self.chance, now=self.now)

    def _session(self, start: Start, mentee: Mentee, pk: UUID) -> Session:
        over = start.ends_at <= self.now
        status = self.chance.choice(STATUSES) if over else Session.Status.BOOKED
        if over and mentee == self.demo.mentees[ALICE]:
            status = Session.Status.COMPLETED
        meeting = Meeting(
            mentor=start.mentor,
            window_id=start.window_id,
            starts_at=start.starts_at,
            ends_at=start.ends_at,
            capacity=start.capacity,
            meeting_url=f"{settings.MEETING_BASE_URL}/office-hours-{secrets.token_urlsafe(18)}",
            live=not over,
        )
        asked = min(start.starts_at, self.now) - timedelta(hours=self.chance.randint(30, 240))
        came = status == Session.Status.COMPLETED
        stood_up = status == Session.Status.NO_SHOW
        session = Session(
            id=pk,
            meeting=meeting,
            mentor=start.mentor,
            mentee=mentee,
            starts_at=start.starts_at,
            ends_at=start.ends_at,
            capacity=start.capacity,
            status=status,
            goal=self._goal(start.mentor, mentee),
            booked_by=mentee.user,
            version=2 if status == Session.Status.CANCELLED else 1,
            mentor_joined_at=self._joined(start) if came or stood_up else None,
            mentee_joined_at=self._joined(start) if came else None,
            created_at=asked,
        )
        meeting.created_at = asked
        return session

    def _goal(self, mentor: Mentor, mentee: Mentee) -> str:
        fitting = self.goals.get(self.emails[mentor.pk])
        return self.chance.choice(fitting) if fitting else mentee.seeks

    def _joined(self, start: Start) -> datetime:
        return start.starts_at + timedelta(seconds=self.chance.randint(-240, 200))

    def _history(self, session: Session) -> list[SessionEvent]:
        events = [
            SessionEvent(
                session=session, at=session.created_at, by=session.booked_by, to_status="booked"
            )
        ]
        if session.is_live:
            return events
        end = SessionEvent(session=session, from_status="booked", to_status=session.status)
        if session.status == Session.Status.CANCELLED:
            # Halfway between asking and meeting, by either of the two.
            end.at = session.created_at + (session.starts_at - session.created_at) / 2
            end.by = self.chance.choice((session.mentor.user, session.mentee.user))
            end.reason = self.chance.choice(CANCELLED_BECAUSE)
        elif session.status == Session.Status.NO_SHOW:
            end.at, end.by = session.ends_at, session.mentor.user
            end.reason = "Nobody came."
        else:
            end.at = session.ends_at + timedelta(minutes=1)
        return [*events, end]
