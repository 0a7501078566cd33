"""Making soon what a sweep would do anyway. A lost nudge costs seconds, never the work."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from celery import current_app
from django.core.cache import cache
from django.db import transaction
from kombu.exceptions import OperationalError

from accounts.cache import is_away

logger = logging.getLogger(__name__)
PINGS_SHARE = 1  # second


def send(task: str, *, queue: str | None = None, countdown: float = 0, **arguments: Any) -> None:
    """Put a task on its queue, without waiting for a broker that is away."""
    if is_away():
        return
    try:
        current_app.send_task(task, kwargs=arguments, queue=queue, countdown=countdown, retry=False)
    except (OperationalError, OSError):
        logger.info("The broker is away; %s runs with its next sweep.", task)


def pull_soon() -> None:
    """Let a worker read what changed, a second from now. Pings of that second share the one run.

    Airtable pings for our own writes too: a run for each would spend the base's requests on reading
    echoes. The run starts after the second is over, so it sees what every one of them was about.
    """
    if cache.add("sync:pull-is-coming", 1, timeout=PINGS_SHARE):
        send("sync.tasks.pull_now", queue="fastlane", countdown=PINGS_SHARE)


def after_mentor_change() -> None:
    """Once this is committed, let search notice that a mentor's words changed."""
    transaction.on_commit(lambda: send("matching.tasks.embed_stale", queue="embeddings"))


def send_letters_soon(wait: timedelta) -> None:
    """Once this is committed, and that much later, send what is due to people."""
    countdown = wait.total_seconds()
    transaction.on_commit(
        lambda: send("sync.tasks.send_letters", queue="fastlane", countdown=countdown)
    )
