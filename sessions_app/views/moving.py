"""Moving a session to another of the mentor's times."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.http import status_of
from accounts.idempotency import once_per_form
from accounts.models import User
from accounts.refusals import Refusal
from sessions_app import services
from sessions_app.forms import MoveForm
from sessions_app.models import Session
from sessions_app.refusals import VersionChanged
from sessions_app.views.picking import instant_of, picker_context
from sessions_app.views.sessions import facts_of, own_session
from sessions_app.views.viewer import in_shown_zone, signed_in


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@in_shown_zone
@once_per_form
def move(request: HttpRequest, session_id: UUID) -> HttpResponse:
    session = own_session(request, session_id)
    return move_page(
        request,
        session,
        signed_in(request),
        go_on=lambda moved: resolve_url("sessions:detail", moved.pk),
    )


def move_page(
    request: HttpRequest,
    session: Session,
    by: User,
    *,
    go_on: Callable[[Session], str],
    by_link: bool = False,
) -> HttpResponse:
    """The mentor's other times; choosing one moves the session, or leaves it where it is and says why.

    Args:
        by: who moves it: who is signed in, or whom a link was sent to.
        go_on: where to go once it is moved.
        by_link: leave out what only who is signed in can open.
    """
    show = partial(_page, request, session, by=by, by_link=by_link)
    if request.method != "POST":
        form = MoveForm(initial={"version": session.version})
        return show(form, chosen=instant_of(request.GET.get("start", "")))
    form = MoveForm(request.POST)
    if not form.is_valid():
        return show(form, chosen=form.cleaned_data.get("start"), status=400)
    try:
        moved = services.reschedule_session(
            session_id=session.pk,
            starts_at=form.cleaned_data["start"],
            by=by,
            clock=timezone.now,
            version=form.cleaned_data["version"],
        )
    except VersionChanged as refusal:
        # The page shows how it is by now: whoever presses again has seen that.
        seen = MoveForm({**request.POST.dict(), "version": session.version})
        return show(seen, chosen=form.cleaned_data["start"], refusal=refusal)
    except Refusal as refusal:
        return show(form, chosen=form.cleaned_data["start"], refusal=refusal)
    messages.success(
        request, _("Moved. Both of you get an e-mail, and your calendars follow by themselves.")
    )
    return redirect(go_on(moved))


def _page(
    request: HttpRequest,
    session: Session,
    form: MoveForm,
    *,
    by: User,
    by_link: bool,
    chosen: datetime | None,
    refusal: Refusal | None = None,
    status: int = 200,
) -> HttpResponse:
    context = facts_of(session, by) | picker_context(
        request,
        session.mentor,
        session.mentee,
        chosen=chosen,
        now=timezone.now(),
        refusal=refusal,
        without=session.pk,
    )
    context |= {"form": form, "nav": "sessions", "here": request.path, "by_link": by_link}
    status = status_of(refusal) if refusal else status
    return render(request, "sessions_app/move.html", context, status=status)
