from __future__ import annotations

from typing import Any

from django import template

from accounts import second_factor

register = template.Library()


@register.simple_tag(takes_context=True)
def wanted_with_second_factor(context: dict[str, Any]) -> str:
    """Where this person was going before they set up their second factor, now that they may."""
    return second_factor.wanted_by(context["request"])
