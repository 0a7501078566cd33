from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from matching.models import MatchFeedback
from matching.services import Filters
from mentors.models import Mentor
from mentors.vocabulary import AREAS, INDUSTRIES, LANGUAGES, STAGES

THIS_WEEK, HOUR = timedelta(days=7), timedelta(hours=1)


class WordsField(forms.MultipleChoiceField):
    """Any words, of which the known ones are offered: PMs may tag with words of their own."""

    widget = forms.CheckboxSelectMultiple

    def __init__(self, words: tuple[str, ...], **kwargs: Any) -> None:
        super().__init__(choices=[(word, word) for word in words], required=False, **kwargs)
        self.words = words

    def valid_value(self, value: Any) -> bool:
        return len(str(value)) <= 120


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of filter: the words that are chosen, and those that can be added."""

    name: str
    label: str
    chosen: list[str]
    offered: list[str]


class SearchForm(forms.Form):
    """A question and its filters, as they stand in the address."""

    q = forms.CharField(
        label=_("What do you need help with?"),
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "maxlength": 2000}),
    )
    industry = WordsField(INDUSTRIES, label=_("Industry"))
    stage = WordsField(STAGES, label=_("Stage"))
    language = WordsField(LANGUAGES, label=_("Language"))
    expertise = WordsField(AREAS, label=_("Expertise"))
    free_this_week = forms.BooleanField(label=_("Free this week"), required=False)

    KINDS: Final = ("industry", "stage", "language", "expertise")

    @property
    def kinds(self) -> list[Kind]:
        """The filters as a page shows them. Told apart here: a template would ask for each word again."""
        found = []
        for name in self.KINDS:
            field, chosen = self.fields[name], [word for word in self[name].value() or () if word]
            assert isinstance(field, WordsField)
            offered = [word for word in field.words if word not in chosen]
            found.append(Kind(name, str(field.label), chosen, offered))
        return found

    def filters(self, now: datetime) -> Filters:
        """Raises KeyError before `is_valid`."""
        given = self.cleaned_data
        soon = given["free_this_week"]
        # To the full hour: asked again a minute later, it is the same question.
        end_of_week = (now + THIS_WEEK).replace(minute=0, second=0, microsecond=0) + HOUR
        return Filters(
            industries=tuple(filter(None, given["industry"])),
            stages=tuple(filter(None, given["stage"])),
            expertise=tuple(filter(None, given["expertise"])),
            languages=tuple(filter(None, given["language"])),
            available_from=now if soon else None,
            available_to=end_of_week if soon else None,
        )


class NotRelevantForm(forms.Form):
    """Why a mentor who was shown is not relevant. One of many on a page, so its ids name the mentor."""

    reason = forms.ChoiceField(
        label=_("Why not?"),
        choices=[("", _("Choose a reason")), *MatchFeedback.Reason.choices],
        error_messages={"required": _("Choose one of the reasons.")},
    )
    words = forms.CharField(label=_("In your own words"), required=False, max_length=500)

    def __init__(self, data: Any = None, *, mentor: Mentor) -> None:
        super().__init__(data, auto_id=f"no-{mentor.pk}-%s")
