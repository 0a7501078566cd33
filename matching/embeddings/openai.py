"""Embeddings by OpenAI, or by a server that speaks its API. The only importer of its SDK here.

The SDK's own retries are switched off: they cannot be bounded in total, and what a person at a
search box can wait for and what a nightly worker can wait for are two different things.
"""

from __future__ import annotations

import base64
import email.utils
import functools
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import openai
from numpy.typing import NDArray

from matching import usage
from matching.breaker import Breaker
from matching.deadlines import Calls, TooLate
from matching.embeddings.base import EmbeddingUnavailable, encodable, unit_rows

MODEL: Final = "text-embedding-3-small"
DIMENSIONS: Final = 1536

# The API takes 8,192 tokens a text and 300,000 tokens a request. A token is at least one byte of
# UTF-8, so counting bytes can only overstate, and no tokenizer has to be installed to be safe.
MAX_TEXT_BYTES: Final = 8_000
MAX_REQUEST_BYTES: Final = 250_000
MAX_REQUEST_TEXTS: Final = 256

# The API refuses a request for one empty text in it.
STAND_IN_FOR_EMPTY: Final = "-"

# What to tell the caller when the server is in trouble but does not say for how long; seconds.
TRY_AGAIN_AFTER: Final = 30.0

FIRST_PAUSE: Final = 0.5  # seconds; doubles from try to try


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one batch may take, in seconds: (retries + 1) * timeout + pauses, and never more than `total`.

    A try ends after `timeout` however slowly its answer drips.
    """

    timeout: float
    retries: int
    pauses: float
    total: float = float("inf")


WORKER: Final = Patience(timeout=30.0, retries=4, pauses=30.0)


def person(budget: float) -> Patience:
    """Of somebody at a search box: a call that failed at once is made a second time, and that is all."""
    return Patience(timeout=budget, retries=1, pauses=min(1.0, budget / 2), total=budget)


PERSON: Final = person(1.5)


class OpenAIBackend:
    """One HTTP client, safe to share between threads. Call `close` when done with it."""

    is_local = False

    def __init__(
        self,
        *,
        api_key: str,
        base_url: str | None = None,
        model: str = MODEL,
        dimensions: int = DIMENSIONS,
        worker: Patience = WORKER,
        person: Patience = PERSON,
        breaker: Breaker | None = None,
    ) -> None:
        """`dimensions` is what `model` returns; any other length is refused.

        `worker` applies to documents, `person` to queries; so does `breaker`, for a worker has the time
        to find out for itself.
        """
        if not api_key:
            raise EmbeddingUnavailable(
                "OPENAI_API_KEY is not set. Set it, or set EMBEDDING_BACKEND to minilm."
            )
        self.model_id = f"openai:{model}"
        self.dimensions = dimensions
        self._model = model
        self._worker = worker
        self._person = person
        self._breaker = breaker
        self._calls = Calls()
        self._client = openai.OpenAI(api_key=api_key, base_url=base_url or None, max_retries=0)

    def close(self) -> None:
        """Closes the connections that are kept open between calls."""
        self._client.close()

    def embed_documents(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit rows in the order of `texts`, shape (len(texts), dimensions).

        All or nothing: raises EmbeddingUnavailable when any batch fails for good.
        """
        return self._embed(texts, self._worker, usage.PROFILES)

    def embed_query(self, text: str) -> NDArray[np.float32]:
        """One unit vector, shape (dimensions,). Within the total of a person's patience."""
        if self._breaker is None:
            vector: NDArray[np.float32] = self._embed([text], self._person, usage.QUESTIONS)[0]
            return vector
        if not self._breaker.allows():
            known = self._breaker.state()
            raise EmbeddingUnavailable(known.reason, retry_after=known.left or TRY_AGAIN_AFTER)
        try:
            vector = self._embed([text], self._person, usage.QUESTIONS)[0]
        except _TextRefused:
            self._breaker.succeeded()  # a server that reads and refuses one text is well
            raise
        except EmbeddingUnavailable as error:
            self._breaker.failed(str(error), retry_after=error.retry_after)
            raise
        self._breaker.succeeded()
        return vector

    def _embed(self, texts: Sequence[str], patience: Patience, purpose: str) -> NDArray[np.float32]:
        rows = np.empty((len(texts), self.dimensions), dtype=np.float32)
        start = 0
        for batch in _batches([_acceptable(text) for text in texts]):
            rows[start : start + len(batch)] = self._ask_patiently(batch, patience, purpose)
            start += len(batch)
        return rows

    def _ask_patiently(
        self, texts: list[str], patience: Patience, purpose: str
    ) -> NDArray[np.float32]:
        """One batch, asked again while that can help and `patience` lasts."""
        until = time.monotonic() + patience.total
        paused = 0.0
        for attempt in range(patience.retries + 1):
            seconds = min(patience.timeout, until - time.monotonic())
            try:
                return self._ask(texts, seconds, purpose)
            except (openai.OpenAIError, _UnusableAnswer, TooLate) as error:
                usage.note(purpose, self.model_id, usage.Use(calls=1, failures=1))
                problem = _translated(error)
                wait = _asked_to_wait(error) or _pause(attempt)
                last = attempt == patience.retries or paused + wait > patience.pauses
                if problem.retry_after is None or last or time.monotonic() + wait >= until:
                    raise problem from error
            time.sleep(wait)
            paused += wait
        raise AssertionError("the last attempt returns or raises")

    def _ask(self, texts: list[str], seconds: float, purpose: str) -> NDArray[np.float32]:
        """One request; unit rows in the order of `texts`, shape (len(texts), dimensions)."""
        create = functools.partial(
            self._client.embeddings.create,
            # base64 is a quarter of the size of decimal numbers. Asked for by name, so that
            # the SDK leaves decoding to us: its own breaks on a proxy's HTML page.
            input=texts,
            model=self._model,
            encoding_format="base64",
            timeout=seconds,
        )
        try:
            answer: object = self._calls.within(seconds, create)
        except ValueError as error:  # a body that is not the JSON its header promised
            raise _UnusableAnswer(f"the body is not JSON ({error})") from error
        rows = self._rows(answer, len(texts))
        tokens = getattr(getattr(answer, "usage", None), "total_tokens", 0)
        usage.note(purpose, self.model_id, usage.Use(calls=1, tokens_in=int(tokens or 0)))
        return rows

    def _rows(self, answer: object, count: int) -> NDArray[np.float32]:
        """Checks the answer and puts its vectors in the order of the question."""
        data = getattr(answer, "data", None)
        if not isinstance(data, list):
            raise _UnusableAnswer("the body is not a list of embeddings")
        indexes = [getattr(item, "index", None) for item in data]
        if len(data) != count or any(index not in indexes for index in range(count)):
            raise _UnusableAnswer(f"{count} texts were sent, {len(data)} vectors came back")
        rows = np.empty((count, self.dimensions), dtype=np.float32)
        for index, item in zip(indexes, data, strict=True):
            vector = _decoded(getattr(item, "embedding", None))
            if vector.shape != (self.dimensions,):
                raise _WrongDimensions(found=vector.size, expected=self.dimensions)
            rows[index] = vector
        if not np.isfinite(rows).all() or not rows.any(axis=1).all():
            raise _UnusableAnswer("a vector is zero or not finite")
        return unit_rows(rows)


