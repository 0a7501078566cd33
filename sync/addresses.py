"""What was seen in the base before: ids that outlive a rename, and what an operator has to mend.

Each reading of the schema is compared with the one before (`take_in`): every few minutes while
there is traffic, hourly when there is none, at once when Airtable refuses a field.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping as MappingType
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet

from sync.mappings import BY_TABLE, REGISTRY
from sync.models import BaseField, RecordLink, WebhookRegistration
from sync.records import note
from sync.schema import OURS, Gap, Memory, Place, Schema, gaps

logger = logging.getLogger(__name__)


def memory(base_id: str) -> Memory:
    """The ids and words known of this base."""
    rows = BaseField.objects.filter(base_id=base_id)
    return _memory_of(rows)


def take_in(base_id: str, answer: MappingType[str, Any], *, now: datetime) -> Schema:
    """The schema out of the metadata API's answer, with everything found again that was renamed.

    What is new or different is remembered, and what that means for the records is seen to.
    """
    rows = {(row.table, row.field): row for row in BaseField.objects.filter(base_id=base_id)}
    schema = Schema.from_api(answer, _memory_of(rows.values()))
    told: dict[Place, Gap] = {}
    for gap in gaps(schema):
        kept = told.get((gap.table, gap.field))
        if kept is None or kept.is_note:
            told[gap.table, gap.field] = gap
    places = dict(_places(schema))
    with transaction.atomic():
        for place in {**places, **told}:
            before = rows.get(place)
            after = _seen(base_id, place, places.get(place), told.get(place), before, now)
            if before is None or _differs(before, after):
                _keep(after, before, schema)
    return schema


def take_up_replaced(base_id: str, schema: Schema) -> None:
    """Go on with the tables that took the place of known ones: as if they were met first now."""
    for table, field in schema.replaced:
        if not field:
            with transaction.atomic():
                BaseField.objects.filter(base_id=base_id, table=table).delete()
                links = RecordLink.objects.filter(table=table)
                for link in links.filter(state=RecordLink.State.LINKED):
                    note(link.subject, link.object_id)
                links.delete()
            _read_everything(base_id)


def name(base_id: str, place: Place, schema: Schema, there: str) -> bool:
    """Say which table or field of the base is meant, by its id or name there; whether it exists."""
    table, field = place
    address = _address_of(schema, place, there)
    if address is None:
        return False
    row, _created = BaseField.objects.get_or_create(base_id=base_id, table=table, field=field)
    if row.address != address:
        row.address = address
        row.save(update_fields=["address"])
        _forget_agreed(table, field)
        _read_everything(base_id)
    return True


def _address_of(schema: Schema, place: Place, there: str) -> str | None:
    table, field = place
    if not field:
        found = [t.id for t in schema.tables.values() if there in (t.id, t.name, t.name_there)]
    else:
        columns = schema.tables[table].columns.values() if table in schema.tables else ()
        found = [c.id for c in columns if there in (c.id, c.name, c.name_there)]
    return found[0] if len(found) == 1 else None


def _memory_of(rows: Iterable[BaseField]) -> Memory:
    rows = [row for row in rows if row.address]
    return Memory(
        ids={(row.table, row.field): row.address for row in rows},
        words={(row.table, row.field): row.words for row in rows if row.words},
    )


def _places(schema: Schema) -> Iterable[tuple[Place, tuple[str, str, dict[str, str]]]]:
    """Everything mapped that the base has: its id, its name there, its choices."""
    for mapping in REGISTRY:
        table = schema.tables.get(mapping.table)
        if table is None:
            continue
        yield (table.name, ""), (table.id, table.name_there, {})
        for field in (*OURS, *mapping.by_name):
            column = table.columns.get(field)
            if column is not None:
                words = dict(column.choice_ids)
                yield (table.name, field), (column.id, column.name_there, words)


def _seen(
    base_id: str,
    place: Place,
    found: tuple[str, str, dict[str, str]] | None,
    gap: Gap | None,
    before: BaseField | None,
    now: datetime,
) -> BaseField:
    """The row as it should be now. One that is missing keeps its id: it may be a moment's mistake."""
    row = BaseField(base_id=base_id, table=place[0], field=place[1])
    if before is not None:
        row.pk, row.address, row.name_there = before.pk, before.address, before.name_there
        row.words, row.since = dict(before.words), before.since
    if found is not None:
        row.address, row.name_there = found[0], found[1]
        row.words = {**row.words, **found[2]}
    row.problem = gap.sentence if gap is not None else ""
    row.is_blocked = gap is not None and not gap.is_note
    if before is None or before.problem != row.problem:
        row.since = now if row.problem else None
    return row


def _differs(before: BaseField, after: BaseField) -> bool:
    names = ("address", "name_there", "words", "problem", "is_blocked")
    return any(getattr(before, name) != getattr(after, name) for name in names)


def _keep(after: BaseField, before: BaseField | None, schema: Schema) -> None:
    if before is None:
        BaseField.objects.bulk_create([after], ignore_conflicts=True)
    else:
        after.save(force_update=True)
    if after.problem and (before is None or before.problem != after.problem):
        logger.warning("Airtable, %s: %s", after, after.problem)
    if before is None or not before.address:
        return
    if after.field and after.address != before.address:
        _forget_agreed(after.table, after.field)
    if after.address != before.address or (before.is_blocked and not after.is_blocked):
        # Nothing was read of it meanwhile, and nothing may be written over it before it is.
        _read_everything(after.base_id)


def _forget_agreed(table: str, field: str) -> None:
    """Another field took that one's place: what we agreed on is not what stands in it.

    Left as it was, its empty cells would count as cleared by somebody.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            'UPDATE sync_recordlink SET ancestor = ancestor - %s WHERE "table" = %s',
            [field, table],
        )
    mapping = BY_TABLE[table]
    linked = RecordLink.objects.filter(table=table, state=RecordLink.State.LINKED)
    for object_id in linked.values_list("object_id", flat=True):
        note(mapping.subject, object_id)


def _read_everything(base_id: str) -> None:
    """Have the whole base read and merged before the next payloads, and so before the next writes."""
    WebhookRegistration.objects.filter(base_id=base_id, is_live=True).update(needs_scan=True)


def problems(base_id: str) -> QuerySet[BaseField]:
    """What an operator has to mend in the base, and what is called otherwise there."""
    rows = BaseField.objects.filter(base_id=base_id).exclude(problem="")
    return rows.order_by("-is_blocked", "table", "field")
