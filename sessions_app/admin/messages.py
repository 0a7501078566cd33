from __future__ import annotations

from django.contrib import admin
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy as _

from accounts.admin_filters import PeriodFilter
from accounts.admin_parts import ShownOnly, may
from sessions_app import notifications, services
from sessions_app.models import MessagePreferences, Notification


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
    list_filter = ("state", "kind", ("created_at", PeriodFilter))
    list_select_related = ("recipient",)
    search_fields = ("recipient__name", "recipient__email", "last_error")
    ordering = ("-created_at", "id")
    actions = ("send_again",)

    def has_send_permission(self, request: HttpRequest) -> bool:
        return may(request, "sessions_app.change_notification")

    @admin.action(description=_("Send again"), permissions=["send"])
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
        self.tell_done(request, done, queryset.count(), gettext("due again"))


class HasBounced(admin.SimpleListFilter):
    title = _("mail")
    parameter_name = "mail"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [("stopped", gettext("Stopped: the address refuses it"))]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[MessagePreferences]
    ) -> QuerySet[MessagePreferences]:
        if self.value() != "stopped":
            return queryset
        # Another address since then is another chance.
        return queryset.exclude(bounced_email="").filter(bounced_email__iexact=F("user__email"))


@admin.register(MessagePreferences)
class MessagePreferencesAdmin(ShownOnly):
    """Whom our mail does not reach, and what people chose to get."""

    list_display = (
        "user",
        "bounced_email",
        "bounced_at",
        "bounce_reason",
        "reminder_day",
        "reminder_hour",
        "feedback",
        "waitlist",
    )
    list_filter = (HasBounced,)
    list_select_related = ("user",)
    search_fields = ("user__name", "user__email", "bounced_email")
    ordering = (F("bounced_at").desc(nulls_last=True), "user")
    actions = ("try_again",)

    def has_try_permission(self, request: HttpRequest) -> bool:
        return may(request, "sessions_app.change_messagepreferences")

    @admin.action(description=_("Try their address again"), permissions=["try"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[MessagePreferences]) -> None:
        """Mail goes to these addresses again, with what failed meanwhile and is still to come."""
        rows = queryset.exclude(bounced_email="").select_related("user")
        for row in rows:
            services.mail_again(user=row.user, now=timezone.now())
        self.tell_done(request, len(rows), queryset.count(), gettext("tried again"))
