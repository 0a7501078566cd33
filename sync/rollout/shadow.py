"""Comparing what Airtable would have us answer with what we would answer ourselves."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import DatabaseError, connection, transaction

from sync.rollout.flags import Flag, Mode
from sync.rollout.models import Endpoint

logger = logging.getLogger(__name__)

Body = Mapping[str, Any]
IN_THE_LIST = "(in the list)"
MOST_AT_ONCE = 500


@dataclass(frozen=True)
class Difference:
    """One field of one mentor that the two sides answer differently."""

    key: UUID
    field: str
    there: Any
    here: Any


def is_sampled(flag: Flag) -> bool:
    """Whether this request is one of those that are compared."""
    if flag.mode != Mode.SHADOW:
        return False
    return random.uniform(0, 100) < flag.sample_percent  # noqa: S311 - a sample, guards nothing


def compare(endpoint: Endpoint, find: Callable[[], Iterable[Difference]], *, now: datetime) -> None:
    """Find the differences and keep them. Whatever goes wrong in here, the answer is given."""
    try:
        with transaction.atomic():
            differences = list(find())[:MOST_AT_ONCE]
            _count(endpoint, differs=bool(differences), now=now)
            if differences:
                _keep(endpoint, differences, now)
    except DatabaseError:
        logger.exception("The two sides of %s could not be compared.", endpoint)


def of_bodies(key: UUID, there: Body, here: Body) -> Iterator[Difference]:
    """The fields in which two answers about one mentor differ."""
    for field in sorted({*there, *here}):
        ours, theirs = canonical(here.get(field)), canonical(there.get(field))
        if ours != theirs:
            yield Difference(key, field, theirs, ours)


def of_lists(
    there: Sequence[Body], here: Sequence[Body], *, there_goes_on: bool, here_goes_on: bool
) -> Iterator[Difference]:
    """The mentors in one page and not in the other, and the fields of those in both.

    A mentor more on one page pushes another off its end: of a page that goes on, who comes after the
    last of the other page is not missed.
    """
    theirs = {str(body["id"]): body for body in there}
    ours = {str(body["id"]): body for body in here}
    for key in theirs.keys() & ours.keys():
        yield from of_bodies(UUID(key), theirs[key], ours[key])
    for key in _missing(theirs, ours, goes_on=here_goes_on):
        yield Difference(UUID(key), IN_THE_LIST, there=True, here=False)
    for key in _missing(ours, theirs, goes_on=there_goes_on):
        yield Difference(UUID(key), IN_THE_LIST, there=False, here=True)


def _missing(these: Mapping[str, Body], those: Mapping[str, Body], *, goes_on: bool) -> list[str]:
    """Keys of these that those lack, unless they may be on the next page of those."""
    order = list(these)
    common = [number for number, key in enumerate(order) if key in those]
    end = len(order) if not goes_on else (common[-1] if common else 0)
    return [key for key in order[:end] if key not in those]


def canonical(value: Any) -> Any:
    """Without what makes no difference: kinds of emptiness, line ends, blanks around, the order of sets."""
    if isinstance(value, Mapping):
        return {str(name): canonical(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        items = [canonical(item) for item in value]
        return sorted(items, key=lambda item: json.dumps(item, sort_keys=True, default=str)) or None
    if isinstance(value, str):
        return value.replace("\r\n", "\n").replace("\r", "\n").strip() or None
    if isinstance(value, bool | int | float) or value is None:
        return value
    return str(value)


def _count(endpoint: Endpoint, *, differs: bool, now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO sync_shadowtally AS t (endpoint, day, compared, differed)"
            " VALUES (%s, %s, 1, %s) ON CONFLICT (endpoint, day) DO UPDATE"
            " SET compared = t.compared + 1, differed = t.differed + excluded.differed",
            [endpoint.value, now.date(), int(differs)],
        )


def _keep(endpoint: Endpoint, differences: Sequence[Difference], now: datetime) -> None:
    # Sorted, so that two requests that store the same lines do not wait for each other in a circle.
    rows = sorted(differences, key=lambda found: (str(found.key), found.field))
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO sync_shadowdifference AS d"
            " (endpoint, key, field, there, here, count, first_seen, last_seen)"
            " SELECT %s, key, field, there, here, 1, %s, %s"
            " FROM jsonb_to_recordset(%s::jsonb)"
            " AS found (key uuid, field text, there jsonb, here jsonb)"
            " ON CONFLICT (endpoint, key, field) DO UPDATE SET count = d.count + 1,"
            " there = excluded.there, here = excluded.here, last_seen = excluded.last_seen",
            [
                *(endpoint.value, now, now),
                json.dumps(
                    [
                        {"key": str(r.key), "field": r.field[:64], "there": r.there, "here": r.here}
                        for r in rows
                    ]
                ),
            ],
        )
