"""Calls that end when they must, whatever the other side does. Pure: threads and a clock.

A time-out of an HTTP library counts from one piece of an answer to the next: a server that sends a byte
a second never exceeds it. So the call runs beside the one who waits, who leaves when the time is over.
"""

from __future__ import annotations

import contextvars
import queue
import threading
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

# Calls under way at once in one process, those that nobody waits for any more among them.
MOST_CALLS: Final = 32


class TooLate(Exception):
    """The call did not end in time, or as many as may be are still under way."""


class Calls:
    """The calls to one outside system. Those left behind end by their own time-outs and are bounded in number."""

    def __init__(self, most: int = MOST_CALLS) -> None:
        self._places = threading.BoundedSemaphore(most)

    def within(self, seconds: float, call: Callable[[], T]) -> T:
        """What `call` returns or raises, within `seconds`.

        `call` runs in a thread of its own and so must not touch the database: a connection opened there
        would be nobody's to close.

        Raises:
            TooLate: the time is over, or `most` calls are under way.
        """
        if not self._places.acquire(blocking=False):
            raise TooLate("too many calls are still under way")
        answers: queue.SimpleQueue[tuple[T | None, BaseException | None]] = queue.SimpleQueue()

        def run() -> None:
            try:
                answers.put((call(), None))
            except BaseException as error:  # handed to whoever waits
                answers.put((None, error))
            finally:
                self._places.release()

        context = contextvars.copy_context()
        try:
            # A daemon: the process may end while a server still drips.
            threading.Thread(target=context.run, args=(run,), daemon=True).start()
        except RuntimeError:  # the machine has no thread to give
            self._places.release()
            raise TooLate("no thread could be started") from None
        try:
            value, error = answers.get(timeout=max(seconds, 0.0))
        except queue.Empty:
            raise TooLate(f"no answer within {seconds:.2f} s") from None
        if error is not None:
            raise error
        return value  # type: ignore[return-value]
