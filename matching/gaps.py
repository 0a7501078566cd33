"""The one thing that speaks against a mentor who fits: said, so that the reasons are believed. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from django.utils.translation import gettext as _

from mentors.models import Mentee, Mentor


def gap(mentor: Mentor, mentee: Mentee) -> str:
    """What the two profiles do not have in common, where both of them say; "" for nothing.

    A mentor who names no industries at all may know every one, so nothing is said of that.
    """
    if mentor.industries and mentee.industry and not _among(mentee.industry, mentor.industries):
        return _("Does not name %(industry)s, your industry") % {"industry": mentee.industry}
    if mentor.stages and mentee.stage and not _among(mentee.stage, mentor.stages):
        return _("Helps at %(stages)s rather than at %(stage)s, where you are") % {
            "stages": ", ".join(mentor.stages),
            "stage": mentee.stage,
        }
    return ""


def telling_gaps(mentors: Iterable[Mentor], mentee: Mentee) -> Mapping[UUID, str]:
    """The gaps of the mentors in a list, where they tell one from another.

    What is true of most of them says nothing about any, and would only be in the way.
    """
    found = {mentor.pk: gap(mentor, mentee) for mentor in mentors}
    said = [text for text in found.values() if text]
    return {
        mentor: text
        for mentor, text in found.items()
        if text and 2 * said.count(text) <= len(found)
    }


def _among(word: str, words: Sequence[str]) -> bool:
    return word.casefold() in {one.casefold() for one in words}
