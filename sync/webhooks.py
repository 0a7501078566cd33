"""Keeping the native webhook: made, alive, known to be ours, and never mistaken for another's."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils.dateparse import parse_datetime

from sync import guard
from sync.airtable import Airtable
from sync.errors import Permanent
from sync.models import WebhookRegistration

logger = logging.getLogger(__name__)

PATH = "/api/webhooks/airtable"
REFRESH_BEFORE = timedelta(days=3)
# Payloads live seven days over there. After that long without reading, edits are lost.
PAYLOAD_LIFE = timedelta(days=7)


def notification_url() -> str | None:
    """Where Airtable can reach us; None on a laptop, where payloads are polled instead."""
    site: str = settings.SITE_URL
    if guard.is_loopback(site) and not guard.is_loopback(settings.AIRTABLE_API_URL):
        return None
    return site + PATH


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

    Ours are those we hold a row of, and those that notify this very site.
    """
    known = set(
        WebhookRegistration.objects.filter(base_id=base.base_id, is_live=False).values_list(
            "webhook_id", flat=True
        )
    )
    in_use = live(base.base_id)
    for hook in base.webhooks():
        is_ours = hook["id"] in known or (
            hook.get("notificationUrl") == settings.SITE_URL + PATH
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


def keep(base: Airtable, *, now: datetime) -> None:
    """Look after the webhook: there is one, it is healthy, it expires later, pings are on."""
    registration = ensure(base, now=now)
    if registration.last_success_at and now - registration.last_success_at > PAYLOAD_LIFE:
        registration.needs_scan = True
        registration.save(update_fields=["needs_scan"])
    shown = next((h for h in base.webhooks() if h["id"] == registration.webhook_id), None)
    wanted = notification_url()
    if shown is None or not shown.get("isHookEnabled", True):
        retire(registration, "It is gone or disabled in Airtable.")
        create(base, registration.notification_url or wanted, now=now)
        return
    if not registration.is_pinned and registration.notification_url != (wanted or ""):
        replace(base, wanted, now=now)
        return
    if registration.notification_url and not shown.get("areNotificationsEnabled", True):
        base.enable_notifications(registration.webhook_id)
    if registration.expires_at is None or registration.expires_at - now < REFRESH_BEFORE:
        _refresh(base, registration, now=now)


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
        base.delete_webhook(old.webhook_id)
    return fresh
