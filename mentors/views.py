from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from accounts.refusals import Invalid, NotAllowed, NotFound
from accounts.sign_up import zone_of_browser
from accounts.undo import with_undo
from mentors import selectors, services
from mentors.forms import BrowseForm, MenteeForm, MentorForm, WelcomeForm
from mentors.models import Mentee, Mentor

ON_A_PAGE = 24
# A newcomer is asked once a sign-in, and no longer when the account is older than this.
WELCOMED, NEW_FOR = "welcomed", timedelta(days=7)


@require_safe
def directory(request: HttpRequest) -> HttpResponse:
    """All mentors this person may see, by name."""
    form = BrowseForm(request.GET)
    found = selectors.filtered(selectors.visible_to(request.user), **form.wanted())
    page = Paginator(found.order_by("user__name", "id"), ON_A_PAGE).get_page(
        request.GET.get("page")
    )
    query = request.GET.copy()
    query.pop("page", None)
    context = {"nav": "directory", "form": form, "page": page, "query": query.urlencode()}
    return render(request, "mentors/directory.html", context)


@login_required
@require_safe
def saved(request: HttpRequest) -> HttpResponse:
    rows = selectors.saved_by(_signed_in(request)).order_by("-saved_at")
    return render(request, "mentors/saved.html", {"nav": "saved", "rows": list(rows)})


@login_required
@require_POST
def save(request: HttpRequest, mentor_id: UUID) -> HttpResponse:
    try:
        mentee = services.mentee_of(_signed_in(request))
        services.save_mentor(mentee=mentee, mentor_id=mentor_id, now=timezone.now())
    except NotFound as refusal:
        raise Http404 from refusal
    except NotAllowed as refusal:
        raise PermissionDenied from refusal
    return _after_toggle(request, mentor_id)


@login_required
@require_POST
def unsave(request: HttpRequest, mentor_id: UUID) -> HttpResponse:
    try:
        mentee = services.mentee_of(_signed_in(request))
    except NotAllowed as refusal:
        raise PermissionDenied from refusal
    services.unsave_mentor(mentee=mentee, mentor_id=mentor_id, now=timezone.now())
    if not request.headers.get("HX-Request"):  # with htmx the heart itself takes it back
        again, back = reverse("mentors:save", args=[mentor_id]), request.POST.get("next", "")
        said = _("Taken off your list.")
        messages.success(request, with_undo(request, said, action=again, values={"next": back}))
    return _after_toggle(request, mentor_id)


def _after_toggle(request: HttpRequest, mentor_id: UUID) -> HttpResponse:
    """The heart as it is now, or back to the page it was pressed on."""
    back = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(back, {request.get_host()}, request.is_secure()):
        back = resolve_url("mentors:saved")
    if not request.headers.get("HX-Request"):
        return redirect(back)
    mentor = Mentor.objects.select_related("user").filter(pk=mentor_id).first()
    if mentor is None:
        raise Http404
    context = {"mentor": mentor, "back": back, "words": request.POST.get("words", "")}
    return render(request, "mentors/_toggle.html", context)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """What others read about me, and how I like to be booked."""
    user = _signed_in(request)
    mentor = selectors.with_people(Mentor.objects.filter(user=user)).first()
    mentee = Mentee.objects.filter(user=user).first()
    if mentor is None and mentee is None:
        return redirect("accounts:settings")
    part = request.POST.get("part") if request.method == "POST" else None
    context: dict[str, Any] = {"nav": "profile", "mentor": mentor, "mentee": mentee}
    if mentor:
        context["mentor_form"] = MentorForm.of(mentor, request.POST if part == "mentor" else None)
    if mentee:
        context["mentee_form"] = MenteeForm.of(mentee, request.POST if part == "mentee" else None)
    form = context.get(f"{part}_form")
    if form is not None and form.is_valid() and _saved(form, user, mentor, mentee):
        messages.success(request, _("Your profile is saved."))
        return redirect("mentors:profile")
    status = 400 if form is not None else 200
    return render(request, "mentors/profile.html", context, status=status)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def welcome(request: HttpRequest) -> HttpResponse:
    """A newcomer's minute: goals, stage, industry, clock. Then straight to who could help."""
    user = _signed_in(request)
    mentee = Mentee.objects.filter(user=user).first()
    if mentee is None:
        return redirect("home")
    if "later" in request.POST:
        return redirect("matching:search")
    request.session[WELCOMED] = True
    own = {name: getattr(mentee, name) for name in ("goals", "stage", "industry")}
    zone = user.time_zone if user.time_zone != "UTC" else zone_of_browser(request)
    form = WelcomeForm(request.POST or None, initial=own | {"time_zone": zone or "UTC"})
    if request.method == "POST" and form.is_valid():
        try:
            services.update_mentee(mentee_id=mentee.pk, changes=form.cleaned_data, by=user)
        except Invalid as refusal:
            for name, sentences in refusal.extra.get("fields", {}).items():
                form.add_error(name if name in form.fields else None, sentences)
        else:
            goals = form.cleaned_data["goals"]
            query = f"?{urlencode({'q': goals})}" if goals else ""
            return redirect(f"{resolve_url('matching:search')}{query}")
    context = {"nav": "search", "form": form}
    return render(request, "mentors/welcome.html", context, status=400 if form.errors else 200)


def welcome_is_due(request: HttpRequest, now: datetime) -> bool:
    """Whether this is a mentee of the last days who has told us nothing, and was not asked yet."""
    user = _signed_in(request)
    if request.session.get(WELCOMED) or user.created_at < now - NEW_FOR:
        return False
    blank = {"goals": "", "stage": "", "industry": ""}
    return Mentee.objects.filter(user=user, **blank).exists()


def _saved(
    form: MentorForm | MenteeForm, user: User, mentor: Mentor | None, mentee: Mentee | None
) -> bool:
    """Hand the changes over; what is refused is written beside its field."""
    changes = form.cleaned_data
    try:
        if isinstance(form, MentorForm) and mentor:
            services.update_profile(mentor_id=mentor.pk, changes=changes, by=user)
        elif mentee:
            services.update_mentee(mentee_id=mentee.pk, changes=changes, by=user)
    except Invalid as refusal:
        form.add_refused(refusal.extra.get("fields", {"": [str(refusal)]}))
        return False
    return True


def _signed_in(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # every view that asks is for people who are signed in
    return request.user
