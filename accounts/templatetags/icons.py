"""Icons for the cards of long lists, where including the same small template dozens of times is felt."""

from __future__ import annotations

from functools import lru_cache

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
@lru_cache(maxsize=64)
def icon(name: str) -> SafeString:
    """The drawing `_icons/<name>.svg`, read once."""
    return render_to_string(f"_icons/{name}.svg")
