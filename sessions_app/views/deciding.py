"""Changing hours from a page: what it displaces is asked about first, and nothing typed is lost."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Concatenate, ParamSpec

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from accounts.dates import date_format
from accounts.http import status_of
from accounts.idempotency import once_per_form
from accounts.refusals import Refusal
from accounts.times import utc
from mentors.models import Mentor
from sessions_app.deciding import decisions_in, questions, typed, was_asked
from sessions_app.forms_hours import HoursForm
from sessions_app.refusals import SeatsBooked, SessionsOrphaned
from sessions_app.services import Decision
from sessions_app.services.preview import Preview, preview
from sessions_app.views.viewer import signed_in
from sessions_app.zones import zone_label

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]
Change = Callable[[Sequence[Decision]], object]


def own_hours(request: HttpRequest) -> Mentor:
    mentor = Mentor.objects.select_related("user").filter(user=signed_in(request)).first()
    if mentor is None:
        raise PermissionDenied
    return mentor


def saves_once(view: View[P]) -> View[P]:
    """A form sent twice has one effect. A preview has none, so it may be asked for again and again."""
    once = once_per_form(view)

    @functools.wraps(view)
    def wrapped(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        chosen = view if "preview" in request.POST else once
        return chosen(request, *args, **kwargs)

    return wrapped


# -- Saving ------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class Page:
    """A page on which hours are changed: its words, its form, and the change itself.

    `change` is called with the decisions; `form` is bound when the page is sent.
    """

    title: str
    lead: str
    button: str
    done: str
    form: HoursForm
    change: Change
    previewed: bool = True


def answer(request: HttpRequest, mentor: Mentor, page: Page) -> HttpResponse:
    """Show the form; preview it; or save it, asking first about what would be displaced."""
    if request.method != "POST":
        return _show(request, mentor, page)
    if not page.form.is_valid():
        return _show(request, mentor, page, status=400)
    try:
        if "preview" in request.POST:
            found = preview(mentor_id=mentor.pk, change=page.change, clock=timezone.now)
            return _show(request, mentor, page, found=found)
        return save(request, mentor, page.change, done=page.done)
    except Refusal as refusal:
        say_in(page.form, refusal, mentor)
        return _show(request, mentor, page, status=status_of(refusal))


def save(
    request: HttpRequest, mentor: Mentor, change: Change, *, done: str | Callable[[], str]
) -> HttpResponse:
    """Make the change with the decisions that came along, or ask for those that are missing.

    `done` is what to say then; a function where that depends on what the change made.

    Raises Refusal where it cannot be made whatever is decided.
    """
    decisions = decisions_in(request.POST)
    try:
        change(decisions)
    except SeatsBooked:
        raise
    except SessionsOrphaned as refusal:
        said = refusal if was_asked(request.POST) else None
        return _ask(request, mentor, refusal.extra["conflicts"], said=said)
    except Refusal as refusal:
        if not decisions:
            raise
        return _ask(request, mentor, _conflicts(change), said=refusal)
    messages.success(request, done() if callable(done) else done)
    return redirect("sessions:hours")


def _conflicts(change: Change) -> list[dict[str, Any]]:
    """The sessions that the change displaces, when a decision about one of them could not be had."""
    try:
        change(())
    except SessionsOrphaned as refusal:
        return list(refusal.extra["conflicts"])
    return []


def _ask(
    request: HttpRequest,
    mentor: Mentor,
    conflicts: Sequence[Mapping[str, Any]],
    *,
    said: Refusal | None,
) -> HttpResponse:
    """The same form again as hidden fields, with a question for each session."""
    context = {
        "questions": questions(conflicts, mentor=mentor, zone=mentor.user.zone, data=request.POST),
        "typed": typed(request.POST),
        "refusal": said,
    }
    status = status_of(said) if said else 409
    return shown(request, mentor, "sessions_app/hours_decide.html", context, status=status)


def say_in(form: forms.Form, refusal: Refusal, mentor: Mentor) -> None:
    """What was refused, beside the fields that it is about."""
    fields = {
        name: sentences
        for name, sentences in refusal.extra.get("fields", {}).items()
        if name in form.fields
    }
    form.add_error(None, str(refusal))
    for name, sentences in fields.items():
        for sentence in sentences:
            form.add_error(name, sentence)
    for row in refusal.extra.get("conflicts", ()):
        # On the mentor's clock like the rest of the page, which is made after this.
        begins = row["starts_at"].astimezone(mentor.user.zone)
        form.add_error(None, f"{date_format(begins, 'D j F, H:i')}, {row['mentee']['name']}")


def _show(
    request: HttpRequest,
    mentor: Mentor,
    page: Page,
    *,
    found: Preview | None = None,
    status: int = 200,
) -> HttpResponse:
    context: dict[str, Any] = {"page": page, "form": page.form}
    if found is not None:
        context |= {"preview": days_of(found, mentor), "displaced": found.conflicts}
    return shown(request, mentor, "sessions_app/hours_form.html", context, status=status)


def days_of(found: Preview, mentor: Mentor) -> list[tuple[datetime, list[dict[str, Any]]]]:
    """The open starts by day, on the mentor's clock."""
    days: dict[Any, list[dict[str, Any]]] = {}
    zone = mentor.user.zone
    for slot in found.slots:
        begins = slot.starts_at.astimezone(zone)
        days.setdefault(begins.date(), []).append(
            {"starts_at": begins, "value": utc(begins), "seats": slot.seats_left}
        )
    return list(days.items())


def shown(
    request: HttpRequest,
    mentor: Mentor,
    template: str,
    context: Mapping[str, Any],
    *,
    status: int = 200,
) -> HttpResponse:
    """A page of the mentor's own hours, on the mentor's own clock."""
    now, zone = timezone.now(), mentor.user.zone
    with timezone.override(zone):
        shared = {"nav": "hours", "mentor": mentor, "zone_label": zone_label(zone, now)}
        return render(request, template, {**shared, **context}, status=status)
