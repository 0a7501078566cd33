from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.refusals import Invalid, NotAllowed, NotFound
from mentors.models import Mentee, Mentor
from mentors.selectors import visible_to
from sessions_app import notifications, selectors
from sessions_app.models import Meeting, Notification, Session, SessionEvent
from sessions_app.refusals import IllegalMove, UnableToBook
from sessions_app.slots import Calendar, Slot, Why, minute, open_slots, why

Clock = Callable[[], datetime]
# How many other times a refusal offers, and how far from the wanted one it looks for them.
ALTERNATIVES = 3
BEFORE, AFTER = timedelta(days=7), timedelta(days=21)
WITH_ALTERNATIVES = (Why.TAKEN, Why.WEEK_FULL, Why.TOO_SOON, Why.OUTSIDE_WINDOW)

# What the database says when somebody was faster, and what that means.
TAKEN_BY_CONSTRAINT = {
    "mentor_is_in_one_meeting_at_a_time": Why.TAKEN,
    "a_seat_holds_one_live_session": Why.TAKEN,
    "session_has_one_of_the_seats": Why.TAKEN,
    "mentee_is_in_one_session_at_a_time": Why.MENTEE_BUSY,
}


def book_session(
    *,
    mentor_id: UUID,
    mentee: Mentee,
    starts_at: datetime,
    by: User,
    clock: Clock,
    ends_at: datetime | None = None,
    goal: str = "",
    match_request: UUID | None = None,
) -> Session:
    """Book one seat for a mentee, or refuse.

    Asks the rule engine once without a lock, then locks the mentor and the mentee (every command in
    that order), reads the clock, asks again, and writes the session with its messages. The
    constraints hold where a lock does not.

    Args:
        by: who asks; usually the mentee's own user.
        clock: read once the locks are held, because waiting for them takes time.
        ends_at: only checked: the mentor decides how long a session is.

    Raises:
        NotFound: no such mentor, or none that this person may see.
        UnableToBook: a rule refuses; with the nearest open slots as `alternatives` where that helps.
    """
    mentor = visible_to(by).prefetch_related(None).filter(pk=mentor_id).first()
    if mentor is None:
        raise NotFound
    refusal: UnableToBook
    try:
        # A look before queueing: who cannot have the slot anyway need not wait for the lock, and of
        # many who want one seat only the first few do.
        _open_slot(_times_around(mentor, mentee, starts_at), mentor, starts_at, clock())
        with transaction.atomic():
            mentor = lock_pair(mentor_id, mentee)
            now = clock()
            times = _times_around(mentor, mentee, starts_at)
            slot = _open_slot(times, mentor, starts_at, now)
            if ends_at is not None and ends_at != slot.ends_at:
                raise Invalid(
                    _("Sessions with this mentor last %(minutes)s minutes.")
                    % {"minutes": mentor.session_minutes},
                    fields={"ends_at": [_("Leave this out, or send the end of the slot.")]},
                )
            meeting = _meeting(mentor, slot, now)
            return _seat(meeting, mentor, mentee, by, now, goal, match_request)
    except IntegrityError as error:
        reason = TAKEN_BY_CONSTRAINT.get(violated_constraint(error))
        if reason is None:
            raise
        times = _times_around(mentor, mentee, starts_at)
        refusal = UnableToBook(reason, sentence(reason, mentor))
    except _Refused as error:
        refusal, times = error.refusal, error.times
    # Outside the transaction, from what was read inside: the next booker need not wait for this.
    if refusal.why in WITH_ALTERNATIVES:
        refusal.extra = {"alternatives": times.nearest(starts_at, now=clock())}
    raise refusal


def lock_pair(mentor_id: UUID, mentee: Mentee) -> Mentor:
    """Lock the mentor and then the mentee: one order for every command, so none waits in a circle.

    The mentor's row is what every booking with them passes through; without it two bookings read the
    same weekly count, and under load the exclusion constraint alone deadlocks.
    """
    mentor = (
        Mentor.objects.select_for_update(no_key=True, of=("self",))
        .select_related("user")
        .filter(pk=mentor_id)
        .first()
    )
    if mentor is None:
        raise NotFound
    locked = Mentee.objects.select_for_update(no_key=True).get(pk=mentee.pk)
    if mentor.user_id == locked.user_id:
        raise NotAllowed(_("These are your own hours, so you cannot book them."))
    if not (mentor.is_active and mentor.user.is_active):
        raise NotAllowed(
            _("%(name)s is not taking sessions at the moment.") % {"name": mentor.user}
        )
    if not locked.is_active:
        raise NotAllowed(
            _("Your place in the program is paused, so you cannot book. Ask your program manager.")
        )
    return mentor


@dataclass(frozen=True, slots=True)
class _Times:
    """What the rule engine needs to answer for one mentor and one mentee around a wanted start."""

    calendar: Calendar
    busy: list[tuple[int, int]]

    def nearest(self, wanted: datetime, *, now: datetime) -> list[dict[str, Any]]:
        """The open slots nearest to the wanted start, in order of time."""
        first, last = minute(max(wanted - BEFORE, now)), minute(wanted + AFTER)
        slots = open_slots(self.calendar, now=now, first=first, last=last, busy=self.busy)
        nearest = sorted(slots, key=lambda slot: (abs(slot.starts_at - wanted), slot.starts))
        return slots_as_data(sorted(nearest[:ALTERNATIVES], key=lambda slot: slot.starts))


