"""The `date` of every template: Django's own, in the order that the reader's language writes.

A builtin of the engine (settings), so that no template can forget to load it.
"""

from __future__ import annotations

import datetime
from typing import Any

from django import template
from django.template.defaultfilters import date as as_django_writes
from django.utils import timezone
from django.utils.translation import get_language

from accounts.dates import date_format, in_language

register = template.Library()


@register.filter(expects_localtime=True, is_safe=False)
def date(value: Any, pattern: str | None = None) -> str:
    """As Django's, with a pattern as English would write it."""
    if isinstance(value, datetime.date) and pattern:
        return date_format(value, pattern)
    return str(
        as_django_writes(value, in_language(pattern, get_language() or "") if pattern else None)
    )


@register.simple_tag
def today(pattern: str) -> str:
    """The day it is for the reader, by a pattern as English would write it."""
    return date_format(timezone.localdate(), pattern)
