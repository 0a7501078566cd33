from __future__ import annotations

from typing import Any

from celery import shared_task
from django.utils import timezone

from accounts import changes, services


@shared_task
def forget_old_keys(**_: Any) -> None:
    """Delete what nobody may use any more: idempotency keys after a day, tokens that ended."""
    services.forget_old_keys(now=timezone.now())


@shared_task
def forget_old_changes(**_: Any) -> None:
    """Delete what is too old of who changed what."""
    while changes.forget_old(now=timezone.now()):
        pass
