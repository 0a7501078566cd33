"""The automation a program manager would paste into Airtable: tell Office Hours of each edit."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import queue
from threading import Thread

from sync.sandbox.action import Action
from sync.sandbox.base import Base
from sync.sandbox.model import Json
from sync.sandbox.pings import is_loopback, post

SECONDS = 12.0
"""A fetch in an Airtable script fails after this long."""


def signature(secret: str, body: bytes) -> str:
    """The value of `X-Airtable-Signature`."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


class Automation(Thread):
    """Sends the edited record, signed, and does not try again: Airtable does not either."""

    def __init__(self, base: Base, *, url: str, secret: str) -> None:
        if not is_loopback(url):
            raise ValueError(f"The automation calls this machine only; {url} is elsewhere.")
        super().__init__(name="sandbox-automation", daemon=True)
        self.sent: list[tuple[int | None, Json]] = []
        """What was sent, with the status that came back; None when nobody answered."""
        self._base = base
        self._url = url
        self._secret = secret
        self._queue: queue.SimpleQueue[Json | None] = queue.SimpleQueue()

    def on_action(self, action: Action) -> None:
        """Run for people's edits only: API writes do not trigger this automation."""
        if action.source.kind != "client":
            return
        changed = list(action.before.values())
        with self._base.lock:
            edited = {change.record.id: change.record for change in action.changes()}
            # An inverse link that changed along with the edited cell triggers Airtable's
            # automation for that table as well, so every changed record is told.
            records = [b.record for b in changed if b.record.id in edited]
            for record in [*action.created.values(), *records]:
                shown = self._base.shown(record)
                self._queue.put(
                    {
                        "recordId": record.id,
                        "table": self._base.tables[record.table_id].name,
                        "fields": shown["fields"],
                        "timestamp": action.at,
                    }
                )

    def stop(self) -> None:
        """End after what is under way."""
        self._queue.put(None)

    def run(self) -> None:
        """Send one after the other."""
        while (body := self._queue.get()) is not None:
            raw = json.dumps(body).encode()
            headers = {"X-Airtable-Signature": signature(self._secret, raw)}
            try:
                status: int | None = post(self._url, raw, headers, SECONDS)
            except (OSError, http.client.HTTPException):
                status = None
            self.sent.append((status, body))
