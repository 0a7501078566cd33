"""A mentor's own hours, on the mentor's own clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.http import status_of
from accounts.refusals import Refusal
from accounts.undo import with_undo
from mentors.models import Mentor
from sessions_app import selectors, services
from sessions_app.deciding import decisions_in, questions
from sessions_app.forms import WindowForm
from sessions_app.models import AvailabilityWindow
from sessions_app.selectors import displaced
from sessions_app.selectors.hours import hours_of, seats_booked
from sessions_app.services.displaced import conflicts_as_data
from sessions_app.views.deciding import Change, own_hours, save, saves_once, say_in, shown
from sessions_app.views.viewer import signed_in

AHEAD = timedelta(days=62)


@login_required
@require_safe
def hours(request: HttpRequest) -> HttpResponse:
    mentor = own_hours(request)
    return hours_page(request, mentor, _form(mentor))


@login_required
@require_POST
@saves_once
def add_window(request: HttpRequest) -> HttpResponse:
    mentor = own_hours(request)
    form = _form(mentor, request.POST)
    if not form.is_valid():
        return hours_page(request, mentor, form, status=400)
    wanted = form.cleaned_data
    try:
        return save(
            request,
            mentor,
            lambda decisions: services.save_window(
                mentor_id=mentor.pk,
                starts_at=wanted["starts_at"],
                ends_at=wanted["ends_at"],
                capacity=wanted["capacity"],
                location=wanted["location"],
                clock=timezone.now,
                by=signed_in(request),
                decisions=decisions,
            ),
            done=_("Your hours are open for booking."),
        )
    except Refusal as refusal:
        say_in(form, refusal, mentor)
        return hours_page(request, mentor, form, status=status_of(refusal))


@login_required
@require_POST
@saves_once
def remove_window(request: HttpRequest, window_id: UUID) -> HttpResponse:
    """Closes a window. Sessions booked in it are asked about first; `force` keeps them all."""
    mentor = own_hours(request)
    window = mentor.windows.filter(pk=window_id).first()
    if window is None:
        raise Http404
    return save_or_say(
        request,
        mentor,
        lambda decisions: services.withdraw_window(
            window_id=window_id,
            clock=timezone.now,
            by=signed_in(request),
            force=request.POST.get("force") == "keep",
            decisions=decisions,
        ),
        done=lambda: _closed(request, mentor, window),
    )


def _closed(request: HttpRequest, mentor: Mentor, window: AvailabilityWindow) -> str:
    """What to say of closed hours, with a button that opens them again."""
    said = _("These hours are closed. Nothing new can be booked in them.")
    begins = window.starts_at.astimezone(mentor.user.zone)
    if window.weekly_hours_id:
        # Weekly hours were skipped on that date, which is what the button takes back.
        skipped = mentor.hours_exceptions.filter(
            weekly_hours=window.weekly_hours_id, date=begins.date()
        ).first()
        if skipped is None:
            return said
        return with_undo(
            request, said, action=reverse("sessions:exception-remove", args=[skipped.pk])
        )
    if window.exception_id:
        return said
    ends = window.ends_at.astimezone(mentor.user.zone)
    values = {
        "date": f"{begins:%Y-%m-%d}",
        "starts": f"{begins:%H:%M}",
        "ends": f"{ends:%H:%M}",
        "capacity": str(window.capacity),
        "location": window.location,
    }
    return with_undo(request, said, action=reverse("sessions:add-window"), values=values)


def save_or_say(
    request: HttpRequest, mentor: Mentor, change: Change, *, done: str | Callable[[], str]
) -> HttpResponse:
    """Save a change that has no form of its own; where it cannot be made, the hours say why."""
    try:
        return save(request, mentor, change, done=done)
    except Refusal as refusal:
        return hours_page(
            request, mentor, _form(mentor), refusal=refusal, status=status_of(refusal)
        )


@login_required
@require_POST
@saves_once
def decide(request: HttpRequest) -> HttpResponse:
    """Decisions about sessions that the hours no longer carry. What is not decided stays as it is."""
    mentor = own_hours(request)
    decisions = decisions_in(request.POST)
    if not decisions:
        messages.warning(request, _("Choose for at least one session what shall become of it."))
        return redirect("sessions:hours")
    try:
        services.decide_displaced(
            mentor_id=mentor.pk, decisions=decisions, by=signed_in(request), clock=timezone.now
        )
    except Refusal as refusal:
        return hours_page(
            request, mentor, _form(mentor), refusal=refusal, status=status_of(refusal)
        )
    messages.success(request, _("Done, and the mentees concerned get an e-mail."))
    return redirect("sessions:hours")


def _form(mentor: Mentor, data: Any = None) -> WindowForm:
    return WindowForm(data, zone=mentor.user.zone, now=timezone.now())


def hours_page(
    request: HttpRequest,
    mentor: Mentor,
    form: WindowForm,
    *,
    refusal: Refusal | None = None,
    status: int = 200,
) -> HttpResponse:
    now, zone = timezone.now(), mentor.user.zone
    windows = selectors.windows_of(mentor, first=now, last=now + AHEAD).annotate(
        booked=seats_booked()
    )
    day_of: Callable[[AvailabilityWindow], date] = lambda row: row.starts_at.astimezone(zone).date()  # noqa: E731
    strayed = displaced.displaced_sessions(mentor=mentor, now=now)
    others = displaced.alternatives(strayed, mentor=mentor, now=now)
    context = {
        "form": form,
        "days": [(day, list(rows)) for day, rows in groupby(windows, key=day_of)],
        "hours": hours_of(mentor, now=now),
        "questions": questions(
            conflicts_as_data(strayed, others=others), mentor=mentor, zone=zone, data=request.POST
        ),
        "refusal": refusal,
        "today": now.astimezone(zone).date(),
    }
    return shown(request, mentor, "sessions_app/hours.html", context, status=status)
