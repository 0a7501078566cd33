"""Windows made ahead from weekly hours and exceptions, as far as the mentor can be booked.

What was made is kept in step, in place: a window that is still wanted keeps its row (Airtable knows
it by its id). Windows that somebody made by hand, and those that have begun, are never touched; made
ones are cut around them.
"""

from __future__ import annotations

import functools
import logging
import zoneinfo
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from importlib import metadata
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

from django.db import DatabaseError, transaction
from django.db.models import DateField, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast

from accounts.refusals import Refusal
from mentors.models import Mentor
from sessions_app.hours import Period, Planned, date_of, joined, planned, without
from sessions_app.models import (
    AvailabilityWindow,
    Holiday,
    HoursException,
    HoursMade,
    Meeting,
    WeeklyHours,
)
from sessions_app.services import waitlist
from sessions_app.services.capacity import fit_seats
from sessions_app.services.locks import lock_mentor
from sessions_app.services.rules import Clock

logger = logging.getLogger(__name__)

DAY = timedelta(days=1)
# Days beyond the horizon: the sweep asks by the UTC date, from which a mentor's own may differ by one.
MARGIN = 3
BATCH = 200
# The rule or exception that makes a window, and the date it is for.
Key = tuple[UUID | None, date | None]


@dataclass(frozen=True, slots=True)
class _Piece:
    """A window to be: what is left of a planned one beside the windows that go first."""

    plan: Planned
    starts_at: datetime
    ends_at: datetime

    @property
    def period(self) -> Period:
        return self.starts_at, self.ends_at


def materialise_hours(*, mentor: Mentor, now: datetime, besides: Sequence[Period] = ()) -> int:
    """Make the mentor's windows what the weekly hours and exceptions ask for. Returns how many are new.

    The caller holds the mentor's lock, and settles what this displaces.

    Args:
        mentor: with `user` loaded.
        besides: periods to leave free, for windows about to be made by hand.

    Raises SeatsBooked where seats would go that are booked.
    """
    zone = mentor.user.zone
    today = now.astimezone(zone).date()
    until = today + timedelta(days=mentor.booking_horizon_days + MARGIN)
    rows = list(mentor.windows.filter(ends_at__gt=now).order_by("-is_active", "starts_at", "id"))
    made = [row for row in rows if is_made(row) and row.starts_at > now]
    standing = [
        (row.starts_at, row.ends_at)
        for row in rows
        if row.is_active and not (is_made(row) and row.starts_at > now)
    ]
    plan = plan_of(mentor, zone, first=today - DAY, last=until)
    wanted = _pieces([row for row in plan if row.starts_at > now], [*standing, *besides])
    new = _bring_about(mentor, made, wanted, zone, now)
    HoursMade.objects.update_or_create(
        mentor=mentor,
        defaults={
            "zone": zone.key,
            "zone_rules": zone_rules(),
            "until": until,
            "made_at": now,
        },
    )
    return new


def plan_of(mentor: Mentor, zone: ZoneInfo, *, first: date, last: date) -> list[Planned]:
    return planned(
        rules=WeeklyHours.objects.filter(mentor=mentor).order_by("starts_on", "id"),
        exceptions=HoursException.objects.filter(mentor=mentor, date__gte=first, date__lt=last),
        holidays=Holiday.objects.filter(date__gte=first, date__lt=last).values_list(
            "date", flat=True
        ),
        zone=zone,
        first=first,
        last=last,
    )


def has_rules(mentor: Mentor) -> bool:
    """Whether anything makes windows for this mentor."""
    return (
        WeeklyHours.objects.filter(mentor=mentor).exists()
        or HoursException.objects.filter(mentor=mentor).exists()
    )


def is_made(row: AvailabilityWindow) -> bool:
    """Whether weekly hours or an exception made it; else somebody did, by hand or in Airtable."""
    return row.weekly_hours_id is not None or row.exception_id is not None


def _pieces(plan: Sequence[Planned], standing: Sequence[Period]) -> dict[Key, list[_Piece]]:
    """What is left of each planned window beside those that stand, and beside earlier planned ones."""
    taken = joined(standing)
    pieces: dict[Key, list[_Piece]] = defaultdict(list)
    for row in plan:
        for begin, end in without((row.starts_at, row.ends_at), taken):
            pieces[key_of(row)].append(_Piece(row, begin, end))
        taken = joined([*taken, (row.starts_at, row.ends_at)])
    return pieces


def key_of(row: Planned) -> Key:
    return (row.weekly, row.date) if row.weekly else (row.exception, None)


def _bring_about(
    mentor: Mentor,
    made: Sequence[AvailabilityWindow],
    wanted: dict[Key, list[_Piece]],
    zone: ZoneInfo,
    now: datetime,
) -> int:
    weekdays = dict(WeeklyHours.objects.filter(mentor=mentor).values_list("pk", "weekday"))
    known: dict[Key, list[AvailabilityWindow]] = defaultdict(list)
    for row in made:
        known[_key_of_row(row, weekdays, zone)].append(row)
    pairs: list[tuple[AvailabilityWindow, _Piece]] = []
    missing: list[_Piece] = []
    for key, pieces in wanted.items():
        rows = known[key]
        active = [row for row in rows if row.is_active]
        if rows and not active:
            continue  # somebody closed it, by whatever path
        matched = _matched(active, pieces)
        pairs += matched
        placed = [piece for _row, piece in matched]
        missing += [piece for piece in pieces if piece not in placed]
    kept = {row.pk for row, _piece in pairs}
    put_away([row for row in made if row.is_active and row.pk not in kept])
    _adjust(pairs, now)
    AvailabilityWindow.objects.bulk_create(
        _assign(AvailabilityWindow(mentor=mentor, created_at=now), piece) for piece in missing
    )
    return len(missing)


