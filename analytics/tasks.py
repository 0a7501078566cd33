from __future__ import annotations

from typing import Any

from celery import shared_task
from django.utils import timezone

from analytics import services


@shared_task
def refresh(**_: Any) -> None:
    """Compute the figures when the night or somebody asks for them."""
    services.order_if_due(now=timezone.now())
    services.carry_out(clock=timezone.now)
