"""What a mentor's windows are made from: weekly hours, dates that differ, time away.

Each change makes the windows anew in the same transaction, and settles the sessions it displaces.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.utils.translation import gettext as _

from accounts.dates import date_format
from accounts.models import User
from accounts.refusals import Invalid, NotFound
from accounts.times import EARLIEST, LATEST
from mentors.models import Mentor
from sessions_app.hours import meet
from sessions_app.models import BusyTime, HoursException, WeeklyHours
from sessions_app.services.displaced import Changing, Decision, changing_hours
from sessions_app.services.made_hours import materialise_hours, put_away
from sessions_app.services.rules import Clock

MOST_WEEKS, MOST_SEATS = 12, 500
# Between midnight in UTC and anything of that date in any zone.
_WIDEST = timedelta(hours=50)


@dataclass(frozen=True, slots=True)
class WeeklySpec:
    """Weekly hours as somebody wants them. `id` names those to change; without it they are new.

    An end at or before the start is on the next day. `starts_on`: from which date, and in which week
    those every n weeks begin; None leaves it, or begins today.
    """

    weekday: int
    starts: time
    ends: time
    every_n_weeks: int = 1
    starts_on: date | None = None
    ends_on: date | None = None
    capacity: int = 1
    location: str = ""
    id: UUID | None = None


@dataclass(frozen=True, slots=True)
class ExceptionSpec:
    """A date that differs: closed, or open from `starts` to `ends` instead of the weekly hours.

    `weekly_hours`: only those are skipped on that date.
    """

    date: date
    starts: time | None = None
    ends: time | None = None
    capacity: int = 1
    location: str = ""
    reason: str = ""
    weekly_hours: UUID | None = None
    id: UUID | None = None


@dataclass(frozen=True, slots=True)
class AwaySpec:
    """A time at which the mentor is not there, whatever the hours say."""

    starts_at: datetime
    ends_at: datetime
    reason: str = ""
    id: UUID | None = None


# -- One at a time -----------------------------------------------------------------------------
def save_weekly_hours(
    *,
    mentor_id: UUID,
    spec: WeeklySpec,
    by: User | None,
    clock: Clock,
    decisions: Sequence[Decision] = (),
) -> WeeklyHours:
    """Add weekly hours, or change those that the spec names.

    Raises:
        Invalid: misshapen, or overlapping the mentor's other weekly hours.
        SessionsOrphaned: sessions would be displaced that have no decision.
    """
    _check_weekly([spec])
    with changing_hours(mentor_id=mentor_id, by=by, clock=clock, decisions=decisions) as change:
        row = _write_weekly(change, spec)
        _refuse_overlap(change, [row])
        materialise_hours(mentor=change.mentor, now=change.now)
        return row


def remove_weekly_hours(
    *, weekly_hours_id: UUID, by: User | None, clock: Clock, decisions: Sequence[Decision] = ()
) -> None:
    """Hold these hours no more. Windows of theirs that have begun stay."""
    row = _found(WeeklyHours, weekly_hours_id)
    with changing_hours(mentor_id=row.mentor_id, by=by, clock=clock, decisions=decisions) as change:
        _remove(change, row)
        materialise_hours(mentor=change.mentor, now=change.now)


def save_exception(
    *,
    mentor_id: UUID,
    spec: ExceptionSpec,
    by: User | None,
    clock: Clock,
    decisions: Sequence[Decision] = (),
) -> HoursException:
    """Let one date differ from the weekly hours. Raises as `save_weekly_hours` does."""
    _check_exceptions([spec])
    with changing_hours(mentor_id=mentor_id, by=by, clock=clock, decisions=decisions) as change:
        row = _write_exception(change, spec)
        materialise_hours(mentor=change.mentor, now=change.now)
        return row


def remove_exception(
    *, exception_id: UUID, by: User | None, clock: Clock, decisions: Sequence[Decision] = ()
) -> None:
    """Let the date be like any other again."""
    row = _found(HoursException, exception_id)
    with changing_hours(mentor_id=row.mentor_id, by=by, clock=clock, decisions=decisions) as change:
        _remove(change, row)
        materialise_hours(mentor=change.mentor, now=change.now)


def save_time_away(
    *,
    mentor_id: UUID,
    spec: AwaySpec,
    by: User | None,
    clock: Clock,
    decisions: Sequence[Decision] = (),
) -> BusyTime:
    """Be away from one moment to another. The hours stay, and cannot be booked meanwhile."""
    _check_away([spec])
    with changing_hours(mentor_id=mentor_id, by=by, clock=clock, decisions=decisions) as change:
        return _write_away(change, spec)


def remove_time_away(*, busy_time_id: UUID, by: User | None, clock: Clock) -> None:
    """Be there after all. A calendar's busy times are the calendar's to remove: NotFound."""
    row = _found(BusyTime, busy_time_id)
    if row.source != BusyTime.Source.AWAY:
        raise NotFound
    with changing_hours(mentor_id=row.mentor_id, by=by, clock=clock):
        row.delete()


# -- All at once -------------------------------------------------------------------------------
def set_hours(
    *,
    mentor_id: UUID,
    by: User | None,
    clock: Clock,
    weekly: Sequence[WeeklySpec] | None = None,
    exceptions: Sequence[ExceptionSpec] | None = None,
    away: Sequence[AwaySpec] | None = None,
    decisions: Sequence[Decision] = (),
) -> Mentor:
    """Make these all of a mentor's weekly hours, dates to come that differ, and times away to come.

    A list that is None stays as it is. What a list does not name goes; what it names by id is changed
    in place, and its windows with it.

    Raises as `save_weekly_hours` does; NotFound for an id that is not this mentor's.
    """
    _check_weekly(weekly or ())
    _check_exceptions(exceptions or ())
    _check_away(away or ())
    with changing_hours(mentor_id=mentor_id, by=by, clock=clock, decisions=decisions) as change:
        mentor, now = change.mentor, change.now
        if weekly is not None:
            held = WeeklyHours.objects.filter(mentor=mentor).exclude(ends_on__lt=_today(change))
            _drop_others(change, held, weekly)
            _refuse_overlap(change, [_write_weekly(change, spec) for spec in weekly])
        if exceptions is not None:
            to_come = HoursException.objects.filter(mentor=mentor, date__gte=_today(change))
            _drop_others(change, to_come, exceptions)
            for exception in exceptions:
                _write_exception(change, exception)
        if away is not None:
            absences = BusyTime.objects.filter(
                mentor=mentor, source=BusyTime.Source.AWAY, ends_at__gt=now
            )
            _drop_others(change, absences, away)
            for absence in away:
                _write_away(change, absence)
        materialise_hours(mentor=mentor, now=now)
        return mentor


def _drop_others(change: Changing, rows: Any, specs: Iterable[Any]) -> None:
    named = {spec.id for spec in specs if spec.id}
    for row in rows.exclude(pk__in=named):
        _remove(change, row)


# -- Writing, behind the mentor's lock ---------------------------------------------------------
def _found(model: Any, pk: UUID) -> Any:
    row = model.objects.filter(pk=pk).first()
    if row is None:
        raise NotFound
    return row


def _own(change: Changing, model: Any, pk: UUID | None) -> Any:
    """The mentor's row of that id, or a new one."""
    if pk is None:
        return model(mentor=change.mentor)
    row = model.objects.filter(pk=pk, mentor=change.mentor).first()
    if row is None:
        raise NotFound
    return row


