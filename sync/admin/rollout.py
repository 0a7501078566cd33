"""From which side endpoints are answered, and how the two sides' answers differ."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet, Sum
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext, gettext_lazy as _
from unfold.decorators import display

from accounts.admin_parts import Colours, Console, ShownOnly, may, person
from sync import stories
from sync.admin.parts import record_link, short
from sync.rollout import flags
from sync.rollout.models import Endpoint, RolloutFlag, ShadowDifference, ShadowTally


@admin.register(RolloutFlag)
class RolloutFlagAdmin(Console):
    """Switched and switched back here; the next request follows."""

    list_display = (
        "endpoint",
        "shown_mode",
        "sample_percent",
        "shown_compared",
        "changed_at",
        "changed_by",
    )
    ordering = ("endpoint",)
    fields = ("endpoint", "mode", "sample_percent", "changed_at", "changed_by")
    readonly_fields = ("endpoint", "changed_at", "changed_by")
    radio_fields = {"mode": admin.VERTICAL}

    def get_queryset(self, request: HttpRequest) -> QuerySet[RolloutFlag]:
        # One row for each endpoint, also before anybody switched it.
        RolloutFlag.objects.bulk_create(
            [RolloutFlag(endpoint=endpoint) for endpoint in Endpoint], ignore_conflicts=True
        )
        return super().get_queryset(request)  # type: ignore[no-any-return]

    @display(  # type: ignore[untyped-decorator]
        description=_("Answered from"),
        ordering="mode",
        label=Colours(
            {
                "Office Hours": "success",
                "Airtable only": "warning",
                "Airtable, compared with Office Hours": "info",
            }
        ),
    )
    def shown_mode(self, flag: RolloutFlag) -> str:
        return str(flag.get_mode_display())

    @display(description=_("Compared, of them different"))  # type: ignore[untyped-decorator]
    def shown_compared(self, flag: RolloutFlag) -> str:
        tally = ShadowTally.objects.filter(endpoint=flag.endpoint).aggregate(
            compared=Sum("compared"), differed=Sum("differed")
        )
        return f"{tally['compared'] or 0}, {tally['differed'] or 0}"

    def save_model(
        self, request: HttpRequest, obj: RolloutFlag, form: forms.ModelForm[Any], change: Any
    ) -> None:
        flags.switch(
            endpoint=Endpoint(obj.endpoint),
            mode=obj.mode,
            sample_percent=obj.sample_percent,
            by=str(person(request)),
            now=timezone.now(),
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(ShadowDifference)
class ShadowDifferenceAdmin(ShownOnly):
    """Where the two sides would have answered differently."""

    list_display = (
        "endpoint",
        "mentor",
        "field",
        "in_airtable",
        "in_office_hours",
        "count",
        "last_seen",
    )
    list_display_links = ("field",)
    list_filter = ("endpoint", "field", "last_seen")
    search_fields = ("key", "field")
    ordering = ("-last_seen", "id")
    actions = ("forget",)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changes = super().get_changelist_instance(request)
        rows = list(changes.result_list)
        named = stories.titles(("mentor", row.key) for row in rows)
        for row in rows:
            row.shown_title = named.get(("mentor", row.key), "")
        changes.result_list = rows
        return changes

    @display(description=_("Mentor"))  # type: ignore[untyped-decorator]
    def mentor(self, row: ShadowDifference) -> str:
        return record_link("mentor", row.key, getattr(row, "shown_title", ""))

    @display(description=_("Airtable"))  # type: ignore[untyped-decorator]
    def in_airtable(self, row: ShadowDifference) -> str:
        return short(row.there)

    @display(description=_("Office Hours"))  # type: ignore[untyped-decorator]
    def in_office_hours(self, row: ShadowDifference) -> str:
        return short(row.here)

    def has_forget_permission(self, request: HttpRequest) -> bool:
        return may(request, "sync.change_rolloutflag")

    @admin.action(
        description=_("Forget these; they come back if they still differ"), permissions=["forget"]
    )
    def forget(self, request: HttpRequest, queryset: QuerySet[ShadowDifference]) -> None:
        done = queryset.count()
        queryset.delete()
        self.tell_done(request, done, done, gettext("forgotten"))
