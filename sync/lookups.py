"""Asking for many rows by their keys."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F, Lookup
from django.db.models.sql.compiler import SQLCompiler


class OneOf(Lookup):
    """`field = ANY(values)`: for a `filter` in place of `field__in`.

    One parameter, whatever the number of values. `IN` has one for each, and to prepare a hundred of
    them costs more than everything else about a query for a hundred rows. So does a list, which the
    driver prepares value by value: the array is written out here, and the column says of what type.
    """

    lookup_name = "one_of"
    prepare_rhs = False

    def __init__(self, field: str, values: Iterable[Any]) -> None:
        """
        Args:
            field: its name, or a path as for `filter`. values: what the column holds: UUIDs, ids, texts.
        """
        super().__init__(F(field), list(values))

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, tuple[Any, ...]]:
        """For the ORM."""
        column, parameters = self.process_lhs(compiler, connection)
        return f"{column} = ANY(%s)", (*parameters, _array(self.rhs))


def _array(values: Iterable[Any]) -> str:
    """As PostgreSQL spells an array. What is null equals nothing, and is left out."""
    return "{" + ",".join([_quoted(str(value)) for value in values if value is not None]) + "}"


def _quoted(text: str) -> str:
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
