"""Which messages a person wants, and what to do where mail does not reach them."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _, ngettext
from django.views.decorators.http import require_http_methods

from accounts.idempotency import once_per_form
from sessions_app import services
from sessions_app.forms import MessageChoicesForm
from sessions_app.preferences import bounce_of, preferences_of
from sessions_app.services.preferences import CHOICES
from sessions_app.views.viewer import signed_in


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
@once_per_form
def message_choices(request: HttpRequest) -> HttpResponse:
    user = signed_in(request)
    if request.method == "POST" and request.POST.get("action") == "again":
        return _mail_again(request)
    now = preferences_of(user)
    form = MessageChoicesForm(
        request.POST or None, initial={name: getattr(now, name) for name in CHOICES}
    )
    if request.method == "POST":
        # No box ticked is an empty form, and an answer all the same.
        form = MessageChoicesForm(request.POST)
        if form.is_valid():
            services.choose_messages(user=user, choices=form.cleaned_data)
            messages.success(request, _("Your choice is saved."))
            return redirect("sessions:messages")
    context = {"form": form, "bounce": bounce_of(user), "bounced_at": now.bounced_at}
    status = 400 if form.errors else 200
    return render(request, "sessions_app/messages.html", context, status=status)


def _mail_again(request: HttpRequest) -> HttpResponse:
    count = services.mail_again(user=signed_in(request), now=timezone.now())
    said = _("We write to this address again.")
    if count:
        said += " " + ngettext(
            "One message that could not be delivered is on its way.",
            "%(count)s messages that could not be delivered are on their way.",
            count,
        ) % {"count": count}
    messages.success(request, said)
    return redirect("sessions:messages")