def _today(change: Changing) -> date:
    return change.now.astimezone(change.mentor.user.zone).date()


def _whole(wall: time) -> time:
    """Whole minutes, which is how slots are counted."""
    return wall.replace(second=0, microsecond=0)


def _write_weekly(change: Changing, spec: WeeklySpec) -> WeeklyHours:
    row: WeeklyHours = _own(change, WeeklyHours, spec.id)
    row.weekday, row.starts, row.ends = spec.weekday, _whole(spec.starts), _whole(spec.ends)
    row.every_n_weeks, row.capacity = spec.every_n_weeks, spec.capacity
    row.location, row.ends_on = spec.location, spec.ends_on
    if spec.starts_on or row._state.adding:
        row.starts_on = spec.starts_on or _today(change)
    if row.ends_on is not None and row.ends_on < row.starts_on:
        raise Invalid(
            _("These hours end before they begin."),
            fields={"ends_on": [_("Choose a date after the first one.")]},
        )
    row.save()
    return row


def _write_exception(change: Changing, spec: ExceptionSpec) -> HoursException:
    row: HoursException = _own(change, HoursException, spec.id)
    if spec.date < _today(change) and spec.date != row.date:
        raise Invalid(
            _("This date has passed."), fields={"date": [_("Choose today or a later date.")]}
        )
    skips = HoursException.objects.filter(weekly_hours=spec.weekly_hours, date=spec.date)
    if spec.weekly_hours:
        _own(change, WeeklyHours, spec.weekly_hours)
        row = skips.first() or row
    elif row.weekly_hours_id:
        _open_again(row)
    row.date = spec.date
    row.starts = _whole(spec.starts) if spec.starts is not None else None
    row.ends = _whole(spec.ends) if spec.ends is not None else None
    row.capacity, row.location, row.reason = spec.capacity, spec.location, spec.reason
    row.weekly_hours_id = spec.weekly_hours
    row.save()
    _open_again(row)
    return row


