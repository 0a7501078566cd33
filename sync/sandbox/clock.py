"""One clock for the whole sandbox, which a test may move forward."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta


def system_now() -> datetime:
    """The machine's time, in UTC."""
    return datetime.now(UTC)


def iso(moment: datetime) -> str:
    """Airtable's spelling of an instant: UTC, milliseconds, Z."""
    return (
        moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
    )


class Clock:
    """The time as the sandbox sees it: the source's, plus what a test has added.

    Webhooks live seven days and list offsets a few minutes; nobody wants to wait for either.
    """

    def __init__(self, source: Callable[[], datetime] = system_now) -> None:
        self._source = source
        self._ahead = timedelta()

    def now(self) -> datetime:
        """The present instant, never twice with different zones."""
        return self._source() + self._ahead

    def reset(self) -> None:
        """Back to the machine's time."""
        self._ahead = timedelta()

    def advance(self, by: timedelta) -> None:
        """Move forward; everything that expires is judged by the new time."""
        self._ahead += by
