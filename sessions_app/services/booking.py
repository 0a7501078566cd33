from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts import selectors as program_selectors
from accounts.models import User
from accounts.refusals import Invalid, NotAllowed, NotFound
from accounts.retry import retrying
from mentors.models import Mentee, Mentor
from mentors.selectors import visible_to
from sessions_app import notifications
from sessions_app.models import Notification, Session, SessionEvent
from sessions_app.selectors.calendars import RULE_COLUMNS
from sessions_app.services.locks import lock_mentee, lock_mentor
from sessions_app.services.rules import Clock, Refused, Times, times_around
from sessions_app.services.seats import free_seat, kept_at, meeting_of, opened_at, settle_waiting
from sessions_app.slots import Slot, Why, minute, why

# What the database says when somebody was faster, and what that means where the rules cannot say.
TAKEN_BY_CONSTRAINT = {
    "mentor_is_in_one_meeting_at_a_time": Why.TAKEN,
    "a_seat_holds_one_live_session": Why.TAKEN,
    "session_has_one_of_the_seats": Why.TAKEN,
    "mentee_is_in_one_session_at_a_time": Why.MENTEE_BUSY,
    "person_is_in_one_session_at_a_time": Why.TAKEN,
}


@dataclass(frozen=True, slots=True)
class _Wish:
    """What is asked for, by whom and for whom."""

    mentee: Mentee
    starts_at: datetime
    by: User
    ends_at: datetime | None
    goal: str
    match_request: UUID | None
    override: bool


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
    override: bool = False,
) -> Session:
    """Book one seat for a mentee, or refuse.

    Asks the rule engine once without a lock, then locks the mentor and the mentee (every command in
    that order), reads the clock, asks again, and writes the session with its messages. The
    constraints hold where a lock does not.

    Args:
        by: who asks: the mentee's own user, or a program manager.
        clock: read once the locks are held, because waiting for them takes time.
        ends_at: only checked: the mentor decides how long a session is.
        override: a program manager sets rules aside knowingly; which, stands in the history. Nobody
            can be put in two places, nor a seat be sold twice.

    Raises:
        NotFound: no such mentor, or none that this person may see.
        NotAllowed: one of the two is not taking part at the moment, or the caller may not do this.
        UnableToBook: a rule refuses; with the nearest open slots as `alternatives` where that helps.
    """
    if by.pk != mentee.user_id and not by.is_program_manager:
        raise NotAllowed(_("You can book for yourself only."))
    if override and not by.is_program_manager:
        raise NotAllowed(_("Only program managers may set rules aside."))
    seen = visible_to(by).prefetch_related(None).only("user__name", *RULE_COLUMNS)
    try:
        mentor = seen.get(pk=mentor_id)
    except Mentor.DoesNotExist:
        raise NotFound from None
    wish = _Wish(mentee, starts_at, by, ends_at, goal, match_request, override)
    try:
        # A look before queueing: who cannot have the slot anyway need not wait for the lock, and of
        # many who want one seat only the first few do.
        _ask(wish, mentor, now=clock())
        return retrying(lambda: _book(wish, mentor_id, clock))
    except IntegrityError as error:
        refused = refusal_of(error, mentor, mentee, starts_at, now=clock())
    except Refused as error:
        refused = error
    raise refused.with_alternatives(starts_at, now=clock())


def _ask(wish: _Wish, mentor: Mentor, *, now: datetime) -> tuple[Times, Slot, list[Why]]:
    times = times_around(mentor, wish.mentee, wish.starts_at, now=now)
    return times, *times.open_slot(wish.starts_at, now=now, override=wish.override)


def _book(wish: _Wish, mentor_id: UUID, clock: Clock) -> Session:
    with transaction.atomic():
        mentor, mentee = lock_pair(mentor_id, wish.mentee)
        now = clock()
        times, slot, overrode = _ask(wish, mentor, now=now)
        if wish.ends_at is not None and wish.ends_at != slot.ends_at:
            raise Invalid(
                _("Sessions with this mentor last %(minutes)s minutes.")
                % {"minutes": slot.ends - slot.starts},
                fields={"ends_at": [_("Leave this out, or send the end of the slot.")]},
            )
        session = _seat(wish, mentor, mentee, slot, now, overrode)
        settle_waiting(times.calendar, slot, mentor=mentor, now=now)
        return session


def lock_pair(mentor_id: UUID, mentee: Mentee) -> tuple[Mentor, Mentee]:
    """Lock the mentor and then the mentee, and see that these two can meet at all.

    Raises NotFound; NotAllowed where one of them is not taking part, or both are one person.
    """
    mentor, locked = lock_mentor(mentor_id), lock_mentee(mentee.pk)
    if mentor.user_id == locked.user_id:
        raise NotAllowed(_("These are your own hours, so you cannot book them."))
    if not (mentor.is_active and mentor.user.is_active):
        raise NotAllowed(
            _("%(name)s is not taking sessions at the moment.") % {"name": mentor.user}
        )
    if not (locked.is_active and locked.user.is_active):
        raise NotAllowed(
            _("Your place in the program is paused, so you cannot book. Ask your program manager.")
        )
    return mentor, locked


def _seat(
    wish: _Wish, mentor: Mentor, mentee: Mentee, slot: Slot, now: datetime, overrode: Sequence[Why]
) -> Session:
    meeting = meeting_of(mentor, slot, now=now)
    status, answer_by = Session.Status.BOOKED, None
    if mentor.approves_bookings and not wish.override:
        status = Session.Status.PENDING
        hours = program_selectors.program().pending_lapses_after_hours
        answer_by = min(now + timedelta(hours=hours), meeting.starts_at)
    session = Session.objects.create(
        meeting=meeting,
        mentor=mentor,
        mentee=mentee,
        starts_at=meeting.starts_at,
        ends_at=meeting.ends_at,
        capacity=meeting.capacity,
        seat=free_seat(meeting, slot),
        status=status,
        answer_by=answer_by,
        goal=wish.goal,
        match_request=wish.match_request,
        booked_by=wish.by,
        created_at=now,
        mentor_joined_at=opened_at(meeting, slot),
        kept_at=kept_at(overrode, now),
    )
    SessionEvent.objects.create(
        session=session, at=now, by=wish.by, to_status=status, overrode=list(overrode)
    )
    kind = Notification.Kind
    notifications.tell_both(
        session, kind.BOOKED if status == Session.Status.BOOKED else kind.REQUESTED, now=now
    )
    return session


def refusal_of(
    error: IntegrityError,
    mentor: Mentor,
    mentee: Mentee,
    starts_at: datetime,
    *,
    now: datetime,
    without: UUID | None = None,
) -> Refused:
    """What a violated constraint means to the person who asked; raises the error if it means nothing.

    The rules are asked once more, because they see by now what the database saw and can say it better.
    """
    meant = TAKEN_BY_CONSTRAINT.get(violated_constraint(error))
    if meant is None:
        raise error
    times = times_around(mentor, mentee, starts_at, now=now, without=without)
    return times.refused(why(times.calendar, start=minute(starts_at), now=now)[0] or meant)


def violated_constraint(error: IntegrityError) -> str:
    diag = getattr(error.__cause__, "diag", None)
    return getattr(diag, "constraint_name", None) or ""
