from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from unfold.contrib.filters.admin import RangeDateTimeFilter

from accounts.admin_parts import ShownOnly, may
from sessions_app import notifications
from sessions_app.models import (
    Notification,
)


@admin.register(Notification)
class NotificationAdmin(ShownOnly):
    list_display = (
        "kind",
        "recipient",
        "state",
        "next_attempt_at",
        "attempts",
        "sent_at",
        "last_error",
    )
    list_filter = ("state", "kind", ("created_at", RangeDateTimeFilter))
    list_select_related = ("recipient",)
    search_fields = ("recipient__name", "recipient__email", "last_error")
    ordering = ("-created_at", "id")
    actions = ("send_again",)

    def has_send_permission(self, request: HttpRequest) -> bool:
        return may(request, "sessions_app.change_notification")

    @admin.action(description="Send again", permissions=["send"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Notification]) -> None:
        """What went out or failed is due once more. What is no longer true is never sent."""
        states = (Notification.State.SENT, Notification.State.FAILED)
        done = queryset.filter(state__in=states).update(
            state=Notification.State.DUE,
            next_attempt_at=timezone.now(),
            attempts=0,
            last_error="",
            sent_at=None,
        )
        notifications.nudge()
        self.tell_done(request, done, queryset.count(), "due again")
