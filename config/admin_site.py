from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, resolve_url
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from unfold.sites import UnfoldAdminSite

from accounts import second_factor
from accounts.admin_parts import person
from config.admin_menu import by_room
from config.console.finding import find
from config.console.home import home

View = Callable[..., HttpResponseBase]


class OperationsSite(UnfoldAdminSite):  # type: ignore[misc]
    """The program managers' console. Signing in is allauth's business; this site has no form for it."""

    site_header = site_title = "Office Hours"
    index_title = "Today"

    def extra_urls(self) -> list[URLPattern]:
        """Pages that belong to no model."""
        return [
            path("everything/", self.admin_view(self.everything), name="everything"),
            path("find/", self.admin_view(self.find), name="find"),
        ]

    def index(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> TemplateResponse:
        """What a program manager opens every morning."""
        context = {
            **self.each_context(request),
            "title": _("Today"),
            "is_fullwidth": "1",
            **home(request, now=timezone.now()),
            **(extra_context or {}),
        }
        request.current_app = self.name
        return TemplateResponse(request, "admin/index.html", context)

    def everything(self, request: HttpRequest) -> TemplateResponse:
        """All lists, room by room."""
        context = {
            **self.each_context(request),
            "title": _("Everything"),
            "rooms": by_room(self.get_app_list(request)),
        }
        return TemplateResponse(request, "admin/everything.html", context)

    def app_index(
        self, request: HttpRequest, app_label: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Where the first crumb of a page leads: the rooms are not Django's apps."""
        return redirect("admin:everything")

    def find(self, request: HttpRequest) -> HttpResponse:
        """Anything, by name, words or id; `part=1` gives the list alone, for the box in the side bar."""
        sought = request.GET.get("q", "").strip()
        found = {"sought": sought, "kinds": find(request, sought)}
        if request.GET.get("part"):
            return TemplateResponse(request, "admin/_found.html", found)
        context = {**self.each_context(request), "title": _("Find"), **found}
        return TemplateResponse(request, "admin/find.html", context)

    def has_permission(self, request: HttpRequest) -> bool:
        return is_active_staff(request) and has_second_factor(request)

    def admin_view(self, view: View, cacheable: bool = False) -> View:  # noqa: FBT001, FBT002  Django's signature
        inside: View = super().admin_view(view, cacheable)

        @functools.wraps(inside)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if self.has_permission(request):
                second_factor.has_arrived(request)
                return inside(request, *args, **kwargs)
            return turn_away(request, back_to=request.get_full_path())

        return guarded

    def login(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponseBase:
        """Where old links lead. A password posted here signs nobody in."""
        wanted = request.GET.get("next", "")
        if not url_has_allowed_host_and_scheme(wanted, {request.get_host()}, request.is_secure()):
            wanted = reverse("admin:index")
        if self.has_permission(request):
            return redirect(wanted)
        return turn_away(request, back_to=wanted)

    def password_change(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return redirect("account_change_password")


def is_active_staff(request: HttpRequest) -> bool:
    user = request.user
    return user.is_authenticated and user.is_active and user.is_staff


def has_second_factor(request: HttpRequest) -> bool:
    """Whether a second factor was used in this very session; asked only where others can reach us."""
    return not second_factor.is_missing(session=request.session, user=person(request))


def turn_away(request: HttpRequest, *, back_to: str) -> HttpResponseRedirect:
    """To the page where what is missing can be had. Raises PermissionDenied for whoever lacks a right."""
    back = urlencode({"next": back_to})
    if not request.user.is_authenticated:
        return redirect(f"{resolve_url(settings.LOGIN_URL)}?{back}")
    if not is_active_staff(request):
        raise PermissionDenied(_("The console is for program managers."))
    if is_mfa_enabled(request.user):
        messages.info(request, _("Confirm your second factor to open the console."))
        return redirect(f"{reverse('mfa_reauthenticate')}?{back}")
    second_factor.remember_where(request, back_to)
    messages.warning(
        request,
        _("The console needs a second factor. Set one up, an app or a key, and go on from there."),
    )
    return redirect("mfa_index")
