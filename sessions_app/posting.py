"""One mail after another, from rows that say which are due. What the mails are about is others' business.

At least once, with one effect: a row is claimed in a short transaction, its mail is sent with none open
and with the same Message-ID for every attempt, and what became of it is written by whoever holds the claim.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic, Protocol, TypeVar

from anymail.exceptions import AnymailError
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.db.models import QuerySet

from accounts.models import User
from sessions_app import services
from sessions_app.bounces import is_of_the_address, refusal_for_good

logger = logging.getLogger(__name__)

# Longer than the mail server may take to answer, so that a slow sender is not overtaken by another.
CLAIM = timedelta(seconds=60)
GIVE_UP_AFTER = 20  # attempts: about a day
LONGEST_WAIT = timedelta(hours=2)
DUE, SENT, FAILED = "due", "sent", "failed"


class Due(Protocol):
    """A row that says a mail is due: `state` is one of the above, or one of its own."""

    pk: Any
    state: str
    attempts: int
    version: int
    next_attempt_at: datetime

    def save(self, *, update_fields: list[str]) -> None: ...


Row = TypeVar("Row", bound=Due)


@dataclass(frozen=True)
class Post(Generic[Row]):
    """One kind of mail."""

    rows: Callable[[], QuerySet[Any]]
    """All of them, each with what is needed to write its mail."""
    instead: Callable[[Row, datetime], Mapping[str, object]]
    """What is written to the row in place of sending, where it is not to be sent (now, or any more)."""
    compose: Callable[[Row, datetime], EmailMultiAlternatives]
    recipient: Callable[[Row], User]

    def send_due(self, *, clock: Callable[[], datetime], limit: int = 500) -> int:
        """Send what is due, one claim at a time. Returns how many were sent."""
        sent = 0
        connection = get_connection()
        try:
            for _ in range(limit):
                row = self._claim(clock())
                if row is None:
                    break
                sent += self._send(row, connection, clock)
        finally:
            connection.close()
        return sent

    def _claim(self, now: datetime) -> Row | None:
        """Take the next due row. The claim moves it a minute ahead and commits before anything is sent:
        a worker that dies gives it back by itself, and no other takes it meanwhile."""
        with transaction.atomic():
            row: Row | None = (
                self.rows()
                .select_for_update(skip_locked=True, of=("self",))
                .filter(state=DUE, next_attempt_at__lte=now)
                .order_by("next_attempt_at", "id")
                .first()
            )
            if row is not None:
                row.attempts += 1
                row.next_attempt_at = now + CLAIM
                row.save(update_fields=["attempts", "next_attempt_at"])
            return row

    def _send(self, row: Row, connection: BaseEmailBackend, clock: Callable[[], datetime]) -> bool:
        now = clock()
        if changes := self.instead(row, now):
            self._settle(row, **changes)
            return False
        try:
            mail = self.compose(row, now)
            mail.connection = connection
            mail.send()
        except Exception as error:
            # Whatever went wrong, the others go out, and this one is tried again or shown in the admin
            # with its reason.
            connection.close()
            self._postpone(row, error, clock())
            return False
        self._settle(row, state=SENT, sent_at=clock(), last_error="")
        return True

    def _postpone(self, row: Row, error: Exception, now: datetime) -> None:
        refusal = refusal_for_good(error)
        if refusal or row.attempts >= GIVE_UP_AFTER:
            # A refused address is its owner's business and no fault of ours.
            log = logger.info if refusal else logger.error
            log("Message %s cannot be delivered: %s", row.pk, refusal or error)
            self._settle(row, state=FAILED, last_error=refusal or str(error))
            if is_of_the_address(error):
                services.note_bounce(email=self.recipient(row).email, reason=refusal, now=now)
            return
        # A server that does not answer is told in a line; what nobody expected, with its trace.
        trace = None if isinstance(error, OSError | AnymailError) else error
        logger.warning("Message %s waits for another attempt: %s", row.pk, error, exc_info=trace)
        wait = min(timedelta(seconds=10 * 2 ** min(row.attempts, 10)), LONGEST_WAIT)
        self._settle(row, next_attempt_at=now + wait, last_error=str(error))

    def _settle(self, row: Row, **changes: object) -> None:
        """Compare and set: where the claim ran out and another worker has the row, or somebody asked for
        another mail meanwhile, the outcome is theirs."""
        type(row)._default_manager.filter(  # type: ignore[attr-defined]
            pk=row.pk, attempts=row.attempts, version=row.version, state=DUE
        ).update(**changes)
