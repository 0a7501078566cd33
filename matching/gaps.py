"""The one thing that speaks against a mentor who fits: said, so that the reasons are believed. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from django.utils.translation import gettext as _


class Offers(Protocol):
    """A mentor, as far as it matters here."""

    industries: Sequence[str]
    stages: Sequence[str]


class Needs(Protocol):
    """A mentee, as far as it matters here."""

    industry: str
    stage: str


def gap(mentor: Offers, mentee: Needs) -> str:
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
