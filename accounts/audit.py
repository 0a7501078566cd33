"""Database triggers that write down who changed what: whatever path wrote it, also plain SQL.

A model says `triggers = [*audited()]` in its Meta. What is kept is each changed column's value before
and after (an `AuditEntry`); of a row that is made only that it was, for its values are those of the next
change or of now; of a row that goes, what it was.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import pgtrigger
from django.db import models

from accounts.acting import VARIABLE

_WRITE: Final = f"""
    said := coalesce(current_setting('{VARIABLE}', true), '');
    INSERT INTO accounts_auditentry
        (at, action, subject, object_id, about, actor_id, address, origin, changes)
    VALUES (clock_timestamp(), '{{action}}', '{{subject}}', {{row}}.{{key}}::text, {{about}},
        nullif(split_part(said, '|', 1), '')::uuid, split_part(said, '|', 2),
        CASE WHEN said = '' THEN 'database user ' || session_user ELSE split_part(said, '|', 3) END,
        {{changes}});
"""
# What a column with nothing in it looks like in a row that goes.
_NOTHING: Final = """('null', '""', '[]', '{}')"""


class Audit(pgtrigger.Trigger):
    """One of the two triggers of an audited table."""

    is_audit = True
    when = pgtrigger.After
    declare = [("said", "TEXT"), ("changes", "JSONB := '{}'")]

    def __init__(self, *, ignored: Iterable[str], hidden: Iterable[str], about: str) -> None:
        self._ignored, self._hidden, self._about = frozenset(ignored), frozenset(hidden), about
        super().__init__()

    def _columns(self, model: type[models.Model]) -> list[models.Field[Any, Any]]:
        """What is looked at: everything but what is ignored, what is generated and what notes times."""
        names = {field.name for field in model._meta.concrete_fields}
        unknown = (self._ignored | self._hidden) - names
        if unknown:
            raise ValueError(f"{model.__name__} has no {', '.join(sorted(unknown))}.")
        return [
            field
            for field in model._meta.concrete_fields
            if field.name not in self._ignored
            and not field.primary_key
            and not field.generated
            and not getattr(field, "auto_now", False)
        ]

    def _written(self, model: type[models.Model], action: str, row: str, changes: str) -> str:
        key = model._meta.pk.column
        about = f"{row}.{self._about}::text" if self._about else "''"
        return _WRITE.format(
            action=action,
            subject=model._meta.concrete_model._meta.label_lower,  # type: ignore[union-attr]
            row=row,
            key=key,
            about=about,
            changes=changes,
        )


class Changed(Audit):
    """Notes a row in which something changed."""

    name = "audit_change"
    operation = pgtrigger.Update

    def get_condition(self, model: Any) -> pgtrigger.Condition:
        """Django saves every column; only a different value is a change."""
        parts = (
            f'OLD."{field.column}" IS DISTINCT FROM NEW."{field.column}"'
            for field in self._columns(model)
        )
        return pgtrigger.Condition(" OR ".join(parts))

    def get_func(self, model: Any) -> str:
        """Column by column, because taking both rows apart costs many times as much."""
        steps = []
        for field in self._columns(model):
            column = field.column
            kept = (
                "'null'"
                if field.name in self._hidden
                else f'jsonb_build_array(OLD."{column}", NEW."{column}")'
            )
            steps.append(
                f'IF OLD."{column}" IS DISTINCT FROM NEW."{column}" THEN'
                f" changes := jsonb_set(changes, '{{{column}}}', {kept}); END IF;"
            )
        return "\n".join(
            [*steps, self._written(model, "changed", "NEW", "changes"), "RETURN NULL;"]
        )


class CameOrWent(Audit):
    """Notes a row that is made or deleted."""

    name = "audit_coming_and_going"
    operation = pgtrigger.Insert | pgtrigger.Delete

    def get_func(self, model: Any) -> str:
        known = ", ".join(
            f"'{field.column}'" for field in self._columns(model) if field.name not in self._hidden
        )
        was = f"""
            SELECT coalesce(jsonb_object_agg(key, jsonb_build_array(value, NULL)), '{{}}') INTO changes
            FROM jsonb_each(to_jsonb(OLD)) WHERE key IN ({known}) AND value::text NOT IN {_NOTHING};
        """
        return "\n".join(
            [
                "IF TG_OP = 'DELETE' THEN",
                was,
                self._written(model, "removed", "OLD", "changes"),
                "ELSE",
                self._written(model, "added", "NEW", "changes"),
                "END IF;",
                "RETURN NULL;",
            ]
        )


def audited(
    *, ignored: Iterable[str] = (), hidden: Iterable[str] = (), about: str = ""
) -> list[Audit]:
    """The triggers of a table whose changes are kept.

    Args:
        ignored: fields that change by themselves and concern nobody.
        hidden: fields of which only that they changed is kept: secrets, and what is not for others.
        about: the column with the key of the row on whose page this one is shown.
    """
    ignored, hidden = tuple(ignored), tuple(hidden)
    return [
        Changed(ignored=ignored, hidden=hidden, about=about),
        CameOrWent(ignored=ignored, hidden=hidden, about=about),
    ]
