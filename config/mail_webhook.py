"""Where the mail provider tells us that an address refuses mail or that somebody called it spam.

Only the address of the provider in use, and only where a secret guards it: whoever could post here
unasked could stop anybody's mail.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anymail.urls import urlpatterns as of_every_provider
from django.conf import settings
from django.urls import URLPattern, include, path


def mail_webhook() -> list[Any]:
    """The route, or none: without a provider, and without ANYMAIL_WEBHOOK_SECRET."""
    anymail: Mapping[str, Any] = getattr(settings, "ANYMAIL", {})
    if not anymail.get("WEBHOOK_SECRET"):
        return []
    provider = settings.EMAIL_BACKEND.split(".")[-2]
    routes: list[URLPattern] = [
        route
        for route in of_every_provider
        if str(route.pattern).strip("^$") == f"{provider}/tracking/"
    ]
    return [path("anymail/", include((routes, "anymail")))] if routes else []
