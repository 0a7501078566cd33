"""What the engine does for tasks, commands and the webhook view."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from sync import (
    addresses,
    airtable,
    guard,
    hints,
    history,
    limiter,
    nudges,
    remedies,
    schema as schemas,
    webhooks,
)
from sync.engine import Engine, Received
from sync.limiter import Lane
from sync.locks import only_one
from sync.mappings import BY_TABLE, REGISTRY, Mapping
from sync.models import (
    ApiUsage,
    AutomationReceipt,
    InboundChange,
    OutboxRow,
    SyncLag,
    TableState,
    WebhookRegistration,
)
from sync.reconcile import runs
from sync.records import remember_hint
from sync.sent import Sent

Clock = Callable[[], datetime]
DAY = timedelta(days=1)
RAW_PAYLOADS_LIVE = timedelta(days=7)
PATIENCE = 20.0


def drain(*, clock: Clock = timezone.now) -> Sent | None:
    """Send what is due; None when there is nothing to do or another worker is at it."""
    base = airtable.connect()
    if base is None or not _anything_due(clock()):
        return None
    with only_one(f"engine:{base.base_id}") as mine:
        return Engine(base, clock=clock).drain() if mine else None


def _anything_due(now: datetime) -> bool:
    return OutboxRow.objects.filter(
        status=OutboxRow.Status.PENDING, next_attempt_at__lte=now
    ).exists()


def pull(*, clock: Clock = timezone.now) -> Received | None:
    """Fetch and apply what changed in Airtable; None when another worker waits to do so.

    One run may be waiting while one is at work: news that arrive during a run are then read by the
    next, and a shower of pings does not fill the queue with runs.
    """
    base = airtable.connect()
    name = base.base_id if base is not None else "posts"
    with ExitStack() as held:
        queue = ExitStack()
        held.push(queue)
        if not queue.enter_context(only_one(f"waiting:{name}")):
            return None
        if not held.enter_context(only_one(f"engine:{name}", patience=PATIENCE)):
            return None
        queue.close()
        received = Engine(base, clock=clock).pull()
    _send_what_waited(clock())
    return received


def _send_what_waited(now: datetime) -> None:
    """What fell due while we were reading found the door shut: it need not wait for the next sweep."""
    if guard.is_configured() and _anything_due(now):
        nudges.send("sync.tasks.drain", queue="sync")


def pull_now(*, clock: Clock = timezone.now) -> Received | None:
    """Read what a ping was about. While a worker is sending, people who are new are admitted at once
    and the rest follows with the next pull, for which the sender stops by itself."""
    base = airtable.connect()
    if base is None:
        return None
    with limiter.lane(Lane.INTERACTIVE), only_one(f"engine:{base.base_id}") as mine:
        received = Engine(base, clock=clock).pull() if mine else None
    if received is not None:
        _send_what_waited(clock())
        return received
    with limiter.lane(Lane.PEOPLE):
        received = Engine(base, clock=clock).admit_newcomers()
    nudges.send("sync.tasks.pull", queue="sync")
    return received


def apply_hint(*, change_id: int, clock: Clock = timezone.now) -> None:
    """Look at the record a post spoke of, beside whatever else the engine is doing.

    And at whatever else of its table waits: of a thousand posts the first few do all the work.
    """
    row = InboundChange.objects.filter(pk=change_id, applied_at=None).first()
    if row is not None:
        table = str(row.payload.get("table"))
        Engine(airtable.connect(), clock=clock).look_at_hints(table=table)


def keep_webhook(*, clock: Clock = timezone.now) -> None:
    """Look after the native webhook, and forget what need not be kept."""
    tidy(now=clock())
    base = airtable.connect()
    if base is None:
        return
    with only_one(f"engine:{base.base_id}", patience=PATIENCE) as mine:
        if mine:
            webhooks.keep(base, now=clock())
            Engine(base, clock=clock).poll()


def take_post(
    *, body: bytes, table: str, record_id: str, fields: dict[str, Any], sent_at: str | None
) -> InboundChange | None:
    """Store an Automation's post, whose signature was checked; None for one already taken.

    With a token the post is a hint and may come twice: the record is read again each time. A post
    that carries the time of its sending is taken once; so is one that will itself be applied.
    """
    now = timezone.now()
    with transaction.atomic():
        taken_once = sent_at is not None or not guard.is_configured()
        if taken_once and not _first_time(hashlib.sha256(body).hexdigest(), now):
            return None
        more = {"timestamp": sent_at} if sent_at is not None else {}
        return remember_hint(
            table, record_id, source=InboundChange.AUTOMATION, fields=fields, **more
        )


def _first_time(digest: str, now: datetime) -> bool:
    receipt, created = AutomationReceipt.objects.get_or_create(
        digest=digest, defaults={"received_at": now}
    )
    if created:
        return True
    # The same words a day later are a new edit; the update is conditional so that one post wins.
    return bool(
        AutomationReceipt.objects.filter(pk=receipt.pk, received_at__lt=now - DAY).update(
            received_at=now
        )
    )


def note_ping(registration: WebhookRegistration, *, now: datetime) -> None:
    """Airtable says that there are payloads."""
    WebhookRegistration.objects.filter(pk=registration.pk).update(pinged_at=now)


def pause_table(*, table: str, by: str, note: str = "", now: datetime) -> None:
    """Stop one table in both directions; what changes meanwhile waits.

    Args:
        table: its Airtable name. by: who stops it. note: why.
    """
    TableState.objects.update_or_create(
        table=table,
        defaults={"paused": True, "paused_by": by[:120], "paused_at": now, "note": note[:300]},
    )


def resume_table(*, table: str) -> None:
    """Let a stopped table go on: what was edited there is read first, then what changed here goes."""
    with transaction.atomic():
        TableState.objects.filter(table=table).update(paused=False, note="")
        hints.due_now(table)
    transaction.on_commit(nudges.pull_soon)


def replay(*, subject: str | None = None) -> int:
    """Give dead letters another chance, with the objects as they are now; how many."""
    rows = OutboxRow.objects.filter(status=OutboxRow.Status.DEAD)
    if subject is not None:
        rows = rows.filter(subject=subject)
    return remedies.retry(rows=rows, by="sync_replay", now=timezone.now())


def create_missing_schema(base: airtable.Airtable) -> list[schemas.Gap]:
    """Add the tables and fields that the base lacks; what remains cannot be added by us.

    A table that took the place of one we knew is taken up: its rows are met as if for the first time.
    """
    addresses.take_up_replaced(base.base_id, base.schema(fresh=True))
    base.schema(fresh=True)
    for mapping in REGISTRY:
        _create_table(base, mapping)
    for gap in list(schemas.gaps(base.schema(fresh=True))):
        if gap.can_create and gap.field:
            _create_field(base, BY_TABLE[gap.table], gap.field)
    return list(schemas.gaps(base.schema(fresh=True)))


def _create_table(base: airtable.Airtable, mapping: Mapping) -> None:
    if mapping.table in base.schema().tables:
        return
    first = mapping.by_name.get(mapping.primary)
    field = (
        schemas.definition(first, {})
        if first is not None
        else {"name": mapping.primary, **schemas.OURS[mapping.primary]}
    )
    base.create_table(mapping.table, [field])
    base.schema(fresh=True)


def _create_field(base: airtable.Airtable, mapping: Mapping, name: str) -> None:
    schema = base.schema()
    table = schema.tables[mapping.table]
    ids = {known.name: known.id for known in schema.tables.values()}
    spec = (
        {"name": name, **schemas.OURS[name]}
        if name in schemas.OURS
        else schemas.definition(mapping.by_name[name], ids)
    )
    base.create_field(table.id, spec)


def check_schema() -> list[schemas.Gap]:
    """Compare the base with the mappings and remember what was found.

    Raises AirtableError.
    """
    base = airtable.connect()
    return list(schemas.gaps(base.schema(fresh=True))) if base is not None else []


def tidy(*, now: datetime) -> None:
    """Forget raw payloads (they hold personal data), receipts, samples and counts in due time."""
    InboundChange.objects.filter(
        applied_at__isnull=False, received_at__lt=now - RAW_PAYLOADS_LIVE
    ).delete()
    AutomationReceipt.objects.filter(received_at__lt=now - 2 * DAY).delete()
    SyncLag.objects.filter(at__lt=now - DAY).delete()
    ApiUsage.objects.filter(minute__lt=now - 35 * DAY).delete()
    history.forget(before=now - history.KEPT)
    runs.tidy(now=now)
