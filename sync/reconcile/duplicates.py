"""What is there twice: rows with one key or one address, and people of one name on both sides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from django.db import connection

from sync.mappings import Mapping
from sync.reconcile.models import ReconcileDifference, ReconcileRun

# Of what the pages of a run hold: each value that more than one record has, with these records.
_TWICE = """
    SELECT value, array_agg(record_id ORDER BY record_id)
    FROM sync_reconcilepage page,
         unnest(page.record_ids, page.{column}) AS row(record_id, value)
    WHERE page.run_id = %s AND page."table" = %s AND value <> ''
    GROUP BY value HAVING count(DISTINCT record_id) > 1 ORDER BY value LIMIT 1000
"""


def duplicates(run: ReconcileRun, mapping: Mapping) -> Iterator[ReconcileDifference]:
    """Records of a table that was read to its end and that claim to be the same thing."""
    for column, what in (("keys", "Platform ID"), ("emails", "Email")):
        for value, record_ids in _twice(run, mapping, column):
            yield ReconcileDifference(
                table=mapping.table,
                record_id=record_ids[0],
                subject=mapping.subject,
                label=value[:200],
                kind=ReconcileDifference.Kind.DUPLICATE,
                field=what,
                side=ReconcileDifference.Side.NOBODY,
                note=f"The same {what} in {len(record_ids)} rows: {', '.join(record_ids[:10])}.",
            )


def _twice(run: ReconcileRun, mapping: Mapping, column: str) -> list[tuple[str, list[str]]]:
    with connection.cursor() as cursor:
        cursor.execute(_TWICE.format(column=column), [run.pk, mapping.table])
        return list(cursor.fetchall())


def namesakes(run: ReconcileRun, mapping: Mapping, found: Sequence[Any]) -> dict[UUID, str]:
    """For people who are only here: whether somebody of that name is only there, by another address."""
    if "Email" not in mapping.by_name:
        return {}
    names = {item.user.name.casefold(): item.pk for item in found if item.user.name}
    rows = ReconcileDifference.objects.filter(
        run=run, table=mapping.table, kind=ReconcileDifference.Kind.NEW_THERE
    ).values_list("label", "record_id")
    return {
        names[
            label.casefold()
        ]: f"Somebody of this name has the row {record_id}, with another address."
        for label, record_id in rows
        if label.casefold() in names
    }
