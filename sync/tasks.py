"""What the workers run. Each finds its work in the database, so a lost or repeated task is no harm."""

from __future__ import annotations

import logging
from typing import Any

from celery import shared_task
from django.utils import timezone

from sync import letters, people, services
from sync.errors import AirtableError
from sync.guard import NotBound
from sync.nudges import send
from sync.reconcile import runs

logger = logging.getLogger(__name__)
_said: dict[str, str] = {}


def _say(what: str, reason: str) -> None:
    """Once per reason: these run every few seconds."""
    if reason and _said.get(what) != reason:
        logger.warning("%s stopped: %s", what, reason)
    _said[what] = reason


@shared_task
def drain(**_: Any) -> None:
    sent = services.drain()
    if sent is not None:
        _say("Sending to Airtable", sent.stopped)


@shared_task
def pull(**_: Any) -> None:
    received = services.pull()
    if received is not None:
        _say("Reading from Airtable", received.stopped)


@shared_task
def pull_now(**_: Any) -> None:
    services.pull_now()


@shared_task
def apply_hint(*, change_id: int, **_: Any) -> None:
    services.apply_hint(change_id=change_id)


@shared_task
def keep_webhook(**_: Any) -> None:
    try:
        services.keep_webhook()
    except (AirtableError, NotBound) as error:
        _say("Looking after the webhook", str(error))


@shared_task
def check_schema(**_: Any) -> None:
    try:
        services.check_schema()
    except AirtableError as error:
        _say("Comparing the base with what is expected", str(error))


@shared_task
def reconcile(**_: Any) -> None:
    """Begin the night's comparison when it is due, and go on with whichever is open."""
    runs.begin_if_due(now=timezone.now())
    try:
        run = runs.carry_on()
    except (AirtableError, NotBound) as error:
        _say("Comparing with Airtable", str(error))
        return
    _say("Comparing with Airtable", "")
    if run is not None and run.is_open:
        # In slices, so that a worker can be stopped and a task cannot run into its time limit.
        send("sync.tasks.reconcile", queue="default")


@shared_task
def send_letters(**_: Any) -> None:
    letters.send_due(clock=timezone.now)


@shared_task
def look_for(*, email: str, **_: Any) -> None:
    people.find_and_admit(email=email, now=timezone.now())
