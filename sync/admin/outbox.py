"""What is on its way to Airtable, what Airtable refused, and what can be done about it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.text import Truncator
from django.utils.translation import gettext, gettext_lazy as _
from unfold.decorators import display

from accounts.admin_parts import Colours, may, person
from sync import remedies
from sync.admin.parts import WithTitles
from sync.models import OutboxRow


@admin.register(OutboxRow)
class OutboxRowAdmin(WithTitles):
    """What is on its way to Airtable, and what Airtable refused."""

    list_display = (
        "record",
        "shown_status",
        "reason",
        "changed_at",
        "attempts",
        "next_attempt_at",
    )
    list_display_links = ("changed_at",)
    list_filter = ("status", "subject", "error_kind")
    search_fields = ("object_id", "last_error")
    ordering = ("-changed_at", "id")
    actions = ("replay", "leave", "compare")

    @display(  # type: ignore[untyped-decorator]
        description=_("Status"),
        ordering="status",
        label=Colours({"Waiting to be sent": "info", "Refused by Airtable": "danger"}),
    )
    def shown_status(self, row: OutboxRow) -> str:
        return row.get_status_display()

    @display(description=_("Reason"), ordering="last_error")  # type: ignore[untyped-decorator]
    def reason(self, row: OutboxRow) -> str:
        return Truncator(row.last_error).chars(160)

    def has_mend_permission(self, request: HttpRequest) -> bool:
        return may(request, "sync.change_outboxrow")

    @admin.action(description=_("Try again now"), permissions=["mend"])
    def replay(self, request: HttpRequest, queryset: QuerySet[OutboxRow]) -> None:
        """The objects go as they are now, not as they were."""
        of = queryset.count()
        done = remedies.retry(rows=_plain(queryset), by=person(request).name, now=timezone.now())
        self.tell_done(
            request, done, of, gettext("due now; the others are due within a minute anyway")
        )

    @admin.action(description=_("Leave as it is: settle without sending"), permissions=["mend"])
    def leave(self, request: HttpRequest, queryset: QuerySet[OutboxRow]) -> None:
        of = queryset.count()
        done = remedies.leave(rows=_plain(queryset), by=person(request).name, now=timezone.now())
        self.tell_done(request, done, of, gettext("settled without sending"))

    @admin.action(description=_("Compare with Airtable again"), permissions=["mend"])
    def compare(self, request: HttpRequest, queryset: QuerySet[OutboxRow]) -> None:
        done = 0
        for subject, ids in _by_subject(queryset):
            done += remedies.compare(
                subject=subject, object_ids=ids, by=person(request).name, now=timezone.now()
            )
        self.tell_done(request, done, done, gettext("read again and compared in a moment"))


def _plain(queryset: QuerySet[OutboxRow]) -> QuerySet[OutboxRow]:
    """By key alone: rows of a filtered and joined list cannot all be locked."""
    return OutboxRow.objects.filter(pk__in=list(queryset.values_list("pk", flat=True)))


def _by_subject(queryset: QuerySet[OutboxRow]) -> Iterable[tuple[str, list[Any]]]:
    found: dict[str, list[Any]] = {}
    for subject, object_id in queryset.values_list("subject", "object_id"):
        found.setdefault(subject, []).append(object_id)
    return found.items()
