"""Waiting for a mentor's time: joining the line, one's places in it, and what is offered."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.http import status_of
from accounts.idempotency import once_per_form
from accounts.refusals import NotAllowed, NotFound, Refusal
from mentors.models import Mentee, Mentor
from mentors.selectors import mentor_for
from sessions_app import services
from sessions_app.models import Session
from sessions_app.picker import offered
from sessions_app.places_shown import PlaceShown, place_shown
from sessions_app.selectors import waitlist as lines
from sessions_app.views.sessions import booked_sentence
from sessions_app.views.viewer import in_shown_zone, mentee_of, shown_zone, signed_in
from sessions_app.waitlist_forms import JoinForm
from sessions_app.zones import zone_label


@login_required
@require_safe
@in_shown_zone
def waitlist(request: HttpRequest) -> HttpResponse:
    """One's places in line, with what is offered."""
    return _places_page(request)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@in_shown_zone
@once_per_form
def join_waitlist(request: HttpRequest, mentor_id: UUID) -> HttpResponse:
    """Say which days one can, and wait. Where there is no need to wait, the open times."""
    mentor = _mentor(request, mentor_id)
    mentee = mentee_of(request.user)
    place = _own_place(mentor, mentee)
    form = _join_form(request, place)
    if request.method != "POST":
        return _join_page(request, mentor, form, place=place)
    if not form.is_valid():
        return _join_page(request, mentor, form, place=place, status=400)
    try:
        if mentee is None:
            raise NotAllowed(_("Only mentees wait for a time."))
        _place, is_new = services.join_waitlist(
            mentor_id=mentor.pk,
            mentee=mentee,
            by=signed_in(request),
            clock=timezone.now,
            wanted_from=form.cleaned_data["wanted_from"],
            wanted_until=form.cleaned_data["wanted_until"],
            goal=form.cleaned_data["goal"],
        )
    except Refusal as refusal:
        return _join_page(
            request, mentor, form, place=place, refusal=refusal, status=status_of(refusal)
        )
    name = {"name": mentor.user.get_short_name()}
    messages.success(
        request,
        _("You are in line for %(name)s. The first time that suits you is held for you.") % name
        if is_new
        else _("Changed. You kept your place in the line for %(name)s.") % name,
    )
    return redirect("sessions:waitlist")


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@in_shown_zone
@once_per_form
def leave_waitlist(request: HttpRequest, entry_id: UUID) -> HttpResponse:
    """Says first what is lost, for a place in line cannot be given back; then leaves it."""
    if request.method != "POST":
        return _leaving_page(request, entry_id)
    try:
        place = services.leave_waitlist(
            entry_id=entry_id, by=signed_in(request), clock=timezone.now
        )
    except NotFound as refusal:
        raise Http404 from refusal
    messages.success(
        request, _("You left the line for %(name)s.") % {"name": place.mentor.user.get_short_name()}
    )
    return redirect("sessions:waitlist")


@login_required
@require_POST
@in_shown_zone
@once_per_form
def accept_offer(request: HttpRequest, entry_id: UUID) -> HttpResponse:
    """Books what is offered. Where that cannot be any more, the places with the reason and what is open."""
    try:
        session = services.accept_offer(
            entry_id=entry_id, by=signed_in(request), clock=timezone.now
        )
    except NotFound as refusal:
        raise Http404 from refusal
    except Refusal as refusal:
        return _places_page(request, refusal=refusal, about=entry_id)
    is_pending = session.status == Session.Status.PENDING
    messages.success(request, booked_sentence(is_pending=is_pending))
    return redirect("sessions:detail", session.pk)


@login_required
@require_POST
@in_shown_zone
@once_per_form
def pass_offer(request: HttpRequest, entry_id: UUID) -> HttpResponse:
    try:
        services.pass_offer(entry_id=entry_id, by=signed_in(request), clock=timezone.now)
    except NotFound as refusal:
        raise Http404 from refusal
    except Refusal as refusal:
        return _places_page(request, refusal=refusal, about=entry_id)
    messages.success(
        request, _("Passed on to the next in line. You keep your place for other times.")
    )
    return redirect("sessions:waitlist")


