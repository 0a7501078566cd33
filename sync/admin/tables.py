from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.decorators import display

from accounts.admin_parts import Console, ShownOnly, may
from sync.models import (
    BaseBinding,
    InboundChange,
    OutboxRow,
    RecordLink,
    SyncConflict,
    WebhookRegistration,
)


@admin.register(OutboxRow)
class OutboxRowAdmin(ShownOnly):
    """What is on its way to Airtable, and what Airtable refused."""

    list_display = (
        "subject",
        "object_id",
        "shown_status",
        "changed_at",
        "attempts",
        "next_attempt_at",
        "last_error",
    )
    list_filter = ("status", "subject", "error_kind")
    search_fields = ("object_id", "last_error")
    ordering = ("-changed_at", "id")
    actions = ("replay",)

    @display(  # type: ignore[untyped-decorator]
        description="Status",
        ordering="status",
        label={"Waiting to be sent": "info", "Refused by Airtable": "danger"},
    )
    def shown_status(self, row: OutboxRow) -> str:
        return row.get_status_display()

    def has_replay_permission(self, request: HttpRequest) -> bool:
        return may(request, "sync.change_outboxrow")

    @admin.action(description="Try again now", permissions=["replay"])
    def replay(self, request: HttpRequest, queryset: QuerySet[OutboxRow]) -> None:
        """As `services.replay`, for these rows: the objects go as they are now, not as they were."""
        done = queryset.update(
            status=OutboxRow.Status.PENDING, attempts=0, next_attempt_at=timezone.now()
        )
        self.tell_done(request, done, done, "due now")


@admin.register(RecordLink)
class RecordLinkAdmin(ShownOnly):
    list_display = ("table", "record_id", "object_id", "state", "synced_at", "message")
    list_filter = ("table", "state")
    search_fields = ("record_id", "object_id", "message")
    ordering = ("-synced_at", "id")


@admin.register(SyncConflict)
class SyncConflictAdmin(ShownOnly):
    list_display = ("at", "subject", "object_id", "field", "local", "remote", "winner", "reason")
    list_display_links = ("at",)
    list_filter = ("winner", "subject", "field", "at")
    search_fields = ("object_id", "field", "reason")
    ordering = ("-at", "id")


@admin.register(InboundChange)
class InboundChangeAdmin(ShownOnly):
    list_display = ("received_at", "webhook", "position", "applied_at", "attempts", "error")
    list_display_links = ("received_at",)
    list_filter = ("webhook", "received_at", ("applied_at", admin.EmptyFieldListFilter))
    search_fields = ("webhook", "error")
    ordering = ("-received_at", "id")


@admin.register(WebhookRegistration)
class WebhookRegistrationAdmin(ShownOnly):
    list_display = (
        "webhook_id",
        "base_id",
        "is_live",
        "cursor",
        "pinged_at",
        "last_success_at",
        "expires_at",
        "last_error",
    )
    list_filter = ("is_live",)
    ordering = ("-created_at", "id")
    # Nobody needs to see the secret, not even encrypted.
    exclude = ("mac_secret",)


@admin.register(BaseBinding)
class BaseBindingAdmin(Console):
    """The base this deployment writes to. Here all traffic with it is stopped and let go again."""

    list_display = ("base_id", "paused", "bound_at", "bound_by")
    ordering = ("base_id",)
    fields = ("base_id", "deployment_id", "bound_at", "bound_by", "paused")
    readonly_fields = ("base_id", "deployment_id", "bound_at", "bound_by")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # binding is a deliberate act: manage.py sync_bind

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
