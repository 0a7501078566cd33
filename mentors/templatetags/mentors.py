from __future__ import annotations

from typing import Any
from uuid import UUID

from django import template
from django.http import HttpRequest
from django.template import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from accounts.addresses import address
from accounts.models import User
from accounts.templatetags.icons import icon
from mentors.models import Mentor, SavedMentor

register = template.Library()


@register.inclusion_tag("mentors/_saving.html", takes_context=True)
def saving(context: Context, words: str = "") -> dict[str, Any]:
    """The form of all the hearts of a page, for mentees: once, wherever it has any."""
    request: HttpRequest = context["request"]
    return {
        "csrf_token": context.get("csrf_token"),
        "back": context.get("back") or request.get_full_path(),
        "words": words,
        "is_mentee": _is_mentee(request),
    }


@register.simple_tag(takes_context=True)
def save_button(context: Context, mentor: Mentor, words: str = "") -> str | SafeString:
    """The heart beside a mentor's name, for mentees; it belongs to the form of `saving`.

    Made here, not in a template: a list has dozens. `words`: the button says it in words too.
    """
    request: HttpRequest = context["request"]
    if not _is_mentee(request):
        return ""
    is_saved = mentor.pk in _saved_by(request)
    said, looks = _in_words(is_saved) if words else _as_heart(mentor, is_saved)
    pressed_at = address("mentors:unsave" if is_saved else "mentors:save", mentor.pk)
    return format_html(
        '<button id="save-{}" form="saving" formaction="{}" hx-post="{}" hx-swap="outerHTML"'
        ' hx-sync="this:drop"{}>{}{}</button>',
        mentor.pk, pressed_at, pressed_at, looks, icon("heart"), said,
    )  # fmt: skip


def _as_heart(mentor: Mentor, is_saved: bool) -> tuple[str, SafeString]:  # noqa: FBT001
    said = _("Save %(name)s") % {"name": mentor.user}
    pressed = "true" if is_saved else "false"
    return "", format_html(' class="save" aria-pressed="{}" aria-label="{}"', pressed, said)


def _in_words(is_saved: bool) -> tuple[str | SafeString, SafeString]:  # noqa: FBT001
    if not is_saved:
        return _("Save"), format_html(' class="{}"', "btn btn-ghost btn-small")
    more = format_html('<span class="hide-visually">, {}</span>', _("press to take off your list"))
    said = format_html("{}{}", _("Saved"), more)
    return said, format_html(' class="{}"', "btn btn-ghost btn-small is-saved")


def _is_mentee(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.role == User.Role.MENTEE


def _saved_by(request: HttpRequest) -> frozenset[UUID]:
    """What the viewer saved, read once for all the cards of a page."""
    known: frozenset[UUID] | None = getattr(request, "_saved_mentors", None)
    if known is None:
        user = request.user
        rows = SavedMentor.objects.filter(mentee__user=user) if isinstance(user, User) else ()
        known = frozenset(row.mentor_id for row in rows)
        request._saved_mentors = known  # type: ignore[attr-defined]
    return known
