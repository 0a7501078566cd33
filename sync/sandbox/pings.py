"""Telling the other side that there is something to fetch."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import time
from dataclasses import dataclass
from ipaddress import ip_address
from threading import Condition, Thread
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from sync.sandbox.clock import iso
from sync.sandbox.model import Json

if TYPE_CHECKING:
    from sync.sandbox.base import Base
    from sync.sandbox.webhooks import Hook

MOST_RETRIES = 13


def is_loopback(url: str) -> bool:
    """Whether the address is this machine. The sandbox calls nobody else."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        return False
    if parts.hostname == "localhost":
        return True
    try:
        return ip_address(parts.hostname).is_loopback
    except ValueError:
        return False


def post(url: str, body: bytes, headers: dict[str, str], timeout: float) -> int:
    """POST without following redirects; the status, or an OSError / HTTPException."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(
        parts.hostname or "127.0.0.1", parts.port or 80, timeout=timeout
    )
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", target, body, {"Content-Type": "application/json", **headers})
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


def ping_body(base_id: str, hook_id: str, timestamp: str) -> bytes:
    """The one line of a ping. It carries no data: it only says that there is some."""
    line = {"base": {"id": base_id}, "webhook": {"id": hook_id}, "timestamp": timestamp}
    return json.dumps(line, separators=(",", ":")).encode()


def mac(secret_base64: str, body: bytes) -> str:
    """The value of `X-Airtable-Content-MAC`: keyed with the decoded bytes of the secret."""
    key = base64.b64decode(secret_base64)
    return "hmac-sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()


@dataclass
class Due:
    """A ping that is to go out."""

    at: float
    retry: int = 0
    early: bool = False
    """Brought forward by news; a failure then does not use up a retry."""


class Pings(Thread):
    """Sends what is owed, one at a time, with Airtable's retries."""

    def __init__(self, base: Base) -> None:
        super().__init__(name="sandbox-pings", daemon=True)
        self._base = base
        self._due: dict[str, Due] = {}
        self._changed = Condition()
        self._stopping = False

    def announce(self, hook_id: str) -> None:
        """Owe a ping; further news in the next moment are covered by the same one."""
        at = time.monotonic() + self._base.switches.ping_coalesce_seconds
        with self._changed:
            due = self._due.get(hook_id)
            if due is None:
                self._due[hook_id] = Due(at)
            elif at < due.at:
                due.at, due.early = at, True
            self._changed.notify()

    def send_now(self, hook_id: str, copies: int) -> None:
        """Spurious pings, which Airtable sends too: nothing need have happened."""
        with self._base.lock:
            hook = self._base.webhooks.find(hook_id)
        for _ in range(copies):
            self._attempt(hook)

    def stop(self) -> None:
        """Finish the attempt under way and end."""
        with self._changed:
            self._stopping = True
            self._changed.notify()

    def run(self) -> None:
        """Wait for what is due next, send it, repeat."""
        while True:
            with self._changed:
                hook_id = self._wait_for_next()
                if hook_id is None:
                    return
                due = self._due.pop(hook_id)
            self._deliver(hook_id, due)

    def _wait_for_next(self) -> str | None:
        while not self._stopping:
            pause = None
            if self._due:
                hook_id = min(self._due, key=lambda key: self._due[key].at)
                pause = self._due[hook_id].at - time.monotonic()
                if pause <= 0:
                    return hook_id
            self._changed.wait(pause)
        return None

    def _deliver(self, hook_id: str, due: Due) -> None:
        with self._base.lock:
            hook = self._base.webhooks.hooks.get(hook_id)
            if hook is None or not hook.notifies:
                return
            # What happens from here on owes a new ping.
            hook.waiting = False
        error: str | None = None
        started = time.monotonic()
        for _ in range(max(1, self._base.switches.ping_copies)):
            error = self._attempt(hook)
        seconds = time.monotonic() - started
        retry = due.retry if error is None or due.early else due.retry + 1
        with self._base.lock:
            again = self._note_result(hook, error, seconds, due.retry, retry)
        if again:
            pause = self._base.switches.ping_retry_seconds * 2 ** max(0, retry - 1)
            with self._changed:
                self._due.setdefault(hook_id, Due(time.monotonic() + pause)).retry = retry

    def _attempt(self, hook: Hook) -> str | None:
        """Send once; None, or what went wrong."""
        url = hook.notification_url or ""
        if not is_loopback(url):
            return "The sandbox calls loopback addresses only."
        body = ping_body(self._base.id, hook.id, iso(self._base.clock.now()))
        headers = {"X-Airtable-Content-MAC": mac(hook.mac_secret, body)}
        try:
            status = post(url, body, headers, self._base.switches.ping_timeout_seconds)
        except (OSError, http.client.HTTPException) as error:
            return f"The HTTP request could not be completed: {error}"
        if status in (200, 204):
            return None
        return f"The HTTP request returned a {status} status code instead of 200 or 204"

    def _note_result(
        self, hook: Hook, error: str | None, seconds: float, tried: int, retry: int
    ) -> bool:
        """Write down how it went; True when it is to be tried again."""
        now = iso(self._base.clock.now())
        result: Json = {
            "success": error is None,
            "completionTimestamp": now,
            "durationMs": round(seconds * 1000, 3),
            "retryNumber": tried,
        }
        again = False
        if error is None:
            hook.last_success_at = now
        else:
            again = retry <= MOST_RETRIES and is_loopback(hook.notification_url or "")
            result["error"] = {"message": error}
            result["willBeRetried"] = again
            hook.waiting = again
            if not again:
                hook.notifies = False
        hook.last_result = result
        if hook.id in self._base.webhooks.hooks:
            self._base.webhooks.save(hook)
        return again