class _Refused(Exception):
    """Carries a refusal out of the transaction, with what the alternatives are found in."""

    def __init__(self, refusal: UnableToBook, times: _Times) -> None:
        super().__init__(str(refusal))
        self.refusal, self.times = refusal, times


def _times_around(mentor: Mentor, mentee: Mentee, wanted: datetime) -> _Times:
    calendars = selectors.calendars(mentors=[mentor], first=wanted - BEFORE, last=wanted + AFTER)
    return _Times(calendars[mentor.pk], selectors.busy_times(mentee))


def _open_slot(times: _Times, mentor: Mentor, starts_at: datetime, now: datetime) -> Slot:
    reason, slot = why(times.calendar, start=minute(starts_at), now=now, busy=times.busy)
    if starts_at.second or starts_at.microsecond:
        reason = reason or Why.OUTSIDE_WINDOW
    if reason is not None:
        raise _Refused(UnableToBook(reason, sentence(reason, mentor)), times)
    assert slot is not None
    return slot


def sentence(reason: Why, mentor: Mentor) -> str:
    """What a rule means for the person who asked, and what they can do."""
    name = mentor.user.name or _("This mentor")
    hours = max(1, round(mentor.minimum_notice_minutes / 60))
    return {
        Why.IN_PAST: _("That time has passed. Choose a later one."),
        Why.OUTSIDE_WINDOW: _("%(name)s has no office hours then. Choose one of the open times."),
        Why.TOO_SOON: _("%(name)s needs %(hours)s h notice. Choose a later time."),
        Why.BEYOND_HORIZON: _(
            "%(name)s opens times %(days)s days ahead. Choose an earlier one, or come back later."
        ),
        Why.TAKEN: _("Someone has just taken that time. Choose another one."),
        Why.WEEK_FULL: _(
            "%(name)s takes at most %(cap)s sessions a week, and that week is full. Choose another week."
        ),
        Why.MENTEE_BUSY: _(
            "You already have a session at that time. Choose another one, or move that one."
        ),
    }[reason] % {
        "name": name,
        "hours": hours,
        "days": mentor.booking_horizon_days,
        "cap": mentor.weekly_load_cap,
    }


def slots_as_data(slots: Sequence[Slot]) -> list[dict[str, Any]]:
    return [
        {"starts_at": slot.starts_at, "ends_at": slot.ends_at, "seats_left": slot.seats_left}
        for slot in slots
    ]


def _meeting(mentor: Mentor, slot: Slot, now: datetime) -> Meeting:
    """The meeting of that slot: the one already there, or a new one with a room of its own."""
    if slot.meeting is not None and slot.meeting.id is not None:
        return Meeting.objects.select_for_update(no_key=True).get(pk=slot.meeting.id)
    return Meeting.objects.create(
        mentor=mentor,
        window_id=slot.window.id,
        starts_at=slot.starts_at,
        ends_at=slot.ends_at,
        capacity=slot.window.capacity,
        location=slot.window.location,
        meeting_url=f"{settings.MEETING_BASE_URL}/office-hours-{secrets.token_urlsafe(18)}",
        created_at=now,
    )


def _seat(
    meeting: Meeting,
    mentor: Mentor,
    mentee: Mentee,
    by: User,
    now: datetime,
    goal: str,
    match_request: UUID | None,
) -> Session:
    held = set(
        Session.objects.filter(meeting=meeting, status__in=Session.LIVE).values_list(
            "seat", flat=True
        )
    )
    status = Session.Status.PENDING if mentor.approves_bookings else Session.Status.BOOKED
    session = Session.objects.create(
        meeting=meeting,
        mentor=mentor,
        mentee=mentee,
        starts_at=meeting.starts_at,
        ends_at=meeting.ends_at,
        capacity=meeting.capacity,
        # A full meeting gives capacity + 1 here, which the seat's own check refuses.
        seat=next(seat for seat in range(1, meeting.capacity + 2) if seat not in held),
        status=status,
        goal=goal,
        match_request=match_request,
        booked_by=by,
        created_at=now,
    )
    SessionEvent.objects.create(session=session, at=now, by=by, to_status=status)
    kind = Notification.Kind
    notifications.tell_both(
        session, kind.BOOKED if status == Session.Status.BOOKED else kind.REQUESTED, now=now
    )
    return session


def approve_session(*, session_id: UUID, by: User, clock: Clock) -> Session:
    """The mentor says yes to a pending session. Raises IllegalMove where there is nothing to approve."""
    with transaction.atomic():
        session = selectors.session_for(user=by, session_id=session_id)
        if session.mentor.user_id != by.pk and not by.is_program_manager:
            raise NotAllowed(_("Only the mentor can accept a request."))
        now = clock()
        # Compare and set: against a lapse or a cancellation at the same moment, one of us wins.
        moved = Session.objects.filter(
            pk=session.pk, status=Session.Status.PENDING, starts_at__gt=now
        ).update(status=Session.Status.BOOKED, version=session.version + 1, updated_at=now)
        if not moved:
            raise IllegalMove(_("This session is not waiting for an answer any more."))
        SessionEvent.objects.create(
            session=session, at=now, by=by, from_status="pending", to_status="booked"
        )
        session.refresh_from_db(fields=["status", "version", "updated_at"])
        notifications.tell_both(session, Notification.Kind.BOOKED, now=now)
        return session


def violated_constraint(error: IntegrityError) -> str:
    diag = getattr(error.__cause__, "diag", None)
    return getattr(diag, "constraint_name", None) or ""
