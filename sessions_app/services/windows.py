from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.refusals import Invalid, NotFound
from mentors.models import Mentor
from sessions_app.models import AvailabilityWindow, Session
from sessions_app.refusals import SessionsOrphaned, WindowsOverlap
from sessions_app.services.booking import violated_constraint
from sessions_app.services.rules import Clock

OVERLAP = "windows_of_a_mentor_do_not_overlap"


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """A window as somebody wants it. `id` names the one to change; without it a new one is made."""

    starts_at: datetime
    ends_at: datetime
    capacity: int = 1
    location: str = ""
    id: UUID | None = None


def replace_windows(
    *,
    mentor_id: UUID,
    specs: Sequence[WindowSpec],
    force: bool = False,
    by: User | None,
    clock: Clock,
) -> list[AvailabilityWindow]:
    """Make these the mentor's windows from now on. A window that has begun stays as it is.

    Args:
        force: keep the booked sessions that would be left outside any window, instead of refusing.

    Raises:
        Invalid: a window that ends before it starts, lies in the past, or overlaps another of them.
        SessionsOrphaned: booked sessions would be left outside; `conflicts` lists them.
    """
    _refuse_misshapen(specs)
    try:
        with transaction.atomic():
            mentor = _lock(mentor_id)
            now = clock()
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
            if not force:
                _refuse_orphans(mentor, specs, now)
            return _write(mentor, known, specs)
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
    mentor: Mentor, known: dict[UUID, AvailabilityWindow], specs: Sequence[WindowSpec]
) -> list[AvailabilityWindow]:
    """Clear the old windows out of the way first: moving two past each other overlaps half-way."""
    kept = {spec.id for spec in specs if spec.id}
    AvailabilityWindow.objects.filter(pk__in=[pk for pk in known if pk not in kept]).delete()
    changed = [spec for spec in specs if spec.id and _differs(known[spec.id], spec)]
    AvailabilityWindow.objects.filter(pk__in=[spec.id for spec in changed]).update(is_active=False)
    rows = [known[spec.id] for spec in specs if spec.id and spec not in changed]
    for spec in changed:
        row = known[spec.id]  # type: ignore[index]  # changed ones have an id
        _assign(row, spec)
        row.is_active = True
        row.weekly_hours = None  # changed by hand: no longer what the weekly hours made
        row.save()
        rows.append(row)
    fresh = [_assign(AvailabilityWindow(mentor=mentor), spec) for spec in specs if not spec.id]
    return sorted(
        rows + AvailabilityWindow.objects.bulk_create(fresh), key=lambda row: row.starts_at
    )


def _assign(row: AvailabilityWindow, spec: WindowSpec) -> AvailabilityWindow:
    row.starts_at, row.ends_at = spec.starts_at, spec.ends_at
    row.capacity, row.location = spec.capacity, spec.location
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
) -> AvailabilityWindow:
    """Make one window, or change one. For edits that come one at a time (admin, Airtable).

    Raises:
        Invalid: misshapen. WindowsOverlap: another window is there.
        SessionsOrphaned: the change would leave booked sessions outside any window.
    """
    spec = WindowSpec(starts_at, ends_at, capacity, location, window_id)
    _refuse_misshapen([spec])
    try:
        with transaction.atomic():
            mentor = _lock(mentor_id)
            row = AvailabilityWindow(mentor=mentor)
            if window_id is not None:
                found = mentor.windows.filter(pk=window_id).first()
                if found is None:
                    raise NotFound(_("This window does not exist any more."))
                row = found
                if not force:
                    _refuse_orphans(mentor, [spec], clock(), changing=window_id)
                if not _differs(row, spec) and row.is_active:
                    return row
                row.weekly_hours = None
            _assign(row, spec)
            row.is_active = True
            row.save()
            return row
    except IntegrityError as error:
        raise _overlap(error) from error


def withdraw_window(
    *, window_id: UUID, clock: Clock, by: User | None = None, force: bool = False
) -> AvailabilityWindow:
    """Close a window: no new bookings. The row stays, because sessions and Airtable may refer to it."""
    with transaction.atomic():
        row = AvailabilityWindow.objects.filter(pk=window_id).first()
        if row is None:
            raise NotFound(_("This window does not exist any more."))
        mentor = _lock(row.mentor_id)
        if not force:
            _refuse_orphans(mentor, [], clock(), changing=window_id)
        AvailabilityWindow.objects.filter(pk=window_id).update(is_active=False)
        row.is_active = False
        return row


def conflicts_of(
    *, mentor_id: UUID, specs: Sequence[WindowSpec], now: datetime, changing: UUID | None = None
) -> list[Session]:
    """The booked sessions that would lie outside every window if these were the future windows.

    Args:
        changing: only this window changes (or goes, when `specs` is empty); the others stay.

    Raises:
        Invalid: these cannot be anybody's windows, as when they are saved.
    """
    _refuse_misshapen(specs)
    stay = AvailabilityWindow.objects.filter(mentor_id=mentor_id, is_active=True)
    stay = stay.filter(starts_at__lte=now) if changing is None else stay.exclude(pk=changing)
    after = [
        *((row.starts_at, row.ends_at) for row in stay),
        *((s.starts_at, s.ends_at) for s in specs),
    ]
    live = (
        Session.objects.select_related("mentor__user", "mentee__user")
        .filter(mentor_id=mentor_id, status__in=Session.LIVE, starts_at__gt=now)
        .order_by("starts_at", "id")
    )
    if changing is not None:
        # A session that was outside before is not orphaned by this change.
        old = AvailabilityWindow.objects.get(pk=changing)
        live = live.filter(starts_at__gte=old.starts_at, ends_at__lte=old.ends_at)
    return [
        session
        for session in live
        if not any(begin <= session.starts_at and session.ends_at <= end for begin, end in after)
    ]


def _refuse_orphans(
    mentor: Mentor, specs: Sequence[WindowSpec], now: datetime, changing: UUID | None = None
) -> None:
    conflicts = conflicts_of(mentor_id=mentor.pk, specs=specs, now=now, changing=changing)
    if conflicts:
        raise SessionsOrphaned(
            _(
                "Booked sessions lie in hours that would go. Move or cancel them first, or keep them."
            ),
            conflicts=conflicts_as_data(conflicts),
        )


def conflicts_as_data(sessions: Sequence[Session]) -> list[dict[str, Any]]:
    return [
        {
            "session": session.pk,
            "starts_at": session.starts_at,
            "ends_at": session.ends_at,
            "mentee": {"id": session.mentee_id, "name": session.mentee.user.name},
        }
        for session in sessions
    ]


def _lock(mentor_id: UUID) -> Mentor:
    mentor = Mentor.objects.select_for_update(no_key=True).filter(pk=mentor_id).first()
    if mentor is None:
        raise NotFound
    return mentor


def _overlap(error: IntegrityError) -> Exception:
    if violated_constraint(error) == OVERLAP:
        return WindowsOverlap(
            _("This overlaps another window of the mentor."),
            fields={"windows": [_("Join the two, or choose other times.")]},
        )
    return error
