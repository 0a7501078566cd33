"""The base as a program manager holds it: the sandbox's control plane, which no limit counts."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import urllib.error
import urllib.request
from collections import deque
from datetime import UTC, datetime
from typing import Any

from benchmarks.chaos.stage import SECRET

Json = dict[str, Any]


class Refused(Exception):
    """The sandbox does not take this edit."""


class Base:
    """Edits, faults and the log."""

    def __init__(self, url: str, *, site: str) -> None:
        self.url = url
        self._site = site
        self.faults_ordered = 0
        self.refusals_ordered = 0

    # Rows

    def rows(self, table: str) -> list[Json]:
        """Every row of a table, oldest first."""
        found: list[Json] = self._get(f"records/{table.replace(' ', '%20')}")["records"]
        return found

    def create(self, table: str, fields: Json) -> Json:
        """A new row."""
        made: Json = self._post("create", table=table, fields=fields)
        return made

    def edit(self, table: str, record_id: str, fields: Json) -> Json:
        """Change cells of one row."""
        edited: Json = self._post("edit", table=table, record=record_id, fields=fields)
        return edited

    def fill(self, table: str, edits: list[tuple[str, Json]]) -> None:
        """Change many rows at once, as when a column is pasted."""
        records = [{"record": record_id, "fields": fields} for record_id, fields in edits]
        self._post("edit", table=table, records=records)

    def delete(self, table: str, record_id: str) -> None:
        """Delete a row."""
        self._post("delete", table=table, record=record_id)

    def announce(self, table: str, row: Json, *, at: datetime | None = None) -> None:
        """Post a row as the Automation's script does. It does not try again, so neither do we."""
        moment = (at or datetime.now(UTC)).isoformat()
        told = {"recordId": row["id"], "table": table, "fields": row["fields"], "timestamp": moment}
        body = json.dumps(told).encode()
        signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", "X-Airtable-Signature": signature}
        request = urllib.request.Request(f"{self._site}/api/webhooks/airtable", body, headers)
        with contextlib.suppress(OSError):
            urllib.request.urlopen(request, timeout=12).close()

    # Circumstances

    def fault(self, kind: str, **more: Any) -> None:
        """Have the next request that fits go wrong."""
        times = int(more.get("times", 1))
        self.faults_ordered += times
        if more.get("status") == 429:
            self.refusals_ordered += times
        self._post("faults", kind=kind, **more)

    def end_faults(self) -> int:
        """Nothing more is to go wrong; how many of the faults had happened."""
        waiting = self._get("faults")["faults"]
        self._send("DELETE", "faults")
        left = sum(int(fault["times"]) for fault in waiting)
        self.refusals_ordered -= sum(f["times"] for f in waiting if f["status"] == 429)
        return self.faults_ordered - left

    def switch(self, **wanted: Any) -> None:
        """Change how Airtable behaves where its documentation is silent."""
        self._post("switches", **wanted)

    def ping(self, *, times: int = 1) -> None:
        """Pings about nothing."""
        self._post("ping", times=times)

    def end_webhook(self, webhook: str, how: str) -> None:
        """Args: how: `break`, `mute` or `delete`."""
        self._post(f"{how}-webhook", webhook=webhook)

    # What it saw

    def requests(self) -> list[Json]:
        """The log of API requests."""
        found: list[Json] = self._get("requests")["requests"]
        return found

    def untold(self) -> list[Json]:
        """Edits that were written over before any answer had shown or told them to anybody."""
        found: list[Json] = self._get("untold")["edits"]
        return found

    def most_in_a_second(self) -> int:
        """The busiest second, by the sandbox's own clock."""
        window: deque[float] = deque()
        most = 0
        for moment in sorted(entry["monotonic"] for entry in self.requests()):
            window.append(moment)
            while moment - window[0] >= 1.0:
                window.popleft()
            most = max(most, len(window))
        return most

    def is_up(self) -> bool:
        """Whether the sandbox answers."""
        with contextlib.suppress(OSError):
            return bool(self._get("health")["ok"])
        return False

    def _get(self, path: str) -> Any:
        return self._send("GET", path)

    def _post(self, path: str, **body: Any) -> Any:
        return self._send("POST", path, body)

    def _send(self, method: str, path: str, body: Json | None = None) -> Any:
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Content-Type": "application/json"}
        url = f"{self.url}/_sandbox/{path}"
        request = urllib.request.Request(url, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            raise Refused(error.read().decode()) from None
