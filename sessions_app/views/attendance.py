"""Who came, and who did not."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.idempotency import once_per_form
from accounts.refusals import Refusal
from sessions_app import services
from sessions_app.services.attendance import OTHER
from sessions_app.services.lifecycle import side_of
from sessions_app.views.sessions import detail_page, own_session
from sessions_app.views.viewer import in_shown_zone, signed_in


@login_required
@require_POST
@in_shown_zone
@once_per_form
def report_absence(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """The other one did not come."""
    side = side_of(own_session(request, session_id), signed_in(request))

    def report() -> None:
        services.report_absence(
            session_id=session_id,
            by=signed_in(request),
            # A program manager has no other side, and says in the console who was absent.
            side=OTHER.get(side or "", "mentee"),
            clock=timezone.now,
        )

    return _answer(request, session_id, report, _("Noted. They are told, and may say otherwise."))


@login_required
@require_POST
@in_shown_zone
@once_per_form
def dispute_absence(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """I was there."""

    def dispute() -> None:
        services.dispute_absence(session_id=session_id, by=signed_in(request), clock=timezone.now)

    done = _("Noted. Nobody is marked as absent; your program manager sees both reports.")
    return _answer(request, session_id, dispute, done)


def _answer(
    request: HttpRequest, session_id: UUID, act: Callable[[], None], done: str
) -> HttpResponse:
    try:
        act()
    except Refusal as refusal:
        return detail_page(request, own_session(request, session_id), refusal=refusal)
    messages.success(request, done)
    return redirect("sessions:detail", session_id)
