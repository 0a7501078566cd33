"""Windows one by one and all at once, as people, the API and Airtable set them.

A window that weekly hours made and somebody then changes or closes is theirs from then on: the hours
skip that date, so that it is not made again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

from django.db import IntegrityError
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.refusals import Invalid, NotFound
from mentors.models import Mentor
from sessions_app.hours import Period, Planned, date_of
from sessions_app.models import AvailabilityWindow, HoursException
from sessions_app.refusals import WindowsOverlap
from sessions_app.selectors import displaced
from sessions_app.services.booking import violated_constraint
from sessions_app.services.capacity import fit_seats
from sessions_app.services.displaced import Decision, changing_hours, conflicts_as_data
from sessions_app.services.made_hours import (
    MARGIN,
    has_rules,
    is_made,
    key_of,
    materialise_hours,
    plan_of,
)
from sessions_app.services.rules import Clock

OVERLAP = "windows_of_a_mentor_do_not_overlap"
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """A window as somebody wants it. `id` names the one to change; without it a new one is made."""

    starts_at: datetime
    ends_at: datetime
    capacity: int = 1
    location: str = ""
    id: UUID | None = None

    @property
    def period(self) -> Period:
        return self.starts_at, self.ends_at


def replace_windows(
    *,
    mentor_id: UUID,
    specs: Sequence[WindowSpec],
    force: bool = False,
    by: User | None,
    clock: Clock,
    decisions: Sequence[Decision] = (),
) -> list[AvailabilityWindow]:
    """Make these the mentor's windows from now on. A window that has begun stays as it is.

    Weekly hours skip every date on which they are not among these, as far ahead as they were made.

    Args:
        force: keep the booked sessions that would be left outside any window, instead of refusing.
        decisions: about each of them.

    Raises:
        Invalid: a window that ends before it starts, lies in the past, or overlaps another of them.
        SessionsOrphaned: booked sessions would be left outside; `conflicts` lists them.
    """
    _refuse_misshapen(specs)
    try:
        with changing_hours(
            mentor_id=mentor_id, by=by, clock=clock, decisions=decisions, force=force
        ) as change:
            mentor, now = change.mentor, change.now
            if any(spec.starts_at <= now for spec in specs):
                raise Invalid(
                    _("A window must start in the future."),
                    fields={"windows": [_("Windows that have begun cannot be changed.")]},
                )
            known = {
                row.pk: row for row in mentor.windows.filter(is_active=True, starts_at__gt=now)
            }
            if any(spec.id is not None and spec.id not in known for spec in specs):
                raise NotFound(
                    _("One of these windows does not exist or has begun. Load them again.")
                )
            changed = [spec for spec in specs if spec.id and _differs(known[spec.id], spec)]
            same = [known[spec.id] for spec in specs if spec.id and spec not in changed]
            _skip(mentor, now, but=same)
            fit_seats([(known[spec.id], spec.capacity) for spec in changed if spec.id], now=now)
            return _write(mentor, known, specs, changed)
    except IntegrityError as error:
        raise _overlap(error) from error


def _refuse_misshapen(specs: Sequence[WindowSpec]) -> None:
    if any(spec.ends_at <= spec.starts_at for spec in specs):
        raise Invalid(
            _("A window ends before it starts."), fields={"windows": [_("The end must be later.")]}
        )
    named = [spec.id for spec in specs if spec.id is not None]
    if len(named) != len(set(named)):
        raise Invalid(
            _("The same window is named twice."),
            fields={"windows": [_("Give each id once; a new window needs none.")]},
        )
    if any(spec.capacity < 1 for spec in specs):
        raise Invalid(_("A window needs a seat."), fields={"windows": [_("At least 1 seat.")]})
    in_order = sorted(specs, key=lambda spec: spec.starts_at)
    if any(earlier.ends_at > later.starts_at for earlier, later in pairwise(in_order)):
        raise Invalid(
            _("Two of these windows overlap."), fields={"windows": [_("Join them or move one.")]}
        )


def _write(
    mentor: Mentor,
    known: dict[UUID, AvailabilityWindow],
    specs: Sequence[WindowSpec],
    changed: Sequence[WindowSpec],
) -> list[AvailabilityWindow]:
    """Clear the old windows out of the way first: moving two past each other overlaps half-way."""
    kept = {spec.id for spec in specs if spec.id}
    AvailabilityWindow.objects.filter(pk__in=[pk for pk in known if pk not in kept]).delete()
    AvailabilityWindow.objects.filter(pk__in=[spec.id for spec in changed]).update(is_active=False)
    rows = [known[spec.id] for spec in specs if spec.id and spec not in changed]
    for spec in changed:
        row = known[spec.id]  # type: ignore[index]  # changed ones have an id
        _assign(row, spec).save()
        rows.append(row)
    fresh = [_assign(AvailabilityWindow(mentor=mentor), spec) for spec in specs if not spec.id]
    return sorted(
        rows + AvailabilityWindow.objects.bulk_create(fresh), key=lambda row: row.starts_at
    )


def _assign(row: AvailabilityWindow, spec: WindowSpec) -> AvailabilityWindow:
    """Set by hand: open, and no longer what weekly hours or an exception made."""
    row.starts_at, row.ends_at = spec.starts_at, spec.ends_at
    row.capacity, row.location = spec.capacity, spec.location
    row.weekly_hours = row.exception = None
    row.is_active = True
    return row


def _differs(row: AvailabilityWindow, spec: WindowSpec) -> bool:
    return (row.starts_at, row.ends_at, row.capacity, row.location) != (
        spec.starts_at,
        spec.ends_at,
        spec.capacity,
        spec.location,
    )


def save_window(
    *,
    mentor_id: UUID,
    starts_at: datetime,
    ends_at: datetime,
    capacity: int,
    location: str,
    clock: Clock,
    window_id: UUID | None = None,
    by: User | None = None,
    force: bool = False,
    decisions: Sequence[Decision] = (),
) -> AvailabilityWindow:
    """Make one window, or change one. For edits that come one at a time (pages, admin, Airtable).

    Windows that weekly hours made give way to it; one that somebody made does not.

    Raises:
        Invalid: misshapen. WindowsOverlap: another window is there.
        SessionsOrphaned: the change would leave booked sessions outside any window.
    """
    spec = WindowSpec(starts_at, ends_at, capacity, location, window_id)
    _refuse_misshapen([spec])
    try:
        with changing_hours(
            mentor_id=mentor_id, by=by, clock=clock, decisions=decisions, force=force
        ) as change:
            mentor, now = change.mentor, change.now
            row = _window(mentor, window_id)
            if window_id is not None and row.is_active and not _differs(row, spec):
                return row
            if window_id is not None:
                fit_seats([(row, capacity)], now=now)
                _take_over(mentor, row)
            if has_rules(mentor):
                materialise_hours(mentor=mentor, now=now, besides=[spec.period])
            _assign(row, spec).save()
            return row
    except IntegrityError as error:
        raise _overlap(error) from error


def _window(mentor: Mentor, window_id: UUID | None) -> AvailabilityWindow:
    if window_id is None:
        return AvailabilityWindow(mentor=mentor)
    row = mentor.windows.filter(pk=window_id).first()
    if row is None:
        raise NotFound(_("This window does not exist any more."))
    return row


def _take_over(mentor: Mentor, row: AvailabilityWindow) -> None:
    """Make a window nobody's and get it out of the way, until it is written as it shall be."""
    if is_made(row):
        _skip_rows(mentor, [row])
    AvailabilityWindow.objects.filter(pk=row.pk).update(
        is_active=False, weekly_hours=None, exception=None
    )


