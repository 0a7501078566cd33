"""A mentor's own hours, on the mentor's own clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.http import status_of
from accounts.refusals import Refusal
from mentors.models import Mentor
from sessions_app import selectors, services
from sessions_app.forms import WindowForm
from sessions_app.models import AvailabilityWindow, Session
from sessions_app.refusals import SessionsOrphaned
from sessions_app.views.viewer import signed_in
from sessions_app.zones import zone_label

AHEAD = timedelta(days=62)


@login_required
@require_safe
def hours(request: HttpRequest) -> HttpResponse:
    mentor = _own_hours(request)
    return _page(request, mentor, _form(mentor))


@login_required
@require_POST
def add_window(request: HttpRequest) -> HttpResponse:
    mentor = _own_hours(request)
    form = _form(mentor, request.POST)
    if not form.is_valid():
        return _page(request, mentor, form, status=400)
    wanted = form.cleaned_data
    try:
        services.save_window(
            mentor_id=mentor.pk,
            starts_at=wanted["starts_at"],
            ends_at=wanted["ends_at"],
            capacity=wanted["capacity"],
            location=wanted["location"],
            clock=timezone.now,
            by=signed_in(request),
        )
    except Refusal as refusal:
        form.add_error(None, str(refusal))
        return _page(request, mentor, form, status=status_of(refusal))
    messages.success(request, _("Your hours are open for booking."))
    return redirect("sessions:hours")


@login_required
@require_POST
def remove_window(request: HttpRequest, window_id: UUID) -> HttpResponse:
    """Closes a window. Sessions booked in it are listed first; `force` keeps them."""
    mentor = _own_hours(request)
    window = mentor.windows.filter(pk=window_id).first()
    if window is None:
        raise Http404
    try:
        services.withdraw_window(
            window_id=window.pk,
            clock=timezone.now,
            by=signed_in(request),
            force=request.POST.get("force") == "keep",
        )
    except SessionsOrphaned as refusal:
        orphans = {"window": window, "sessions": refusal.extra["conflicts"], "why": str(refusal)}
        return _page(request, mentor, _form(mentor), orphans=orphans, status=status_of(refusal))
    messages.success(request, _("These hours are closed. Nothing new can be booked in them."))
    return redirect("sessions:hours")


def _own_hours(request: HttpRequest) -> Mentor:
    mentor = Mentor.objects.select_related("user").filter(user=signed_in(request)).first()
    if mentor is None:
        raise PermissionDenied
    return mentor


def _form(mentor: Mentor, data: Any = None) -> WindowForm:
    return WindowForm(data, zone=mentor.user.zone, now=timezone.now())


def _page(
    request: HttpRequest,
    mentor: Mentor,
    form: WindowForm,
    *,
    orphans: dict[str, Any] | None = None,
    status: int = 200,
) -> HttpResponse:
    now, zone = timezone.now(), mentor.user.zone
    live = Q(meetings__sessions__status__in=Session.LIVE)
    windows = selectors.windows_of(mentor, first=now, last=now + AHEAD).annotate(
        booked=Count("meetings__sessions", filter=live)
    )
    day_of: Callable[[AvailabilityWindow], date] = lambda row: row.starts_at.astimezone(zone).date()  # noqa: E731
    with timezone.override(zone):
        context = {
            "nav": "hours",
            "mentor": mentor,
            "form": form,
            "days": [(day, list(rows)) for day, rows in groupby(windows, key=day_of)],
            "orphans": orphans,
            "zone_label": zone_label(zone, now),
            "today": now.astimezone(zone).date(),
        }
        return render(request, "sessions_app/hours.html", context, status=status)
