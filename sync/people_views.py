"""Two pages for people whom a program manager entered in Airtable: the first step, and a new address."""

from __future__ import annotations

from allauth.account.forms import AddEmailForm
from allauth.account.internal.flows.manage_email import add_email
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import User
from accounts.refusals import NotFound
from sync import invitations, sign_in_addresses
from sync.people_models import AddressChange


@never_cache
@require_safe
def claim(request: HttpRequest, token: str) -> HttpResponse:
    """Where an invitation leads. Opening it does nothing; its button asks for the code."""
    try:
        invitation = invitations.invitation_of(token=token)
    except NotFound:
        return render(request, "sync/claim.html", {"invitation": None}, status=410)
    if request.user == invitation.user:
        return redirect("home")
    answer = render(request, "sync/claim.html", {"invitation": invitation})
    # Keeps the token to this page. "no-referrer" would too, but then a browser sends the form below
    # with `Origin: null`, and it is refused as forged.
    answer["Referrer-Policy"] = "strict-origin"
    return answer


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def address(request: HttpRequest) -> HttpResponse:
    """Whether the address that a program manager noted is theirs."""
    user = request.user
    assert isinstance(user, User)
    change = sign_in_addresses.open_change(user)
    if request.method == "POST" and change is not None:
        if "use" in request.POST:
            return _send_code(request, user, change)
        sign_in_addresses.decline(user=user, now=timezone.now())
        messages.success(request, _("You keep your address."))
        return redirect("account_email")
    return render(request, "sync/address.html", {"change": change})


def _send_code(request: HttpRequest, user: User, change: AddressChange) -> HttpResponse:
    """The way of every new address: a code goes there, and typing it proves whose it is."""
    form = AddEmailForm(user, {"email": change.email})
    if form.is_valid():
        add_email(request, form)
        return redirect("account_email_verification_sent")
    for sentences in form.errors.values():
        for sentence in sentences:
            messages.error(request, sentence)
    return redirect("sync:address")
