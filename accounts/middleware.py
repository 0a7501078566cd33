from __future__ import annotations

import contextlib
import json
import zoneinfo
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from accounts import acting
from accounts.http import refusal_body, refuse_unstorable
from accounts.models import TIME_ZONES, User
from accounts.refusals import Invalid
from accounts.throttling import client_address

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

# Written at most this often: a write on every request would make every page a write.
SEEN_EVERY = timedelta(minutes=5)


class ActingMiddleware:
    """Lets whatever this request writes be known as its person's, from its page and address.

    Who it is may turn out late (the API looks at tokens itself), so it is asked at each write, and only of
    what is known by then: asking the database would cost every request a query.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        token = acting.begin(lambda: _acting(request))
        try:
            return self.get_response(request)
        finally:
            acting.end(token)


def _acting(request: HttpRequest) -> acting.Acting:
    # The pattern of the address and not the address, which may hold a token.
    match, user = request.resolver_match, _known_user(request)
    where = f"/{match.route}" if match is not None else ""
    return acting.Acting(
        f"{request.method} {where}", str(user.pk) if user else "", client_address(request)
    )


class RefuseNulMiddleware:
    """Refuses NUL characters in addresses and cookies, which PostgreSQL cannot hold in a text.

    Nobody types them; without this every filter and look-up would have to expect them.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if (
            "\0" in request.path
            or "%00" in request.META.get("QUERY_STRING", "")
            or any("\0" in value for value in request.COOKIES.values())
        ):
            with _stranger_language(request):
                sentence = _("The address holds a character that cannot be used.")
            if is_api(request):
                return JsonResponse({"code": "invalid", "detail": sentence}, status=400)
            return HttpResponse(sentence, status=400, content_type="text/plain; charset=utf-8")
        return self.get_response(request)


class ApiRefusalMiddleware:
    """Gives every refusal below /api/ the API's shape, whoever made it.

    Most are made by the API's own handler. This is for those that never get there: Django's answers
    to a host it does not serve, a method it does not know or a body too large, and the page of an
    unexpected error, which is logged all the same.
    """

    CODES: ClassVar = {403: "permission_denied", 404: "not_found", 405: "method_not_allowed"}
    KEPT = ("Allow", "Retry-After", "WWW-Authenticate")

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        if response.status_code < 400 or not is_api(request):
            return response
        if "json" in response.headers.get("Content-Type", ""):
            return response
        return self._reshaped(response)

    def _reshaped(self, response: HttpResponseBase) -> JsonResponse:
        status = response.status_code
        code, sentence = "invalid", _("This request cannot be used as it is.")
        if status >= 500:
            code, sentence = "server_error", _("Something went wrong here. Try again in a moment.")
        elif status in self.CODES:
            code, sentence = self.CODES[status], _("This is not possible here.")
        headers = {name: response.headers[name] for name in self.KEPT if name in response.headers}
        return JsonResponse({"code": code, "detail": sentence}, status=status, headers=headers)


class RefuseUnreadableJsonMiddleware:
    """Refuses bodies that allauth's API would stumble over; the rest of the API has its own parser.

    JSON nested too deeply to read, and halves of characters, which no database stores.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path.startswith("/api/auth/app/") and request.body:
            with _stranger_language(request):
                body = self._refused(request.body)
            if body:
                return JsonResponse(body, status=400)
        return self.get_response(request)

    def _refused(self, body: bytes) -> dict[str, Any]:
        try:
            refuse_unstorable(json.loads(body))
        except RecursionError:
            return {"code": "malformed", "detail": _("The body is not valid JSON.")}
        except Invalid as refusal:
            return refusal_body(refusal)
        except ValueError:
            pass  # allauth says so itself
        return {}


class PersonMiddleware:
    """Shows pages in the person's time zone and language, and notes when they were last here.

    The API answers in UTC whatever the zone, so there the zone stays UTC.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if is_api(request):
            response = self.get_response(request)
        else:
            with timezone.override(_zone_of(request)), _language_of(request):
                response = self.get_response(request)
        user = _known_user(request)
        if user is not None:
            _note_seen(user)
        return response


def is_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")


def _zone_of(request: HttpRequest) -> zoneinfo.ZoneInfo:
    """The zone of the person, else the browser's (cookie, set by our script), else UTC."""
    chosen = request.COOKIES.get("tz", "")
    user: User | AnonymousUser = request.user
    if user.is_authenticated and user.time_zone != "UTC":
        return user.zone
    if chosen in TIME_ZONES:
        return zoneinfo.ZoneInfo(chosen)
    return zoneinfo.ZoneInfo("UTC")


def _stranger_language(request: HttpRequest) -> translation.override:
    """What LocaleMiddleware will find, for what is refused before it: else the language of whichever
    request the thread served last."""
    return translation.override(translation.get_language_from_request(request))


@contextlib.contextmanager
def _language_of(request: HttpRequest) -> Iterator[None]:
    """The language the person chose; a stranger keeps what LocaleMiddleware found."""
    user: User | AnonymousUser = request.user
    if not user.is_authenticated or user.language not in dict(settings.LANGUAGES):
        yield
        return
    # Not `override`, which would put the old one back before LocaleMiddleware names the language.
    translation.activate(user.language)
    yield


def _known_user(request: HttpRequest) -> User | None:
    """Who this turned out to be, if anything asked; asking now would cost a query."""
    for name in ("_cached_user", "user"):  # the session's, or the one that the API recognised
        user = vars(request).get(name)
        if type(user) is User:
            return user
    return None


def _note_seen(user: User) -> None:
    now = timezone.now()
    if user.last_seen_at is None or user.last_seen_at < now - SEEN_EVERY:
        User.objects.filter(pk=user.pk).update(last_seen_at=now)
