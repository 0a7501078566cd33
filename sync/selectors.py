"""What operators ask about the engine."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import Min, Sum

from sync import guard, limiter, webhooks
from sync.mappings import REGISTRY
from sync.models import ApiUsage, InboundChange, OutboxRow, SyncConflict, SyncLag

DAY = timedelta(days=1)


def status(*, now: datetime) -> dict[str, Any]:
    """The engine at a glance: the keys of `sync_status --json`."""
    pending = OutboxRow.objects.filter(status=OutboxRow.Status.PENDING)
    oldest = pending.aggregate(oldest=Min("changed_at"))["oldest"]
    return {
        "backlog": pending.count(),
        "oldest_seconds": max(0.0, (now - oldest).total_seconds()) if oldest else 0.0,
        "dead": OutboxRow.objects.filter(status=OutboxRow.Status.DEAD).count(),
        "conflicts": SyncConflict.objects.filter(at__gte=now - DAY).count(),
        "paused": paused() or False,
        "requests_last_hour": requests_since(now - timedelta(hours=1)),
        "lag_seconds": lag(since=now - DAY),
        "inbound": _inbound(),
        "success_rate": _success_rate(now),
    }


def paused() -> str:
    """Why nothing is sent, or nothing if all is well."""
    if not guard.is_configured():
        return "No base is configured: AIRTABLE_API_KEY is not set."
    try:
        guard.check()
    except guard.NotBound as error:
        return str(error)
    held = limiter.for_base().held()
    return str(held) if held is not None else ""


def requests_since(moment: datetime) -> int:
    """How often the base was asked anything."""
    rows = ApiUsage.objects.filter(base_id=settings.AIRTABLE_BASE_ID or "", minute__gte=moment)
    return int(rows.aggregate(total=Sum("requests"))["total"] or 0)


def lag(*, since: datetime) -> dict[str, float | None]:
    """How long changes took to reach the other side, in either direction."""
    samples = sorted(SyncLag.objects.filter(at__gte=since).values_list("seconds", flat=True))
    return {f"p{share}": _percentile(samples, share) for share in (50, 95, 99)}


def _percentile(samples: list[float], share: int) -> float | None:
    if not samples:
        return None
    return round(samples[min(len(samples) - 1, len(samples) * share // 100)], 3)


def _inbound() -> dict[str, Any]:
    registration = webhooks.live(settings.AIRTABLE_BASE_ID or "")
    last = registration.last_success_at if registration else None
    return {
        "backlog": InboundChange.objects.filter(applied_at=None).count(),
        "last_success_at": last.isoformat().replace("+00:00", "Z") if last else None,
    }


def _success_rate(now: datetime) -> float:
    """Of the last day's changes, the share that arrived."""
    arrived = SyncLag.objects.filter(at__gte=now - DAY).count()
    failed = (
        OutboxRow.objects.filter(status=OutboxRow.Status.DEAD).count()
        + InboundChange.objects.filter(received_at__gte=now - DAY, attempts__gt=0)
        .exclude(error="")
        .exclude(applied_at=None)
        .count()
    )
    return round(arrived / (arrived + failed), 4) if arrived + failed else 1.0


def dead_letters() -> list[OutboxRow]:
    """What Airtable refused, oldest first."""
    return list(OutboxRow.objects.filter(status=OutboxRow.Status.DEAD).order_by("changed_at"))


def backlog_by_table() -> dict[str, int]:
    """How many objects of each table wait to be sent."""
    return {
        mapping.table: OutboxRow.objects.filter(
            subject=mapping.subject, status=OutboxRow.Status.PENDING
        ).count()
        for mapping in REGISTRY
    }
