"""Seats of meetings that are booked already, when the seats of their hours change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Subquery
from django.utils.translation import ngettext

from mentors.models import Mentor
from sessions_app.models import AvailabilityWindow, Meeting, Session
from sessions_app.refusals import SeatsBooked


def fit_seats(changes: Sequence[tuple[AvailabilityWindow, int]], *, now: datetime) -> None:
    """Give the meetings to come in these windows their new number of seats. Under the mentor's lock.

    Down as far as wished, up only where it was a group already: who booked the mentor alone is not
    joined by others.

    Raises SeatsBooked, listing who is there, where more seats are booked than would be left.
    """
    wanted = {row.pk: seats for row, seats in changes if row.capacity != seats}
    if not wanted:
        return
    meetings = list(
        Meeting.objects.filter(window_id__in=wanted, live=True, starts_at__gt=now).order_by(
            "starts_at", "id"
        )
    )
    sessions = list(
        Session.objects.select_related("mentee__user")
        .filter(meeting__in=meetings)
        .order_by("starts_at", "seat", "created_at")
    )
    for meeting in meetings:
        seats = wanted[meeting.window_id]  # type: ignore[index]  # filtered by it
        if seats < meeting.capacity or meeting.capacity > 1:
            _resize(meeting, seats, [row for row in sessions if row.meeting_id == meeting.pk])


def seats_of_hours(*, mentor: Mentor, now: datetime) -> dict[UUID, int]:
    """How many seats the hours give each meeting to come that lies in them. In one query."""
    around = AvailabilityWindow.objects.filter(
        mentor=OuterRef("mentor"),
        is_active=True,
        starts_at__lte=OuterRef("starts_at"),
        ends_at__gt=OuterRef("starts_at"),
    ).values("capacity")[:1]
    meetings = Meeting.objects.filter(mentor=mentor, live=True, starts_at__gt=now)
    found = meetings.annotate(of_hours=Subquery(around)).exclude(of_hours=None)
    return dict(found.values_list("pk", "of_hours"))


def follow_hours(before: Mapping[UUID, int], *, mentor: Mentor, now: datetime) -> None:
    """Give meetings the seats of their hours where these have others than `before`.

    By the time, and not by the window a meeting was booked in: a date that differs, or hours set by
    hand, are another window at the same time. Raises as `fit_seats` does.
    """
    after = seats_of_hours(mentor=mentor, now=now) if before else {}
    changed = {pk: seats for pk, seats in after.items() if before.get(pk, seats) != seats}
    if not changed:
        return
    sessions = list(
        Session.objects.select_related("mentee__user")
        .filter(meeting__in=changed)
        .order_by("starts_at", "seat", "created_at")
    )
    for meeting in Meeting.objects.filter(pk__in=changed).order_by("starts_at", "id"):
        seats = changed[meeting.pk]
        if seats < meeting.capacity or 1 < meeting.capacity < seats:
            _resize(meeting, seats, [row for row in sessions if row.meeting_id == meeting.pk])


def _resize(meeting: Meeting, seats: int, sessions: Sequence[Session]) -> None:
    live = [row for row in sessions if row.is_live]
    if len(live) > seats:
        raise SeatsBooked(
            ngettext(
                "%(booked)s people are booked in one of these sessions, so it cannot have %(seats)s "
                "seat. Move or cancel some of them first.",
                "%(booked)s people are booked in one of these sessions, so it cannot have %(seats)s "
                "seats. Move or cancel some of them first.",
                seats,
            )
            % {"booked": len(live), "seats": seats},
            conflicts=[_as_data(row) for row in live],
        )
    free = iter(sorted(set(range(1, seats + 1)) - {row.seat for row in live}))
    for row in sessions:
        if row.seat > seats:
            # A cancelled one still names the seat it had; any will do for it.
            seat = next(free) if row.is_live else 1
            Session.objects.filter(pk=row.pk).update(seat=seat)
    # The sessions' copies follow by their foreign key.
    Meeting.objects.filter(pk=meeting.pk).update(capacity=seats)


def _as_data(row: Session) -> dict[str, Any]:
    return {
        "session": row.pk,
        "starts_at": row.starts_at,
        "ends_at": row.ends_at,
        "mentee": {"id": row.mentee_id, "name": row.mentee.user.name},
        "cause": "no_seat",
    }
