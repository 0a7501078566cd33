"""Database triggers that note, in the writer's own transaction, that a record is stale.

Generated from the mappings, so that the two cannot drift. Triggers see every write: `save`,
`update`, `bulk_create`, the admin, plain SQL. The domain's models know nothing of it; the triggers
hang on proxies declared here, and their migrations are ours.
"""

from __future__ import annotations

import pgtrigger
from django.db import models

from sync.mappings import REGISTRY, Mapping
from sync.mappings.base import Watch

# A row that is being sent keeps its `next_attempt_at`: were it due again at once, a second worker
# could overtake the first and be overwritten by it. A dead row is given another chance, because the
# change may be the repair.
_NOTE = """
    INSERT INTO sync_outboxrow AS o
        (subject, object_id, generation, changed_at, status, attempts, next_attempt_at, last_error, error_kind)
    SELECT '{subject}', stale.id, 1, clock_timestamp(), 'pending', 0, clock_timestamp(), '', ''
    FROM ({ids}) AS stale ORDER BY stale.id
    ON CONFLICT (subject, object_id) DO UPDATE SET
        generation = o.generation + 1,
        changed_at = excluded.changed_at,
        status = 'pending',
        attempts = CASE WHEN o.status = 'dead' THEN 0 ELSE o.attempts END,
        next_attempt_at = CASE WHEN o.status = 'dead' THEN excluded.next_attempt_at ELSE o.next_attempt_at END;
"""


def _changed(columns: tuple[str, ...]) -> pgtrigger.Condition:
    """Django saves every column; only a different value is a change."""
    return pgtrigger.Condition(
        " OR ".join(f'OLD."{name}" IS DISTINCT FROM NEW."{name}"' for name in columns)
    )


def _func(subject: str, ids: str) -> pgtrigger.Func:
    new = _NOTE.format(subject=subject, ids=ids.replace("{row}", "NEW"))
    old = _NOTE.format(subject=subject, ids=ids.replace("{row}", "OLD"))
    return pgtrigger.Func(
        f"IF TG_OP = 'DELETE' THEN {old} ELSE {new} END IF; RETURN NULL;".replace("\n    ", "\n")
    )


def triggers_for(
    subject: str, columns: tuple[str, ...], ids: str, *, insert: bool = True, delete: bool = True
) -> list[pgtrigger.Trigger]:
    """One trigger for rows that come and go, one for rows in which a watched column changes."""
    found = [
        pgtrigger.Trigger(
            name=f"note_{subject}_change",
            when=pgtrigger.After,
            operation=pgtrigger.Update,
            condition=_changed(columns),
            func=_func(subject, ids),
        )
    ]
    operations = [
        operation
        for operation, on in ((pgtrigger.Insert, insert), (pgtrigger.Delete, delete))
        if on
    ]
    if operations:
        found.append(
            pgtrigger.Trigger(
                name=f"note_{subject}_coming_and_going",
                when=pgtrigger.After,
                operation=pgtrigger.Operations(*operations),
                func=_func(subject, ids),
            )
        )
    return found


# TRUNCATE fires no trigger of any row, so the base would keep what is gone here. Nothing of ours
# truncates; whoever must (tests do, between each other) says so in the session.
_REFUSE_TRUNCATE = """
    IF current_setting('office_hours.may_truncate', true) IS DISTINCT FROM 'on' THEN
        RAISE EXCEPTION 'TRUNCATE of % would leave Airtable behind: delete the rows instead.', TG_TABLE_NAME;
    END IF;
    RETURN NULL;
"""
_refusing: set[type[models.Model]] = set()


def _refuse_truncate(model: type[models.Model]) -> list[pgtrigger.Trigger]:
    """One for each table, however many records its rows feed."""
    if model in _refusing:
        return []
    _refusing.add(model)
    return [
        pgtrigger.Trigger(
            name="refuse_truncate",
            when=pgtrigger.Before,
            level=pgtrigger.Statement,
            operation=pgtrigger.Truncate,
            func=pgtrigger.Func(_REFUSE_TRUNCATE.replace("\n    ", "\n")),
        )
    ]


def _proxy(name: str, model: type[models.Model], triggers: list[pgtrigger.Trigger]) -> None:
    triggers = triggers + _refuse_truncate(model)
    meta = type("Meta", (), {"proxy": True, "app_label": "sync", "triggers": triggers})
    globals()[name] = type(name, (model,), {"__module__": __name__, "Meta": meta})


def _watch_owner(mapping: Mapping) -> None:
    _proxy(
        f"Watched{mapping.model.__name__}",
        mapping.model,
        triggers_for(mapping.subject, mapping.columns, mapping.owned_by),
    )


def _watch_other(mapping: Mapping, watch: Watch) -> None:
    meta = watch.model._meta
    columns = tuple(
        str(field.column) for field in meta.concrete_fields if field.column in watch.columns
    )
    _proxy(
        f"{watch.model.__name__}Of{mapping.model.__name__}",
        watch.model,
        triggers_for(mapping.subject, columns, watch.ids, insert=watch.insert, delete=watch.delete),
    )


for _mapping in REGISTRY:
    _watch_owner(_mapping)
    for _other in _mapping.watches:
        _watch_other(_mapping, _other)
