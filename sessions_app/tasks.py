from __future__ import annotations

from typing import Any

from celery import shared_task
from django.utils import timezone

from sessions_app import delivery, services


@shared_task
def send_due_messages(**_: Any) -> None:
    delivery.send_due(clock=timezone.now)


@shared_task
def refresh_openings(**_: Any) -> None:
    while services.refresh_openings(now=timezone.now()):
        pass


@shared_task
def make_hours(**_: Any) -> None:
    services.make_due_hours(clock=timezone.now)


@shared_task
def ask_about_displaced(**_: Any) -> None:
    services.ask_about_displaced(now=timezone.now())


@shared_task
def finish_ended_sessions(**_: Any) -> None:
    services.finish_ended_sessions(now=timezone.now())
    services.lapse_pending_sessions(now=timezone.now())


@shared_task
def tend_waitlists(**_: Any) -> None:
    services.tend_waitlists(now=timezone.now())
