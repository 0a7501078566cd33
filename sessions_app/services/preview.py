"""What a change of hours would come to, without making it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction

from sessions_app import selectors
from sessions_app.refusals import SeatsBooked, SessionsOrphaned
from sessions_app.services.displaced import Action, Decision
from sessions_app.services.rules import Clock
from sessions_app.slots import Slot

AHEAD = timedelta(weeks=4)


@dataclass(frozen=True, slots=True)
class Preview:
    """The open starts of the next weeks after the change, and the sessions it would displace."""

    slots: list[Slot]
    conflicts: list[dict[str, Any]]


def preview(
    *, mentor_id: UUID, change: Callable[[Sequence[Decision]], object], clock: Clock
) -> Preview:
    """Make the change, look, and undo it. Raises what the change itself raises, but for sessions
    without a decision: those are listed."""
    conflicts: list[dict[str, Any]] = []
    with transaction.atomic():
        try:
            change(())
        except SeatsBooked:
            raise
        except SessionsOrphaned as refusal:
            conflicts = refusal.extra["conflicts"]
            change([Decision(row["session"], Action.KEEP) for row in conflicts])
        now = clock()
        slots = selectors.open_slots(
            mentor_ids=[mentor_id], viewer=None, first=now, last=now + AHEAD, now=now
        )[mentor_id]
        transaction.set_rollback(True)
    return Preview(slots, conflicts)
