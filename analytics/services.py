"""Computing the figures: one transaction, one statement per table, and nobody waits for it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from typing import Final

from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.models import Q

from accounts.models import User
from analytics import speed
from analytics.models import KeptMeasure, Refresh
from analytics.statements import statements
from sync import selectors as sync

logger = logging.getLogger(__name__)

Clock = Callable[[], datetime]
Progress = Callable[[str], None]

# After the night's comparison with Airtable has had its time. UTC.
NIGHT: Final = time(4, 0)
# The one before is kept for whoever is in the middle of reading it.
KEPT: Final = 2
TRY_AGAIN_AFTER: Final = timedelta(hours=1)
FAILURES_KEPT_FOR: Final = timedelta(days=30)


def order(*, by: User | None, now: datetime) -> Refresh:
    """Write down that the figures are to be computed; the one that is open already, if there is one."""
    try:
        with transaction.atomic():
            return Refresh.objects.create(asked_at=now, asked_by=by)
    except IntegrityError:
        found = Refresh.objects.filter(ended_at=None).first()
        # It ended this very moment: what it saw may be older than what is asked for.
        return found or order(by=by, now=now)


def order_if_due(*, now: datetime) -> None:
    """Once a night, and at once where there has never been one; a night that was missed is made up for."""
    tonight = datetime.combine(now.date(), NIGHT, UTC)
    due_since = tonight if now >= tonight else tonight - timedelta(days=1)
    failed_before = Q(ended_at__lt=now - TRY_AGAIN_AFTER) & ~Q(error="")
    if not Refresh.objects.filter(asked_at__gte=due_since).exclude(failed_before).exists():
        order(by=None, now=now)


def carry_out(*, clock: Clock, told: Progress | None = None) -> Refresh | None:
    """Compute what was ordered. None if nothing is, or another process is at it.

    A worker that dies leaves nothing behind: the order stays open and is carried out by the next.
    What fails is written down, and raised.
    """
    refresh = Refresh.objects.filter(ended_at=None).first()
    if refresh is None:
        return None
    try:
        with transaction.atomic():
            if not _is_alone():
                return None
            _compute(refresh, clock, told)
    except DatabaseError as error:
        refresh.ended_at, refresh.error = clock(), str(error)[:2000] or "It failed."
        refresh.save(update_fields=["ended_at", "error"])
        raise
    _forget(now=clock())
    return refresh


def _is_alone() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(hashtext('analytics'), 0)")
        return bool(cursor.fetchone()[0])


def _compute(refresh: Refresh, clock: Clock, told: Progress | None) -> None:
    refresh.started_at = refresh.as_of = clock()
    _keep(now=refresh.as_of)
    parameters: dict[str, int | datetime] = {"refresh": refresh.pk, "as_of": refresh.as_of}
    with connection.cursor() as cursor:
        # Sorts and hashes of a million rows; for this transaction alone.
        cursor.execute("SET LOCAL work_mem = '128MB'")
        for what, statement in statements():
            if told is not None:
                told(what)
            cursor.execute(statement, parameters)
    # With this commit everybody reads the new figures.
    refresh.ended_at = clock()
    refresh.save(update_fields=["started_at", "as_of", "ended_at"])


def _keep(*, now: datetime) -> None:
    """Write down what is forgotten after a day, as it is today."""
    lag = sync.figures(now=now).lag_last_day["in"]
    seen = {
        "airtable_edit": (lag.p95, lag.count),
        "api": speed.percentile(0.95, now=now),
    }
    KeptMeasure.objects.bulk_create(
        [
            KeptMeasure(name=name, day=now.date(), value=value, sample=sample)
            for name, (value, sample) in seen.items()
            if value is not None
        ],
        update_conflicts=True,
        unique_fields=["name", "day"],
        update_fields=["value", "sample"],
    )


def _forget(*, now: datetime) -> None:
    done = Refresh.objects.exclude(ended_at=None)
    latest = done.filter(error="").order_by("-pk").values_list("pk", flat=True)[:KEPT]
    done.filter(error="").exclude(pk__in=list(latest)).delete()
    done.exclude(error="").filter(ended_at__lt=now - FAILURES_KEPT_FOR).delete()
