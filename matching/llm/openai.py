"""A language model by OpenAI, or by a server that speaks its API. The only importer of its SDK here.

One request, no retries: a person waits, and an answer that is late is no answer.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Iterator
from typing import Any, Final

import openai

from matching.deadlines import Calls, TooLate
from matching.llm.base import LanguageModelUnavailable, Prompt, Reply

# An answer is a list of numbers, or of a few words.
MOST_BYTES: Final = 100_000

# These reason in their own way, and refuse a request that sets a temperature.
_WITHOUT_TEMPERATURE: Final = ("o1", "o3", "o4", "gpt-5")


class OpenAIModel:
    """One HTTP client, safe to share between threads. Call `close` when done with it."""

    def __init__(self, *, api_key: str, model: str, base_url: str | None = None) -> None:
        self.model_id = f"openai:{model}"
        self._model = model
        self._client = openai.OpenAI(api_key=api_key, base_url=base_url or None, max_retries=0)
        self._calls = Calls()

    def close(self) -> None:
        """Closes the connections that are kept open between calls."""
        self._client.close()

    def ask(self, prompt: Prompt, *, seconds: float) -> Reply:
        """Within `seconds` in all, however slowly the answer drips. Raises LanguageModelUnavailable."""
        until = time.monotonic() + seconds
        try:
            body = self._calls.within(seconds, lambda: self._body(prompt, until))
        except TooLate as error:
            raise LanguageModelUnavailable(f"OpenAI did not answer in time ({error}).") from None
        except openai.OpenAIError as error:
            raise _translated(error) from error
        return _reply(body)

    def _body(self, prompt: Prompt, until: float) -> bytes:
        """The raw body of the answer; gives up when the time is over, so that no thread stays behind."""
        options: dict[str, Any] = {} if self._refuses_temperature else {"temperature": 0.0}
        with self._client.chat.completions.with_streaming_response.create(
            model=self._model,
            messages=[
                {"role": "system", "content": prompt.instructions},
                {"role": "user", "content": prompt.text},
            ],
            response_format={
                "type": "json_schema",
                "json_schema": {
                    "name": prompt.purpose,
                    "strict": True,
                    "schema": dict(prompt.schema),
                },
            },
            max_completion_tokens=prompt.most_tokens,
            store=False,
            timeout=max(until - time.monotonic(), 0.001),
            **options,
        ) as response:
            return _read(_pieces(response.iter_bytes()), until)

    @property
    def _refuses_temperature(self) -> bool:
        return self._model.startswith(_WITHOUT_TEMPERATURE)


def _pieces(received: Iterable[bytes]) -> Iterator[bytes]:
    """The body as it comes in. Nothing but the SDK runs in here: a body that is read piece by piece fails with
    the errors of whichever HTTP library is below it. Raises LanguageModelUnavailable."""
    try:
        yield from received
    except Exception as error:
        raise LanguageModelUnavailable(
            f"OpenAI's answer broke off ({type(error).__name__})."
        ) from error


def _read(pieces: Iterable[bytes], until: float) -> bytes:
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > MOST_BYTES:
            raise LanguageModelUnavailable("OpenAI's answer is far too long.")
        if time.monotonic() > until:
            raise TooLate("the answer drips")
    return bytes(body)


def _reply(body: bytes) -> Reply:
    """What the model said, if it said all of it. Raises LanguageModelUnavailable."""
    try:
        answer = json.loads(body)
        choice = dict(answer["choices"][0])
        message = dict(choice["message"])
        tokens = _tokens(answer.get("usage"))
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise LanguageModelUnavailable("OpenAI's answer is not one that we know.") from error
    if message.get("refusal") or choice.get("finish_reason") != "stop":
        raise LanguageModelUnavailable(
            "The model refused, or did not come to an end.", tokens=tokens
        )
    try:
        content = json.loads(str(message.get("content")))
    except (ValueError, TypeError, RecursionError) as error:
        raise LanguageModelUnavailable("The model did not say JSON.", tokens=tokens) from error
    return Reply(content, *(tokens or (0, 0)))


def _tokens(usage: Any) -> tuple[int, int] | None:
    if usage is None:
        return None
    return max(0, int(usage["prompt_tokens"])), max(0, int(usage["completion_tokens"]))


def _translated(error: openai.OpenAIError) -> LanguageModelUnavailable:
    """The same failure in words for an operator, saying whether waiting can help."""
    match error:
        case openai.APITimeoutError():
            return LanguageModelUnavailable("OpenAI did not answer in time.")
        case openai.APIConnectionError():
            return LanguageModelUnavailable(
                "OpenAI cannot be reached. Check the network and OPENAI_BASE_URL.", tokens=(0, 0)
            )
        case openai.APIStatusError():
            return _refused(error)
    return LanguageModelUnavailable(f"OpenAI cannot be used ({type(error).__name__}).")


def _refused(error: openai.APIStatusError) -> LanguageModelUnavailable:
    status, free = error.status_code, (0, 0)
    # Not the server's own message: it quotes part of the key.
    if status in {401, 403}:
        message = f"OpenAI refused the key ({status}). Check OPENAI_API_KEY."
        return LanguageModelUnavailable(message, retry_after=None, tokens=free)
    if error.code == "insufficient_quota":
        message = "OpenAI's quota for this key is used up. Check the plan and the billing details."
        return LanguageModelUnavailable(message, retry_after=None, tokens=free)
    if status == 429:
        wait = _asked_to_wait(error)
        message = "OpenAI is limiting our requests."
        return LanguageModelUnavailable(message, retry_after=wait, tokens=free)
    if status >= 500 or status in {408, 409}:
        return LanguageModelUnavailable(f"OpenAI failed ({status}).", tokens=free)
    message = f"OpenAI refused the request ({status}). Check OPENAI_CHAT_MODEL."
    # One prompt may be refused for its words, which says nothing of the next.
    wait_or_never = 30.0 if status in {400, 413, 422} else None
    return LanguageModelUnavailable(message, retry_after=wait_or_never, tokens=free)


def _asked_to_wait(error: openai.APIStatusError) -> float:
    """Seconds named by the server; half a minute where it names none that make sense."""
    try:
        seconds = float(error.response.headers.get("retry-after", ""))
    except ValueError:
        return 30.0
    return seconds if 0 < seconds < float("inf") else 30.0
