"""Asking for many rows by their keys."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F, Lookup, QuerySet
from django.db.models.sql.compiler import SQLCompiler

GIVEN: Final = ("given",)
"""For `OneOf`: the values are given each time a `Prepared` query is asked."""


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
        super().__init__(F(field), GIVEN if values is GIVEN else list(values))

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper
    ) -> tuple[str, tuple[Any, ...]]:
        """For the ORM."""
        column, parameters = self.process_lhs(compiler, connection)
        values = GIVEN if self.rhs is GIVEN else _array(self.rhs)
        return f"{column} = ANY(%s)", (*parameters, values)


class Prepared:
    """A query that is asked of thousands of rows, a hundred at a time, and written only once.

    The ORM takes longer to write a query than the database to answer it.
    """

    def __init__(self, rows: QuerySet[Any, Any]) -> None:
        """
        Args:
            rows: a `values_list` with `OneOf(field, GIVEN)` among its conditions.
        """
        self._query = rows.query
        compiler = self._query.get_compiler(connection=connection)
        self._sql, self._parameters = compiler.as_sql()
        self._converters = compiler.get_converters(selected for selected, _, _ in compiler.select)

    def of(self, values: Iterable[Any]) -> list[tuple[Any, ...]]:
        """The rows that have one of these values."""
        array = _array(values)
        parameters = [array if value is GIVEN else value for value in self._parameters]
        with connection.cursor() as cursor:
            cursor.execute(self._sql, parameters)
            rows: Iterable[Any] = cursor.fetchall()
        if self._converters:
            compiler = self._query.get_compiler(connection=connection)
            rows = map(tuple, compiler.apply_converters(rows, self._converters))
        return list(rows)


def _array(values: Iterable[Any]) -> str:
    """As PostgreSQL spells an array. What is null equals nothing, and is left out."""
    return "{" + ",".join([_quoted(str(value)) for value in values if value is not None]) + "}"


def _quoted(text: str) -> str:
    if "\\" in text or '"' in text:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
