from __future__ import annotations

import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from accounts.middleware import is_api
from analytics import speed


class ApiClockMiddleware:
    """Notes how long each API request takes in the server, which is a measure of success."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        began = time.perf_counter()
        response = self.get_response(request)
        if is_api(request):
            speed.note((time.perf_counter() - began) * 1000, now=timezone.now())
        return response
