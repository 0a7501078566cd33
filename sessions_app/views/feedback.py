"""What the two people of a session thought of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.http import status_of
from accounts.idempotency import once_per_form
from accounts.models import User
from accounts.refusals import Invalid, Refusal
from sessions_app import services
from sessions_app.forms import FeedbackForm
from sessions_app.models import Feedback, Session
from sessions_app.services.feedback import took_place
from sessions_app.services.lifecycle import side_of
from sessions_app.views.sessions import own_session
from sessions_app.views.viewer import in_shown_zone, signed_in


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@in_shown_zone
@once_per_form
def feedback(request: HttpRequest, session_id: UUID) -> HttpResponse:
    return feedback_page(request, own_session(request, session_id), signed_in(request))


def feedback_page(
    request: HttpRequest, session: Session, user: User, *, by_link: bool = False
) -> HttpResponse:
    """The form, or what was given. `?overall=4` fills in the first answer; only a POST gives it.

    Args:
        user: whose side it is: who is signed in, or whom a link was sent to.
        by_link: leave out what only who is signed in can open.
    """
    given = services.feedback_of(session=session, user=user)
    side = side_of(session, user)
    if side is None or side in given:
        return _given(request, session, user, given, by_link=by_link)
    if not took_place(session, now=timezone.now()):
        return _given(request, session, user, given, by_link=by_link, status=422)
    if request.method != "POST":
        form = FeedbackForm(side=side, initial={"overall": request.GET.get("overall", "")})
        return _form(request, session, user, form, by_link=by_link)
    form = FeedbackForm(request.POST, side=side)
    refusal = _give(session, user, form)
    if form.errors or refusal:
        status = status_of(refusal) if refusal else 400
        return _form(request, session, user, form, by_link=by_link, refusal=refusal, status=status)
    messages.success(request, _("Thank you. Your answers are kept."))
    return redirect(request.path)


def _give(session: Session, user: User, form: FeedbackForm) -> Refusal | None:
    """Give what the form holds. What is wrong with it goes into the form, other refusals come back."""
    if not form.is_valid():
        return None
    try:
        services.give_feedback(
            session_id=session.pk, by=user, values=form.values(), clock=timezone.now
        )
    except Invalid as refusal:
        for name, sentences in refusal.extra["fields"].items():
            form.add_error(name, sentences)
    except Refusal as refusal:
        # Sent twice at once: the first one is what counts, and it is there.
        if side_of(session, user) not in services.feedback_of(session=session, user=user):
            return refusal
    return None


def _form(
    request: HttpRequest,
    session: Session,
    user: User,
    form: FeedbackForm,
    *,
    by_link: bool,
    refusal: Refusal | None = None,
    status: int = 200,
) -> HttpResponse:
    context = _facts(session, user, by_link=by_link) | {"form": form, "refusal": refusal}
    return render(request, "sessions_app/feedback.html", context, status=status)


def _given(
    request: HttpRequest,
    session: Session,
    user: User,
    given: Any,
    *,
    by_link: bool,
    status: int = 200,
) -> HttpResponse:
    own = given.get(side_of(session, user))
    context = _facts(session, user, by_link=by_link) | {
        "own": own,
        "answers": [
            (row, _author(session, row), row.side == (own and own.side)) for row in given.values()
        ],
        "is_too_early": own is None and status != 200,
    }
    return render(request, "sessions_app/feedback_given.html", context, status=status)


def _author(session: Session, row: Feedback) -> User:
    return session.mentor.user if row.side == Feedback.Side.MENTOR else session.mentee.user


def _facts(session: Session, user: User, *, by_link: bool) -> dict[str, Any]:
    side = side_of(session, user)
    return {
        "nav": "sessions",
        "session": session,
        "side": side,
        "person": user,
        "by_link": by_link,
        "other": session.mentee.user if side == "mentor" else session.mentor.user,
    }
