"""How the console writes numbers."""

from __future__ import annotations

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.filter
def percent(share: float | None) -> SafeString | str:
    """0.834 as 83 %, the sign smaller; a dash where nothing is known."""
    if share is None:
        return "-"
    return format_html('{} <span class="unit">%</span>', round(100 * share))


@register.filter
def of_hundred(share: float | None) -> str:
    """A share as a length of 100, for a drawing."""
    return f"{100 * min(1.0, share or 0.0):.1f}"


@register.filter
def magnitude(number: int) -> int:
    """Without its sign."""
    return abs(number)
