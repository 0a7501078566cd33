"""A mentor's page with their open times, and booking one."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.http import status_of
from accounts.idempotency import once
from accounts.models import User
from accounts.refusals import NotAllowed, NotFound, Refusal
from accounts.times import utc
from mentors.models import Mentee, Mentor
from mentors.selectors import mentor_for
from sessions_app import selectors, services
from sessions_app.forms import LONGEST_GOAL, BookingForm, WhyForm
from sessions_app.picker import offered
from sessions_app.views.picking import instant_of, picker_context
from sessions_app.views.sessions import booked_sentence
from sessions_app.views.viewer import in_shown_zone, mentee_of, shown_zone, signed_in
from sessions_app.zones import zone_label

# Fewer say more about who gave them than about the mentor.
FEWEST_RATINGS = 3


@require_safe
@in_shown_zone
def mentor_page(request: HttpRequest, mentor_id: UUID) -> HttpResponse:
    """Who this is, and two weeks of their times. `?start=` chooses one, `?goal=` fills in the goal."""
    mentor = _mentor(request, mentor_id)
    given = {
        "goal": request.GET.get("goal", "")[:LONGEST_GOAL],
        "request": _uuid(request.GET.get("request", "")),
    }
    chosen = instant_of(request.GET.get("start", ""))
    return mentor_page_with(request, mentor, BookingForm(initial=given), chosen=chosen)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@in_shown_zone
def book(request: HttpRequest, mentor_id: UUID) -> HttpResponse:
    """Book one time; where it cannot be had, the same page with what was written and other times."""
    if request.method != "POST":  # back from signing in, or typed
        return redirect("sessions:mentor", mentor_id)
    mentor = _mentor(request, mentor_id)
    form = BookingForm(request.POST)
    if not form.is_valid():
        return mentor_page_with(
            request, mentor, form, chosen=form.cleaned_data.get("start"), status=400
        )
    try:
        status, address = _book_once(request, mentor, form.cleaned_data)
    except NotFound as refusal:
        raise Http404 from refusal
    except Refusal as refusal:
        chosen = form.cleaned_data["start"]
        return mentor_page_with(
            request, mentor, form, chosen=chosen, refusal=refusal, status=status_of(refusal)
        )
    messages.success(request, booked_sentence(is_pending=mentor.approves_bookings))
    return HttpResponse(status=status, headers={"Location": address.decode()})


def _book_once(request: HttpRequest, mentor: Mentor, wanted: dict[str, Any]) -> tuple[int, bytes]:
    user = signed_in(request)
    mentee = mentee_of(user)
    if mentee is None:
        raise NotAllowed(_cannot_book(user, mentor))

    def work() -> tuple[int, bytes]:
        session = services.book_session(
            mentor_id=mentor.pk,
            mentee=mentee,
            starts_at=wanted["start"],
            by=user,
            clock=timezone.now,
            goal=wanted["goal"],
            match_request=wanted["request"],
        )
        return 303, resolve_url("sessions:detail", session.pk).encode()

    # The same form sent twice books once. With the start in the key, going back and choosing
    # another time is another booking.
    key = f"{wanted['idempotency_key']}:{utc(wanted['start'])}"
    return once(user=user, path=request.path, key=key, body=b"", work=work)


def mentor_page_with(
    request: HttpRequest,
    mentor: Mentor,
    form: BookingForm,
    *,
    chosen: datetime | None,
    refusal: Refusal | None = None,
    status: int = 200,
) -> HttpResponse:
    """The mentor's page with what was written and, where a time was refused, why."""
    now = timezone.now()
    viewer = mentee_of(request.user)
    mean, count = selectors.ratings([mentor.pk]).get(mentor.pk, (0.0, 0))
    kept = {"goal": form["goal"].value() or "", "request": form["request"].value() or ""}
    context = picker_context(request, mentor, viewer, chosen=chosen, now=now, refusal=refusal) | {
        "nav": "search",
        "cannot_book": "" if viewer else _cannot_book(request.user, mentor),
        "form": form,
        "idempotency_key": uuid4(),
        "kept": urlencode({name: value for name, value in kept.items() if value}),
        "rating": {"mean": mean, "count": count} if count >= FEWEST_RATINGS else None,
        "their_zone": zone_label(mentor.user.zone, now),
        "their_now": f"{now.astimezone(mentor.user.zone):%H:%M}",
        "asked": _asked(request, mentor, viewer, now) if refusal is None else None,
    }
    if request.method != "POST" and chosen is not None and context["picker"].chosen is None:
        # What led here showed it as free: a page from before, or the session that was cancelled.
        answer = services.why_not(mentor=mentor, mentee=viewer, starts_at=chosen, now=now)
        context["gone"] = {"at": chosen, **answer}
    return render(request, "sessions_app/mentor.html", context, status=status)


def _mentor(request: HttpRequest, mentor_id: UUID) -> Mentor:
    try:
        return mentor_for(user=request.user, mentor_id=mentor_id)
    except NotFound as refusal:
        raise Http404 from refusal


def _cannot_book(user: object, mentor: Mentor) -> str:
    """Why this person has no seat to take, and what they can do."""
    if not isinstance(user, User):
        return _("Sign in as a mentee to book.")
    if user.pk == mentor.user_id:
        return _("This is your page as mentees see it. Only mentees book.")
    if user.is_program_manager:
        return _(
            "You see what a mentee sees. Only mentees book sessions; you manage them in the console."
        )
    if user.role == User.Role.MENTEE:
        return _(
            "Your place in the program is paused, so you cannot book. Ask your program manager."
        )
    return _("Only mentees book sessions. To be a mentee too, ask your program manager.")


def _asked(
    request: HttpRequest, mentor: Mentor, viewer: Mentee | None, now: datetime
) -> dict[str, Any] | None:
    """The answer to "why can't I book this?": a date and a time on the clock that is shown."""
    if "date" not in request.GET:
        return None
    form = WhyForm(request.GET, zone=shown_zone())
    if not form.is_valid():
        return {"form": form}
    wanted = form.cleaned_data["starts_at"]
    answer = services.why_not(mentor=mentor, mentee=viewer, starts_at=wanted, now=now)
    alternatives = offered(answer.get("alternatives", ()), mentor, shown_zone())
    return {
        "form": form,
        "wanted": wanted,
        "start": utc(wanted),
        "answer": answer,
        "alternatives": alternatives,
    }


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
