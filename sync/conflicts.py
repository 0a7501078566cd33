"""Taking the other value of a conflict: a person undoes a wrong winner."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, models, transaction
from django.utils import timezone

from accounts.refusals import Invalid, Refusal
from sync import history
from sync.deletions import WHOLE_ROW
from sync.history import Event
from sync.mappings import BY_SUBJECT, Mapping
from sync.mappings.base import Edit, Values
from sync.models import RecordLink, SyncConflict, SyncEvent
from sync.nudges import after_mentor_change
from sync.records import Links, local_values, note

Winner = SyncConflict.Winner


def take_other(
    *, conflict_id: int, by: str, clock: Callable[[], datetime] = timezone.now
) -> list[SyncConflict]:
    """Put the loser's value in the winner's place, on both sides.

    It goes through the domain's services like any edit, so every rule holds; the change then travels
    to Airtable as one made here. What was merged as one (Starts and Ends) is taken as one.

    Args:
        by: who asked, for the record.

    Returns the conflicts that this settled. Raises a Refusal: it was done already, the value has
    changed since, or the domain does not allow it.
    """
    now = clock()
    with transaction.atomic():
        conflicts = _as_one(conflict_id)
        first = conflicts[0]
        mapping = BY_SUBJECT[first.subject]
        edit = Edit(links=Links(), now=now, clock=clock)
        with _refusals_in_words():
            if first.field == WHOLE_ROW:
                changed = _take_row(mapping, first, edit)
            else:
                changed = _take_fields(mapping, conflicts, edit)
        note(first.subject, first.object_id)
        for conflict in conflicts:
            conflict.taken_at, conflict.taken_by = now, by[:120]
        SyncConflict.objects.bulk_update(conflicts, ["taken_at", "taken_by"])
        history.record([_event(first, changed, by, now)])
    if first.subject == "mentor":
        after_mentor_change()
    return conflicts


def loser(conflict: SyncConflict) -> Any:
    """The value that did not win."""
    return conflict.remote if conflict.winner == Winner.LOCAL else conflict.local


def winner(conflict: SyncConflict) -> Any:
    """The value that won."""
    return conflict.local if conflict.winner == Winner.LOCAL else conflict.remote


def _as_one(conflict_id: int) -> list[SyncConflict]:
    """The conflict and those that were decided with it, locked."""
    conflict = SyncConflict.objects.select_for_update().filter(pk=conflict_id).first()
    if conflict is None:
        raise Refusal("This conflict is not kept any more.")
    if conflict.taken_at is not None:
        raise Refusal(f"The other value was taken already, by {conflict.taken_by}.")
    mapping = BY_SUBJECT.get(conflict.subject)
    if mapping is None:
        raise Refusal("This kind of record is not synchronised any more.")
    field = mapping.by_name.get(conflict.field)
    if field is None and conflict.field != WHOLE_ROW:
        raise Refusal(f"{conflict.field} is not synchronised any more.")
    if field is None or not field.unit:
        return [conflict]
    unit = [other.name for other in mapping.fields if other.unit == field.unit]
    return list(
        SyncConflict.objects.select_for_update()
        .filter(
            subject=conflict.subject,
            object_id=conflict.object_id,
            field__in=unit,
            at=conflict.at,
            winner=conflict.winner,
            taken_at=None,
        )
        .order_by("pk")
    )


def _found(mapping: Mapping, conflict: SyncConflict) -> models.Model:
    found: models.Model | None = mapping.objects().filter(pk=conflict.object_id).first()
    if found is None:
        raise Refusal("What this was about does not exist here any more.")
    return found


def _take_fields(
    mapping: Mapping, conflicts: Sequence[SyncConflict], edit: Edit
) -> dict[str, list[Any]]:
    found = _found(mapping, conflicts[0])
    before = local_values(mapping, found).values
    wanted: Values = {}
    for conflict in conflicts:
        field = mapping.by_name[conflict.field]
        if before.get(conflict.field) == loser(conflict):
            raise Refusal(f"{conflict.field} has that value already.")
        if before.get(conflict.field) != winner(conflict):
            raise Refusal(
                f"{conflict.field} was changed again since then. Look at it as it is now, and change "
                "it there."
            )
        value = loser(conflict)
        wanted[conflict.field] = field.codec.empty if value is None else value
    mapping.apply(conflicts[0].object_id, wanted, edit)
    after = local_values(mapping, _found(mapping, conflicts[0])).values
    return history.changes(before, after, wanted)


def _take_row(mapping: Mapping, conflict: SyncConflict, edit: Edit) -> dict[str, list[Any]]:
    found = _found(mapping, conflict)
    stays = mapping.present(found) and mapping.alive(found)
    edited: Values | None = loser(conflict)
    if edited is None:  # it was kept here although it was deleted there
        if not stays:
            raise Refusal("It is withdrawn already.")
        mapping.remove(conflict.object_id, edit)
        return {}
    if stays:
        raise Refusal("It is back already.")
    before = local_values(mapping, found).values
    edited = {name: value for name, value in edited.items() if name in mapping.by_name}
    if mapping.restore is not None:
        mapping.restore(conflict.object_id, edited, edit)
    else:
        # What a deletion there sets to false is what brings it back.
        back = dict.fromkeys(mapping.after_removal or {}, True)
        mapping.apply(conflict.object_id, {**edited, **back}, edit)
    after = local_values(mapping, _found(mapping, conflict)).values
    return history.changes(before, after)


@contextmanager
def _refusals_in_words() -> Iterator[None]:
    """What the database forbids is said to the operator like any other refusal."""
    try:
        yield
    except (IntegrityError, DataError, ValidationError, ValueError) as error:
        raise Invalid("This value cannot be stored in Office Hours.") from error


def _event(conflict: SyncConflict, changed: dict[str, list[Any]], by: str, now: datetime) -> Event:
    remote = conflict.winner == Winner.LOCAL
    link = RecordLink.objects.filter(subject=conflict.subject, object_id=conflict.object_id).first()
    taken = "Airtable's" if remote else "Office Hours'"
    return Event(
        kind=SyncEvent.Kind.CONFLICT,
        direction=history.IN if remote else history.OUT,
        subject=conflict.subject,
        object_id=conflict.object_id,
        at=now,
        record_id=link.record_id if link is not None else "",
        fields=changed,
        detail=f"{by} took {taken} value of {conflict.field} after all.",
    )