def _write_away(change: Changing, spec: AwaySpec) -> BusyTime:
    row: BusyTime = _own(change, BusyTime, spec.id)
    if row.source != BusyTime.Source.AWAY:
        raise NotFound
    if spec.ends_at <= change.now:
        raise Invalid(
            _("This time has passed."), fields={"ends_at": [_("Choose an end in the future.")]}
        )
    row.starts_at, row.ends_at, row.reason = spec.starts_at, spec.ends_at, spec.reason
    row.save()
    return row


def _remove(change: Changing, row: Any) -> None:
    """Delete what makes windows, and those that it made and that have not begun."""
    if isinstance(row, WeeklyHours | HoursException):
        link = "weekly_hours" if isinstance(row, WeeklyHours) else "exception"
        to_come = change.mentor.windows.filter(
            **{link: row}, starts_at__gt=change.now, is_active=True
        )
        put_away(list(to_come))
    if isinstance(row, HoursException):
        _open_again(row)
    row.delete()


def _open_again(row: HoursException) -> None:
    """Forget that somebody closed a window of that date by hand: a closed one would keep it closed."""
    closed = row.mentor.windows.filter(is_active=False)
    closed.filter(exception=row).update(exception=None)
    if row.weekly_hours_id and row.starts is None:
        day = datetime.combine(row.date, time.min, UTC)
        near = (day - _WIDEST, day + _WIDEST)
        closed.filter(weekly_hours=row.weekly_hours_id, starts_at__range=near).update(
            weekly_hours=None
        )


# -- What they may be like ---------------------------------------------------------------------
def _check_weekly(specs: Sequence[WeeklySpec]) -> None:
    for spec in specs:
        fields: dict[str, list[str]] = {}
        if not 0 <= spec.weekday <= 6:
            fields["weekday"] = [_("0 is Monday, 6 is Sunday.")]
        if not 1 <= spec.every_n_weeks <= MOST_WEEKS:
            fields["every_n_weeks"] = [
                _("Every week, or up to every %(most)s weeks.") % {"most": MOST_WEEKS}
            ]
        for name, day in (("starts_on", spec.starts_on), ("ends_on", spec.ends_on)):
            if day is not None and not _is_near(day):
                fields[name] = [_("This date is too far away.")]
        _refuse_fields(fields | _seats_wrong(spec.capacity))
    _refuse_twice(specs)


def _check_exceptions(specs: Sequence[ExceptionSpec]) -> None:
    for spec in specs:
        fields: dict[str, list[str]] = {}
        if (spec.starts is None) != (spec.ends is None):
            fields["ends" if spec.ends is None else "starts"] = [
                _("Give both times, or none to close the date.")
            ]
        if spec.weekly_hours and spec.starts is not None:
            fields["weekly_hours"] = [_("Hours that are skipped have no times on that date.")]
        if not _is_near(spec.date):
            fields["date"] = [_("This date is too far away.")]
        _refuse_fields(fields | _seats_wrong(spec.capacity))
    _refuse_twice(specs)


def _check_away(specs: Sequence[AwaySpec]) -> None:
    for spec in specs:
        if spec.ends_at <= spec.starts_at:
            _refuse_fields({"ends_at": [_("The end must be later than the start.")]})
    _refuse_twice(specs)


def _seats_wrong(seats: int) -> dict[str, list[str]]:
    if 1 <= seats <= MOST_SEATS:
        return {}
    return {"capacity": [_("From 1 to %(most)s seats.") % {"most": MOST_SEATS}]}


def _is_near(day: date) -> bool:
    return EARLIEST.year < day.year < LATEST.year


def _refuse_fields(fields: dict[str, list[str]]) -> None:
    if fields:
        raise Invalid(_("Some of this cannot be used as it is."), fields=fields)


def _refuse_twice(specs: Sequence[Any]) -> None:
    named = [spec.id for spec in specs if spec.id]
    if len(named) != len(set(named)):
        raise Invalid(_("The same hours are named twice."))


def _refuse_overlap(change: Changing, rows: Sequence[WeeklyHours]) -> None:
    """Raises Invalid where hours just written overlap others of the mentor, now or later."""
    today = _today(change)
    others = list(WeeklyHours.objects.filter(mentor=change.mentor).order_by("weekday", "starts"))
    for row in rows:
        for other in others:
            day = meet(row, other, since=today) if row.pk != other.pk else None
            if day is not None:
                sentence = _(
                    "These hours overlap your other ones from %(from)s to %(to)s, first on %(day)s."
                ) % {
                    "from": f"{other.starts:%H:%M}",
                    "to": f"{other.ends:%H:%M}",
                    "day": date_format(day, "l j F"),
                }
                raise Invalid(sentence, fields={"starts": [_("Choose other times.")]})
