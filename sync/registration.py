"""The webhook through which a base tells us what changed, and how far we have listened."""

from __future__ import annotations

import base64
import hashlib

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class WebhookRegistration(models.Model):
    """A webhook of ours in a base, with the place up to which its payloads were read."""

    webhook_id = models.CharField(max_length=32, unique=True)
    base_id = models.CharField(max_length=32)
    notification_url = models.URLField(blank=True, default="")
    cursor = models.PositiveBigIntegerField(default=1)
    mac_secret = models.TextField(blank=True, default="")
    expires_at = models.DateTimeField(null=True, blank=True)
    is_live = models.BooleanField(default=True)
    # Its address was given by hand (`sync_webhooks`), so it need not follow SITE_URL.
    is_pinned = models.BooleanField(default=False)
    # Edits may have been missed before this one was made: read the whole base first.
    needs_scan = models.BooleanField(default=False)
    pinged_at = models.DateTimeField(null=True, blank=True)
    last_success_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks")
        constraints = [
            models.UniqueConstraint(
                fields=["base_id"],
                condition=Q(is_live=True),
                name="a_base_is_read_through_one_webhook",
            )
        ]

    def __str__(self) -> str:
        return f"{self.webhook_id} on {self.base_id}"

    def keep_secret(self, secret_base64: str) -> None:
        """Encrypt: whoever reads the table or a backup must not be able to forge a ping."""
        self.mac_secret = _cipher().encrypt(secret_base64.encode()).decode()

    def secret(self) -> bytes | None:
        """The bytes that key the MAC; None when SECRET_KEY changed since."""
        try:
            return base64.b64decode(_cipher().decrypt(self.mac_secret.encode()))
        except (InvalidToken, ValueError):
            return None


def _cipher() -> Fernet:
    digest = hashlib.sha256(b"sync.webhook-secret:" + settings.SECRET_KEY.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(digest))
