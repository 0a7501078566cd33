"""Several questions to the database in one statement, each answered by its rows.

For pages that are opened every few minutes and ask a dozen small things: most of what those take is the way
there and back.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from django.db import connection, models
from django.db.models import QuerySet

Row: TypeAlias = dict[str, Any]
Question: TypeAlias = QuerySet[Any, Any] | tuple[str, Sequence[Any]]


def ask(questions: Mapping[str, Question]) -> dict[str, list[Row]]:
    """The rows of each question, by its name.

    Args:
        questions: querysets of `values()`, whose values come as their fields have them; or statements with
            their parameters, whose values come as JSON has them.
    """
    parts: list[str] = []
    parameters: list[Any] = []
    for question in questions.values():
        sql, given = question if isinstance(question, tuple) else question.query.sql_with_params()
        parts.append(f"(SELECT coalesce(jsonb_agg(to_jsonb(said)), '[]') FROM ({sql}) AS said)")  # noqa: S608
        parameters += given
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(parts)}", parameters)
        answers = cursor.fetchone() or ()
    return {
        name: [_understood(row, question) for row in json.loads(answer)]
        for (name, question), answer in zip(questions.items(), answers, strict=True)
    }


def _understood(row: Row, question: Question) -> Row:
    if isinstance(question, tuple):
        return row
    fields = _fields(question)
    return {name: fields[name].to_python(value) for name, value in row.items()}


def _fields(question: QuerySet[Any, Any]) -> dict[str, models.Field[Any, Any]]:
    """What each value of the rows is."""
    query = question.query
    computed = {name: term.output_field for name, term in query.annotation_select.items()}
    return {name: question.model._meta.get_field(name) for name in query.values_select} | computed
