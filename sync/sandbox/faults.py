"""Faults to order: what a network and a busy server do to a client, one request at a time."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from threading import Lock

from sync.sandbox.errors import ApiError, invalid_request
from sync.sandbox.model import Json

KINDS = frozenset(
    {"timeout_after_apply", "error_after_apply", "error_before", "drop_connection", "retry_after"}
)


@dataclass
class Fault:
    """Happens to the next API request that fits, then is used up.

    timeout_after_apply: the request is carried out; no answer comes, and after `delay` seconds
        the connection closes. The client cannot know.
    error_after_apply: the request is carried out; the answer is `status`.
    error_before: nothing is done; the answer is `status` and `type`.
    drop_connection: nothing is done; the connection closes at once.
    retry_after: nothing is done; the answer is 503 with Retry-After `delay`.
    """

    kind: str
    method: str | None = None
    path: str | None = None
    status: int = 502
    type: str | None = None
    message: str | None = None
    delay: float = 1.0
    times: int = 1

    @classmethod
    def from_json(cls, wanted: Json) -> Fault:
        """Check what a test asked for; a fault that never fires would hide a mistake."""
        unknown = set(wanted) - {spec.name for spec in fields(cls)}
        if unknown or wanted.get("kind") not in KINDS:
            raise invalid_request(
                f"a fault has a kind, one of {', '.join(sorted(KINDS))}; unknown: {sorted(unknown)}"
            )
        return cls(**wanted)

    def fits(self, method: str, path: str) -> bool:
        """Whether it waits for a request like this one."""
        return self.method in (None, method) and (self.path is None or self.path in path)

    def error(self) -> ApiError:
        """The answer in place of the real one."""
        if self.kind == "retry_after":
            headers = {"Retry-After": f"{self.delay:g}"}
            return ApiError(503, self.type or "RETRIABLE_ERROR", self.message, headers=headers)
        return ApiError(self.status, self.type or "SERVER_ERROR", self.message)


class Faults:
    """The queue of faults."""

    def __init__(self) -> None:
        self._queue: list[Fault] = []
        self._lock = Lock()

    def add(self, fault: Fault) -> None:
        """Put one at the end."""
        with self._lock:
            self._queue.append(fault)

    def take(self, method: str, path: str) -> Fault | None:
        """The first that fits, counted down."""
        with self._lock:
            for fault in self._queue:
                if fault.fits(method, path):
                    fault.times -= 1
                    if fault.times <= 0:
                        self._queue.remove(fault)
                    return fault
        return None

    def waiting(self) -> list[Json]:
        """What has not happened yet."""
        with self._lock:
            return [asdict(fault) for fault in self._queue]

    def clear(self) -> None:
        """Nothing more is to go wrong."""
        with self._lock:
            self._queue.clear()
