"""What Airtable does not document, as switches.

Each stands for a question its documentation leaves open. The default is the answer that is
kindest to assume least about; a client that works under every setting needs no luck.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from sync.sandbox.errors import invalid_request
from sync.sandbox.model import Json


@dataclass
class Switches:
    """The settings that `POST /_sandbox/switches` changes while the sandbox runs."""

    batch_atomic: bool = True
    """One bad record refuses all ten; off, those before it stay applied."""
    missing_record: str = "404"
    """A single record that is gone: `404` (bare), `404-model`, or `403`."""
    batch_delete_missing_fails: bool = True
    """A batch delete with one missing id fails whole; off, the missing one is passed over."""
    upsert_in_request_order: bool = True
    """Off, created records come last in the answer."""
    upsert_ignores_case: bool = False
    """Whether merge values that differ in case alone are one."""
    upsert_ambiguous_type: str = "INVALID_REQUEST_UNKNOWN"
    """The error type when a merge key fits two records or more."""
    retry_after_on_429: bool = False
    """Whether a 429 carries Retry-After."""
    lockout_extends: bool = True
    """Requests made during the lock-out start it again."""
    rate_window_seconds: float = 1.0
    """The width of the sliding window in which requests are counted."""
    iterator_seconds: float = 300.0
    """How long an unused list offset lives."""
    billing_limit: int = 0
    """API calls until the monthly quota is spent; 0 means no quota."""
    payload_delay_seconds: float = 0.0
    """Time from a change to its payload being listed."""
    payload_split_at: int = 25
    """Records per payload; a larger action is split over several with one transaction number."""
    ping_coalesce_seconds: float = 0.05
    """How long pings wait for further changes."""
    ping_retry_seconds: float = 10.0
    """The first pause after a failed ping; each further one is twice as long."""
    ping_timeout_seconds: float = 25.0
    """How long the receiver may take."""
    ping_copies: int = 1
    """How often each ping is sent; more than once is allowed, so clients must bear it."""
    hook_error_shows: bool = True
    """Off, a hook with an invalid specification still looks healthy in the list."""

    def reset(self) -> None:
        """Everything as it was at the start."""
        for spec in fields(self):
            setattr(self, spec.name, spec.default)

    def change(self, wanted: Json) -> None:
        """Set the named switches, or none of them."""
        known = {spec.name: type(getattr(self, spec.name)) for spec in fields(self)}
        ready: dict[str, Any] = {}
        for name, value in wanted.items():
            kind = known.get(name)
            if kind is None:
                raise invalid_request(f"there is no switch called {name}")
            if kind is float and isinstance(value, int) and not isinstance(value, bool):
                value = float(value)
            if type(value) is not kind:
                raise invalid_request(f"{name} takes a {kind.__name__}")
            ready[name] = value
        for name, value in ready.items():
            setattr(self, name, value)
