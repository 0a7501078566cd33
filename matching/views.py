from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TypeAlias
from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe
from django_htmx.middleware import HtmxDetails

from accounts.models import User
from accounts.refusals import Refusal, Throttled
from accounts.throttling import refuse_if_asked_too_often
from matching import services
from matching.forms import SearchForm

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
        {"form": form, "answer": answer, "viewer_zone": timezone.get_current_timezone()},
        status=429 if wait else 200,
    )
    if wait:
        response["Retry-After"] = str(wait)
    # The same address gives a page or a part of it: without this, Back may show the part alone.
    response["Vary"] = ", ".join(filter(None, [response.get("Vary"), "HX-Request"]))
    return response


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
