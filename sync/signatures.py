"""Whether a post comes from whom it says. Compared in constant time, over the raw bytes."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable

from sync.models import WebhookRegistration


def signed_by_automation(body: bytes, signature: str, secrets: Iterable[str]) -> bool:
    """Whether the hex HMAC-SHA256 fits any of the secrets; there are two while rotating."""
    given = signature.strip().lower().removeprefix("sha256=").encode()
    fits = [
        hmac.compare_digest(
            hmac.new(secret.encode(), body, hashlib.sha256).hexdigest().encode(), given
        )
        for secret in secrets
        if secret
    ]
    return any(fits)


def content_mac(body: bytes, key: bytes) -> str:
    """The value of X-Airtable-Content-MAC."""
    return "hmac-sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest()


def sender_of_ping(body: bytes, mac: str) -> WebhookRegistration | None:
    """The webhook whose secret fits. Tried one by one: the id in the body is not trusted before."""
    given = mac.strip().encode()
    found = None
    for registration in WebhookRegistration.objects.filter(is_live=True):
        key = registration.secret()
        if key is not None and hmac.compare_digest(content_mac(body, key).encode(), given):
            found = registration
    return found
