"""The sandbox as a server: sockets outside, the base inside."""

from __future__ import annotations

import logging
import socket
import sqlite3
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any, ClassVar

from sync.sandbox.api import Api
from sync.sandbox.automation import Automation
from sync.sandbox.base import Base
from sync.sandbox.clock import Clock, iso
from sync.sandbox.control import Control, RequestLog
from sync.sandbox.errors import ApiError, not_found
from sync.sandbox.faults import Fault, Faults
from sync.sandbox.grid import Grid
from sync.sandbox.limits import Limiter
from sync.sandbox.model import Json
from sync.sandbox.pings import Pings
from sync.sandbox.store import Store
from sync.sandbox.switches import Switches
from sync.sandbox.web import (
    LOOPBACK,
    Forbidden,
    Reply,
    Request,
    error_reply,
    json_reply,
    refuse_foreign_names,
    refuse_foreign_pages,
)

logger = logging.getLogger(__name__)

LARGEST_BODY = 4 * 1024 * 1024
LONGEST_URL = 16_000
IDLE_SECONDS = 60


class SandboxServer:
    """A whole sandbox: start it in a test on port 0, or from the command line on a fixed one.

        with SandboxServer(rps=0) as sandbox:
            Api("pat", endpoint_url=sandbox.url).table(BASE_ID, "Mentors").all()

    `base` is the live state; take `base.lock` when reading more than one thing.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        state: Path | None = None,
        token: str | None = None,
        rps: int = 5,
        lockout_seconds: float = 30.0,
        automation_url: str | None = None,
        automation_secret: str = "",
    ) -> None:
        if host not in LOOPBACK:
            raise ValueError(f"The sandbox listens on this machine only; {host} is not loopback.")
        self.clock = Clock()
        self.switches = Switches()
        self.faults = Faults()
        self.log = RequestLog()
        self.store = Store(state)
        self.base = Base(self.store, self.clock, self.switches)
        self.limiter = Limiter(rps=rps, lockout_seconds=lockout_seconds, switches=self.switches)
        self.api = Api(self.base, self.limiter, token)
        self.pings = Pings(self.base)
        self.automation: Automation | None = None
        if automation_url:
            self.automation = Automation(self.base, url=automation_url, secret=automation_secret)
            self.base.listeners.append(self.automation.on_action)
        self.control = Control(self)
        self.grid = Grid(self.base)
        self._http = self._listen(host, port)
        self._thread = Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    def _listen(self, host: str, port: int) -> _HttpServer:
        try:
            return _HttpServer(host, port, self)
        except OSError:
            self.store.close()
            raise

    @property
    def port(self) -> int:
        """The port it listens on, also when 0 was asked for."""
        return int(self._http.server_address[1])

    @property
    def url(self) -> str:
        """The address to give to clients."""
        host = str(self._http.server_address[0])
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def automation_log(self) -> list[tuple[int | None, Json]]:
        """What the automation has sent."""
        return list(self.automation.sent) if self.automation else []

    def start(self) -> SandboxServer:
        """Begin to answer, and send the pings that an earlier process still owed."""
        self.base.webhooks.on_news = self.pings.announce
        for hook in self.base.webhooks.hooks.values():
            if hook.waiting:
                self.pings.announce(hook.id)
        self.pings.start()
        if self.automation:
            self.automation.start()
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop answering, close every connection and let the state file go."""
        if self._thread.is_alive():
            self._http.shutdown()
            self._thread.join()
        self._http.close_connections()
        self._http.server_close()
        for worker in (self.pings, self.automation):
            if worker is not None and worker.is_alive():
                worker.stop()
                worker.join(timeout=2)
        with self.base.lock:
            self.store.close()

    def __enter__(self) -> SandboxServer:
        return self.start()

    def __exit__(self, *details: object) -> None:
        self.stop()

    def reset(self, *, empty: bool = False) -> None:
        """As new: no rows, no webhooks, no faults, nothing counted, every switch as it was."""
        self.base.reset(empty=empty)
        self.switches.reset()
        self.clock.reset()
        if self.automation:
            self.automation.sent.clear()
        self.api.lists.clear()
        self.faults.clear()
        self.limiter.reset()
        self.log.clear()

    # Answering

    def answer(self, request: Request) -> Reply:
        """The reply to any request."""
        first = request.segments[:1]
        try:
            refuse_foreign_names(request)
            if first == ["v0"]:
                return self._answer_api(request)
            refuse_foreign_pages(request)
            if first == ["_sandbox"]:
                return self.control.handle(request)
            return self.grid.handle(request)
        except Forbidden as error:
            return json_reply({"error": {"type": "FORBIDDEN", "message": str(error)}}, 403)
        except ApiError as error:
            return error_reply(error)

    def _answer_api(self, request: Request) -> Reply:
        started, at = time.monotonic(), iso(self.clock.now())
        fault = self.faults.take(request.method, request.path)
        reply = self._reply_with(fault, request)
        for edit in reply.shows:
            edit.is_known = True
        status = 0 if reply.drop else reply.status
        self.log.add(request, status=status, started=started, at=at)
        return reply

    def _reply_with(self, fault: Fault | None, request: Request) -> Reply:
        if fault is not None and fault.kind == "drop_connection":
            return Reply(drop=True)
        try:
            if fault is not None and fault.kind in ("error_before", "retry_after"):
                raise fault.error()
            reply = self._api_reply(request)
        except ApiError as error:
            return error_reply(error)
        except sqlite3.Error:
            logger.exception("The sandbox could not write its state.")
            return error_reply(ApiError(500, "SERVER_ERROR"))
        if fault is not None and fault.kind == "timeout_after_apply":
            return Reply(drop=True, hold=fault.delay)
        if fault is not None:
            return error_reply(fault.error())
        return reply

    def _api_reply(self, request: Request) -> Reply:
        if len(request.target) > LONGEST_URL:
            raise ApiError(414, "REQUEST_URI_TOO_LONG", "The URL is longer than 16,000 characters")
        if len(request.segments) < 2:
            raise not_found()
        return self.api.handle(request)


