"""How the API reads and answers: plain JSON, one shape for every refusal, one for every list."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.http import Http404, HttpRequest, JsonResponse
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from rest_framework import exceptions, status
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.pagination import Cursor, CursorPagination
from rest_framework.parsers import JSONParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.refusals import Invalid, NotFound, Refusal, Throttled
from accounts.times import OffsetDateTimeField, parse_instant, period, utc

__all__ = [
    "CursorPages",
    "FileNegotiation",
    "OffsetDateTimeField",
    "PlainJSONParser",
    "answer_exception",
    "nothing_here",
    "period",
    "refusal_body",
    "refuse_unstorable",
    "status_of",
    "utc",
]

# What a code means in HTTP. A code that is not here is a rule of the domain: 422.
STATUS_OF = {
    "invalid": 400,
    "malformed": 400,
    "not_authenticated": 401,
    "invalid_credentials": 401,
    "permission_denied": 403,
    "second_factor_required": 403,
    "too_early": 403,
    "not_found": 404,
    "slot_taken": 409,
    "mentee_busy": 409,
    "version_changed": 409,
    "sessions_orphaned": 409,
    "times_open": 409,
    "link_expired": 410,
    "offer_ended": 410,
    "hold_ended": 410,
    "throttled": 429,
}


class PlainJSONParser(JSONParser):
    """JSON whose texts can be stored: no NUL, which PostgreSQL refuses, and no half characters."""

    def parse(
        self,
        stream: Any,
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            data = super().parse(stream, media_type, parser_context)
            refuse_unstorable(data)
        except RecursionError as error:
            raise exceptions.ParseError("nested too deeply") from error
        return data


def refuse_unstorable(value: Any, path: str = "") -> None:
    """Refuse JSON with a text that PostgreSQL or UTF-8 has no place for, by the name of its field."""
    if isinstance(value, dict):
        for key, inner in value.items():
            refuse_unstorable(key, path)
            refuse_unstorable(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            refuse_unstorable(inner, f"{path}.{index}" if path else str(index))
    elif isinstance(value, str) and not _is_storable(value):
        sentence = _("This holds a character that cannot be stored.")
        raise Invalid(sentence, fields={path.encode("utf-8", "replace").decode(): [sentence]})


def _is_storable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text


class CursorPages(CursorPagination):
    """Lists by cursor. The first of `ordering` must be a time: that is what a cursor holds."""

    page_size_query_param = "page_size"
    max_page_size = 100
    ordering = ("-created_at", "id")

    def decode_cursor(self, request: Request) -> Cursor | None:
        """Where the list goes on. A cursor is the client's to lose and to change, so it is checked:
        the database would stumble over a position that is no time."""
        cursor: Cursor | None = super().decode_cursor(request)
        if cursor is not None and cursor.position is not None:
            try:
                parse_instant(str(cursor.position))
            except ValueError:
                raise exceptions.NotFound(self.invalid_cursor_message) from None
        return cursor


class FileNegotiation(DefaultContentNegotiation):
    """For addresses that give a file: whoever asks for its type gets it, and refusals as JSON."""

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        renderers = list(renderers)
        try:
            chosen: tuple[BaseRenderer, str] = super().select_renderer(
                request, renderers, format_suffix
            )
        except exceptions.NotAcceptable:
            chosen = renderers[0], str(renderers[0].media_type)
        return chosen


def answer_exception(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """REST framework's exception handler: `{"code", "detail", "fields"?, ...}` for every refusal.

    Anything unexpected returns None and so becomes a logged 500.
    """
    # Imported late: rest_framework.views reads the settings, which name this module's parser.
    from rest_framework.views import set_rollback

    set_rollback()
    if isinstance(error, Refusal):
        return _answer_refusal(error)
    if isinstance(error, Http404):
        error = exceptions.NotFound()
    elif isinstance(error, PermissionDenied):
        error = exceptions.PermissionDenied()
    elif isinstance(error, RequestDataTooBig):
        return _answer_refusal(Invalid(_("The body is too large.")))
    if isinstance(error, exceptions.APIException):
        return _answer_api_exception(error)
    return None


def _answer_refusal(refusal: Refusal) -> Response:
    response = Response(refusal_body(refusal), status=status_of(refusal))
    if isinstance(refusal, Throttled):
        response["Retry-After"] = str(refusal.wait)
    return response


@csrf_exempt  # or a stray POST would be told that its form is too old
def nothing_here(request: HttpRequest) -> JsonResponse:
    """For addresses below /api/ that nobody answers: JSON, like every other refusal there."""
    return JsonResponse(refusal_body(NotFound()), status=404)


def status_of(refusal: Refusal) -> int:
    return STATUS_OF.get(refusal.code, status.HTTP_422_UNPROCESSABLE_ENTITY)


def refusal_body(refusal: Refusal) -> dict[str, Any]:
    return {"code": refusal.code, "detail": str(refusal), **refusal.extra}


def _answer_api_exception(error: exceptions.APIException) -> Response:
    headers = {}
    if isinstance(error, exceptions.ValidationError):
        body = {"code": "invalid", "detail": _("Some of this cannot be used as it is.")}
        body |= _fields(error.detail)
    elif isinstance(error, exceptions.ParseError):
        body = {"code": "malformed", "detail": _("The body is not valid JSON.")}
    elif isinstance(error, exceptions.NotFound):
        body = {
            "code": "not_found",
            "detail": _("There is nothing here, or it is not yours to see."),
        }
    elif isinstance(error, exceptions.Throttled):
        wait = max(1, math.ceil(_wait_of(error)))
        headers["Retry-After"] = str(wait)
        body = {
            "code": "throttled",
            "detail": _("Too many requests. Try again in %(wait)s seconds.") % {"wait": wait},
        }
    else:
        codes = error.get_codes()
        body = {
            "code": codes if isinstance(codes, str) else "invalid",
            "detail": str(error.detail),
        }
        if body["code"] in ("authentication_failed", "not_authenticated"):
            body["code"] = "not_authenticated"
    if getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = error.auth_header  # type: ignore[attr-defined]
    return Response(body, status=error.status_code, headers=headers)


def _wait_of(error: exceptions.Throttled) -> float:
    return float(getattr(error, "wait", None) or 1)


def _fields(detail: Any) -> dict[str, Any]:
    """`{"fields": {name: [sentence]}}` of a validation error, nested names joined by dots."""
    if isinstance(detail, list):
        return {"detail": " ".join(str(sentence) for sentence in detail)}
    flat: dict[str, list[str]] = {}

    def walk(value: Any, path: str) -> None:
        if isinstance(value, Mapping):
            for key, inner in value.items():
                walk(inner, f"{path}.{key}" if path else str(key))
        elif isinstance(value, list) and any(isinstance(item, Mapping | list) for item in value):
            for index, item in enumerate(value):
                walk(item, f"{path}.{index}")
        elif isinstance(value, list):
            flat.setdefault(path, []).extend(str(sentence) for sentence in value)
        else:
            flat.setdefault(path, []).append(str(value))

    walk(detail, "")
    return {"fields": flat}
