"""Questions about displaced sessions on a page, and the decisions that a form brings back.

A decision is sent as `decide-<session id>`, with "keep", "cancel" or the start to move to; with it
`reason-<session id>`. The form that is being saved goes along in hidden fields, so nothing typed is
lost while people think.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import QueryDict

from accounts.idempotency import FORM_KEY
from accounts.times import parse_instant
from mentors.models import Mentor
from sessions_app.picker import Choice, offered
from sessions_app.services import Action, Decision

DECIDE, REASON = "decide-", "reason-"
LONGEST_REASON = 2000
_OURS = ("csrfmiddlewaretoken", FORM_KEY, "preview")


def decisions_in(data: Mapping[str, str]) -> list[Decision]:
    """The decisions that were made. What makes no sense is none, and so is asked for again."""
    made = []
    for name, value in data.items():
        session_id = _uuid(name.removeprefix(DECIDE)) if name.startswith(DECIDE) else None
        if session_id is not None:
            decision = _decision(session_id, value, data.get(f"{REASON}{session_id}", ""))
            made += [decision] if decision else []
    return made


def was_asked(data: Mapping[str, str]) -> bool:
    """Whether the form comes back from its questions, answered or not."""
    return any(name.startswith((DECIDE, REASON)) for name in data)


def _decision(session_id: UUID, value: str, reason: str) -> Decision | None:
    reason = reason.replace("\0", "")[:LONGEST_REASON]
    if value in (Action.KEEP, Action.CANCEL):
        return Decision(session_id, Action(value), reason=reason)
    try:
        return Decision(session_id, Action.MOVE, parse_instant(value.replace(" ", "+")), reason)
    except ValueError:
        return None


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def typed(data: QueryDict) -> list[tuple[str, str]]:
    """What else was sent: the form that waits for the decisions."""
    return [
        (name, str(value))
        for name, values in data.lists()
        for value in values
        if name not in _OURS and not name.startswith((DECIDE, REASON))
    ]


@dataclass(frozen=True, slots=True)
class Question:
    """One displaced session as a page asks about it."""

    conflict: Mapping[str, Any]
    choices: tuple[Choice, ...]
    chosen: str
    reason: str


def questions(
    conflicts: Iterable[Mapping[str, Any]],
    *,
    zone: ZoneInfo,
    data: Mapping[str, str],
    mentor: Mentor | None = None,
) -> list[Question]:
    """What to ask about each conflict, with what was answered so far.

    Args:
        zone: of the page that asks.
        mentor: whose sessions these are, where they are all one mentor's.
    """
    return [
        Question(
            row,
            tuple(offered(row.get("alternatives", ()), mentor, zone)) if mentor else (),
            data.get(f"{DECIDE}{row['session']}", ""),
            data.get(f"{REASON}{row['session']}", ""),
        )
        for row in conflicts
    ]