def withdraw_window(
    *,
    window_id: UUID,
    clock: Clock,
    by: User | None = None,
    force: bool = False,
    decisions: Sequence[Decision] = (),
) -> AvailabilityWindow:
    """Close a window: no new bookings. The row stays, because sessions and Airtable may refer to it.

    Raises SessionsOrphaned where booked sessions would be left outside any window.
    """
    row = AvailabilityWindow.objects.filter(pk=window_id).first()
    if row is None:
        raise NotFound(_("This window does not exist any more."))
    with changing_hours(
        mentor_id=row.mentor_id, by=by, clock=clock, decisions=decisions, force=force
    ) as change:
        row = _window(change.mentor, window_id)
        if is_made(row):
            _skip_rows(change.mentor, [row])
        elif row.is_active:
            _hold_apart(change.mentor, row, change.now)
        AvailabilityWindow.objects.filter(pk=window_id).update(is_active=False)
        row.is_active = False
        return row


# -- Weekly hours step aside -------------------------------------------------------------------
def _skip_rows(mentor: Mentor, rows: Iterable[AvailabilityWindow]) -> None:
    """Let what made these windows not make them again."""
    zone = mentor.user.zone
    for row in rows:
        if row.weekly_hours is not None:
            day = date_of(row.weekly_hours.weekday, row.starts_at, zone)
            HoursException.objects.get_or_create(
                weekly_hours=row.weekly_hours, date=day, defaults={"mentor": mentor}
            )
    _close({row.exception_id for row in rows if row.exception_id})


