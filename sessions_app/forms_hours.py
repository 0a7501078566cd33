"""The shape of what a mentor says about their hours, on their own clock."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django import forms
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext_lazy as _, ngettext

from accounts.times import EARLIEST, LATEST
from sessions_app.hours import instant
from sessions_app.models import BusyTime, HoursException, WeeklyHours
from sessions_app.zones import zone_options

MOST_WEEKS, MOST_SEATS = 12, 500


def _date(**options: Any) -> forms.DateField:
    return forms.DateField(
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"), **options
    )


def _time(**options: Any) -> forms.TimeField:
    return forms.TimeField(
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"), **options
    )


def _seats() -> forms.IntegerField:
    return forms.IntegerField(
        label=_("Seats in each session"),
        min_value=1,
        max_value=MOST_SEATS,
        initial=1,
        help_text=_("More than one makes them group sessions."),
    )


def _place() -> forms.CharField:
    return forms.CharField(
        label=_("Place"), required=False, max_length=200, help_text=_("Leave empty for online.")
    )


def _reason() -> forms.CharField:
    return forms.CharField(
        label=_("A note"), required=False, max_length=120, help_text=_("Mentees do not see it.")
    )


def _rhythm(weeks: int) -> str:
    if weeks == 1:
        return str(_("Every week"))
    return ngettext("Every %(weeks)s week", "Every %(weeks)s weeks", weeks) % {"weeks": weeks}


class HoursForm(forms.Form):
    """What is said of hours, in rows: a beginning and its end stand side by side where there is room."""

    side_by_side: ClassVar[tuple[tuple[str, str], ...]] = ()
    # An end that is not after the start is the next day's.
    overnight: ClassVar[bool] = False

    def rows(self) -> list[list[forms.BoundField]]:
        """Every field, in order."""
        ends = dict(self.side_by_side)
        return [
            [self[name], self[ends[name]]] if name in ends else [self[name]]
            for name in self.fields
            if name not in ends.values()
        ]


class WeeklyForm(HoursForm):
    """Hours that repeat."""

    overnight = True
    side_by_side = (("starts", "ends"), ("starts_on", "ends_on"))

    weekday = forms.TypedChoiceField(
        label=_("Day"), coerce=int, choices=lambda: [(n, str(name)) for n, name in WEEKDAYS.items()]
    )
    starts = _time(label=_("From"))
    ends = _time(label=_("To"))
    every_n_weeks = forms.TypedChoiceField(
        label=_("How often"),
        coerce=int,
        choices=lambda: [(n, _rhythm(n)) for n in range(1, MOST_WEEKS + 1)],
        initial=1,
    )
    starts_on = _date(
        label=_("From which date"),
        help_text=_("Weeks are counted from here, where it is not every week."),
    )
    ends_on = _date(label=_("Last date"), required=False, help_text=_("Leave empty for no end."))
    capacity = _seats()
    location = _place()

    @classmethod
    def of(cls, row: WeeklyHours | None, data: Any, *, today: date) -> WeeklyForm:
        if row is None:
            return cls(data, initial={"starts_on": today, "weekday": today.weekday()})
        return cls(data, initial={name: getattr(row, name) for name in cls.base_fields})


class ExceptionForm(HoursForm):
    overnight = True
    side_by_side = (("starts", "ends"),)
    date = _date(label=_("Date"))
    kind = forms.ChoiceField(
        label=_("On that date"),
        choices=[("closed", _("No hours at all")), ("open", _("Other hours than usual"))],
        widget=forms.RadioSelect,
        initial="closed",
    )
    starts = _time(label=_("From"), required=False)
    ends = _time(label=_("To"), required=False)
    capacity = _seats()
    location = _place()
    reason = _reason()

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if values.get("kind") == "closed":
            values |= {"starts": None, "ends": None}
        else:
            for name in ("starts", "ends"):
                if values.get(name) is None and name not in self.errors:
                    self.add_error(name, _("Say from when to when."))
        return values

    @classmethod
    def of(cls, row: HoursException | None, data: Any) -> ExceptionForm:
        if row is None:
            return cls(data)
        names = ("date", "starts", "ends", "capacity", "location", "reason")
        kind = "closed" if row.starts is None else "open"
        return cls(data, initial={"kind": kind, **{name: getattr(row, name) for name in names}})


class AwayForm(HoursForm):
    """Whole days, or from one time to another."""

    side_by_side = (("first", "from_time"), ("last", "to_time"))

    first = _date(label=_("First day"))
    from_time = _time(label=_("From"), required=False, help_text=_("Empty: all day."))
    last = _date(label=_("Last day"))
    to_time = _time(label=_("To"), required=False, help_text=_("Empty: all day."))
    reason = _reason()

    def __init__(self, *args: Any, zone: ZoneInfo, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.zone = zone

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if not values.keys() >= {"first", "last", "from_time", "to_time"}:
            return values
        for name in ("first", "last"):
            if not EARLIEST.year < values[name].year < LATEST.year:
                self.add_error(name, _("This date is too far away."))
                return values
        until = datetime.combine(values["last"], values["to_time"] or time.min)
        if values["to_time"] is None:
            until += timedelta(days=1)
        begins = datetime.combine(values["first"], values["from_time"] or time.min)
        values["starts_at"] = instant(begins, self.zone)
        values["ends_at"] = instant(until, self.zone, last=True)
        if values["ends_at"] <= values["starts_at"]:
            self.add_error("last", _("The end must be later than the start."))
        return values

    @classmethod
    def of(cls, row: BusyTime | None, data: Any, *, zone: ZoneInfo) -> AwayForm:
        if row is None:
            return cls(data, zone=zone)
        begins, until = row.starts_at.astimezone(zone), row.ends_at.astimezone(zone)
        midnight = until.time() == time.min
        last = until.date() - timedelta(days=1) if midnight else until.date()
        initial = {
            "first": begins.date(),
            "from_time": begins.time() if begins.time() != time.min else None,
            "last": last,
            "to_time": None if midnight else until.time(),
            "reason": row.reason,
        }
        return cls(data, zone=zone, initial=initial)


class ZoneForm(HoursForm):
    time_zone = forms.ChoiceField(label=_("Your clock"))

    def __init__(self, data: Any, *, zone: ZoneInfo, here: ZoneInfo, now: datetime) -> None:
        super().__init__(data, initial={"time_zone": zone.key})
        field = self.fields["time_zone"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(row.key, row.label) for row in zone_options(zone, here, at=now)]
