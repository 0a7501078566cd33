"""Webhooks: their registration, their payload logs with cursors, and their seven days of life."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sync.sandbox.clock import iso
from sync.sandbox.errors import ApiError, invalid_request, not_found
from sync.sandbox.ids import is_id, random_id
from sync.sandbox.model import Json
from sync.sandbox.payloads import CHANGE_TYPES, DATA_TYPES, SOURCES, build
from sync.sandbox.store import Key

if TYPE_CHECKING:
    from sync.sandbox.action import Action, CellChange
    from sync.sandbox.base import Base

LIFE = timedelta(days=7)
MOST_WEBHOOKS = 10
MOST_PAYLOADS = 50


@dataclass
class Hook:
    """One webhook. `payloads` holds the retained ones by position, starting at 1."""

    id: str
    mac_secret: str
    notification_url: str | None
    specification: Json
    expires_at: str
    notifies: bool = True
    next_position: int = 1
    error_code: str | None = None
    last_success_at: str | None = None
    last_result: Json | None = None
    waiting: bool = False
    """A ping is owed; kept, so that a restart does not lose it."""
    payloads: dict[int, Json] = field(default_factory=dict)

    def document(self) -> Json:
        """The webhook as it is stored, without its payloads (there may be thousands)."""
        return {name: value for name, value in vars(self).items() if name != "payloads"}


class Webhooks:
    """All webhooks of the base. Every method is called under the base's lock."""

    def __init__(self, base: Base) -> None:
        self._base = base
        self.hooks: dict[str, Hook] = {}
        self.on_news: Callable[[str], None] | None = None
        """Called with a webhook's id when a ping is owed."""

    def load(self, hooks: list[Json], payloads: list[Json]) -> None:
        """Take up where the last process stopped."""
        for body in hooks:
            self.hooks[body["id"]] = Hook(**body)
        for body in payloads:
            hook = self.hooks.get(body["hook"])
            if hook is not None:
                hook.payloads[body["position"]] = body["payload"]

    # The routes

    def create(self, wanted: Json) -> Json:
        """Register; the secret is shown this once."""
        self._purge()
        if len(self.hooks) >= MOST_WEBHOOKS:
            raise ApiError(
                422, "TOO_MANY_WEBHOOKS_IN_BASE", "You have too many webhooks in this base."
            )
        specification = wanted.get("specification")
        self._check(specification)
        url = wanted.get("notificationUrl")
        if url is not None and not isinstance(url, str):
            raise invalid_request("notificationUrl must be a string.")
        hook = Hook(
            id=random_id("ach"),
            mac_secret=base64.b64encode(secrets.token_bytes(32)).decode(),
            notification_url=url,
            specification=specification if isinstance(specification, dict) else {},
            expires_at=iso(self._now() + LIFE),
        )
        self.hooks[hook.id] = hook
        self.save(hook)
        return {
            "id": hook.id,
            "macSecretBase64": hook.mac_secret,
            "expirationTime": hook.expires_at,
        }

    def listing(self) -> Json:
        """All webhooks, without their secrets."""
        self._purge()
        return {"webhooks": [self._shown(hook) for hook in self.hooks.values()]}

    def payloads(self, hook_id: str, cursor: int, limit: int) -> Json:
        """A page of payloads. Asking keeps an active webhook alive for another seven days."""
        hook = self.find(hook_id)
        if cursor < 1 or not 1 <= limit <= MOST_PAYLOADS:
            raise invalid_request("cursor starts at 1; limit is 1 to 50.")
        if self.is_active(hook):
            hook.expires_at = iso(self._now() + LIFE)
            self.save(hook)
        ready = [position for position in sorted(hook.payloads) if self._is_listed(hook, position)]
        page = [position for position in ready if position >= cursor][:limit]
        return {
            "payloads": [hook.payloads[position] for position in page],
            "cursor": page[-1] + 1 if page else cursor,
            "mightHaveMore": bool(page and ready[-1] > page[-1]),
        }

    def refresh(self, hook_id: str) -> Json:
        """Another seven days, for a webhook that is still alive."""
        hook = self.find(hook_id)
        if not self.is_active(hook):
            raise ApiError(
                400,
                "CANNOT_REFRESH_DISABLED_WEBHOOK",
                "Webhooks that are disabled cannot be refreshed.",
            )
        hook.expires_at = iso(self._now() + LIFE)
        self.save(hook)
        return {"expirationTime": hook.expires_at}

    def enable_notifications(self, hook_id: str, enable: Any) -> None:
        """Turn pings on or off; payloads are kept either way."""
        hook = self.find(hook_id)
        if not isinstance(enable, bool):
            raise invalid_request("enable must be true or false.")
        hook.notifies = enable
        self.save(hook)

    def delete(self, hook_id: str) -> None:
        """Forget a webhook and its payloads."""
        hook = self.find(hook_id)
        del self.hooks[hook_id]
        gone: set[Key] = {("hook", hook_id)}
        gone.update(("payload", _key(hook_id, position)) for position in hook.payloads)
        self._base.store.write({}, gone)

    # What others ask

    def find(self, hook_id: str) -> Hook:
        """The webhook, or Airtable's refusal."""
        self._purge()
        hook = self.hooks.get(hook_id)
        if hook is None:
            raise not_found()
        return hook

    def is_active(self, hook: Hook) -> bool:
        """Neither expired nor in error."""
        return hook.error_code is None and iso(self._now()) < hook.expires_at

    def note(
        self,
        action: Action,
        changes: list[CellChange],
        puts: dict[Key, Json],
        deletes: set[Key],
    ) -> None:
        """Append the payloads of an action, into the same transaction as the action itself."""
        for hook in self.hooks.values():
            if not self.is_active(hook):
                continue
            found = build(self._base, action, changes, hook.specification)
            for payload in found:
                self._append(hook, payload, puts)
            if found:
                self._owe_ping(hook)
                puts["hook", hook.id] = hook.document()
            deletes.update(self._forget_old(hook))

    def break_hook(self, hook_id: str, code: str) -> None:
        """Put a webhook into the error state that a deleted watched field leaves it in."""
        hook = self.find(hook_id)
        puts: dict[Key, Json] = {}
        payload = {
            "error": True,
            "baseTransactionNumber": self._base.transaction,
            "code": code,
            "timestamp": iso(self._now()),
            "payloadFormat": "v0",
        }
        self._append(hook, payload, puts)
        hook.error_code = code
        self._owe_ping(hook)
        puts["hook", hook.id] = hook.document()
        self._base.store.write(puts, set())

    def save(self, hook: Hook) -> None:
        """Keep a changed webhook."""
        self._base.store.write({("hook", hook.id): hook.document()}, set())

    # Inside

    def _now(self) -> datetime:
        return self._base.clock.now()

    def _append(self, hook: Hook, payload: Json, puts: dict[Key, Json]) -> None:
        position = hook.next_position
        hook.payloads[position] = payload
        hook.next_position += 1
        body = {"hook": hook.id, "position": position, "payload": payload}
        puts["payload", _key(hook.id, position)] = body

    def _owe_ping(self, hook: Hook) -> None:
        if hook.notification_url and hook.notifies:
            hook.waiting = True
            if self.on_news is not None:
                self.on_news(hook.id)

    def _is_listed(self, hook: Hook, position: int) -> bool:
        written_at = hook.payloads[position]["timestamp"]
        delay = timedelta(seconds=self._base.switches.payload_delay_seconds)
        now = self._now()
        return bool(iso(now - LIFE) <= written_at and (not delay or written_at <= iso(now - delay)))

    def _forget_old(self, hook: Hook) -> set[Key]:
        """Payloads live seven days, read or not; positions are never used again."""
        oldest = iso(self._now() - LIFE)
        gone = [at for at, payload in hook.payloads.items() if payload["timestamp"] < oldest]
        for position in gone:
            del hook.payloads[position]
        return {("payload", _key(hook.id, position)) for position in gone}

    def _purge(self) -> None:
        """An expired webhook can still be read for seven days, then it is gone."""
        limit = iso(self._now() - LIFE)
        for hook in [hook for hook in self.hooks.values() if hook.expires_at < limit]:
            del self.hooks[hook.id]
            gone: set[Key] = {("payload", _key(hook.id, position)) for position in hook.payloads}
            self._base.store.write({}, {("hook", hook.id), *gone})

    def _shown(self, hook: Hook) -> Json:
        broken = hook.error_code is not None and self._base.switches.hook_error_shows
        expired = iso(self._now()) >= hook.expires_at
        return {
            "id": hook.id,
            "areNotificationsEnabled": hook.notifies,
            "cursorForNextPayload": hook.next_position,
            "isHookEnabled": not broken and not expired,
            "lastSuccessfulNotificationTime": hook.last_success_at,
            "notificationUrl": hook.notification_url,
            "expirationTime": hook.expires_at,
            "lastNotificationResult": hook.last_result,
            "specification": hook.specification,
        }

    def _check(self, specification: Any) -> None:
        options = specification.get("options") if isinstance(specification, dict) else None
        filters = options.get("filters") if isinstance(options, dict) else None
        if not isinstance(filters, dict):
            raise invalid_request("specification.options.filters is required.")
        for name, known, required in (
            ("dataTypes", DATA_TYPES, True),
            ("changeTypes", CHANGE_TYPES, False),
            ("fromSources", SOURCES, False),
        ):
            values = filters.get(name)
            if values is None and not required:
                continue
            if not isinstance(values, list) or not values or not known.issuperset(values):
                raise invalid_request(f"specification.options.filters.{name} is not valid.")
        self._check_scope(filters.get("recordChangeScope"))

    def _check_scope(self, scope: Any) -> None:
        """Ids only: a name, even a right one, is refused."""
        if scope is None:
            return
        places = {table.id for table in self._base.tables.values()}
        places |= {table.view_id for table in self._base.tables.values()}
        if not (is_id(scope, "tbl") or is_id(scope, "viw")) or scope not in places:
            raise invalid_request("recordChangeScope must be the id of a table or a view.")


def _key(hook_id: str, position: int) -> str:
    return f"{hook_id}/{position}"
