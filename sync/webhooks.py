"""Keeping the native webhook: made, alive, known to be ours, and never mistaken for another's."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils.dateparse import parse_datetime

from sync import guard, intake
from sync.airtable import Airtable
from sync.errors import Permanent
from sync.models import InboundChange, SyncLag, WebhookRegistration

logger = logging.getLogger(__name__)

PATH = "/api/webhooks/airtable"
REFRESH_BEFORE = timedelta(days=3)
# Payloads live seven days over there. After that long without reading, edits are lost.
PAYLOAD_LIFE = timedelta(days=7)
# What we write comes back as a payload within seconds. A webhook that has not told of it by now is dead,
# whatever the list of webhooks says.
ECHO_DUE = timedelta(minutes=10)
# How far back a write of ours is looked for.
_LOOK_BACK = timedelta(days=1)


def notification_url() -> str | None:
    """Where Airtable can reach us; None on a laptop, where payloads are polled instead.

    It ends with who we are: two deployments on one base must never take each other's for their own.
    """
    site: str = settings.SITE_URL
    if guard.is_loopback(site) and not guard.is_loopback(settings.AIRTABLE_API_URL):
        return None
    return f"{site}{PATH}?for={guard.deployment_id()[:12]}"


def live(base_id: str) -> WebhookRegistration | None:
    """The webhook in use."""
    return WebhookRegistration.objects.filter(base_id=base_id, is_live=True).first()


def ensure(base: Airtable, *, now: datetime) -> WebhookRegistration:
    """The webhook in use, made if there is none.

    Raises:
        AirtableError: it cannot be made. guard.NotBound: it may not.
    """
    return live(base.base_id) or create(base, notification_url(), now=now)


def create(base: Airtable, url: str | None, *, now: datetime) -> WebhookRegistration:
    """Register a webhook and read from its first payload on."""
    guard.check()
    remove_stale(base)
    answer = base.create_webhook(url)
    registration = WebhookRegistration(
        webhook_id=str(answer["id"]),
        base_id=base.base_id,
        notification_url=url or "",
        expires_at=parse_datetime(str(answer.get("expirationTime") or "")),
        # The first one begins with `sync_backfill`; a later one has a gap before it.
        needs_scan=WebhookRegistration.objects.filter(base_id=base.base_id).exists(),
        created_at=now,
    )
    registration.keep_secret(str(answer["macSecretBase64"]))
    with transaction.atomic():
        WebhookRegistration.objects.filter(base_id=base.base_id, is_live=True).update(is_live=False)
        registration.save()
    logger.info("Airtable now reports changes through webhook %s.", registration.webhook_id)
    return registration


def remove_stale(base: Airtable) -> None:
    """Free the places of our own dead webhooks. Ten per base, shared with everybody else.

    Ours are those we hold a row of, and those that notify this very site for this very deployment, or
    for nobody in particular.
    """
    ours = {settings.SITE_URL + PATH, notification_url()}
    known = set(
        WebhookRegistration.objects.filter(base_id=base.base_id, is_live=False).values_list(
            "webhook_id", flat=True
        )
    )
    in_use = live(base.base_id)
    for hook in base.webhooks():
        is_ours = hook["id"] in known or (
            hook.get("notificationUrl") in ours
            and (in_use is None or hook["id"] != in_use.webhook_id)
        )
        if is_ours:
            base.delete_webhook(str(hook["id"]))


def retire(registration: WebhookRegistration, reason: str) -> None:
    """It is dead for good; the next pull makes another and reads the whole base."""
    registration.is_live = False
    registration.last_error = reason
    registration.save(update_fields=["is_live", "last_error"])
    logger.warning("Webhook %s is given up: %s", registration.webhook_id, reason)


def hear_out(base: Airtable, registration: WebhookRegistration, *, now: datetime) -> None:
    """Store what a webhook still tells before it is deleted with its log.

    An edit that we have written over since stands nowhere else: no scan of the base finds it.
    """
    try:
        intake.fetch(base, registration, now=now)
    except Permanent as error:
        logger.info("Webhook %s tells nothing more: %s", registration.webhook_id, error)


def keep(base: Airtable, *, now: datetime) -> None:
    """Look after the webhook: there is one, it is healthy, it expires later, pings are on."""
    registration = ensure(base, now=now)
    if registration.last_success_at and now - registration.last_success_at > PAYLOAD_LIFE:
        registration.needs_scan = True
        registration.save(update_fields=["needs_scan"])
    shown = next((h for h in base.webhooks() if h["id"] == registration.webhook_id), None)
    wanted = notification_url()
    dead = _why_dead(registration, shown, now)
    if dead or shown is None:
        hear_out(base, registration, now=now)
        retire(registration, dead)
        create(base, registration.notification_url or wanted, now=now)
        return
    if not registration.is_pinned and registration.notification_url != (wanted or ""):
        replace(base, wanted, now=now)
        return
    if registration.notification_url and not shown.get("areNotificationsEnabled", True):
        base.enable_notifications(registration.webhook_id)
    if registration.expires_at is None or registration.expires_at - now < REFRESH_BEFORE:
        _refresh(base, registration, now=now)


def _why_dead(
    registration: WebhookRegistration, shown: Mapping[str, Any] | None, now: datetime
) -> str:
    """Why this webhook will not tell us anything any more; nothing where it will."""
    if shown is None or not shown.get("isHookEnabled", True):
        return "It is gone or disabled in Airtable."
    if _is_silent(registration, now):
        return "What we wrote did not come back through it for ten minutes."
    return ""


def _is_silent(registration: WebhookRegistration, now: datetime) -> bool:
    """Whether we wrote something, read the log after that, and nothing was told."""
    written_at = (
        SyncLag.objects.filter(
            direction=SyncLag.Direction.OUT,
            at__gt=max(registration.created_at, now - _LOOK_BACK),
            at__lt=now - ECHO_DUE,
        )
        .order_by("-at")
        .values_list("at", flat=True)
        .first()
    )
    read_at = registration.last_success_at
    if written_at is None or read_at is None or read_at < written_at + ECHO_DUE / 2:
        return False
    # The payload may have been fetched by the very run that wrote, a moment before it said so.
    told = InboundChange.objects.filter(
        webhook=registration.webhook_id, received_at__gte=written_at - timedelta(minutes=1)
    )
    return not told.exists()


def _refresh(base: Airtable, registration: WebhookRegistration, *, now: datetime) -> None:
    try:
        expires = base.refresh_webhook(registration.webhook_id)
    except Permanent as error:  # expired: it cannot be revived
        retire(registration, str(error))
        create(base, notification_url(), now=now)
        return
    registration.expires_at = parse_datetime(expires)
    registration.save(update_fields=["expires_at"])


def replace(base: Airtable, url: str | None, *, now: datetime) -> WebhookRegistration:
    """Report to another address. The new webhook exists before the old one is emptied for good.

    What the old one has not told yet is in the base all the same, and a scan finds it.
    """
    logger.info("Changes are to be reported to another address; making a new webhook.")
    old = live(base.base_id)
    fresh = create(base, url, now=now)
    if old is not None:
        hear_out(base, old, now=now)
        base.delete_webhook(old.webhook_id)
    return fresh
