"""What goes wrong, and when."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from benchmarks.chaos.base import Base, Refused
from benchmarks.chaos.stage import Stage
from benchmarks.chaos.there import There
from sync.models import WebhookRegistration

# The kinds of a full run, by how often they come. A storm of 429 shuts the base for half a minute.
_OFTEN = {
    "reply lost": 8,
    "reset": 4,
    "server error": 5,
    "unavailable": 3,
    "answer lost": 4,
    "spurious pings": 3,
    "late pings": 2,
    "doubled pings": 2,
    "late payloads": 2,
    "worker killed": 6,
    "redis flushed": 3,
    "postgres restarted": 2,
    "429 storm": 2,
    "webhook muted": 2,
    "webhook broken": 1,
    "webhook deleted": 1,
}


@dataclass
class Mishaps:
    """Faults at random, each at most as often as its kind is common."""

    chance: random.Random
    base: Base
    stage: Stage
    there: There
    is_patient: bool
    """Whether the rest is long enough to find, by comparison, what was deleted while nothing listened."""

    def __post_init__(self) -> None:
        self.happened: Counter[str] = Counter()
        self._plan: list[str] = []
        self._kinds: dict[str, Callable[[], None]] = {
            "reply lost": lambda: self._fault("timeout_after_apply", method="PATCH", delay=0.5),
            "reset": lambda: self._fault("drop_connection"),
            "server error": lambda: self._fault("error_before", status=self._status()),
            "unavailable": lambda: self._fault("retry_after", delay=2.0),
            "answer lost": lambda: self._fault("error_after_apply", status=self._status()),
            "spurious pings": lambda: self.base.ping(times=self.chance.randint(1, 4)),
            "late pings": lambda: self.base.switch(
                ping_coalesce_seconds=self.chance.choice((0.05, 3.0, 12.0))
            ),
            "doubled pings": lambda: self.base.switch(ping_copies=self.chance.choice((1, 3))),
            "late payloads": lambda: self.base.switch(
                payload_delay_seconds=self.chance.choice((0.0, 2.0, 5.0))
            ),
            "worker killed": lambda: self.stage.kill(
                self.chance.choice([*self.stage.workers, "other"])
            ),
            "redis flushed": self.stage.flush_redis,
            "postgres restarted": self.stage.restart_postgres,
            "429 storm": lambda: self._fault(
                "error_before", status=429, type="RATE_LIMIT_REACHED", times=2
            ),
            "webhook muted": lambda: self._webhook("mute"),
            "webhook broken": lambda: self._webhook("break"),
            "webhook deleted": lambda: self._webhook("delete"),
        }

    def plan(self, count: int) -> list[str]:
        """So many faults, the common ones more often, each kind at least once if there is room."""
        kinds = list(_OFTEN)
        self.chance.shuffle(kinds)
        more = self.chance.choices(kinds, [_OFTEN[kind] for kind in kinds], k=max(0, count))
        planned = (kinds + more)[:count]
        self.chance.shuffle(planned)
        return planned

    def happen(self, kind: str) -> None:
        """Now."""
        self._kinds[kind]()
        self.happened[kind] += 1

    def end(self) -> int:
        """Nothing goes wrong any more; how many faults of requests had come to pass."""
        self.base.switch(ping_coalesce_seconds=0.05, ping_copies=1, payload_delay_seconds=0.0)
        return self.base.end_faults()

    def settle_habits(self) -> None:
        """What Airtable leaves open, one way or the other for the whole run."""
        toss = self.chance.random
        self.base.switch(
            batch_atomic=toss() < 0.5,
            missing_record=self.chance.choice(("404", "404-model", "403")),
            batch_delete_missing_fails=toss() < 0.5,
            upsert_in_request_order=toss() < 0.5,
            retry_after_on_429=toss() < 0.5,
            hook_error_shows=toss() < 0.5,
            payload_split_at=self.chance.choice((5, 25)),
        )

    def _fault(self, kind: str, **more: object) -> None:
        self.base.fault(kind, **more)

    def _status(self) -> int:
        return self.chance.choice((500, 502, 503, 504))

    def _webhook(self, how: str) -> None:
        live = WebhookRegistration.objects.filter(is_live=True).values_list("webhook_id", flat=True)
        webhook = live.first()
        if webhook is None:
            return
        with suppress(Refused):  # it was ended before, and nobody has noticed yet
            self.base.end_webhook(webhook, how)
        if how != "mute" and not self.is_patient:
            # What is deleted while nothing listens is found by a comparison alone, and that takes a
            # deletion for one only a minute later.
            self.there.deletions_rest_until = time.monotonic() + 45
