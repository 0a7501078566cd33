"""Canonical values as a person reads them."""

from __future__ import annotations

import re
from typing import Any, Final

from django.utils.translation import gettext as _

from sync.mappings.codecs import to_datetime

# As `codecs.moment` writes one. What field a value is of is not known everywhere that it is shown.
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


def in_words(value: Any) -> str:
    """A canonical value in words."""
    if value in (None, "", []):
        return _("empty")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, dict):
        return "; ".join(f"{name}: {in_words(item)}" for name, item in value.items())
    if isinstance(value, list):
        return ", ".join(map(in_words, value))
    return _when(value) if isinstance(value, str) and _MOMENT.fullmatch(value) else str(value)


def _when(text: str) -> str:
    try:
        moment = to_datetime(text)
    except ValueError:  # somebody's text that only looks like one
        moment = None
    return f"{moment:%a} {moment.day} {moment:%b %Y, %H:%M} UTC" if moment else text
