"""The control plane: what tests and demonstrations do that no API client can.

Here a program manager edits a cell, faults are ordered, and the log of requests is read. None of
it counts against the rate limit.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sync.sandbox import rows
from sync.sandbox.clock import iso
from sync.sandbox.errors import ApiError, invalid_request, missing_fields, not_found
from sync.sandbox.faults import Fault
from sync.sandbox.model import CLIENT, Json, Source
from sync.sandbox.payloads import SOURCES
from sync.sandbox.web import Reply, Request, json_reply

if TYPE_CHECKING:
    from sync.sandbox.server import SandboxServer

MOST_LOGGED = 50_000


class RequestLog:
    """What clients asked, for assertions on rates and batch sizes."""

    def __init__(self) -> None:
        self._entries: deque[Json] = deque(maxlen=MOST_LOGGED)

    def add(self, request: Request, *, status: int, started: float, at: str) -> None:
        """Note an API request; `status` 0 stands for a connection closed without an answer."""
        self._entries.append(
            {
                "time": at,
                "monotonic": started,
                "method": request.method,
                "path": request.path,
                "query": request.target.partition("?")[2],
                "status": status,
                "records": _count(request),
                "seconds": round(time.monotonic() - started, 6),
            }
        )

    def entries(self) -> list[Json]:
        """Oldest first."""
        return list(self._entries)

    def clear(self) -> None:
        """Start a new log."""
        self._entries.clear()


def _count(request: Request) -> int:
    """How many records a request carries."""
    if request.method == "DELETE":
        named = sum(name.partition("[")[0] == "records" for name, _ in request.pairs)
        return named or int(request.segments[-1].startswith("rec"))
    if request.method in ("POST", "PATCH", "PUT"):
        try:
            body: Any = request.json()
        except ApiError:
            return 0
        records = body.get("records")
        return len(records) if isinstance(records, list) else int("fields" in body)
    return 0


class Control:
    """Everything under /_sandbox."""

    def __init__(self, server: SandboxServer) -> None:
        self._server = server
        self._base = server.base
        self._posts: dict[str, Callable[[Json], Any]] = {
            "reset": self._reset,
            "faults": self._faults,
            "switches": self._switches,
            "clock": self._clock,
            "ping": self._ping,
            "break-webhook": self._break_webhook,
            "mute-webhook": self._mute_webhook,
            "delete-webhook": self._delete_webhook,
            "create": self._create,
            "edit": self._edit,
            "delete": self._delete,
        }

    def handle(self, request: Request) -> Reply:
        """Answer, or raise the refusal."""
        parts = request.segments[1:]
        if request.method == "POST" and len(parts) == 1 and parts[0] in self._posts:
            return json_reply(self._posts[parts[0]](request.json()))
        if request.method == "GET":
            return json_reply(self._get(parts))
        if request.method == "DELETE" and parts == ["requests"]:
            self._server.log.clear()
            return json_reply({"ok": True})
        if request.method == "DELETE" and parts == ["faults"]:
            self._server.faults.clear()
            return json_reply({"ok": True})
        raise not_found()

    def _get(self, parts: list[str]) -> Any:
        match parts:
            case ["health"]:
                return {"ok": True, "base": self._base.id, "time": iso(self._base.clock.now())}
            case ["records", table]:
                return {"records": self._base.records(table)}
            case ["requests"]:
                return {"requests": self._server.log.entries()}
            case ["untold"]:
                with self._base.lock:
                    return {"edits": self._base.witness.untold()}
            case ["faults"]:
                return {"faults": self._server.faults.waiting()}
            case ["switches"]:
                return asdict(self._base.switches)
            case ["automation"]:
                return {"sent": [{"status": s, "body": b} for s, b in self._server.automation_log]}
        raise not_found()

    # Circumstances

    def _reset(self, body: Json) -> Json:
        self._server.reset(empty=bool(body.get("empty")))
        return {"ok": True}

    def _faults(self, body: Json) -> Json:
        wanted = body.get("faults", [body])
        if not isinstance(wanted, list):
            raise invalid_request("faults is an array.")
        for fault in [Fault.from_json(item) for item in wanted]:
            self._server.faults.add(fault)
        return {"faults": self._server.faults.waiting()}

    def _switches(self, body: Json) -> Json:
        self._base.switches.change(body)
        return asdict(self._base.switches)

    def _clock(self, body: Json) -> Json:
        seconds = body.get("advance_seconds")
        if not isinstance(seconds, int | float):
            raise missing_fields("advance_seconds")
        self._base.clock.advance(timedelta(seconds=seconds))
        return {"time": iso(self._base.clock.now())}

    def _ping(self, body: Json) -> Json:
        """Pings about nothing, or the same one several times."""
        with self._base.lock:
            hooks = [body["webhook"]] if "webhook" in body else list(self._base.webhooks.hooks)
        for hook_id in hooks:
            self._server.pings.send_now(str(hook_id), int(body.get("times", 1)))
        return {"webhooks": hooks}

    def _break_webhook(self, body: Json) -> Json:
        """As deleting a watched field in Airtable does."""
        with self._base.lock:
            self._base.webhooks.break_hook(
                str(body.get("webhook")), str(body.get("code", "INVALID_HOOK"))
            )
        return {"ok": True}

    def _mute_webhook(self, body: Json) -> Json:
        """As a day of failed pings does: nothing is announced any more, and all is still recorded."""
        with self._base.lock:
            self._base.webhooks.enable_notifications(str(body.get("webhook")), False)
        return {"ok": True}

    def _delete_webhook(self, body: Json) -> Json:
        """As somebody with another token may: it is gone, with what it had not told."""
        with self._base.lock:
            self._base.webhooks.delete(str(body.get("webhook")))
        return {"ok": True}

    # The program manager

    def _source(self, body: Json) -> Source:
        kind = body.get("source", "client")
        if kind not in SOURCES:
            raise invalid_request(f"source is one of {', '.join(sorted(SOURCES))}.")
        if kind == "client":
            return CLIENT
        return Source(kind, body.get("sourceMetadata", {}))

    def _create(self, body: Json) -> Json:
        base = self._base
        with base.action(self._source(body)) as action:
            table = base.table(str(body.get("table")))
            record = rows.create(base, action, table, body.get("fields", {}), typecast=True)
        return base.shown(record)

    def _edit(self, body: Json) -> Json:
        """One record, or several at once under `records` as when a column is filled down."""
        base = self._base
        edits = body.get("records", [body])
        with base.action(self._source(body)) as action:
            table = base.table(str(body.get("table")))
            found = [rows.in_table(table, _record_id(edit)) for edit in edits]
            for record, edit in zip(found, edits, strict=True):
                rows.update(base, action, table, record, edit.get("fields"), typecast=True)
        shown = [base.shown(record) for record in found]
        return {"records": shown} if "records" in body else shown[0]

    def _delete(self, body: Json) -> Json:
        base = self._base
        with base.action(self._source(body)) as action:
            table = base.table(str(body.get("table")))
            record = rows.in_table(table, _record_id(body))
            base.remove(action, record)
        return {"id": record.id, "deleted": True}


def _record_id(body: Any) -> Any:
    """The record meant, under any of the names people try."""
    return body.get("record") or body.get("recordId") or body.get("id")