class _UnusableAnswer(Exception):
    """The server answered 200 with something other than the vectors asked for."""


class _TextRefused(EmbeddingUnavailable):
    """The server is well and will have nothing of this request; another may fare better."""


class _WrongDimensions(_UnusableAnswer):
    """Another model than the one named seems to answer; asking again cannot change that."""

    def __init__(self, *, found: int, expected: int) -> None:
        super().__init__(f"a vector has {found} dimensions, not {expected}")


def _decoded(embedding: object) -> NDArray[np.float32]:
    """A vector sent as base64 of little-endian float32, or, by servers that ignore the format
    asked for, as a list of numbers.
    """
    try:
        if isinstance(embedding, str):
            return np.frombuffer(base64.b64decode(embedding, validate=True), dtype="<f4")
        vector = np.asarray(embedding, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise _UnusableAnswer(f"a vector cannot be read ({error})") from error
    if vector.ndim != 1:  # a null becomes NaN without complaint
        raise _UnusableAnswer("a vector is not a list of numbers")
    return vector


def _acceptable(text: str) -> str:
    """`text` without surrounding blanks, cut to what the API takes, and never empty."""
    cut = encodable(text.strip()).encode()[:MAX_TEXT_BYTES]
    return cut.decode(errors="ignore") or STAND_IN_FOR_EMPTY


def _batches(texts: Sequence[str]) -> Iterator[list[str]]:
    """`texts` in order, in lists that fit into one request each."""
    batch: list[str] = []
    size = 0
    for text in texts:
        length = len(text.encode())
        if batch and (len(batch) == MAX_REQUEST_TEXTS or size + length > MAX_REQUEST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(text)
        size += length
    if batch:
        yield batch


def _pause(attempt: int) -> float:
    """Seconds before the next try, spread so that workers refused together return apart."""
    spread = random.uniform(0.5, 1.0)  # noqa: S311 - for fairness, not secrecy
    return FIRST_PAUSE * float(2**attempt) * spread


def _asked_to_wait(error: Exception) -> float | None:
    """Seconds named by the server's Retry-After, as a number or as a date; None without one."""
    if not isinstance(error, openai.APIStatusError):
        return None
    value = error.response.headers.get("retry-after", "")
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - time.time()
        except ValueError:
            return None
    return seconds if 0 < seconds < float("inf") else None


def _translated(error: Exception) -> EmbeddingUnavailable:
    """The same failure in words for an operator, saying whether waiting can help."""
    match error:
        case openai.APIStatusError():
            return _refused(error)
        case openai.APITimeoutError() | TooLate():
            return EmbeddingUnavailable(
                "OpenAI did not answer in time.", retry_after=TRY_AGAIN_AFTER
            )
        case openai.APIConnectionError():
            return EmbeddingUnavailable(
                "OpenAI cannot be reached. Check the network and OPENAI_BASE_URL.",
                retry_after=TRY_AGAIN_AFTER,
            )
        case _WrongDimensions():
            return EmbeddingUnavailable(
                f"OpenAI's answer does not fit: {error}. Check which model serves OPENAI_BASE_URL."
            )
        case _UnusableAnswer():
            return EmbeddingUnavailable(
                f"OpenAI's answer cannot be used: {error}.", retry_after=TRY_AGAIN_AFTER
            )
    return EmbeddingUnavailable(f"OpenAI cannot be used: {error}.")


def _refused(error: openai.APIStatusError) -> EmbeddingUnavailable:
    status = error.status_code
    # Not the server's own message: it quotes part of the key.
    if status in {401, 403}:
        return EmbeddingUnavailable(f"OpenAI refused the key ({status}). Check OPENAI_API_KEY.")
    if error.code == "insufficient_quota":
        return EmbeddingUnavailable(
            "OpenAI's quota for this key is used up. Check the plan and the billing details."
        )
    if status == 429:
        wait = _asked_to_wait(error) or TRY_AGAIN_AFTER
        return EmbeddingUnavailable("OpenAI is limiting our requests.", retry_after=wait)
    if status >= 500 or status in {408, 409}:
        wait = _asked_to_wait(error) or TRY_AGAIN_AFTER
        return EmbeddingUnavailable(f"OpenAI failed ({status}).", retry_after=wait)
    problem = _TextRefused if status in {400, 413, 422} else EmbeddingUnavailable
    return problem(f"OpenAI refused the request ({status}): {error.message[:200]}")
