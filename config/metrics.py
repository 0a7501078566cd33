"""What Prometheus reads. For this machine, or whoever holds METRICS_TOKEN."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.views import is_from_here
from sync import metrics as sync_metrics, selectors as sync_selectors

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Every figure there is. Whoever may not ask is not told that there is such a page."""
    if not (_has_token(request) or is_from_here(request)):
        raise Http404
    figures = sync_selectors.figures(now=timezone.now())
    return HttpResponse(sync_metrics.text(figures), content_type=CONTENT_TYPE)


def _has_token(request: HttpRequest) -> bool:
    wanted: str = settings.METRICS_TOKEN or ""
    given = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return bool(wanted) and constant_time_compare(given, wanted)
