"""One's sessions: the list, and everything that can be done with one."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.dates import date_format
from accounts.http import status_of
from accounts.idempotency import once_per_form
from accounts.models import User
from accounts.refusals import NotFound, Refusal
from accounts.selectors import program
from mentors.models import Mentor
from sessions_app import selectors, services
from sessions_app.add_to_calendar import calendar_links, ics_response
from sessions_app.agenda import agenda
from sessions_app.forms import NotesForm, ReasonForm, SeenForm
from sessions_app.models import Session
from sessions_app.picker import other_clock
from sessions_app.services.attendance import GRACE
from sessions_app.services.lifecycle import JOIN_OPENS, side_of
from sessions_app.views.viewer import in_shown_zone, shown_zone, signed_in
from sessions_app.zones import zone_label

ON_A_PAGE = 20


@login_required
@require_safe
@in_shown_zone
def session_list(request: HttpRequest) -> HttpResponse:
    """What is coming, and what has been."""
    user, now = signed_in(request), timezone.now()
    is_past = request.GET.get("show") == "past"
    rows = (selectors.past if is_past else selectors.upcoming)(user, now=now)
    page = Paginator(rows, ON_A_PAGE).get_page(request.GET.get("page"))
    entries = [_entry(session, user) for session in page]
    context = {
        "nav": "sessions",
        "page": page,
        "entries": entries,
        "is_past": is_past,
        "parts": [] if is_past else agenda(entries, now=now, zone=shown_zone()),
        "zone_label": zone_label(shown_zone(), now),
    }
    if user.role == User.Role.MENTOR and not is_past:
        context |= _own_figures(user, now)
    return render(request, "sessions_app/list.html", context)


def _own_figures(user: User, now: datetime) -> dict[str, Any]:
    """What a mentor sees of themself: how much of their hours was used, how it was rated, who kept them."""
    mentor = Mentor.objects.filter(user=user).annotate(saved=Count("saved_by")).first()
    if mentor is None:
        return {}
    mean, count = selectors.ratings([mentor.pk]).get(mentor.pk, (0.0, 0))
    load = selectors.loads([mentor.pk], now=now)[mentor.pk]
    return {
        "mentor": mentor,
        "load": load,
        "load_percent": round(100 * load.share) if load.share is not None else None,
        "rating": {"mean": mean, "count": count} if count else None,
    }


@login_required
@require_safe
@in_shown_zone
def detail(request: HttpRequest, session_id: UUID) -> HttpResponse:
    return detail_page(request, own_session(request, session_id))


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@in_shown_zone
@once_per_form
def cancel(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Says first what cancelling means (for a request: declining it), then does it."""
    session = own_session(request, session_id)
    form = ReasonForm(request.POST or None)
    context = facts_of(session, signed_in(request)) | {"form": form, "nav": "sessions"}
    if request.method != "POST":
        return render(request, "sessions_app/cancel.html", context)
    if not form.is_valid():
        return render(request, "sessions_app/cancel.html", context, status=400)
    try:
        services.cancel_session(
            session_id=session.pk,
            by=signed_in(request),
            reason=form.cleaned_data["reason"],
            clock=timezone.now,
            version=form.cleaned_data["version"],
        )
    except Refusal as refusal:
        context["refusal"] = refusal
        return render(request, "sessions_app/cancel.html", context, status=status_of(refusal))
    messages.success(
        request, _("Cancelled. Both of you get an e-mail, and it leaves your calendars.")
    )
    return redirect("sessions:detail", session.pk)


@login_required
@require_POST
@in_shown_zone
@once_per_form
def accept(request: HttpRequest, session_id: UUID) -> HttpResponse:
    session = own_session(request, session_id)
    form = SeenForm(request.POST)
    version = form.cleaned_data["version"] if form.is_valid() else None
    try:
        services.approve_session(
            session_id=session.pk, by=signed_in(request), clock=timezone.now, version=version
        )
    except Refusal as refusal:
        return detail_page(request, own_session(request, session_id), refusal=refusal)
    messages.success(request, _("Accepted. Both of you get the invitation by e-mail."))
    return redirect("sessions:detail", session.pk)


