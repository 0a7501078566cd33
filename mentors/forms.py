"""The shape of profiles as people edit them. What the values may be is the services' business."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from accounts.sign_up import TimeZoneField
from mentors.models import Mentee, Mentor
from mentors.vocabulary import AREAS, INDUSTRIES, LANGUAGES, STAGES

# Django's own limits on length are left to the services, which say them in a sentence.


class WordsField(forms.MultipleChoiceField):
    """Words to tick: those we offer first, and those the profile has besides."""

    widget = forms.CheckboxSelectMultiple

    def __init__(self, words: Iterable[str], **kwargs: Any) -> None:
        super().__init__(choices=_choices(words), required=False, **kwargs)
        self.words = tuple(words)

    def offer(self, more: Iterable[str]) -> None:
        self.choices = _choices(dict.fromkeys([*self.words, *more]))


class WordField(forms.ChoiceField):
    """One word of a list, or none; a word of the profile's own stays choosable."""

    def __init__(self, words: Iterable[str], **kwargs: Any) -> None:
        super().__init__(required=False, **kwargs)
        self.words = tuple(words)
        self.offer(())

    def offer(self, more: Iterable[str]) -> None:
        words = dict.fromkeys([*self.words, *filter(None, more)])
        self.choices = [("", _("Not said")), *_choices(words)]


def _choices(words: Iterable[str]) -> list[tuple[str, Any]]:
    """Words are data, shown as profiles have them; but what languages are called is known in every language."""
    return [(word, capfirst(_(word)) if word in LANGUAGES else word) for word in words]


class ProfileForm(forms.Form):
    """Filled from a row; keeps the row's own words choosable."""

    def __init__(self, data: Any = None, *, initial: dict[str, Any]) -> None:
        super().__init__(data, initial=initial)
        for name, field in self.fields.items():
            if isinstance(field, WordsField):
                field.offer(initial[name])
            elif isinstance(field, WordField):
                field.offer([initial[name]])

    def add_refused(self, fields: dict[str, list[str]]) -> None:
        """Put a refusal's sentences beside the fields they speak of."""
        for name, sentences in fields.items():
            known = name if name in self.fields else None
            for sentence in sentences:
                self.add_error(known, sentence)


class MentorForm(ProfileForm):
    headline = forms.CharField(
        label=_("Headline"),
        required=False,
        help_text=_("One line that says what you have done, not what you are."),
    )
    bio = forms.CharField(
        label=_("About you"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 7}),
        help_text=_(
            "What you can help with, and how you like to work. Sentences from here are quoted as reasons."
        ),
    )
    title = forms.CharField(label=_("Title"), required=False)
    company = forms.CharField(label=_("Company"), required=False)
    linkedin = forms.URLField(label=_("LinkedIn"), required=False, assume_scheme="https")
    expertise_areas = WordsField(AREAS, label=_("What you know"))
    industries = WordsField(INDUSTRIES, label=_("Industries"))
    stages = WordsField(STAGES, label=_("Stages you like to help at"))
    languages = WordsField(LANGUAGES, label=_("Languages you speak"))
    is_active = forms.BooleanField(label=_("I take sessions at the moment"), required=False)
    session_minutes = forms.IntegerField(label=_("Length of a session, in minutes"))
    weekly_load_cap = forms.IntegerField(
        label=_("Sessions a week, at most"), help_text=_("Monday to Monday, on your own clock.")
    )
    minimum_notice_minutes = forms.IntegerField(
        label=_("Shortest notice, in minutes"), help_text=_("120 is two hours, 1440 a day.")
    )
    start_step_minutes = forms.IntegerField(
        label=_("Sessions may start every … minutes"),
        required=False,
        help_text=_("Leave empty to let them follow one another."),
    )
    buffer_before_minutes = forms.IntegerField(
        label=_("Time to prepare before a session, in minutes"),
        help_text=_("Between two sessions the longer of your two breaks counts, not their sum."),
    )
    buffer_after_minutes = forms.IntegerField(
        label=_("Break after a session, in minutes"), help_text=_("0 lets them follow each other.")
    )
    meeting_link = forms.URLField(
        label=_("Your own video room"),
        required=False,
        assume_scheme="https",
        help_text=_("Leave empty: each session then gets a room of its own."),
    )
    booking_horizon_days = forms.IntegerField(label=_("How many days ahead one can book"))
    visibility = forms.ChoiceField(
        label=_("Who can see your page"), choices=Mentor.Visibility.choices
    )
    approves_bookings = forms.BooleanField(
        label=_("Ask me before a session is booked"), required=False
    )

    groups = (
        (_("Who you are"), ("headline", "bio", "title", "company", "linkedin")),
        (_("What you help with"), ("expertise_areas", "industries", "stages", "languages")),
        (
            _("How you like to be booked"),
            (
                "is_active", "session_minutes", "start_step_minutes", "weekly_load_cap",
                "minimum_notice_minutes", "buffer_before_minutes", "buffer_after_minutes",
                "booking_horizon_days", "meeting_link", "approves_bookings", "visibility",
            ),
        ),
    )  # fmt: skip

    @classmethod
    def of(cls, mentor: Mentor, data: Any = None) -> MentorForm:
        own = {name: getattr(mentor, name) for name in cls.base_fields if name != "expertise_areas"}
        areas = list(dict.fromkeys(skill.area for skill in mentor.expertise.all()))
        return cls(data, initial={**own, "expertise_areas": areas})


class MenteeForm(ProfileForm):
    company = forms.CharField(label=_("Company"), required=False)
    stage = WordField(STAGES, label=_("Stage"))
    industry = WordField(INDUSTRIES, label=_("Industry"))
    goals = forms.CharField(
        label=_("What you want to reach"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 5}),
        help_text=_("In the coming months, in your own words. Mentors you book read this."),
    )
    seeks = forms.CharField(
        label=_("Whom you would like to meet"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("What they should have done before."),
    )

    groups = (
        (_("Your company"), ("company", "stage", "industry")),
        (_("What you are here for"), ("goals", "seeks")),
    )

    @classmethod
    def of(cls, mentee: Mentee, data: Any = None) -> MenteeForm:
        return cls(data, initial={name: getattr(mentee, name) for name in cls.base_fields})


class WelcomeForm(forms.Form):
    """What makes a newcomer's first list a good one. All of it may be left for later."""

    goals = forms.CharField(
        label=_("What are you stuck on, or trying to reach?"),
        required=False,
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 4, "autofocus": True}),
        help_text=_("Two honest sentences do more than a list of keywords."),
    )
    stage = WordField(STAGES, label=_("How far along are you?"), widget=forms.RadioSelect)
    industry = WordField(INDUSTRIES, label=_("Industry"))
    time_zone = TimeZoneField(
        label=_("Your clock"), help_text=_("Found by your browser. Times are shown in this zone.")
    )


class BrowseForm(forms.Form):
    """The filters of the list of mentors, as they stand in the address."""

    expertise = WordField(AREAS, label=_("Expertise"))
    industry = WordField(INDUSTRIES, label=_("Industry"))
    stage = WordField(STAGES, label=_("Stage"))
    language = WordField(LANGUAGES, label=_("Language"))

    def wanted(self) -> dict[str, list[str]]:
        """What the selectors filter by; a word that is not offered filters nothing."""
        self.is_valid()
        names = {
            "expertise": "expertise", "industries": "industry", "stages": "stage",
            "languages": "language",
        }  # fmt: skip
        given = {kind: self.cleaned_data.get(name) for kind, name in names.items()}
        return {kind: [word] for kind, word in given.items() if word}
