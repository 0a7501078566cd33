from __future__ import annotations

import ipaddress
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import (
    require_GET,
    require_http_methods,
    require_POST,
    require_safe,
)

from accounts import mailbox as box, services
from accounts.forms import SettingsForm
from accounts.models import User
from accounts.refusals import Invalid

# Nothing of a message may run, load or send anything; only its own styles are shown.
_SANDBOX = (
    "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'self'"
)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def settings_page(request: HttpRequest) -> HttpResponse:
    """A person's own name, zone, language and photo; the way to passwords and second factors."""
    user = request.user
    assert isinstance(user, User)
    current = {name: getattr(user, name) for name in SettingsForm.base_fields}
    form = SettingsForm(request.POST or None, initial=current)
    if request.method == "POST" and form.is_valid():
        try:
            services.update_person(user_id=user.pk, changes=form.cleaned_data, now=timezone.now())
        except Invalid as refusal:
            for name, sentences in refusal.extra["fields"].items():
                form.add_error(name, sentences)
        else:
            messages.success(request, _("Your settings are saved."))
            return redirect("accounts:settings")
    status = 400 if form.errors else 200
    return render(request, "accounts/settings.html", {"form": form}, status=status)


@login_required
@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    """Who sees what of this person."""
    return render(request, "accounts/privacy.html")


@require_POST
def language(request: HttpRequest) -> HttpResponse:
    """Show the pages in another language from now on, and go back to where one was.

    For whoever is signed in it is their setting, so that their mail follows; a stranger's is a cookie.
    """
    back = request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(
        back, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    answer = redirect(back if is_ours else "home")
    chosen = request.POST.get("language", "")
    if chosen not in dict(settings.LANGUAGES):
        return answer
    if isinstance(request.user, User):
        services.update_person(
            user_id=request.user.pk, changes={"language": chosen}, now=timezone.now()
        )
    answer.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        chosen,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite=settings.LANGUAGE_COOKIE_SAMESITE,  # type: ignore[arg-type]
    )
    return answer


# -- The mailbox of a development machine ------------------------------------------------------
def _here_only(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """For the machine itself: the mailbox holds everybody's sign-in codes."""

    @require_GET
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not (settings.DEMO and is_from_here(request)):
            raise Http404
        response = view(request, *args, **kwargs)
        response["Cache-Control"] = "no-store"
        return response

    return guarded


def is_from_here(request: HttpRequest) -> bool:
    """Whether this machine asks for itself: behind a proxy on it, the whole world has its address."""
    if "HTTP_X_FORWARDED_FOR" in request.META or "HTTP_FORWARDED" in request.META:
        return False  # a proxy or a tunnel brings it from elsewhere
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


@_here_only
def mailbox(request: HttpRequest) -> HttpResponse:
    return render(request, "accounts/mailbox.html", {"mails": box.mails()})


@_here_only
def mail(request: HttpRequest, name: str) -> HttpResponse:
    return render(request, "accounts/mail.html", {"mail": _mail_or_404(name)})


@_here_only
def mail_html(request: HttpRequest, name: str) -> HttpResponse:
    response = HttpResponse(_mail_or_404(name).html)
    response["Content-Security-Policy"] = _SANDBOX
    response["X-Frame-Options"] = "SAMEORIGIN"
    return response


@_here_only
def mail_source(request: HttpRequest, name: str) -> HttpResponse:
    source = _mail_or_404(name).source
    return HttpResponse(source, content_type="text/plain; charset=utf-8")


@_here_only
def mail_file(request: HttpRequest, name: str, position: int) -> HttpResponse:
    for file in _mail_or_404(name).files:
        if file.position == position:
            # Never shown in place: what a message brings is not ours.
            response = HttpResponse(file.content, content_type="application/octet-stream")
            response["Content-Disposition"] = f'attachment; filename="{file.name}"'
            return response
    raise Http404


def _mail_or_404(name: str) -> box.Mail:
    found = box.mail_named(name)
    if found is None:
        raise Http404
    return found
