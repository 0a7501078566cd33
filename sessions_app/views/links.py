"""Links from mails: they act for whom they were sent to, without signing in.

Whoever holds the link may do what it says, so no cookie is asked for, neither a session's nor the one
against forged forms: the address is the secret. A GET shows; only a POST acts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from urllib.parse import urlsplit

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from accounts import acting
from accounts.http import status_of
from accounts.idempotency import answer_form_once
from accounts.refusals import NotFound, Refusal
from sessions_app import selectors, services
from sessions_app.forms import ReasonForm
from sessions_app.links import (
    Link,
    Verb,
    as_it_is_now,
    make_link,
    read_link,
    session_of,
)
from sessions_app.models import Hold, Notification, Session
from sessions_app.picker import offered
from sessions_app.places_shown import offer_shown
from sessions_app.preferences import OPTIONAL, wants
from sessions_app.refusals import LinkExpired, VersionChanged
from sessions_app.selectors.waitlist import IN_LINE, offer_for, session_from
from sessions_app.views.feedback import feedback_page
from sessions_app.views.moving import move_page
from sessions_app.views.sessions import facts_of
from sessions_app.views.viewer import in_shown_zone, shown_zone

Page = Callable[[HttpRequest, Link], HttpResponse]


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def follow(request: HttpRequest, token: str) -> HttpResponse:
    """A link's page, in the language and zone of whom it was sent to."""
    try:
        link = read_link(token)
    except LinkExpired as refusal:
        return _gone(request, refusal)
    with translation.override(link.user.language), timezone.override(link.user.zone):
        try:
            with acting.as_person(link.user.pk):
                response = answer_form_once(
                    request, link.user, lambda: PAGES[link.verb](request, link)
                )
        except LinkExpired as refusal:
            response = _gone(request, refusal)
        except NotFound:
            response = _gone(request, LinkExpired(_("This link does nothing any more.")))
    response["X-Robots-Tag"] = "noindex"
    response["Referrer-Policy"] = "no-referrer"
    return response


def _gone(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    context = {"refusal": refusal}
    return render(request, "sessions_app/link_gone.html", context, status=status_of(refusal))


@in_shown_zone
def _move(request: HttpRequest, link: Link) -> HttpResponse:
    session = session_of(link)

    # The old link has done its work; the page that it leads on to carries the new version.
    go_on = partial(_address, Verb.MOVE, link)
    return move_page(request, session, link.user, go_on=go_on, by_link=True)


def _address(verb: Verb, link: Link, session: Session) -> str:
    """Where whom a link was sent to can do something else to the session, on our own host."""
    address = make_link(verb, row_id=session.pk, user_id=link.user.pk, version=session.version)
    return urlsplit(address).path


@in_shown_zone
def _cancel(request: HttpRequest, link: Link) -> HttpResponse:
    session = selectors.session_for(user=link.user, session_id=link.row_id)
    if session.status != Session.Status.CANCELLED:
        session = session_of(link)
    # Without a word of reason there may be no field at all, and it is a form all the same.
    form = ReasonForm(request.POST if request.method == "POST" else None)
    context = facts_of(session, link.user) | {
        "form": form,
        "by_link": True,
        "move_url": _address(Verb.MOVE, link, session),
    }
    if request.method != "POST":
        return render(request, "sessions_app/cancel.html", context)
    if not form.is_valid():
        return render(request, "sessions_app/cancel.html", context, status=400)
    try:
        services.cancel_session(
            session_id=session.pk,
            by=link.user,
            reason=form.cleaned_data["reason"],
            clock=timezone.now,
            version=link.version,
        )
    except VersionChanged as refusal:
        raise LinkExpired(as_it_is_now(session_of(link))) from refusal
    except Refusal as refusal:
        context["refusal"] = refusal
        return render(request, "sessions_app/cancel.html", context, status=status_of(refusal))
    messages.success(
        request, _("Cancelled. Both of you get an e-mail, and it leaves your calendars.")
    )
    return redirect(request.path)


@in_shown_zone
def _feedback(request: HttpRequest, link: Link) -> HttpResponse:
    return feedback_page(request, session_of(link), link.user, by_link=True)


def _unsubscribe(request: HttpRequest, link: Link) -> HttpResponse:
    """Turns one kind of message off. A mail program may do it by itself, with one POST (RFC 8058)."""
    message = Notification.objects.filter(pk=link.row_id, recipient=link.user).first()
    if message is None or message.kind not in OPTIONAL:
        raise NotFound
    if request.method == "POST":
        again = request.POST.get("action") == "again"
        services.choose_messages(user=link.user, choices={OPTIONAL[message.kind]: again})
        if "List-Unsubscribe" in request.POST:
            return HttpResponse(_("Done."), content_type="text/plain; charset=utf-8")
        return redirect(request.path)
    context = {
        "person": link.user,
        "kind": Notification.Kind(message.kind).label,
        "is_wanted": wants(link.user, message.kind),
    }
    return render(request, "sessions_app/stop_messages.html", context)


@in_shown_zone
def _offer(request: HttpRequest, link: Link) -> HttpResponse:
    """A time that is held for whoever the link was sent to: take it, or pass on it."""
    hold = offer_for(user=link.user, hold_id=link.row_id)
    refusal: Refusal | None = None
    status = 200
    if request.method == "POST":
        try:
            if _answer_offer(request.POST.get("action", ""), hold, link):
                return redirect(request.path)
            status = 400
        except Refusal as error:
            refusal, status = error, status_of(error)
            hold.refresh_from_db()
    now, zone = timezone.now(), shown_zone()
    was_booked = hold.state == Hold.State.USED
    context = {
        "hold": hold,
        "offer": offer_shown(hold, zone, now),
        "is_live": hold.state == Hold.State.LIVE and hold.expires_at > now,
        "was_booked": was_booked,
        "session": session_from(hold) if was_booked else None,
        "is_in_line": hold.entry is not None and hold.entry.state in IN_LINE,
        "refusal": refusal,
        "alternatives": offered(
            refusal.extra.get("alternatives", ()) if refusal else (), hold.mentor, zone
        ),
    }
    return render(request, "sessions_app/offer_link.html", context, status=status)


def _answer_offer(action: str, hold: Hold, link: Link) -> bool:
    """Take the time or pass on it; False where neither was said: an offer is not given away by a
    POST that says nothing."""
    if action == "book":
        services.accept_offer(hold_id=hold.pk, by=link.user, clock=timezone.now)
    elif action == "pass":
        services.pass_offer(hold_id=hold.pk, by=link.user, clock=timezone.now)
    else:
        return False
    return True


PAGES: Mapping[Verb, Page] = {
    Verb.MOVE: _move,
    Verb.CANCEL: _cancel,
    Verb.FEEDBACK: _feedback,
    Verb.OFFER: _offer,
    Verb.UNSUBSCRIBE: _unsubscribe,
}
