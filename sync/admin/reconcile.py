"""Comparisons: ordered here, done by a worker, read with what they found."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.http import require_POST
from unfold.decorators import action, display

from accounts.admin_parts import Colours, ShownOnly, may, person
from accounts.refusals import Refusal
from sync.admin.parts import short
from sync.nudges import send
from sync.reconcile import runs
from sync.reconcile.models import ReconcileDifference, ReconcileRun

# Seconds between two looks while one is under way.
LOOK_AGAIN = 5
_BAR = (
    '<progress value="{}" max="100" aria-label="{}" style="accent-color: #1b6b3b" class="w-32 align-middle"></progress>'
    " {} %"
)

# What came of records, after their number.
COUNTED = {
    "records": gettext_lazy("records"),
    "same": gettext_lazy("the same"),
    "differing": gettext_lazy("differing"),
    "failed": gettext_lazy("failed"),
    "put_off": gettext_lazy("put off"),
    "on_its_way": gettext_lazy("on their way"),
    "duplicates": gettext_lazy("duplicates"),
    "waiting": gettext_lazy("waiting"),
    "still_waiting": gettext_lazy("still waiting"),
    "gone_here": gettext_lazy("gone here"),
    "gone_there": gettext_lazy("gone there"),
    "gone_there_left": gettext_lazy("gone there, left here"),
    "only_here": gettext_lazy("only here"),
}
# What a rehearsal says it would do; what it would leave, it leaves.
WOULD = {
    ReconcileDifference.Side.HERE: gettext_lazy("Would change here"),
    ReconcileDifference.Side.AIRTABLE: gettext_lazy("Would change in Airtable"),
}


@admin.register(ReconcileRun)
class ReconcileRunAdmin(ShownOnly):
    """Every record of the base compared with what is here. A rehearsal says what it would do."""

    list_display = (
        "asked_at",
        "shown_purpose",
        "shown_state",
        "shown_progress",
        "shown_records",
        "shown_differences",
        "asked_by",
    )
    list_display_links = ("asked_at",)
    list_filter = ("state", "purpose", "dry_run")
    ordering = ("-asked_at", "id")
    list_before_template = "admin/comparisons.html"
    actions = ("end",)
    actions_detail = ("to_differences",)
    fields = (
        "shown_purpose",
        "shown_state",
        "shown_progress",
        "asked_by",
        "asked_at",
        "began_at",
        "finished_at",
        "shown_tables",
        "shown_differences",
        "error",
    )
    readonly_fields = fields

    @display(description=gettext_lazy("What for"))  # type: ignore[untyped-decorator]
    def shown_purpose(self, run: ReconcileRun) -> str:
        kind = gettext("a rehearsal") if run.dry_run else gettext("healing")
        return f"{run.get_purpose_display()}, {kind}"

    @display(  # type: ignore[untyped-decorator]
        description=gettext_lazy("State"),
        ordering="state",
        label=Colours(
            {
                "Done": "success",
                "Under way": "info",
                "Waiting for a worker": "info",
                "Given up": "danger",
            }
        ),
    )
    def shown_state(self, run: ReconcileRun) -> str:
        return str(run.get_state_display())

    @display(description=gettext_lazy("Done"))  # type: ignore[untyped-decorator]
    def shown_progress(self, run: ReconcileRun) -> str:
        share = round(run.share * 100)
        return format_html(_BAR, share, gettext("How much is done"), share)

    @display(description=gettext_lazy("Records"))  # type: ignore[untyped-decorator]
    def shown_records(self, run: ReconcileRun) -> int:
        return run.total("records")

    @display(description=gettext_lazy("Differences"))  # type: ignore[untyped-decorator]
    def shown_differences(self, run: ReconcileRun) -> str:
        found = sum(
            count
            for table in run.progress
            for name, count in run.counts(table).items()
            if name not in ("records", "same", "on_its_way", "still_waiting")
        )
        return format_html('<a href="{}">{}</a>', _differences_of(run), found)

    @display(description=gettext_lazy("Table by table"))  # type: ignore[untyped-decorator]
    def shown_tables(self, run: ReconcileRun) -> str:
        rows = ((table, _counted(run, table), _noted(run, table)) for table in run.tables)
        return format_html("<ul>{}</ul>", format_html_join("", "<li><b>{}</b>: {}{}</li>", rows))

    def has_order_permission(self, request: HttpRequest, *_: Any) -> bool:
        return may(request, "sync.change_reconcilerun")

    def get_urls(self) -> list[URLPattern]:
        order = self.admin_site.admin_view(require_POST(self.order))
        own = [path("order/", order, name="sync_reconcilerun_order")]
        return [*own, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {"may_compare": self.has_order_permission(request), **(extra_context or {})}
        answer: HttpResponse = super().changelist_view(request, context)
        if ReconcileRun.objects.filter(state__in=ReconcileRun.OPEN).exists():
            answer["Refresh"] = str(LOOK_AGAIN)
        return answer

    def order(self, request: HttpRequest) -> HttpResponse:
        """Order a rehearsal, or a comparison that heals."""
        if not self.has_order_permission(request):
            raise PermissionDenied
        try:
            runs.begin(
                dry_run=bool(request.POST.get("dry_run")),
                may_delete=bool(request.POST.get("may_delete")),
                by=str(person(request)),
                now=timezone.now(),
            )
        except Refusal as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
        else:
            send("sync.tasks.reconcile", queue="default")
            self.message_user(request, gettext("It begins within a minute."), messages.SUCCESS)
        return redirect("admin:sync_reconcilerun_changelist")

    @action(  # type: ignore[untyped-decorator]
        description=gettext_lazy("What it found"), url_path="differences", icon="difference"
    )
    def to_differences(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return redirect(_differences_of(ReconcileRun(pk=object_id)))

    @admin.action(description=gettext_lazy("End where they stand"), permissions=["order"])
    def end(self, request: HttpRequest, queryset: QuerySet[ReconcileRun]) -> None:
        open_runs = list(queryset.filter(state__in=ReconcileRun.OPEN))
        for run in open_runs:
            runs.give_up(run, now=timezone.now(), by=str(person(request)))
        self.tell_done(request, len(open_runs), queryset.count(), gettext("ended"))


@admin.register(ReconcileDifference)
class ReconcileDifferenceAdmin(ShownOnly):
    """What comparisons found, record by record and field by field."""

    list_display = (
        "table",
        "shown_label",
        "kind",
        "field",
        "in_office_hours",
        "in_airtable",
        "shown_side",
        "note",
    )
    list_display_links = ("shown_label",)
    list_filter = ("run", "table", "kind", "side", "field")
    list_select_related = ("run",)
    search_fields = ("label", "record_id", "object_id", "field", "note")
    ordering = ("-run", "id")

    @display(description=gettext_lazy("Record"), ordering="label")  # type: ignore[untyped-decorator]
    def shown_label(self, row: ReconcileDifference) -> str:
        return row.label or row.record_id or str(row.object_id)

    @display(description=gettext_lazy("Office Hours"))  # type: ignore[untyped-decorator]
    def in_office_hours(self, row: ReconcileDifference) -> str:
        return short(row.here) if row.field else ""

    @display(description=gettext_lazy("Airtable"))  # type: ignore[untyped-decorator]
    def in_airtable(self, row: ReconcileDifference) -> str:
        return short(row.there) if row.field else ""

    @display(  # type: ignore[untyped-decorator]
        description=gettext_lazy("What changes"),
        ordering="side",
        label=Colours(
            {
                "Changed here": "info",
                "Changed in Airtable": "info",
                "Left as it is": "warning",
                "Would change here": "info",
                "Would change in Airtable": "info",
            }
        ),
    )
    def shown_side(self, row: ReconcileDifference) -> str:
        side = ReconcileDifference.Side(row.side)
        return str(WOULD[side] if row.run.dry_run and side in WOULD else side.label)


def _differences_of(run: ReconcileRun) -> str:
    address = reverse("admin:sync_reconciledifference_changelist")
    return f"{address}?run__id__exact={run.pk}"


def _counted(run: ReconcileRun, table: str) -> str:
    counts = run.counts(table)
    said = [f"{count} {COUNTED.get(name, name)}" for name, count in counts.items() if count]
    return ", ".join(said) or gettext("nothing yet")


def _noted(run: ReconcileRun, table: str) -> str:
    note = (run.progress.get(table) or {}).get("note") or ""
    return f". {note}" if note else ""
