"""A POST with an Idempotency-Key happens once, however often and however many at once it is sent.

The record is inserted first, in the transaction of the work itself. So a twin that arrives meanwhile
waits at the unique index until that transaction ends: then it finds the answer and repeats it, or,
where the work was refused and the record rolled back with it, does the work itself.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Any, Concatenate, ParamSpec, TypeVar

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import IdempotencyRecord, User
from accounts.refusals import IdempotencyKeyReused, Invalid
from accounts.retry import retrying

KEPT_FOR = timedelta(hours=24)
HEADER = "Idempotency-Key"
_LONGEST = 255

# For `@extend_schema(parameters=[...])` of views that take the header.
IDEMPOTENCY_KEY = OpenApiParameter(
    HEADER,
    str,
    OpenApiParameter.HEADER,
    description="Repeat the request with the same key and body to get the same answer, once done.",
)
Handler = TypeVar("Handler", bound=Callable[..., Any])
# The hidden field of a page's form.
FORM_KEY = "idempotency_key"
P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]


def once(
    *, user: User, path: str, key: str, body: bytes, work: Callable[[], tuple[int, bytes]]
) -> tuple[int, bytes]:
    """Do the work and keep its answer, or repeat the answer that this key already got.

    Kept are successes: 2xx, and 3xx for pages that redirect. Any other status, like any exception,
    undoes the work and leaves no record.
    """
    _check_key(key)
    return retrying(lambda: _once(user, path, key, body, work))


def _once(
    user: User, path: str, key: str, body: bytes, work: Callable[[], tuple[int, bytes]]
) -> tuple[int, bytes]:
    spot = {"user": user, "path": _short(path), "key": key}
    body_hash = hashlib.sha256(body).hexdigest()
    with transaction.atomic():
        known = _take_or_find(spot, body_hash)
        if isinstance(known, tuple):
            return known
        status, content = work()
        if 200 <= status < 400:
            known.status, known.body = status, content
            known.save(update_fields=["status", "body"])
        else:
            transaction.set_rollback(True)
    return status, content


def _take_or_find(spot: dict[str, Any], body_hash: str) -> IdempotencyRecord | tuple[int, bytes]:
    """A new record, which is ours to fill, or the answer kept in an earlier one."""
    now = timezone.now()
    while True:
        try:
            with transaction.atomic():
                return IdempotencyRecord.objects.create(**spot, body_hash=body_hash, created_at=now)
        except IntegrityError:
            record = IdempotencyRecord.objects.filter(**spot).first()
        if record is None:
            continue  # forgotten in this very moment
        if record.created_at <= now - KEPT_FOR:
            record.delete()
            continue
        if record.body_hash != body_hash:
            raise IdempotencyKeyReused(
                _("This Idempotency-Key was used for another request. Use a new key for a new one.")
            )
        return record.status, bytes(record.body)


def _check_key(key: str) -> None:
    if not 0 < len(key) <= _LONGEST or "\0" in key:
        sentence = _("An Idempotency-Key has 1 to %(longest)s characters.") % {"longest": _LONGEST}
        raise Invalid(sentence, fields={HEADER: [sentence]})


def _short(path: str) -> str:
    if len(path) <= 255:
        return path
    return hashlib.sha256(path.encode()).hexdigest()


def answer_once(
    view: APIView, request: Request, handler: Callable[..., Any], *args: Any, **kwargs: Any
) -> HttpResponse:
    """Answer a POST that carries the header. Rendered inside the transaction: the bytes are kept."""

    def work() -> tuple[int, bytes]:
        response = handler(request, *args, **kwargs)
        response = view.finalize_response(request, response, *args, **kwargs)
        if isinstance(response, Response):
            response.render()
        return response.status_code, response.content

    assert isinstance(request.user, User)  # keys belong to people
    status, content = once(
        user=request.user,
        path=request.path,
        key=request.headers[HEADER],
        body=request._request.body,  # read here, before the parsers take the stream
        work=work,
    )
    return HttpResponse(content, status=status, content_type="application/json")


def idempotent(handler: Handler) -> Handler:
    """For one `post` method: `@idempotent def post(self, request, ...)`."""

    @functools.wraps(handler)
    def post(view: APIView, request: Request, *args: Any, **kwargs: Any) -> Any:
        if HEADER not in request.headers:
            return handler(view, request, *args, **kwargs)
        return answer_once(view, request, functools.partial(handler, view), *args, **kwargs)

    return post  # type: ignore[return-value]


def once_per_form(view: View[P]) -> View[P]:
    """For pages that post: the same form sent twice has one effect, and leads to the same page.

    The form carries `{% idempotency_key %}`. What was written is part of the key: who goes back and
    writes something else means something else. A refusal undoes the work and may be tried again.
    """

    @functools.wraps(view)
    def wrapped(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not isinstance(request.user, User):
            return view(request, *args, **kwargs)
        return answer_form_once(request, request.user, lambda: view(request, *args, **kwargs))

    return wrapped


def answer_form_once(
    request: HttpRequest, user: User, answer: Callable[[], HttpResponse]
) -> HttpResponse:
    """As `once_per_form`, for pages that act for somebody who need not be signed in."""
    key = request.POST.get(FORM_KEY, "")
    if not key:
        return answer()
    answers: list[HttpResponse] = []

    def work() -> tuple[int, bytes]:
        answers[:] = [answer()]
        return answers[0].status_code, answers[0].headers.get("Location", "").encode()

    written = sorted(
        (name, values) for name, values in request.POST.lists() if name != "csrfmiddlewaretoken"
    )
    digest = hashlib.sha256(repr(written).encode()).hexdigest()[:32]
    status, address = once(
        user=user, path=request.path, key=f"{key[:64]}:{digest}", body=b"", work=work
    )
    if answers:
        return answers[0]
    return HttpResponse(status=status, headers={"Location": address.decode()})
