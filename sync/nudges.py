"""Making soon what a sweep would do anyway. A lost nudge costs seconds, never the work."""

from __future__ import annotations

import logging
from typing import Any

from celery import current_app
from django.db import transaction
from kombu.exceptions import OperationalError

from accounts.cache import is_away

logger = logging.getLogger(__name__)


def send(task: str, *, queue: str | None = None, **arguments: Any) -> None:
    """Put a task on its queue, without waiting for a broker that is away."""
    if is_away():
        return
    try:
        current_app.send_task(task, kwargs=arguments, queue=queue, retry=False)
    except (OperationalError, OSError):
        logger.info("The broker is away; %s runs with its next sweep.", task)


def after_mentor_change() -> None:
    """Once this is committed, let search notice that a mentor's words changed."""
    transaction.on_commit(lambda: send("matching.tasks.embed_stale", queue="embeddings"))
