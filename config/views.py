from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import activate, get_language_from_request, gettext as _

from accounts import services as accounts
from accounts.models import User
from accounts.sign_up import zone_of_browser
from mentors.views import welcome_is_due
from sync import invitations


def home(request: HttpRequest) -> HttpResponse:
    """The front page; for people we know, the place where their work is."""
    user = request.user
    if not isinstance(user, User):
        return render(request, "home.html")
    if user.role == User.Role.MENTOR:
        return _first_steps(request, user) or redirect("sessions:list")
    if user.is_program_manager:
        return redirect("admin:index")
    is_new = welcome_is_due(request, timezone.now())
    return redirect("mentors:welcome" if is_new else "matching:search")


def _first_steps(request: HttpRequest, user: User) -> HttpResponse | None:
    """A mentor who was invited and comes for the first time: the one thing that we need of them.

    Whoever entered them did not know their clock, and hours on the wrong one would be worse than none:
    so it is the browser's, until they say otherwise. The same goes for the language.
    """
    now = timezone.now()
    if not invitations.welcome_due(user=user, now=now):
        return None
    zone, language = zone_of_browser(request), get_language_from_request(request)
    changes = {"time_zone": zone} if zone and user.time_zone == "UTC" else {}
    if user.language == settings.LANGUAGE_CODE:
        changes["language"] = language
        activate(language)
    if changes:
        accounts.update_person(user_id=user.pk, changes=changes, now=now)
    # What signing in has to say (a code that was right, an address that is theirs) is said by this.
    list(messages.get_messages(request))
    messages.info(request, _("Welcome! When can founders book you? You can change it at any time."))
    return redirect("sessions:weekly-add")
