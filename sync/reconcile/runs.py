"""Beginning, carrying on and ending comparisons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, time, timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.refusals import Refusal
from sync import airtable, guard, webhooks
from sync.errors import AirtableError, Transient
from sync.locks import only_one
from sync.mappings import REGISTRY
from sync.models import RecordLink
from sync.reconcile.models import ReconcileRun
from sync.reconcile.running import Comparison, Progress, Stopped

Clock = Callable[[], datetime]
# When few people edit, here or there. UTC.
NIGHT = time(2, 30)
# A deployment that was down at that time makes up for it, but not in the middle of the day.
NIGHT_LASTS = timedelta(hours=6)
# A worker's task is ended after nine minutes; it leaves its place long before and is sent again.
SLICE = timedelta(minutes=4)
# A run that does not get on, time after time, is given up, so that the next one begins afresh.
MOST_ATTEMPTS = 50
KEPT_FOR = timedelta(days=90)


class Busy(Refusal):
    """A comparison is under way already."""


def begin(
    *,
    purpose: str = ReconcileRun.Purpose.ASKED,
    dry_run: bool = False,
    tables: Sequence[str] | None = None,
    may_delete: bool = False,
    by: str = "",
    now: datetime,
) -> ReconcileRun:
    """Write down that a comparison is wanted; a worker takes it up, or `carry_on`.

    Raises:
        Busy: one is under way.
        Refusal: there is no base.
    """
    if not guard.is_configured():
        raise Refusal("No base is configured: AIRTABLE_API_KEY is not set.")
    wanted = [mapping.table for mapping in REGISTRY if not tables or mapping.table in tables]
    try:
        with transaction.atomic():
            return ReconcileRun.objects.create(
                base_id=str(settings.AIRTABLE_BASE_ID),
                purpose=purpose,
                dry_run=dry_run,
                may_delete=may_delete,
                tables=wanted,
                asked_by=by[:120],
                asked_at=now,
            )
    except IntegrityError:
        raise Busy(
            "A comparison is under way; see how far it is, and try again when it is done."
        ) from None


def take_up(
    *,
    purpose: str,
    dry_run: bool,
    tables: Sequence[str] | None,
    may_delete: bool,
    by: str,
    now: datetime,
) -> tuple[ReconcileRun, bool]:
    """A run of this kind: the open one, which was interrupted or waits, or a new one; and whether it is new.

    Raises:
        Busy: another kind of comparison is under way.
    """
    found = open_run()
    if found is not None:
        wanted = [mapping.table for mapping in REGISTRY if not tables or mapping.table in tables]
        if (found.dry_run, found.purpose, found.tables) == (dry_run, purpose, wanted):
            return found, False
    made = begin(
        purpose=purpose, dry_run=dry_run, tables=tables, may_delete=may_delete, by=by, now=now
    )
    return made, True


def open_run() -> ReconcileRun | None:
    """The comparison that is waiting or under way."""
    return ReconcileRun.objects.filter(
        base_id=settings.AIRTABLE_BASE_ID or "", state__in=ReconcileRun.OPEN
    ).first()


def carry_on(
    *,
    clock: Clock = timezone.now,
    slice_: timedelta | None = SLICE,
    told: Progress | None = None,
) -> ReconcileRun | None:
    """Work on the open comparison for a while; the run as it stands, or None: there is none, or another worker has it.

    Args:
        slice_: how long; None to the end.

    Raises:
        AirtableError, guard.NotBound: it could not go on; it keeps its place.
    """
    base = airtable.connect()
    if base is None:
        return None
    with only_one(f"reconcile:{base.base_id}") as mine:
        run = open_run() if mine else None
        if run is not None:
            _carry_on(base, run, clock, slice_, told)
        return run


def _carry_on(
    base: airtable.Airtable,
    run: ReconcileRun,
    clock: Clock,
    slice_: timedelta | None,
    told: Progress | None,
) -> None:
    now = clock()
    run.state, run.attempts, run.active_at = ReconcileRun.State.RUNNING, run.attempts + 1, now
    run.began_at = run.began_at or now
    run.save(update_fields=["state", "attempts", "active_at", "began_at"])
    until = now + slice_ if slice_ is not None else now + timedelta(days=1)
    try:
        if not run.dry_run:
            guard.check()
            _watch_first(base, clock)
        finished = Comparison(base, run, clock=clock, told=told).work(until=until)
    except Stopped:
        finished = False
    except (AirtableError, guard.NotBound) as error:
        _stopped(run, str(error), clock())
        raise
    if finished:
        # Unless an operator has ended it meanwhile.
        ReconcileRun.objects.filter(pk=run.pk, state=ReconcileRun.State.RUNNING).update(
            state=ReconcileRun.State.DONE, finished_at=clock(), error=""
        )
    run.refresh_from_db()


def _watch_first(base: airtable.Airtable, clock: Clock) -> None:
    """A webhook before the first page, so that no edit falls between."""
    if webhooks.live(base.base_id) is not None:
        return
    with only_one(f"engine:{base.base_id}", patience=120) as mine:
        if not mine:
            raise Transient("Another worker has been busy with the base for two minutes.")
        webhooks.ensure(base, now=clock())


def _stopped(run: ReconcileRun, reason: str, now: datetime) -> None:
    run.error = reason[:2000]
    if run.attempts >= MOST_ATTEMPTS:
        run.state, run.finished_at = ReconcileRun.State.FAILED, now
    run.save(update_fields=["state", "finished_at", "error"])


def give_up(run: ReconcileRun, *, now: datetime, by: str) -> None:
    """End an open comparison where it stands. What it has healed stays."""
    ReconcileRun.objects.filter(pk=run.pk, state__in=ReconcileRun.OPEN).update(
        state=ReconcileRun.State.FAILED, finished_at=now, error=f"Stopped by {by}."[:2000]
    )


def is_due(now: datetime) -> bool:
    """Whether this night's comparison has not begun."""
    tonight = now.replace(hour=NIGHT.hour, minute=NIGHT.minute, second=0, microsecond=0)
    if now < tonight:
        tonight -= timedelta(days=1)
    if now - tonight > NIGHT_LASTS or not guard.is_configured():
        return False
    begun = ReconcileRun.objects.filter(
        base_id=settings.AIRTABLE_BASE_ID, purpose=ReconcileRun.Purpose.NIGHT, asked_at__gte=tonight
    )
    # A base that was never loaded is loaded first, by hand and with a look at the preview.
    return not begun.exists() and RecordLink.objects.exists()


def begin_if_due(*, now: datetime) -> None:
    """Begin the night's comparison, unless one of any kind is under way."""
    if is_due(now):
        with suppress(Busy):
            begin(purpose=ReconcileRun.Purpose.NIGHT, by="the schedule", now=now)


def tidy(*, now: datetime) -> None:
    """Forget old reports."""
    ReconcileRun.objects.filter(asked_at__lt=now - KEPT_FOR, state__in=["done", "failed"]).delete()