def _places_page(
    request: HttpRequest, *, refusal: Refusal | None = None, about: UUID | None = None
) -> HttpResponse:
    now, zone = timezone.now(), shown_zone()
    places = [
        place_shown(place, zone, now) for place in lines.own_places(signed_in(request), now=now)
    ]
    # An answer is due; after that, in the order in which one joined.
    places.sort(key=lambda shown: shown.offer is None)
    context: dict[str, Any] = {
        "nav": "sessions",
        "places": [shown for shown in places if shown.is_in_line],
        "ended": _to_show(places),
        "zone_label": zone_label(zone, now),
        "refusal": refusal,
    }
    if refusal is not None and about is not None:
        mentor = lines.place_for(user=signed_in(request), entry_id=about).mentor
        times = refusal.extra.get("alternatives", ())
        context |= {"refused_mentor": mentor, "alternatives": offered(times, mentor, zone)}
    status = status_of(refusal) if refusal else 200
    return render(request, "sessions_app/waitlist.html", context, status=status)


def _to_show(places: list[PlaceShown]) -> list[PlaceShown]:
    """Places that ended, one for each mentor, where one does not wait for that mentor again."""
    waiting = {shown.place.mentor_id for shown in places if shown.is_in_line}
    ended = {
        shown.place.mentor_id: shown
        for shown in places
        if shown.ended and shown.place.mentor_id not in waiting
    }
    return list(ended.values())


def _join_page(
    request: HttpRequest,
    mentor: Mentor,
    form: JoinForm,
    *,
    place: PlaceShown | None,
    refusal: Refusal | None = None,
    status: int = 200,
) -> HttpResponse:
    zone = shown_zone()
    times = refusal.extra.get("alternatives", ()) if refusal else ()
    goal = form["goal"].value() or ""
    context = {
        "nav": "search",
        "mentor": mentor,
        "viewer": mentee_of(request.user),
        "form": form,
        "place": place,
        "refusal": refusal,
        "alternatives": offered(times, mentor, zone),
        "kept": urlencode({"goal": goal}) if goal else "",
        "zone_label": zone_label(zone, timezone.now()),
    }
    return render(request, "sessions_app/waitlist_join.html", context, status=status)


def _leaving_page(request: HttpRequest, entry_id: UUID) -> HttpResponse:
    now = timezone.now()
    try:
        entry = lines.shown_place(user=signed_in(request), entry_id=entry_id, now=now)
    except NotFound as refusal:
        raise Http404 from refusal
    context = {"nav": "sessions", "shown": place_shown(entry, shown_zone(), now)}
    return render(request, "sessions_app/waitlist_leave.html", context)


def _join_form(request: HttpRequest, place: PlaceShown | None) -> JoinForm:
    zone, now = shown_zone(), timezone.now()
    if request.method == "POST":
        return JoinForm(request.POST, zone=zone, now=now)
    given: dict[str, Any] = {"goal": request.GET.get("goal", "")}
    if place is not None:
        given = {
            "first_day": place.first_day,
            "last_day": place.last_day,
            "goal": given["goal"] or place.place.goal,
        }
    return JoinForm(initial=given, zone=zone, now=now)


def _own_place(mentor: Mentor, mentee: Mentee | None) -> PlaceShown | None:
    now = timezone.now()
    place = lines.place_with(mentor=mentor, mentee=mentee, now=now) if mentee else None
    return place_shown(place, shown_zone(), now) if place else None


def _mentor(request: HttpRequest, mentor_id: UUID) -> Mentor:
    try:
        return mentor_for(user=request.user, mentor_id=mentor_id)
    except NotFound as refusal:
        raise Http404 from refusal
