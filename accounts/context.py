from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from accounts import selectors


def program(request: HttpRequest) -> dict[str, object]:
    """The program's name, mail and cut-offs for every template (read only where one is used), and
    whether the demo's people may be offered as sign-ins."""
    return {"program": SimpleLazyObject(selectors.program), "demo": settings.DEMO_SIGN_INS}