def _skip(mentor: Mentor, now: datetime, *, but: Sequence[AvailabilityWindow]) -> None:
    """Skip everything that the rules ask for from now on, but for these windows."""
    if not has_rules(mentor):
        return
    zone = mentor.user.zone
    today = now.astimezone(zone).date()
    last = today + timedelta(days=mentor.booking_horizon_days + MARGIN)
    kept = {
        (row.weekly_hours_id, date_of(row.weekly_hours.weekday, row.starts_at, zone))
        for row in but
        if row.weekly_hours is not None
    } | {(row.exception_id, None) for row in but}
    _skip_planned(
        mentor,
        (
            plan
            for plan in plan_of(mentor, zone, first=today - DAY, last=last)
            if plan.starts_at > now and key_of(plan) not in kept
        ),
    )


def _hold_apart(mentor: Mentor, row: AvailabilityWindow, now: datetime) -> None:
    """Before a window by hand is closed inside weekly hours: they were cut around it, and would close
    over it. What is left of them on that date becomes by hand too, so it stays as it is seen."""
    if not has_rules(mentor):
        return
    zone = mentor.user.zone
    first, last = row.starts_at.astimezone(zone).date(), row.ends_at.astimezone(zone).date()
    covering = [
        plan
        for plan in plan_of(mentor, zone, first=first - DAY, last=last + DAY)
        if plan.starts_at < row.ends_at and row.starts_at < plan.ends_at and plan.starts_at > now
    ]
    for plan in covering:
        pieces = mentor.windows.filter(starts_at__gte=plan.starts_at, ends_at__lte=plan.ends_at)
        if plan.weekly:
            pieces.filter(weekly_hours=plan.weekly).update(weekly_hours=None)
        else:
            pieces.filter(exception=plan.exception).update(exception=None)
    _skip_planned(mentor, covering)


def _skip_planned(mentor: Mentor, plans: Iterable[Planned]) -> None:
    plans = list(plans)
    HoursException.objects.bulk_create(
        (
            HoursException(mentor=mentor, weekly_hours_id=plan.weekly, date=plan.date)
            for plan in plans
            if plan.weekly
        ),
        ignore_conflicts=True,
    )
    _close({plan.exception for plan in plans if plan.exception})


def _close(exceptions: Iterable[UUID]) -> None:
    """An exception that opened times closes its date from now on: what it opened is set by hand."""
    HoursException.objects.filter(pk__in=list(exceptions)).update(starts=None, ends=None)


# -- Conflicts, before anything is saved -------------------------------------------------------
def conflicts_of(
    *, mentor_id: UUID, specs: Sequence[WindowSpec], now: datetime
) -> list[dict[str, Any]]:
    """The booked sessions that would be displaced if these were the future windows.

    Raises Invalid where these cannot be anybody's windows, as when they are saved.
    """
    _refuse_misshapen(specs)
    mentor = Mentor.objects.select_related("user").get(pk=mentor_id)
    sessions = list(displaced.to_come(mentor, now))
    today = {row.session.pk for row in displaced.uncovered(mentor=mentor, now=now)}
    begun = mentor.windows.filter(is_active=True, starts_at__lte=now, ends_at__gt=now)
    windows = [*begun.values_list("starts_at", "ends_at"), *(spec.period for spec in specs)]
    return conflicts_as_data(
        [
            row
            for row in displaced.judged(sessions, windows=windows, busy=())
            if row.session.pk not in today
        ]
    )


def _overlap(error: IntegrityError) -> Exception:
    if violated_constraint(error) == OVERLAP:
        return WindowsOverlap(
            _("This overlaps another window of the mentor."),
            fields={"windows": [_("Join the two, or choose other times.")]},
        )
    return error
