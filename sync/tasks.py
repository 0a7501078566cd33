"""What the workers run. Each finds its work in the database, so a lost or repeated task is no harm."""

from __future__ import annotations

import logging
from typing import Any

from celery import shared_task

from sync import services
from sync.errors import AirtableError
from sync.guard import NotBound

logger = logging.getLogger(__name__)


@shared_task(queue="sync")
def drain(**_: Any) -> None:
    sent = services.drain()
    if sent is not None and sent.stopped:
        logger.info("Sending to Airtable stopped: %s", sent.stopped)


@shared_task(queue="sync")
def pull(**_: Any) -> None:
    received = services.pull()
    if received is not None and received.stopped:
        logger.info("Reading from Airtable stopped: %s", received.stopped)


@shared_task(queue="sync")
def apply_hint(*, change_id: int, **_: Any) -> None:
    services.apply_hint(change_id=change_id)


@shared_task(queue="sync")
def keep_webhook(**_: Any) -> None:
    try:
        services.keep_webhook()
    except (AirtableError, NotBound) as error:
        logger.warning("The webhook could not be looked after: %s", error)
