"""The shape of a wish to wait: which days, on the clock of the page, and what for."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.times import EARLIEST, LATEST
from sessions_app.forms import LONGEST_GOAL
from sessions_app.hours import instant

ONE_DAY = timedelta(days=1)


class JoinForm(forms.Form):
    """Any time, or one from the first day to the last, both included. Either may be left open."""

    first_day = forms.DateField(
        label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    last_day = forms.DateField(
        label=_("Until"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    goal = forms.CharField(
        label=_("What would make it worth it?"),
        required=False,
        max_length=LONGEST_GOAL,
        widget=forms.Textarea(attrs={"rows": 3}),
    )

    def __init__(self, *args: Any, zone: ZoneInfo, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **{"auto_id": "wait_%s", **kwargs})
        self.zone, self.today = zone, now.astimezone(zone).date()
        for name in ("first_day", "last_day"):
            # An ISO date whatever the language: that is what the browser's own calendar reads.
            self.fields[name].widget = forms.DateInput(
                format="%Y-%m-%d", attrs={"type": "date", "min": self.today.isoformat()}
            )

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        first, last = values.get("first_day"), values.get("last_day")
        for name, day in (("first_day", first), ("last_day", last)):
            if day and not EARLIEST.year < day.year < LATEST.year:
                self.add_error(name, _("This date is too far away."))
                return values
        if last and last < self.today:
            self.add_error("last_day", _("This day is over. Choose a later one."))
        elif first and last and last < first:
            self.add_error("last_day", _("The last day is before the first one."))
        else:
            values["wanted_from"] = self._midnight(first) if first else None
            values["wanted_until"] = self._midnight(last + ONE_DAY) if last else None
        return values

    def _midnight(self, day: date) -> datetime:
        return instant(datetime.combine(day, time.min), self.zone)
