"""A mentor's pause, from their own pages."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from sessions_app import services
from sessions_app.views.deciding import own_hours
from sessions_app.views.viewer import signed_in


@login_required
@require_POST
def pause(request: HttpRequest) -> HttpResponse:
    """Nothing new is booked until they resume; the button for that takes this one's place."""
    mentor = own_hours(request)
    services.pause_mentor(mentor_id=mentor.pk, by=signed_in(request), clock=timezone.now)
    messages.success(
        request, _("Paused: nobody can book you. Sessions that are booked take place as agreed.")
    )
    return redirect("sessions:list")


@login_required
@require_POST
def resume(request: HttpRequest) -> HttpResponse:
    mentor = own_hours(request)
    services.resume_mentor(mentor_id=mentor.pk, clock=timezone.now)
    messages.success(request, _("Welcome back: your open hours can be booked again."))
    return redirect("sessions:list")
