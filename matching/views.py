from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeAlias
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django_htmx.http import HttpResponseLocation
from django_htmx.middleware import HtmxDetails

from accounts.models import User
from accounts.refusals import NotFound, Refusal, Throttled
from accounts.throttling import refuse_if_asked_too_often
from matching import selectors, services
from matching.forms import NotRelevantForm, SearchForm

MATCHES_ON_A_PAGE = 12

MentorPage: TypeAlias = Callable[[HttpRequest, UUID], HttpResponse]


class PageRequest(HttpRequest):
    """A request as django_htmx's middleware passes it on."""

    htmx: HtmxDetails


@login_required
@require_safe
def search(request: PageRequest) -> HttpResponse:
    """The search page. The question stands in the address, so that it can be shared and returned to."""
    assert isinstance(request.user, User)
    now = timezone.now()
    form = SearchForm(request.GET)
    answer, wait = None, 0
    if form.is_valid() and form.cleaned_data["q"]:
        try:
            refuse_if_asked_too_often(request)
            answer = services.match(
                query=form.cleaned_data["q"],
                user=request.user,
                filters=form.filters(now),
                limit=MATCHES_ON_A_PAGE,
                now=now,
            )
        except Refusal as refusal:
            form.add_error("q", str(refusal))
            wait = refusal.wait if isinstance(refusal, Throttled) else 0
    template = "matching/_results.html" if request.htmx else "matching/search.html"
    response = render(
        request,
        template,
        {
            "form": form,
            "answer": answer,
            "viewer_zone": timezone.get_current_timezone(),
            # What each link of a long list takes along.
            "kept": urlencode({"request": answer.request_id, "goal": answer.query})
            if answer
            else "",
            "way_back": urlencode({"next": request.get_full_path()}),
            "left_out": selectors.left_out(
                user=request.user, mentor_ids=answer.hidden if answer else ()
            ),
            "back": request.get_full_path(),
        },
        status=429 if wait else 200,
    )
    if wait:
        response["Retry-After"] = str(wait)
    # The same address gives a page or a part of it: without this, Back may show the part alone.
    response["Vary"] = ", ".join(filter(None, [response.get("Vary"), "HX-Request"]))
    return response


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def not_relevant(request: PageRequest, request_id: UUID, mentor_id: UUID) -> HttpResponse:
    """Say why a mentor is not relevant: in the list with htmx, on a page of its own without."""
    assert isinstance(request.user, User)
    back = _back(request)
    try:
        mentor = services.shown_mentor(
            user=request.user, request_id=request_id, mentor_id=mentor_id
        )
    except NotFound as refusal:
        raise Http404 from refusal
    form = NotRelevantForm(request.POST if request.method == "POST" else None, mentor=mentor)
    context = {"mentor": mentor, "request_id": request_id, "form": form, "back": back}
    if not form.is_valid():
        return _asked_again(request, context)
    feedback, _is_new = services.judge(
        user=request.user,
        request_id=request_id,
        mentor_id=mentor_id,
        now=timezone.now(),
        **form.cleaned_data,
    )
    context |= {"feedback": feedback, "days": feedback.HOLDS_FOR.days}
    if request.htmx:
        return render(request, "matching/_left_out.html", context)
    messages.success(request, render_to_string("matching/_left_out_words.html", context).strip())
    return redirect(back)


def _asked_again(request: PageRequest, context: dict[str, Any]) -> HttpResponse:
    """The form, with what was written in it."""
    status = 400 if request.method == "POST" else 200
    if not request.htmx:
        return render(request, "matching/not_relevant.html", context, status=status)
    response = render(request, "matching/_not_relevant.html", context, status=status)
    response["HX-Retarget"], response["HX-Reswap"] = f"#no-{context['mentor'].pk}", "outerHTML"
    return response


@login_required
@require_POST
def relevant_again(request: PageRequest, request_id: UUID, mentor_id: UUID) -> HttpResponse:
    """Take it back, and return to the list."""
    assert isinstance(request.user, User)
    try:
        services.take_back(user=request.user, request_id=request_id, mentor_id=mentor_id)
    except NotFound as refusal:
        raise Http404 from refusal
    back = _back(request)
    if request.htmx:
        return HttpResponseLocation(back, target="#results", swap="innerHTML")
    return redirect(back)


def _back(request: HttpRequest) -> str:
    """The list that somebody came from."""
    back = request.POST.get("next", "") or request.GET.get("next", "")
    if url_has_allowed_host_and_scheme(back, {request.get_host()}, request.is_secure()):
        return back
    return resolve_url("matching:search")


def from_a_list(mentor_page: MentorPage) -> MentorPage:
    """A mentor's page that notes from which list of matches it was opened (`?request=`).

    In the addresses it stands around the page, whose own room knows nothing of lists.
    """

    @functools.wraps(mentor_page)
    def opened(request: HttpRequest, mentor_id: UUID) -> HttpResponse:
        response = mentor_page(request, mentor_id)
        if response.status_code == 200 and request.method == "GET" and not _is_prefetch(request):
            services.note_opened(
                user=request.user,
                request_id=request.GET.get("request", ""),
                mentor_id=mentor_id,
                now=timezone.now(),
            )
        return response

    return opened


def _is_prefetch(request: HttpRequest) -> bool:
    """A browser that fetches a page in case somebody opens it."""
    purpose = request.headers.get("Sec-Purpose", "") or request.headers.get("Purpose", "")
    return "prefetch" in purpose or "prerender" in purpose
