from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from content.selectors import LONGEST_SEARCH, help_prompts


@login_required
@require_safe
def help_page(request: HttpRequest) -> HttpResponse:
    """Questions and answers by category; with `?q=` those that fit, and with htmx these alone."""
    search = " ".join(request.GET.get("q", "")[:LONGEST_SEARCH].split())
    is_part = bool(request.headers.get("HX-Request"))
    response = render(
        request,
        "content/_prompts.html" if is_part else "content/help.html",
        {"nav": "help", "search": search, "prompts": list(help_prompts(search))},
    )
    # The same address gives a page or a part of it: without this, Back may show the part alone.
    response["Vary"] = ", ".join(filter(None, [response.get("Vary"), "HX-Request"]))
    return response
