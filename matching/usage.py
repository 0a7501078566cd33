"""What the calls to paid models used, noted where they are made and written down elsewhere.

No database in here: a call may run in a thread that has no connection. `services/spending.py` writes it.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Final

# What for. The first two are embeddings, the others a language model's.
QUESTIONS: Final = "questions"
PROFILES: Final = "profiles"
REWORDING: Final = "rewording"
ORDERING: Final = "ordering"


@dataclass(frozen=True, slots=True)
class Use:
    """Calls of one kind. Tokens are what the provider counted, or the most they can have been where its
    answer did not arrive: what is not known to be free is taken to be paid."""

    calls: int = 0
    failures: int = 0
    tokens_in: int = 0
    tokens_out: int = 0

    def __add__(self, other: Use) -> Use:
        return Use(
            self.calls + other.calls,
            self.failures + other.failures,
            self.tokens_in + other.tokens_in,
            self.tokens_out + other.tokens_out,
        )


_lock = threading.Lock()
_noted: dict[tuple[str, str], Use] = {}


def note(purpose: str, model_id: str, use: Use) -> None:
    """Remember a use until somebody writes it down. Any thread may."""
    with _lock:
        _noted[purpose, model_id] = _noted.get((purpose, model_id), Use()) + use


def take() -> dict[tuple[str, str], Use]:
    """What was noted since, by (purpose, model), and no more remembered here."""
    with _lock:
        taken = dict(_noted)
        _noted.clear()
    return taken


def most_tokens(text: str) -> int:
    """The most that a text can cost: no token is shorter than a byte."""
    return len(text.encode("utf-8", "replace"))
