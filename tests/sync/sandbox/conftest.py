"""A sandbox per test, in this process, and the clients that talk to it over loopback."""

from __future__ import annotations

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pyairtable
import pytest

from sync.sandbox import BASE_ID, DEFAULT_TOKEN, SandboxServer


@dataclass
class Answer:
    """What came back."""

    status: int
    body: Any
    headers: dict[str, str]


@dataclass
class Caller:
    """A plain HTTP client, for what a well-behaved library would never send."""

    url: str

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = DEFAULT_TOKEN,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token}"
        data = None
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, sent, method=method)
        opener = urllib.request.build_opener(_NoRedirects)
        try:
            with opener.open(request, timeout=10) as answer:
                return self._read(answer)
        except urllib.error.HTTPError as error:
            with error:
                return self._read(error)

    @staticmethod
    def _read(answer: Any) -> Answer:
        raw = answer.read().decode()
        kind = answer.headers.get("Content-Type", "")
        body = json.loads(raw) if raw and kind.startswith("application/json") else raw
        return Answer(answer.status, body, dict(answer.headers))


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


@dataclass
class Receiver:
    """The other side of pings and automations."""

    url: str
    statuses: list[int] = field(default_factory=list)
    got: list[tuple[bytes, dict[str, str]]] = field(default_factory=list)

    def wait(self, count: int = 1, seconds: float = 5) -> None:
        """Until that many have come."""
        eventually(lambda: len(self.got) >= count, seconds=seconds)


def eventually(test: Callable[[], Any], seconds: float = 5) -> None:
    """Wait for something that another thread is about to do."""
    deadline = time.monotonic() + seconds
    while not test():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Answers 204, or the statuses put into `statuses` first."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.got.append((body, dict(self.headers)))
            self.send_response(found.statuses.pop(0) if found.statuses else 204)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found = Receiver(f"http://127.0.0.1:{server.server_address[1]}/hook")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Without a rate limit: the tests about limits set their own."""
    with SandboxServer(rps=0) as server:
        yield server


@pytest.fixture
def call(sandbox: SandboxServer) -> Caller:
    return Caller(sandbox.url)


@pytest.fixture
def base(sandbox: SandboxServer) -> Iterator[pyairtable.Base]:
    api = connect(sandbox.url)
    yield api.base(BASE_ID)
    api.session.close()


def connect(url: str) -> pyairtable.Api:
    """As the sync engine connects: no hidden retries."""
    return pyairtable.Api(DEFAULT_TOKEN, endpoint_url=url, retry_strategy=None, timeout=(5, 5))


@pytest.fixture
def mentors(base: pyairtable.Base) -> pyairtable.Table:
    return base.table("Mentors")
