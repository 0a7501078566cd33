"""What is looked at when the product starts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from django.core.checks import CheckMessage, Tags, Warning as Doubt, register
from django.db import connections

# 0.8.2 to 0.8.4 mended index builds and vacuums that could spoil an index (pgvector's CHANGELOG).
SAFE_PGVECTOR: Final = (0, 8, 4)


@register(Tags.database)
def pgvector_is_recent(*, databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """Warns about a pgvector whose indexes are not safe. Runs with every `migrate`."""
    return [doubt for alias in databases or () if (doubt := _doubt(alias)) is not None]


def _doubt(alias: str) -> Doubt | None:
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT coalesce((SELECT extversion FROM pg_extension WHERE extname = 'vector'),"
            " (SELECT default_version FROM pg_available_extensions WHERE name = 'vector'))"
        )
        found = cursor.fetchone()[0]
    return doubt_about(found) if found else None


def doubt_about(version: str) -> Doubt | None:
    """A warning for versions below 0.8.4; None for the others."""
    if tuple(int(part) for part in re.findall(r"\d+", version)[:3]) >= SAFE_PGVECTOR:
        return None
    return Doubt(
        f"pgvector is {version}; before 0.8.4 its indexes could be damaged by a vacuum or a parallel build.",
        hint="Install pgvector 0.8.4 or later, run ALTER EXTENSION vector UPDATE, then REINDEX the"
        " indexes of matching_mentorembedding.",
        id="matching.W001",
    )
