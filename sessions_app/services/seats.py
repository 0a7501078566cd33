"""Seats in meetings: finding the meeting of a slot, taking a seat in it, leaving it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Min

from mentors.models import Mentor
from sessions_app.meeting_links import is_built_in, provider_of
from sessions_app.models import Hold, Meeting, Session, WaitlistEntry
from sessions_app.services import waitlist
from sessions_app.slots import Calendar, Slot, Why


def meeting_of(mentor: Mentor, slot: Slot, *, now: datetime) -> Meeting:
    """The meeting of that slot: the one already there, or a new one with a room of its own."""
    if slot.meeting is not None and slot.meeting.id is not None:
        return Meeting.objects.select_for_update(no_key=True).get(pk=slot.meeting.id)
    return Meeting.objects.create(
        mentor=mentor,
        meeting_url=provider_of(mentor).new_link(),
        created_at=now,
        **times_of(mentor, slot),
    )


def times_of(mentor: Mentor, slot: Slot) -> dict[str, Any]:
    """What a meeting takes over from the slot, and from its mentor as they are now."""
    zone = mentor.user.zone
    return {
        "window_id": slot.window.id,
        "starts_at": slot.starts_at,
        "ends_at": slot.ends_at,
        "capacity": slot.window.capacity,
        "location": slot.window.location,
        "buffer_before_minutes": mentor.buffer_before_minutes,
        "buffer_after_minutes": mentor.buffer_after_minutes,
        "agreed_local": f"{slot.starts_at.astimezone(zone):%Y-%m-%dT%H:%M}",
        "zone": zone.key,
    }


def kept_at(overrode: Sequence[Why], now: datetime) -> datetime | None:
    """A session that was put beside the hours knowingly stands there: nobody is asked about it again."""
    beside = (Why.OUTSIDE_WINDOW, Why.AWAY, Why.BUSY)
    return now if any(why in beside for why in overrode) else None


def free_seat(meeting: Meeting, slot: Slot) -> int:
    """The lowest seat that nobody holds.

    A full meeting gives capacity + 1 here, which the seat's own check in the database refuses.
    """
    if slot.meeting is None or slot.meeting.id is None:
        return 1  # a meeting made a moment ago, under the mentor's lock
    held = set(
        Session.objects.filter(meeting=meeting, status__in=Session.LIVE).values_list(
            "seat", flat=True
        )
    )
    return next(seat for seat in range(1, meeting.capacity + 2) if seat not in held)


def opened_at(meeting: Meeting, slot: Slot) -> datetime | None:
    """When the mentor opened the room, where others sit in it already: whoever comes later finds it
    open, and the mentor was there for them too."""
    if slot.meeting is None or slot.meeting.id is None:
        return None
    live = Session.objects.filter(meeting=meeting, status__in=Session.LIVE)
    opened: datetime | None = live.aggregate(at=Min("mentor_joined_at"))["at"]
    return opened


def leave_meeting(session: Session) -> None:
    """A meeting with no live seat left no longer holds the mentor's hour.

    One who leaves a group keeps no key: where they were given the room's address and nobody else was,
    the others get another room.
    """
    live = Session.objects.filter(meeting=session.meeting_id, status__in=Session.LIVE)
    others = list(live.exclude(pk=session.pk).values_list("mentee_joined_at", "mentor_joined_at"))
    meeting = Meeting.objects.filter(pk=session.meeting_id)
    if not others:
        meeting.update(live=False)
    elif (
        session.mentee_joined_at
        and not any(mentee or mentor for mentee, mentor in others)
        and is_built_in(session.meeting.meeting_url)
    ):
        meeting.update(meeting_url=provider_of(session.mentor).new_link())


def settle_waiting(calendar: Calendar, slot: Slot, *, mentor: Mentor, now: datetime) -> None:
    """Whoever has a session with the mentor waits no longer, and their hold has served.

    A hold on another time goes back, and that time to whoever is next. Nothing is asked of the
    database where the calendar shows neither.
    """
    if calendar.place:
        WaitlistEntry.objects.filter(pk=calendar.place).update(
            state=WaitlistEntry.State.BOOKED, updated_at=now
        )
    if calendar.hold:
        starts, ends, pk = calendar.hold
        is_it = (starts, ends) == (slot.starts, slot.ends)
        state = Hold.State.USED if is_it else Hold.State.PASSED
        Hold.objects.filter(pk=pk, state=Hold.State.LIVE).update(state=state)
        if not is_it:
            waitlist.offer_open_seats(mentor=mentor, now=now)
