"""Dates in the order and with the small words of the reader's language.

Pages and messages ask for a date by its English pattern, as "l j F"; in Spanish a month needs a "de" before it.
What differs is said once, in `PIECES` of `config/formats/<language>/formats.py`, and not in every sentence.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time
from functools import lru_cache

from django.utils import formats
from django.utils.translation import get_language


def date_format(value: date | datetime | time, pattern: str) -> str:
    """A date or time by a pattern as English would write it, in the active language."""
    return _formatted(value, _as_kept(value), pattern, get_language() or "")


# A page of times says the same few moments again and again.
@lru_cache(maxsize=4096)
def _formatted(
    value: date | datetime | time, told_apart_by: object, pattern: str, language: str
) -> str:
    del told_apart_by
    # Django's stubs leave out times of day, which it takes.
    return formats.date_format(value, in_language(pattern, language))  # type: ignore[arg-type]


def _as_kept(value: date | datetime | time) -> object:
    """Equal moments in two zones are equal, and read differently; so do an hour and its repetition."""
    return (value.tzinfo, value.fold) if isinstance(value, datetime) else None


@lru_cache(maxsize=256)
def in_language(pattern: str, language: str) -> str:
    """The pattern with the pieces that the language writes in another way."""
    for module in formats.get_format_modules(language) if language else ():
        for piece, own in getattr(module, "PIECES", {}).items():
            # Not within a name like DATE_FORMAT, and not a letter that is to be written as it is.
            whole = rf"(?<![\w\\]){re.escape(piece)}(?!\w)"
            pattern = re.sub(whole, own.replace("\\", "\\\\"), pattern)
    return pattern