def _key_of_row(row: AvailabilityWindow, weekdays: dict[UUID, int], zone: ZoneInfo) -> Key:
    if row.weekly_hours_id is None:
        return row.exception_id, None
    return row.weekly_hours_id, date_of(weekdays[row.weekly_hours_id], row.starts_at, zone)


def _matched(
    rows: Sequence[AvailabilityWindow], pieces: Sequence[_Piece]
) -> list[tuple[AvailabilityWindow, _Piece]]:
    """Which row becomes which piece: those that fit exactly first, the rest in order."""
    by_period = {piece.period: piece for piece in pieces}
    exact = [
        (row, by_period[(row.starts_at, row.ends_at)])
        for row in rows
        if (row.starts_at, row.ends_at) in by_period
    ]
    matched_rows = {row.pk for row, _piece in exact}
    matched_pieces = [piece for _row, piece in exact]
    rest = zip(
        (row for row in rows if row.pk not in matched_rows),
        (piece for piece in pieces if piece not in matched_pieces),
        strict=False,
    )
    return [*exact, *rest]


def put_away(rows: Sequence[AvailabilityWindow]) -> None:
    """Take away windows that are not wanted any more; those that meetings refer to are only closed.

    Closed ones are nobody's from then on: should their hours come back, they are made anew.
    """
    ids = [row.pk for row in rows]
    if not ids:
        return
    held = set(
        Meeting.objects.filter(window_id__in=ids).values_list("window_id", flat=True).distinct()
    )
    AvailabilityWindow.objects.filter(pk__in=held).update(
        is_active=False, weekly_hours=None, exception=None
    )
    AvailabilityWindow.objects.filter(pk__in=[pk for pk in ids if pk not in held]).delete()


def _adjust(pairs: Sequence[tuple[AvailabilityWindow, _Piece]], now: datetime) -> None:
    """Write what differs. What moves is out of the way first: two moving past each other overlap."""
    moving = [row.pk for row, piece in pairs if (row.starts_at, row.ends_at) != piece.period]
    differing = [(row, piece) for row, piece in pairs if _differs(row, piece)]
    if not differing:
        return
    fit_seats([(row, piece.plan.capacity) for row, piece in differing], now=now)
    AvailabilityWindow.objects.filter(pk__in=moving).update(is_active=False)
    rows = [_assign(row, piece) for row, piece in differing]
    for row in rows:
        row.updated_at = now
    AvailabilityWindow.objects.bulk_update(
        rows, ["starts_at", "ends_at", "capacity", "location", "is_active", "updated_at"]
    )


def _differs(row: AvailabilityWindow, piece: _Piece) -> bool:
    plan = piece.plan
    return (row.starts_at, row.ends_at, row.capacity, row.location) != (
        *piece.period,
        plan.capacity,
        plan.location,
    )


def _assign(row: AvailabilityWindow, piece: _Piece) -> AvailabilityWindow:
    row.starts_at, row.ends_at = piece.period
    row.capacity, row.location = piece.plan.capacity, piece.plan.location
    row.weekly_hours_id, row.exception_id = piece.plan.weekly, piece.plan.exception
    row.is_active = True
    return row


# -- The sweep ---------------------------------------------------------------------------------
def make_due_hours(*, clock: Clock, limit: int = BATCH) -> int:
    """Make the windows of mentors for whom something is no longer as it was: the horizon has come
    nearer, they live in another zone, or the time zone database is a new one.

    Booked sessions stay where they are; those that the new windows do not carry are in the mentor's
    inbox. Each mentor in a transaction of its own, so that one who fails keeps nobody waiting.
    Returns how many windows are new.
    """
    made = 0
    for mentor_id in mentors_due(now=clock()).values_list("pk", flat=True)[:limit]:
        try:
            with transaction.atomic():
                mentor = lock_mentor(mentor_id)
                now = clock()
                made += materialise_hours(mentor=mentor, now=now)
                waitlist.offer_open_seats(mentor=mentor, now=now)
        except (DatabaseError, Refusal):
            logger.exception("hours_not_made", extra={"mentor": str(mentor_id)})
    return made


def mentors_due(*, now: datetime) -> QuerySet[Mentor]:
    """Mentors whose windows are to be made (again)."""
    today = Cast(Value(now.date()), DateField())
    needed = ExpressionWrapper(
        today + F("booking_horizon_days") + Value(MARGIN - 1), output_field=DateField()
    )
    ruled = Exists(WeeklyHours.objects.filter(mentor=OuterRef("pk"))) | Exists(
        HoursException.objects.filter(mentor=OuterRef("pk"), date__gte=now.date())
    )
    stale = (
        Q(hours_made=None)
        | ~Q(hours_made__zone=F("user__time_zone"))
        | ~Q(hours_made__zone_rules=zone_rules())
        | Q(hours_made__until__lt=needed)
    )
    return Mentor.objects.filter(stale, ruled, is_active=True).order_by("pk")


@functools.cache
def zone_rules() -> str:
    """The release of the time zone database that this process reads, like "2026a"."""
    for folder in map(Path, zoneinfo.TZPATH):
        if (folder / "UTC").exists():
            source = folder / "tzdata.zi"
            if not source.exists():
                return "unknown"
            with source.open() as lines:
                return lines.readline().split()[-1][:32]  # "# version 2026a"
    return metadata.version("tzdata")
