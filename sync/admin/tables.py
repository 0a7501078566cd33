from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext, gettext_lazy as _

from accounts.admin_parts import Console, ShownOnly
from sync.admin.parts import WithTitles
from sync.models import (
    BaseBinding,
    InboundChange,
    RecordLink,
    WebhookRegistration,
)


@admin.register(RecordLink)
class RecordLinkAdmin(WithTitles):
    list_display = ("table", "record_id", "record", "state", "synced_at", "message")
    list_filter = ("table", "state")
    search_fields = ("record_id", "object_id", "message")
    ordering = ("-synced_at", "id")


class Standing(admin.SimpleListFilter):
    """What became of it: the column alone does not tell what was applied from what was given up."""

    title = _("standing")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("waiting", gettext("Waiting")),
            ("given-up", gettext("Given up")),
            ("applied", gettext("Applied")),
        ]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[InboundChange]
    ) -> QuerySet[InboundChange]:
        done = queryset.filter(applied_at__isnull=False)
        return {
            "waiting": queryset.filter(applied_at=None),
            "given-up": done.exclude(error=""),
            "applied": done.filter(error=""),
        }.get(self.value() or "", queryset)


@admin.register(InboundChange)
class InboundChangeAdmin(ShownOnly):
    list_display = ("received_at", "webhook", "position", "applied_at", "attempts", "error")
    list_display_links = ("received_at",)
    list_filter = (Standing, "webhook", "received_at")
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
    fields = ("base_id", "deployment_id", "bound_at", "bound_by", "paused", "monthly_requests")
    readonly_fields = ("base_id", "deployment_id", "bound_at", "bound_by")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # binding is a deliberate act: manage.py sync_bind

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
