"""The shape of what people send. Whether it may be is the services' business."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.times import EARLIEST, LATEST, parse_instant
from sessions_app.hours import instant
from sessions_app.services.feedback import LONGEST_COMMENT, RATINGS, FeedbackValues

LONGEST_GOAL = 4000


class InstantField(forms.CharField):
    """A moment as an ISO time with its offset, as our own pages write it."""

    def clean(self, value: Any) -> datetime | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            # A plus sign that was not escaped arrives as a blank.
            return parse_instant(text.replace(" ", "+"))
        except ValueError as error:
            raise ValidationError(_("This is not one of the times. Choose one.")) from error


class BookingForm(forms.Form):
    start = InstantField(
        label=_("Time"), max_length=40, error_messages={"required": _("Choose a time first.")}
    )
    goal = forms.CharField(
        label=_("What would make it worth it?"),
        required=False,
        max_length=LONGEST_GOAL,
        widget=forms.Textarea(attrs={"rows": 4}),
    )
    request = forms.UUIDField(required=False, widget=forms.HiddenInput)
    idempotency_key = forms.UUIDField(widget=forms.HiddenInput)


class SeenForm(forms.Form):
    """The session as the person saw it: where it has changed since, they look again."""

    version = forms.IntegerField(required=False, widget=forms.HiddenInput)


class MoveForm(SeenForm):
    start = InstantField(
        label=_("Time"), max_length=40, error_messages={"required": _("Choose a time first.")}
    )


class WhyForm(forms.Form):
    """A start that somebody expected to find, on the clock they look at."""

    date = forms.DateField(label=_("Date"), widget=forms.DateInput(attrs={"type": "date"}))
    time = forms.TimeField(label=_("Time"), widget=forms.TimeInput(attrs={"type": "time"}))

    def __init__(self, *args: Any, zone: ZoneInfo, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.zone = zone

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if values.keys() >= {"date", "time"}:
            if not EARLIEST.year < values["date"].year < LATEST.year:
                self.add_error("date", _("This date is too far away."))
                return values
            wall = datetime.combine(values["date"], values["time"].replace(second=0, microsecond=0))
            values["starts_at"] = instant(wall, self.zone)
        return values


class ReasonForm(SeenForm):
    reason = forms.CharField(
        label=_("Why?"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 3}),
    )


def _rating(label: Any, *, required: bool = False) -> forms.TypedChoiceField:
    return forms.TypedChoiceField(
        label=label,
        required=required,
        coerce=int,
        empty_value=None,
        choices=[(str(n), str(n)) for n in range(1, 6)],
        widget=forms.RadioSelect,
        error_messages={
            "required": _("Choose a number from 1 to 5."),
            "invalid_choice": _("Choose a number from 1 to 5."),
        },
    )


def _yes_or_no(label: Any) -> forms.TypedChoiceField:
    return forms.TypedChoiceField(
        label=label,
        required=False,
        coerce=lambda value: value == "yes",
        empty_value=None,
        choices=[("yes", _("Yes")), ("no", _("No")), ("", _("No answer"))],
        widget=forms.RadioSelect,
    )


class FeedbackForm(forms.Form):
    """What one side thought of a session. Mentees are asked more about the mentor than the other way."""

    overall = _rating(_("How useful was it, all in all?"), required=True)
    expertise = _rating(_("How well did they know the subject?"))
    communication = _rating(_("How well did they explain and listen?"))
    helpfulness = _rating(_("How much will it change what you do next?"))
    goals_achieved = _yes_or_no(_("Did you get what you came for?"))
    would_recommend = _yes_or_no(_("Would you recommend this mentor?"))
    follow_up_needed = _yes_or_no(_("Should there be another session?"))
    topics = forms.CharField(
        label=_("What was it about?"),
        required=False,
        max_length=800,
        help_text=_("A few words, with commas between them."),
    )
    comment = forms.CharField(
        label=_("Anything else?"),
        required=False,
        max_length=LONGEST_COMMENT,
        widget=forms.Textarea(attrs={"rows": 4}),
    )

    def __init__(self, *args: Any, side: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if side == "mentor":
            del self.fields["expertise"], self.fields["helpfulness"]
            self.fields["communication"].label = _("How well prepared and open were they?")
            self.fields["goals_achieved"].label = _("Did they get what they came for?")
            self.fields["would_recommend"].label = _("Would you meet them again?")

    @property
    def ratings(self) -> list[forms.BoundField]:
        return [field for field in self if field.name in RATINGS]

    @property
    def questions(self) -> list[forms.BoundField]:
        """The questions that are answered by yes or no."""
        words = ("goals_achieved", "would_recommend", "follow_up_needed")
        return [field for field in self if field.name in words]

    def values(self) -> FeedbackValues:
        given = dict(self.cleaned_data)
        given["topics"] = [word for word in given["topics"].split(",") if word.strip()]
        return FeedbackValues(**given)


class MessageChoicesForm(forms.Form):
    """Which messages a person wants, beside those that always go."""

    reminder_day = forms.BooleanField(label=_("A reminder a day before"), required=False)
    reminder_hour = forms.BooleanField(label=_("A reminder an hour before"), required=False)
    feedback = forms.BooleanField(label=_("The question how a session was"), required=False)
    waitlist = forms.BooleanField(
        label=_("An offer when a time opens that you wait for"),
        required=False,
        help_text=_(
            "Without it, offers stand only on your page of sessions, for as long as they last."
        ),
    )


class NotesForm(forms.Form):
    notes = forms.CharField(
        label=_("Your notes"),
        required=False,
        max_length=20000,
        widget=forms.Textarea(attrs={"rows": 4}),
    )


class WindowForm(forms.Form):
    """Hours on one date, on the mentor's own clock. An end at or before the start is the next day's."""

    date = forms.DateField(label=_("Date"), widget=forms.DateInput(attrs={"type": "date"}))
    starts = forms.TimeField(label=_("From"), widget=forms.TimeInput(attrs={"type": "time"}))
    ends = forms.TimeField(label=_("To"), widget=forms.TimeInput(attrs={"type": "time"}))
    capacity = forms.IntegerField(
        label=_("Seats in each session"),
        min_value=1,
        max_value=500,
        initial=1,
        help_text=_("More than one makes them group sessions."),
    )
    location = forms.CharField(
        label=_("Place"), required=False, max_length=200, help_text=_("Leave empty for online.")
    )

    def __init__(self, *args: Any, zone: ZoneInfo, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.zone = zone
        self.now = now

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        if values.keys() >= {"date", "starts", "ends"}:
            day, starts, ends = values["date"], values["starts"], values["ends"]
            if not EARLIEST.year < day.year < LATEST.year:
                self.add_error("date", _("This date is too far away."))
                return values
            last = day + timedelta(days=1) if ends <= starts else day
            values["starts_at"] = instant(datetime.combine(day, starts), self.zone)
            values["ends_at"] = instant(datetime.combine(last, ends), self.zone, last=True)
            if values["starts_at"] <= self.now:
                self.add_error("date", _("Hours start in the future. Choose a later date or time."))
        return values
