"""The one door through which Airtable speaks to us."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from sync import nudges, services, signatures
from sync.mappings import BY_TABLE
from sync.records import storable

OLDEST_POST = timedelta(minutes=5)
_RECORD_ID = re.compile(r"rec[A-Za-z0-9]{1,30}")
# Tables where somebody is waiting to see the effect.
_FAST = frozenset({"Mentors", "Mentees"})


class _Refused(Exception):
    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail


@dataclass(frozen=True)
class _Post:
    record_id: str
    table: str
    fields: dict[str, Any]
    sent_at: str | None


@csrf_exempt
@require_POST
def airtable_webhook(request: HttpRequest) -> HttpResponse:
    """A native ping or an Automation's post: checked, stored, and left to a worker."""
    try:
        body = request.body
        if "X-Airtable-Content-MAC" in request.headers:
            _take_ping(body, request.headers["X-Airtable-Content-MAC"])
        else:
            _take_post(body, request.headers.get("X-Airtable-Signature", ""))
    except RequestDataTooBig:
        return _answer(_Refused(400, "invalid", "The body is too large."))
    except _Refused as refused:
        return _answer(refused)
    return HttpResponse(status=200)


def _answer(refused: _Refused) -> JsonResponse:
    return JsonResponse({"code": refused.code, "detail": refused.detail}, status=refused.status)


def _take_ping(body: bytes, mac: str) -> None:
    registration = signatures.sender_of_ping(body, mac)
    if registration is None:
        raise _Refused(401, "invalid_credentials", "The MAC fits none of our webhooks.")
    _json_object(body)
    # A ping may be retried for a day and carries nothing, so its age is no reason to refuse it.
    services.note_ping(registration, now=timezone.now())
    nudges.pull_soon()


def _take_post(body: bytes, signature: str) -> None:
    if not settings.AIRTABLE_WEBHOOK_SECRETS:
        raise _Refused(401, "not_authenticated", "No secret is configured, so no post is accepted.")
    if not signature:
        raise _Refused(401, "not_authenticated", "The header X-Airtable-Signature is missing.")
    if not signatures.signed_by_automation(body, signature, settings.AIRTABLE_WEBHOOK_SECRETS):
        raise _Refused(401, "invalid_credentials", "The signature does not fit the body.")
    post = _post(_json_object(body))
    row = services.take_post(
        body=body,
        table=post.table,
        record_id=post.record_id,
        fields=post.fields,
        sent_at=post.sent_at,
    )
    if row is not None:
        queue = "fastlane" if post.table in _FAST else "sync"
        nudges.send("sync.tasks.apply_hint", queue=queue, change_id=row.pk)


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        value = storable(json.loads(body))
    except (ValueError, RecursionError):
        raise _Refused(400, "malformed", "The body is not JSON.") from None
    if not isinstance(value, dict):
        raise _Refused(400, "invalid", "The body must be a JSON object.")
    return value


def _post(value: dict[str, Any]) -> _Post:
    record_id, fields = value.get("recordId"), value.get("fields")
    table = value.get("table", "Mentors")
    if not isinstance(record_id, str) or not _RECORD_ID.fullmatch(record_id):
        raise _Refused(400, "invalid", "recordId must be an Airtable record id.")
    if not isinstance(table, str) or table not in BY_TABLE:
        raise _Refused(400, "invalid", f"table must be one of {', '.join(BY_TABLE)}.")
    if not isinstance(fields, dict):
        raise _Refused(400, "invalid", "fields must be an object.")
    return _Post(record_id, table, fields, _sent_at(value.get("timestamp")))


def _sent_at(value: Any) -> str | None:
    if value is None:
        return None
    try:
        moment = parse_datetime(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise _Refused(400, "invalid", "timestamp must be an ISO 8601 instant with an offset.")
    if abs(timezone.now() - moment) > OLDEST_POST:
        raise _Refused(401, "invalid_credentials", "The timestamp is not of the last five minutes.")
    return moment.isoformat()
