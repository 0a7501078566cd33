"""The one thing that speaks against a mentor who fits: said, so that the reasons are believed. Pure."""

from __future__ import annotations

from collections.abc import Sequence

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


def _among(word: str, words: Sequence[str]) -> bool:
    return word.casefold() in {one.casefold() for one in words}
