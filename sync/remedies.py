"""What an operator can do about a record: try again, leave it, compare it with Airtable."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet

from sync import history, nudges
from sync.history import OUT, Event, Kind
from sync.models import OutboxRow, RecordLink
from sync.outbox import LEASE
from sync.records import UNLINKED, note, remember_hint


def retry(*, rows: QuerySet[OutboxRow], by: str, now: datetime) -> int:
    """Send refused or put off objects now, as they are now; how many.

    A row whose next attempt is less than a minute away is left: it may be with a sender at this moment,
    and a second one would overtake the first.
    """
    with transaction.atomic():
        taken = list(
            rows.filter(Q(status=OutboxRow.Status.DEAD) | Q(next_attempt_at__gt=now + LEASE))
            .order_by("id")
            .select_for_update(skip_locked=True)
        )
        OutboxRow.objects.filter(pk__in=[row.pk for row in taken]).update(
            status=OutboxRow.Status.PENDING, attempts=0, next_attempt_at=now
        )
        history.record(
            Event(
                Kind.REPLAYED, OUT, row.subject, row.object_id, now,
                detail=_said("Tried again", by, row.last_error),
            )
            for row in taken
        )  # fmt: skip
        _nudge(taken)
    return len(taken)


def leave(*, rows: QuerySet[OutboxRow], by: str, now: datetime) -> int:
    """Settle without sending; how many. The next change of the object, or a reconcile, sends again."""
    with transaction.atomic():
        taken = list(rows.order_by("id").select_for_update(skip_locked=True))
        OutboxRow.objects.filter(pk__in=[row.pk for row in taken]).delete()
        history.record(
            Event(
                Kind.IGNORED, OUT, row.subject, row.object_id, now,
                detail=_said("Not sent", by, row.last_error),
            )
            for row in taken
        )  # fmt: skip
    return len(taken)


def compare(*, subject: str, object_ids: Collection[UUID], by: str, now: datetime) -> int:
    """Read the records again, merge them, and send what then differs; how many.

    For when what is remembered of Airtable may be wrong. An object without a record is sent as it is.
    """
    links = RecordLink.objects.filter(subject=subject, object_id__in=object_ids)
    with transaction.atomic():
        for link in links.exclude(state__in=UNLINKED):
            hint = remember_hint(link.table, link.record_id, again=True)
            _look_soon(hint.pk)
        for object_id in object_ids:
            note(subject, object_id)
        history.record(
            Event(
                Kind.REPLAYED, OUT, subject, object_id, now,
                detail=_said("Compared with Airtable again", by, ""),
            )
            for object_id in object_ids
        )  # fmt: skip
    return len(object_ids)


def _said(what: str, by: str, error: str) -> str:
    return f"{what}, by {by}. It was: {error}" if error else f"{what}, by {by}."


def _nudge(taken: list[OutboxRow]) -> None:
    if taken:
        transaction.on_commit(lambda: nudges.send("sync.tasks.drain", queue="sync"))


def _look_soon(change_id: int) -> None:
    transaction.on_commit(
        lambda: nudges.send("sync.tasks.apply_hint", queue="sync", change_id=change_id)
    )
