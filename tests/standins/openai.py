"""A server that speaks as much of OpenAI's HTTP API as this product uses.

It answers as the real one does, including its refusals, and misbehaves on request:

    with OpenAIStandIn() as openai:
        openai.fail_next(rate_limited(retry_after="1"), server_error())
        ...  # a client with base_url=openai.base_url
        assert openai.requests[0].body["model"] == "text-embedding-3-small"
"""

from __future__ import annotations

import base64
import json
import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self, TypeAlias

import numpy as np

DIMENSIONS = {"text-embedding-3-small": 1536, "text-embedding-3-large": 3072}
MAX_TEXTS = 2_048
MAX_TOKENS_PER_TEXT = 8_192
MAX_TOKENS_PER_REQUEST = 300_000


@dataclass(frozen=True)
class Reply:
    """What goes over the wire. `cut_to` sends only so many bytes of the body, then hangs up; `drip` waits so
    many seconds after each byte, and before the first."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    cut_to: int | None = None
    drip: float = 0.0

    def pieces(self) -> Iterator[bytes]:
        if not self.drip:
            yield self.body[: self.cut_to]
            return
        for place in range(len(self.body)):
            time.sleep(self.drip)
            yield self.body[place : place + 1]


@dataclass(frozen=True)
class ReceivedRequest:
    """One request as it arrived; header names in lower case."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


# Gets the answer that would have been sent, and says what to send instead.
Fault: TypeAlias = Callable[[Reply], Reply]
Chat: TypeAlias = Callable[[str, Any], object]


def rate_limited(*, retry_after: str | None = None) -> Fault:
    """429. `retry_after` is the header as sent: seconds or an HTTP date."""
    headers = {} if retry_after is None else {"Retry-After": retry_after}
    return lambda _: _error(429, "Rate limit reached.", "requests", "rate_limit_exceeded", headers)


def out_of_quota() -> Fault:
    """429 as well, but nothing that waiting would cure."""
    quota = "insufficient_quota"
    return lambda _: _error(429, "You exceeded your current quota.", quota, quota)


def server_error(status: int = 500) -> Fault:
    return lambda _: _error(status, "The server had an error.", "server_error", None)


def slow(seconds: float) -> Fault:
    """The right answer, late."""

    def fault(reply: Reply) -> Reply:
        time.sleep(seconds)
        return reply

    return fault


def dripping(seconds: float = 0.05) -> Fault:
    """The right answer a byte at a time: never silent for longer than `seconds`, and never done."""
    return lambda reply: Reply(reply.status, reply.body, reply.headers, drip=seconds)


def says(content: str) -> Fault:
    """The model says just this."""
    return _message(content=content)


def refuses() -> Fault:
    return _message(content=None, refusal="I can't help with that.")


def runs_on() -> Fault:
    """The model did not come to an end within the tokens it had."""
    return _altered(lambda answer: answer["choices"][0].update(finish_reason="length"))


def wrong_order() -> Fault:
    """The vectors in reverse; each still carries its index."""

    def turn(answer: dict[str, Any]) -> None:
        answer["data"].reverse()

    return _altered(turn)


def one_missing() -> Fault:
    return _altered(lambda answer: answer["data"].pop())


def with_embedding(embedding: object) -> Fault:
    """The first vector replaced by `embedding`, whatever that is."""

    def replace(answer: dict[str, Any]) -> None:
        answer["data"][0]["embedding"] = embedding

    return _altered(replace)