class _HttpServer(ThreadingHTTPServer):
    """Knows its open connections: stopping must not wait for an idle keep-alive client."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, host: str, port: int, sandbox: SandboxServer) -> None:
        self.sandbox = sandbox
        self._open: set[socket.socket] = set()
        self._open_lock = Lock()
        if host == "::1":
            self.address_family = socket.AF_INET6
        super().__init__((host, port), _Handler)

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def close_connections(self) -> None:
        """Wake every thread that waits for a client's next request."""
        with self._open_lock:
            for connection in self._open:
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no news; anything else is a mistake of ours."""
        logger.debug("The connection to %s ended early.", client_address)


class _Handler(BaseHTTPRequestHandler):
    """Reads a request whole, answers it in one write."""

    protocol_version = "HTTP/1.1"
    server_version = "Sandbox"
    sys_version = ""
    timeout = IDLE_SECONDS
    # Headers and body go out together: with keep-alive, two writes meet Nagle's algorithm and
    # the client's delayed acknowledgement, and every request takes 40 ms.
    disable_nagle_algorithm = True
    wbufsize = -1
    server: _HttpServer
    _METHODS: ClassVar[frozenset[str]] = frozenset({"GET", "POST", "PATCH", "PUT", "DELETE"})

    def do_GET(self) -> None:
        """Answer any method alike."""
        body = self._read_body()
        if body is None:
            return
        request = Request(self.command, self.path, self.headers, body)
        try:
            reply = self.server.sandbox.answer(request)
        except Exception:
            logger.exception("%s %s failed", self.command, self.path)
            reply = error_reply(ApiError(500, "SERVER_ERROR"))
        self._send(reply)

    do_POST = do_PATCH = do_PUT = do_DELETE = do_GET

    def _read_body(self) -> bytes | None:
        """The body, or None when it was refused and the connection is to end."""
        length = self.headers.get("Content-Length", "0")
        if self.headers.get("Transfer-Encoding") or not length.isdecimal():
            self.close_connection = True
            self._send(error_reply(ApiError(411, "LENGTH_REQUIRED")))
            return None
        if int(length) > LARGEST_BODY:
            self.close_connection = True
            self._send(error_reply(ApiError(413, "REQUEST_TOO_LARGE", "Request body is too large")))
            return None
        return self.rfile.read(int(length))

    def _send(self, reply: Reply) -> None:
        if reply.drop:
            time.sleep(reply.hold)
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Type", reply.content_type)
        self.send_header("Content-Length", str(len(reply.body)))
        self.send_header("X-Content-Type-Options", "nosniff")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(reply.body)
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:
        """Every request is in the log of the control plane already."""
        logger.debug(format, *args)
