"""Database expressions for exclusion constraints that need no extension.

Core GiST knows ranges but not scalars, so a key is compared as a one-point range. For UUID keys a
migration makes the range type `uuidrange`.
"""

from __future__ import annotations

from typing import Any

from django.contrib.postgres.fields import DateTimeRangeField
from django.db import models
from django.db.models import Func, Value


class _UuidRangeField(models.Field):  # type: ignore[type-arg]
    def db_type(self, connection: object) -> str:
        return "uuidrange"


class UuidPoint(Func):
    """`[key, key]` as a uuidrange: `&&` of two such ranges means that the keys are equal."""

    function = "uuidrange"
    output_field = _UuidRangeField()

    def __init__(self, key: str, **extra: Any) -> None:
        super().__init__(key, key, Value("[]"), **extra)


class Period(Func):
    """`[starts_at, ends_at)`: neighbours that touch do not overlap."""

    function = "tstzrange"
    output_field = DateTimeRangeField()

    def __init__(self, *bounds: str, **extra: Any) -> None:
        super().__init__(*(bounds or ("starts_at", "ends_at")), **extra)
