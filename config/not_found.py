"""Our own page for what is not there, in a demo too: with DEBUG, Django would show a newcomer its
technical page, with every address of the product, which our content policy leaves without its style."""

from __future__ import annotations

from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.views.defaults import page_not_found


def nothing_here(request: HttpRequest) -> HttpResponse:
    """The last address of a demo: whatever no other address took."""
    return page_not_found(request, Http404())


class OwnNotFoundMiddleware:
    """The same page where a view found nothing. Installed in a demo only."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return page_not_found(request, exception) if isinstance(exception, Http404) else None
