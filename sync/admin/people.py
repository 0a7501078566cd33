"""Who was invited because of a row in Airtable, and who is asked about a new address."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy as _
from unfold.decorators import display

from accounts.admin_parts import Colours, ShownOnly, may
from sync import invitations
from sync.people_models import AddressChange, DueMail, Invitation

COLOURS = Colours(
    {
        "Waits for a program manager": "warning",
        "On its way": "info",
        "Sent": "info",
        "Taken up": "success",
        "Cannot be delivered": "danger",
    }
)


class DueMailAdmin(ShownOnly):
    list_select_related = ("user",)
    search_fields = ("user__name", "user__email")

    @display(description=_("State"), ordering="state", label=COLOURS)  # type: ignore[untyped-decorator]
    def shown_state(self, row: DueMail) -> str:
        return row.get_state_display()


@admin.register(Invitation)
class InvitationAdmin(DueMailAdmin):
    """Everybody who came from Airtable. What is held waits for a click; what was sent may go again."""

    list_display = (
        "user",
        "subject",
        "shown_state",
        "took",
        "admitted_at",
        "sent_at",
        "claimed_at",
        "last_error",
    )
    list_filter = ("state", "subject", "by_themselves", "admitted_at")
    ordering = ("-admitted_at", "id")
    actions = ("send",)

    @display(description=_("Airtable to sign-in"))  # type: ignore[untyped-decorator]
    def took(self, row: Any) -> str:
        return f"{(row.admitted_at - row.appeared_at).total_seconds():.1f} s"

    def has_send_permission(self, request: HttpRequest) -> bool:
        return may(request, "sync.change_invitation")

    @admin.action(description=_("Send the invitation, or send it again"), permissions=["send"])
    def send(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> None:
        ids = list(queryset.values_list("pk", flat=True))
        done = invitations.send_again(ids=ids, now=timezone.now())
        self.tell_done(request, done, len(ids), gettext("on their way"))


@admin.register(AddressChange)
class AddressChangeAdmin(DueMailAdmin):
    """Addresses that a program manager noted in Airtable, and what their owners said."""

    list_display = ("user", "email", "shown_state", "asked_at", "sent_at", "answered_at")
    list_filter = ("state", "asked_at")
    ordering = ("-asked_at", "id")
