"""Since when this database and its base are going together.

A first load takes minutes and tells nothing of how long a change takes, or of how many requests a month
will need. Judged by the same measure as an ordinary day, it would look like trouble.
"""

from __future__ import annotations

from datetime import datetime

from django.db.models import QuerySet

from sync.at_once import ask
from sync.models import WebhookRegistration
from sync.reconcile.models import ReconcileRun


def connected_at(base_id: str) -> datetime | None:
    """When we began to listen to the base; None if we never did."""
    return _hooks(base_id).values_list("created_at", flat=True).first()


def going_since(base_id: str, *, now: datetime) -> datetime | None:
    """When ordinary days began: with the end of the last load (now, while it is under way), or when we were
    connected; None if we never were.
    """
    loads = ReconcileRun.objects.filter(
        base_id=base_id, purpose=ReconcileRun.Purpose.LOAD, dry_run=False, began_at__isnull=False
    )
    found = ask(
        {
            "connected": _hooks(base_id).values("created_at")[:1],
            "load": loads.order_by("-asked_at").values("finished_at")[:1],
        }
    )
    if not found["connected"]:
        return None
    connected: datetime = found["connected"][0]["created_at"]
    if not found["load"]:
        return connected
    return max(connected, found["load"][0]["finished_at"] or now)


def _hooks(base_id: str) -> QuerySet[WebhookRegistration]:
    return WebhookRegistration.objects.filter(base_id=base_id).order_by("created_at")
