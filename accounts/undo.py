"""Light things are done at once and can be taken back, instead of being asked about first."""

from __future__ import annotations

from collections.abc import Mapping

from django import forms
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString


def with_undo(
    request: HttpRequest,
    said: str,
    *,
    action: str,
    form: forms.BaseForm | None = None,
    values: Mapping[str, str] | None = None,
) -> SafeString:
    """The sentence for `messages.success`, with a button that takes it back.

    The notice stays on the page until it is dismissed or left: an action in something that vanishes is
    out of reach for many (WCAG 2.2.1).

    Args:
        action: where the button posts to: the way in which the thing is done anyway.
        form: what to send there: the form as if it had been filled in with what was taken away.
        values: what to send there besides.
    """
    if form is not None:
        form.auto_id = False  # the page may hold the same form, and no id stands twice on a page
    context = {"said": said, "action": action, "form": form, "values": (values or {}).items()}
    return render_to_string("components/_undo.html", context, request)
