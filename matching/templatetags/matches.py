from __future__ import annotations

from django import template

from matching.forms import NotRelevantForm
from mentors.models import Mentor

register = template.Library()


@register.simple_tag
def not_relevant_form(mentor: Mentor) -> NotRelevantForm:
    """An empty form for a mentor in a list."""
    return NotRelevantForm(mentor=mentor)
