"""Which side answers. Asked by every request, so it costs no query: Redis holds it for a minute.

A switch takes effect with the next request in every process: it is written to Redis at the commit, and until
then a mark there sends whoever asks to the database, so that nobody can put the old answer back.
With Redis away every request asks the database. A flag changed by SQL alone is seen a minute later.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.core.cache import cache, caches
from django.db import connection, transaction

from accounts.cache import ForgivingRedisCache
from accounts.refusals import Refusal
from sync import guard
from sync.models import RecordLink
from sync.rollout.models import Endpoint, RolloutFlag

Mode = RolloutFlag.Mode
_SECONDS: Final = 60
_CHANGING: Final = "changing"


@dataclass(frozen=True)
class Flag:
    """How one endpoint is answered."""

    mode: str = Mode.PRIMARY
    sample_percent: int = 0


def flag_of(endpoint: Endpoint) -> Flag:
    """As it stands now."""
    kept = cache.get(_key())
    if not isinstance(kept, dict):
        kept = _read()
        cache.add(_key(), kept, timeout=_SECONDS)  # never over what a switch has written
    mode, percent = kept.get(endpoint.value, (Mode.PRIMARY, 0))
    return Flag(mode, percent)


def switch(
    *, endpoint: Endpoint, mode: str, sample_percent: int = 100, by: str, now: datetime
) -> RolloutFlag:
    """Answer an endpoint from another side from now on. Nothing is lost either way: edits go on as always.

    Raises:
        Refusal: there is nothing from Airtable to answer with.
    """
    if mode != Mode.PRIMARY:
        _refuse_an_empty_base(endpoint)
    with transaction.atomic():
        with connection.cursor() as cursor:  # one switch after the other
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('sync'), hashtext('rollout'))")
        _tell(_CHANGING)
        flag, _created = RolloutFlag.objects.update_or_create(
            endpoint=endpoint,
            defaults={
                "mode": mode,
                "sample_percent": sample_percent,
                "changed_at": now,
                "changed_by": by[:120],
            },
        )
        kept = _read()
        transaction.on_commit(lambda: _tell(kept))
    return flag


def _refuse_an_empty_base(endpoint: Endpoint) -> None:
    subject = "window" if endpoint == Endpoint.AVAILABILITY else "mentor"
    if not guard.is_configured():
        raise Refusal("No base is configured: AIRTABLE_API_KEY is not set.")
    if not RecordLink.objects.filter(subject=subject, state=RecordLink.State.LINKED).exists():
        raise Refusal("Nothing was read from Airtable yet: run sync_backfill first.")


def _read() -> dict[str, Any]:
    rows = RolloutFlag.objects.values_list("endpoint", "mode", "sample_percent")
    return {endpoint: (mode, percent) for endpoint, mode, percent in rows}


def _tell(kept: Any) -> None:
    store = caches["default"]
    # One hiccup of Redis here a moment ago must not leave the others with the old answer for a minute.
    tell = store.set_insisting if isinstance(store, ForgivingRedisCache) else store.set
    tell(_key(), kept, timeout=_SECONDS)


def _key() -> str:
    return f"sync:rollout:{connection.settings_dict['NAME']}"
