"""Dates on which nobody's weekly hours apply."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date

from django.db import transaction
from django.db.models import Exists, OuterRef

from accounts.models import User
from mentors.models import Mentor
from sessions_app.models import Holiday, WeeklyHours
from sessions_app.refusals import SessionsOrphaned
from sessions_app.services.displaced import Decision, changing_hours
from sessions_app.services.made_hours import materialise_hours
from sessions_app.services.rules import Clock


def save_holiday(
    *,
    day: date,
    name: str,
    by: User | None,
    clock: Clock,
    holiday_id: int | None = None,
    decisions: Sequence[Decision] = (),
) -> Holiday:
    """Make a date a holiday, or a holiday another date or name.

    Raises SessionsOrphaned, listing the sessions of every mentor that it displaces.
    """
    known = Holiday.objects.filter(pk=holiday_id).first() if holiday_id else None
    row = known or Holiday()

    def write() -> None:
        row.date, row.name = day, name
        row.save()

    _change(write, by=by, clock=clock, decisions=decisions)
    return row


def remove_holiday(*, holiday_id: int, by: User | None, clock: Clock) -> None:
    """Let a date be like any other again."""
    row = Holiday.objects.filter(pk=holiday_id).first()
    if row is not None:
        _change(row.delete, by=by, clock=clock)


def _change(
    write: Callable[[], object],
    *,
    by: User | None,
    clock: Clock,
    decisions: Sequence[Decision] = (),
) -> None:
    """Change holidays and make everybody's windows again, in one transaction.

    Mentors are locked by id, as everywhere. One refusal lists what is displaced for all of them.
    """
    refusals: list[SessionsOrphaned] = []
    ruled = Exists(WeeklyHours.objects.filter(mentor=OuterRef("pk")))
    mentors = Mentor.objects.filter(ruled, is_active=True).order_by("pk")
    with transaction.atomic():
        write()
        # All of them before any mentee, whom the decisions lock.
        for mentor_id in list(mentors.select_for_update(no_key=True).values_list("pk", flat=True)):
            try:
                with changing_hours(
                    mentor_id=mentor_id, by=by, clock=clock, decisions=decisions
                ) as change:
                    materialise_hours(mentor=change.mentor, now=change.now)
            except SessionsOrphaned as refusal:
                refusals.append(refusal)
        if refusals:
            conflicts = [row for refusal in refusals for row in refusal.extra["conflicts"]]
            raise SessionsOrphaned(str(refusals[0]), conflicts=conflicts)