@login_required
@require_POST
@in_shown_zone
def join(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """Notes that the person came, and sends them on to the room."""
    session = own_session(request, session_id)
    try:
        address = services.join_session(
            session_id=session.pk, by=signed_in(request), clock=timezone.now
        )
    except Refusal as refusal:
        return detail_page(request, session, refusal=refusal)
    return HttpResponse(status=302, headers={"Location": address})


@login_required
@require_POST
@in_shown_zone
@once_per_form
def write_notes(request: HttpRequest, session_id: UUID) -> HttpResponse:
    session = own_session(request, session_id)
    form = NotesForm(request.POST)
    if not form.is_valid():
        return detail_page(request, session, notes=form, status=400)
    try:
        services.write_notes(
            session_id=session.pk, by=signed_in(request), notes=form.cleaned_data["notes"]
        )
    except Refusal as refusal:
        return detail_page(request, session, notes=form, refusal=refusal)
    messages.success(request, _("Your notes are saved. Nobody else can see them."))
    return redirect("sessions:detail", session.pk)


@login_required
@require_safe
def calendar_ics(request: HttpRequest, session_id: UUID) -> HttpResponse:
    return ics_response(own_session(request, session_id), signed_in(request))


def booked_sentence(*, is_pending: bool) -> str:
    """What happens next once a time is taken."""
    if is_pending:
        return _("Asked. The mentor gets an e-mail, and the time is held for you until the answer.")
    return _("Done. An e-mail with the invitation is on its way to both of you.")


def own_session(request: HttpRequest, session_id: UUID) -> Session:
    """The session, where it is this person's to see; else 404."""
    try:
        return selectors.session_for(user=signed_in(request), session_id=session_id)
    except NotFound as refusal:
        raise Http404 from refusal


def detail_page(
    request: HttpRequest,
    session: Session,
    *,
    notes: NotesForm | None = None,
    refusal: Refusal | None = None,
    status: int = 200,
) -> HttpResponse:
    user = signed_in(request)
    facts = facts_of(session, user)
    history = list(session.events.select_related("by").order_by("-at", "-id"))
    count, others = 0, list[User]()
    if facts["is_group"]:
        count, others = selectors.others_in(
            session, viewer=user, shows_names=program().shows_group_attendees
        )
    context = facts | {
        "nav": "sessions",
        "others": others,
        "others_count": count,
        "refusal": refusal,
        "notes": notes
        or NotesForm(initial={"notes": getattr(session, f"{facts['side']}_notes", "")}),
        "links": calendar_links(session, user),
        "history": history,
        "asks_feedback": session.status == Session.Status.COMPLETED
        and facts["side"] is not None
        and not session.feedback.filter(side=facts["side"]).exists(),
        "cancelled": next((step for step in history if step.to_status == "cancelled"), None),
    }
    status = status_of(refusal) if refusal else status
    response = render(request, "sessions_app/detail.html", context, status=status)
    if facts["is_open"]:
        # The join button posts to us and is sent on to the room: the page must be allowed to follow.
        response["Content-Security-Policy"] = _policy_with_room(session)
    return response


def _policy_with_room(session: Session) -> str:
    room = urlsplit(session.meeting.meeting_url)
    return (
        "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'self'; "
        f"form-action 'self' {room.scheme}://{room.netloc}; frame-ancestors 'none'"
    )


def _entry(session: Session, user: User) -> dict[str, Any]:
    """A session as one of its people sees it in a list."""
    side = side_of(session, user)
    other = session.mentee.user if side == "mentor" else session.mentor.user
    mine, theirs = (
        session.starts_at.astimezone(shown_zone()),
        session.starts_at.astimezone(other.zone),
    )
    return {
        "session": session,
        "side": side,
        "other": other,
        "theirs": other_clock(mine, theirs, other.get_short_name()),
        "has_notes": bool(side and getattr(session, f"{side}_notes")),
        "is_group": session.capacity > 1,
    }


def facts_of(session: Session, user: User) -> dict[str, Any]:
    """What the pages about one session say. The services decide; this only foresees their answer."""
    now = timezone.now()
    settings = program()
    cutoff = settings.cancel_cutoff_minutes
    until = session.starts_at - timedelta(minutes=cutoff)
    move_until = session.starts_at - timedelta(minutes=settings.reschedule_cutoff_minutes)
    entry = _entry(session, user)
    theirs = [
        moment.astimezone(entry["other"].zone) for moment in (session.starts_at, session.ends_at)
    ]
    is_over = session.ends_at <= now
    limited = entry["side"] == "mentee"
    return (
        entry
        | _presence(session, entry["side"], now)
        | {
            "zone_label": zone_label(shown_zone(), session.starts_at),
            "their_zone": zone_label(entry["other"].zone, session.starts_at),
            "their_day": date_format(theirs[0], "l")
            if theirs[0].date() != session.starts_at.astimezone(shown_zone()).date()
            else "",
            "their_start": date_format(theirs[0], "H:i"),
            "their_end": date_format(theirs[1], "H:i"),
            "minutes": int((session.ends_at - session.starts_at).total_seconds()) // 60,
            "opens_at": session.starts_at - JOIN_OPENS,
            "is_open": session.status == Session.Status.BOOKED
            and session.starts_at - JOIN_OPENS <= now
            and not is_over,
            "is_over": is_over,
            "cancel_until": until if limited and cutoff else None,
            "can_cancel": session.is_live and not is_over and (not limited or now <= until),
            "can_move": session.is_live
            and now < session.starts_at
            and (not limited or now <= move_until),
            "can_answer": session.status == Session.Status.PENDING
            and entry["side"] != "mentee"
            and session.starts_at > now,
        }
    )


def _presence(session: Session, side: str | None, now: datetime) -> dict[str, Any]:
    """Who is noted as absent, and what this person may still say to that."""
    sides = {"mentor": session.mentor.user, "mentee": session.mentee.user}
    absent = [name for name in sides if getattr(session, f"{name}_attendance") == "absent"]
    until = session.ends_at + timedelta(hours=program().dispute_hours)
    status = session.status
    return {
        "absent": [sides[name] for name in absent],
        "can_report": bool(side)
        and status in (Session.Status.BOOKED, Session.Status.COMPLETED)
        and session.starts_at + GRACE <= now <= until,
        "can_dispute": status == Session.Status.NO_SHOW and side in absent and now <= until,
    }
