"""What a language model is asked, what it may answer, and the one way it may fail."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol


class LanguageModelUnavailable(Exception):
    """There is no answer that can be used; the message is a sentence an operator can act on.

    `retry_after` is in seconds. None means that waiting will not help: a person has to change
    something. `tokens` are those in and out that the failure is known to have cost; None: unknown.
    """

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = 30.0,
        tokens: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(message)
        self.retry_after = retry_after
        self.tokens = tokens


@dataclass(frozen=True, slots=True)
class Prompt:
    """A question to a model.

    Attributes:
        purpose: a name for the books, and for the schema.
        instructions: ours alone. Nothing that anybody else wrote may stand in them.
        data: what others wrote, sent as one JSON object: a JSON string cannot be left from within.
        schema: of the answer, as a strict JSON schema.
        most_tokens: of the answer.
    """

    purpose: str
    instructions: str
    data: Mapping[str, Any]
    schema: Mapping[str, Any]
    most_tokens: int

    @property
    def text(self) -> str:
        """The data as it is sent."""
        return json.dumps(self.data, ensure_ascii=False, separators=(",", ":"))

    def digest(self, model_id: str) -> str:
        """64 hex digits: another for anything that could lead to another answer."""
        parts = [model_id, self.instructions, self.text, json.dumps(self.schema, sort_keys=True)]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Reply:
    """The JSON that came back, parsed but not yet believed, and what it cost."""

    content: Any
    tokens_in: int
    tokens_out: int


class LanguageModel(Protocol):
    """Answers a prompt in JSON. Safe to share between threads."""

    @property
    def model_id(self) -> str:
        """Names the model and who serves it."""

    def ask(self, prompt: Prompt, *, seconds: float) -> Reply:
        """Within `seconds`, whatever the other side does. Raises LanguageModelUnavailable."""
