"""Holding a time on a mentor's page while one writes, where the program allows it.

Doing one of these twice is the same as once, so a form sent again needs no memory of it.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts.http import status_of
from accounts.refusals import NotAllowed, NotFound, Refusal
from accounts.times import utc
from mentors.models import Mentor
from mentors.selectors import mentor_for
from sessions_app import services
from sessions_app.forms import BookingForm
from sessions_app.models import Hold
from sessions_app.selectors import waitlist as lines
from sessions_app.views.booking import mentor_page_with
from sessions_app.views.viewer import in_shown_zone, mentee_of, signed_in

# What is written travels in the address, which servers cut off somewhere beyond.
LONGEST_IN_ADDRESS = 2000


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@in_shown_zone
def hold(request: HttpRequest, mentor_id: UUID) -> HttpResponse:
    """Keep the chosen time; where it cannot be had, the page with the reason and other times."""
    if request.method != "POST":  # back from signing in
        return redirect("sessions:mentor", mentor_id)
    mentor = _mentor(request, mentor_id)
    form = BookingForm(request.POST)
    if not form.is_valid():
        return mentor_page_with(
            request, mentor, form, chosen=form.cleaned_data.get("start"), status=400
        )
    try:
        mentee = mentee_of(request.user)
        if mentee is None:
            raise NotAllowed(_("Only mentees hold a time."))
        kept = services.hold_slot(
            mentor_id=mentor.pk,
            mentee=mentee,
            starts_at=form.cleaned_data["start"],
            by=signed_in(request),
            clock=timezone.now,
        )
    except Refusal as refusal:
        return _refused(request, mentor, form, refusal)
    return _back(request, mentor, form, kept)


@login_required
@require_POST
@in_shown_zone
def extend_hold(request: HttpRequest, hold_id: UUID) -> HttpResponse:
    kept, mentor = _own(request, hold_id)
    form = BookingForm(request.POST)
    form.is_valid()  # the goal goes along, whatever the rest is
    try:
        kept = services.extend_hold(hold_id=hold_id, by=signed_in(request), clock=timezone.now)
    except Refusal as refusal:
        return _refused(request, mentor, form, refusal)
    return _back(request, mentor, form, kept)


@login_required
@require_POST
@in_shown_zone
def release_hold(request: HttpRequest, hold_id: UUID) -> HttpResponse:
    kept, mentor = _own(request, hold_id)
    form = BookingForm(request.POST)
    form.is_valid()
    services.release_hold(hold_id=hold_id, by=signed_in(request), clock=timezone.now)
    messages.success(request, _("Given back. The time is open for others again."))
    return _back(request, mentor, form, kept)


def _back(request: HttpRequest, mentor: Mentor, form: BookingForm, kept: Hold) -> HttpResponse:
    """To the mentor's page with the time chosen and what was written; nothing of it is lost."""
    written: dict[str, Any] = {
        "start": utc(kept.starts_at),
        "goal": form["goal"].value(),
        "request": form["request"].value(),
    }
    query = urlencode({name: value for name, value in written.items() if value})
    if len(query) > LONGEST_IN_ADDRESS:
        return mentor_page_with(request, mentor, form, chosen=kept.starts_at)
    address = f"{resolve_url('sessions:mentor', mentor.pk)}?{query}#confirm"
    return HttpResponse(status=303, headers={"Location": address})


def _refused(
    request: HttpRequest, mentor: Mentor, form: BookingForm, refusal: Refusal
) -> HttpResponse:
    return mentor_page_with(
        request,
        mentor,
        form,
        chosen=form.cleaned_data.get("start"),
        refusal=refusal,
        status=status_of(refusal),
    )


def _own(request: HttpRequest, hold_id: UUID) -> tuple[Hold, Mentor]:
    try:
        kept = lines.hold_for(user=signed_in(request), hold_id=hold_id)
        return kept, _mentor(request, kept.mentor_id)
    except NotFound as refusal:
        raise Http404 from refusal


def _mentor(request: HttpRequest, mentor_id: UUID) -> Mentor:
    try:
        return mentor_for(user=request.user, mentor_id=mentor_id)
    except NotFound as refusal:
        raise Http404 from refusal
