from __future__ import annotations

from typing import Any

from django import template
from django.db import models
from django.http import HttpRequest
from django.urls import reverse

from sync import health
from sync.mappings import REGISTRY
from sync.models import SyncEvent
from sync.wording import in_words

register = template.Library()

# What a kind of event is to the eye.
_VARIANT = {
    SyncEvent.Kind.CREATED: "success",
    SyncEvent.Kind.SENT: "success",
    SyncEvent.Kind.APPLIED: "success",
    SyncEvent.Kind.RESTORED: "success",
    SyncEvent.Kind.RECONCILED: "success",
    SyncEvent.Kind.CONFLICT: "warning",
    SyncEvent.Kind.REFUSED: "warning",
    SyncEvent.Kind.PUT_OFF: "warning",
    SyncEvent.Kind.DEAD: "danger",
}


@register.simple_tag
def record_history_url(obj: models.Model, request: HttpRequest) -> str:
    """Where the object's history with Airtable is told, if it has one and the person may read it."""
    found = next((one for one in REGISTRY if isinstance(obj, one.model)), None)
    if found is None or not request.user.has_perm("sync.view_syncevent"):
        return ""
    return record_url(found.subject, obj.pk)


@register.simple_tag
def record_url(subject: str, object_id: Any) -> str:
    """The page of one record."""
    return reverse("admin:sync_syncevent_record", args=[subject, object_id])


@register.filter
def shown(value: Any) -> str:
    """A canonical value in words."""
    return in_words(value)


@register.filter
def variant(kind: str) -> str:
    """The colour of an event's label."""
    return _VARIANT.get(SyncEvent.Kind(kind), "info")


@register.filter
def duration(seconds: float | None) -> str:
    """A time span, as exact as a person wants it."""
    return "–" if seconds is None else health.duration(seconds)  # noqa: RUF001