def truncated_json() -> Fault:
    """Half of the JSON, with a Content-Length that fits the half."""
    return lambda reply: Reply(200, reply.body[: len(reply.body) // 2], reply.headers)


def hung_up() -> Fault:
    """The connection ends in the middle of the body."""
    return lambda reply: Reply(200, reply.body, reply.headers, cut_to=len(reply.body) // 2)


def proxy_page() -> Fault:
    """200 and a page for people, as captive portals and proxies answer."""
    page = b"<html><body>Please sign in to the network.</body></html>"
    return lambda _: Reply(200, page, {"Content-Type": "text/html"})


class OpenAIStandIn:
    """POST /v1/embeddings and /v1/chat/completions on 127.0.0.1, on a port of its own."""

    def __init__(self, *, api_key: str = "sk-test") -> None:
        self.api_key = api_key
        # Gets the name of the schema that is to be filled and the user's message, and answers.
        self.chat: Chat = lambda purpose, data: {}
        # Some servers that speak this protocol know only lists of numbers.
        self.ignores_base64 = False
        self.is_gone = False
        self.requests: list[ReceivedRequest] = []
        self._faults: deque[Fault] = deque()
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler_for(self))
        self._server.daemon_threads = True
        # A short poll: tests would otherwise wait half a second each for the server to stop.
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
        self._thread.join()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def close(self) -> None:
        """From now on it cannot be reached; who is being answered still is."""
        self.is_gone = True
        self._server.shutdown()
        self._server.server_close()

    def headers_of(self, reply: Reply) -> dict[str, str]:
        ending = {"Connection": "close"} if self.is_gone else {}
        return {**reply.headers, "Content-Length": str(len(reply.body)), **ending}

    def fail_next(self, *faults: Fault) -> None:
        """Each fault spoils one of the next requests, in order."""
        with self._lock:
            self._faults.extend(faults)

    def answer(self, request: ReceivedRequest) -> Reply:
        with self._lock:
            self.requests.append(request)
            fault = self._faults.popleft() if self._faults else None
        reply = self._proper_answer(request)
        return fault(reply) if fault else reply

    def _proper_answer(self, request: ReceivedRequest) -> Reply:
        if request.headers.get("authorization") != f"Bearer {self.api_key}":
            sent = request.headers.get("authorization", "").removeprefix("Bearer ")
            message = f"Incorrect API key provided: {sent[:5]}***."
            return _error(401, message, "invalid_request_error", "invalid_api_key")
        if request.path == "/v1/embeddings":
            return self._embeddings(request.body)
        if request.path == "/v1/chat/completions":
            return self._chat(request.body)
        return _error(404, f"Invalid URL (POST {request.path})", "invalid_request_error", None)

    def _embeddings(self, body: dict[str, Any]) -> Reply:
        texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
        refusal = _refusal(body, texts)
        if refusal:
            return refusal
        as_text = body.get("encoding_format") == "base64" and not self.ignores_base64
        vectors = [embedding(text, DIMENSIONS[body["model"]]) for text in texts]
        tokens = sum(map(_tokens, texts))
        return _json(
            {
                "object": "list",
                "data": [
                    {
                        "object": "embedding",
                        "index": index,
                        "embedding": as_base64(vector) if as_text else vector.tolist(),
                    }
                    for index, vector in enumerate(vectors)
                ],
                "model": body["model"],
                "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
            }
        )

    def _chat(self, body: dict[str, Any]) -> Reply:
        refusal = _chat_refusal(body)
        if refusal:
            return refusal
        sent = body["messages"][-1]["content"]
        said = json.dumps(
            self.chat(body["response_format"]["json_schema"]["name"], json.loads(sent))
        )
        tokens_in, tokens_out = sum(_tokens(m["content"]) for m in body["messages"]), _tokens(said)
        return _json(
            {
                "id": "chatcmpl-1",
                "object": "chat.completion",
                "created": 1_750_000_000,
                "model": body["model"],
                "choices": [
                    {
                        "index": 0,
                        "message": {"role": "assistant", "content": said, "refusal": None},
                        "logprobs": None,
                        "finish_reason": "stop",
                    }
                ],
                "usage": {
                    "prompt_tokens": tokens_in,
                    "completion_tokens": tokens_out,
                    "total_tokens": tokens_in + tokens_out,
                },
            }
        )


def embedding(text: str, dimensions: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """A unit vector, shape (dimensions,): the same for the same text, near for shared words."""
    total = np.zeros(dimensions)
    for word in text.lower().split() or [text]:
        total += np.random.default_rng(zlib.crc32(word.encode())).standard_normal(dimensions)
    return (total / np.linalg.norm(total)).astype(np.float32)


def as_base64(vector: np.ndarray[Any, np.dtype[np.float32]]) -> str:
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()


def _refusal(body: dict[str, Any], texts: list[str]) -> Reply | None:
    """What the real API refuses, in its words as far as they matter."""
    invalid = "invalid_request_error"
    if body["model"] not in DIMENSIONS:
        message = f"The model `{body['model']}` does not exist or you do not have access to it."
        return _error(404, message, invalid, "model_not_found")
    if not texts or len(texts) > MAX_TEXTS or not all(texts):
        return _error(400, "'$.input' is invalid.", invalid, None)
    if max(map(_tokens, texts)) > MAX_TOKENS_PER_TEXT:
        message = "This model's maximum context length is 8192 tokens."
        return _error(400, message, invalid, None)
    if sum(map(_tokens, texts)) > MAX_TOKENS_PER_REQUEST:
        message = "Requested too many tokens: the maximum is 300000 per request."
        return _error(400, message, "max_tokens_per_request", "max_tokens_per_request")
    return None


def _chat_refusal(body: dict[str, Any]) -> Reply | None:
    invalid = "invalid_request_error"
    if body["model"] in DIMENSIONS:
        return _error(404, "This is not a chat model.", invalid, "model_not_found")
    wanted = body["response_format"]["json_schema"]
    if not wanted["strict"] or not _is_strict(wanted["schema"]):
        message = f"Invalid schema for response_format '{wanted['name']}'."
        return _error(400, message, invalid, "invalid_json_schema")
    return None


def _is_strict(schema: dict[str, Any]) -> bool:
    """Strict schemas allow no property that is not named and require every one that is."""
    if schema["type"] == "array":
        return _is_strict(schema["items"])
    if schema["type"] != "object":
        return True
    inside = schema["properties"]
    closed = schema.get("additionalProperties") is False and schema["required"] == list(inside)
    return closed and all(map(_is_strict, inside.values()))


def _tokens(text: str) -> int:
    """The most that a text can cost: no token is shorter than a byte."""
    return len(text.encode())


def _json(answer: object, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
    content = {"Content-Type": "application/json", **(headers or {})}
    return Reply(status, json.dumps(answer).encode(), content)


def _error(
    status: int,
    message: str,
    kind: str,
    code: str | None,
    headers: dict[str, str] | None = None,
) -> Reply:
    error = {"message": message, "type": kind, "param": None, "code": code}
    return _json({"error": error}, status, headers)


def _message(**values: object) -> Fault:
    return _altered(lambda answer: answer["choices"][0]["message"].update(values))


def _altered(change: Callable[[dict[str, Any]], object]) -> Fault:
    def fault(reply: Reply) -> Reply:
        answer = json.loads(reply.body)
        change(answer)
        return _json(answer)

    return fault


def _handler_for(stand_in: OpenAIStandIn) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10  # seconds; a forgotten connection must not outlive the tests

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            reply = stand_in.answer(ReceivedRequest(self.path, headers, json.loads(body)))
            try:
                self._send(reply)
            except ConnectionError:
                self.close_connection = True  # the client lost patience, as some tests intend

        def _send(self, reply: Reply) -> None:
            self.send_response(reply.status)
            for name, value in stand_in.headers_of(reply).items():
                self.send_header(name, value)
            self.end_headers()
            for piece in reply.pieces():
                self.wfile.write(piece)
            if reply.cut_to is not None:
                self.close_connection = True

        def log_message(self, format: str, *args: object) -> None:
            """Silent: the tests look at `requests`."""

    return Handler
