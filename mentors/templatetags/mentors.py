from __future__ import annotations

from typing import Any
from uuid import UUID

from django import template
from django.http import HttpRequest

from accounts.models import User
from mentors.models import Mentor, SavedMentor

register = template.Library()


@register.inclusion_tag("mentors/_save.html", takes_context=True)
def save_button(context: dict[str, Any], mentor: Mentor, words: str = "") -> dict[str, Any]:
    """The heart beside a mentor's name, for mentees. `words`: the button says it in words too."""
    request: HttpRequest = context["request"]
    return {
        "request": request,
        "csrf_token": context.get("csrf_token"),
        "back": context.get("back") or request.get_full_path(),
        "mentor": mentor,
        "words": words,
        "is_mentee": isinstance(request.user, User) and request.user.role == User.Role.MENTEE,
        "is_saved": mentor.pk in _saved_by(request),
    }


def _saved_by(request: HttpRequest) -> frozenset[UUID]:
    """What the viewer saved, read once for all the cards of a page."""
    known: frozenset[UUID] | None = getattr(request, "_saved_mentors", None)
    if known is None:
        user = request.user
        rows = SavedMentor.objects.filter(mentee__user=user) if isinstance(user, User) else ()
        known = frozenset(row.mentor_id for row in rows)
        request._saved_mentors = known  # type: ignore[attr-defined]
    return known
