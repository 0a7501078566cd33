"""Simulated markets: ordered here, played by a worker, read with their pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.http import require_POST
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectMultipleWidget, UnfoldAdminTextareaWidget

from accounts.admin_parts import Colours, Console, may, person
from accounts.refusals import Refusal
from matching.models import MarketPicture, MarketRun, MatchPolicy
from matching.simulator import runs
from matching.simulator.figures import MEANINGS, shown
from matching.simulator.scenario import Scenario

# Five seeds are over within minutes; the intervals say what they leave open.
FIRST_LOOK: Final = Scenario(seeds=5)

# Seconds between two looks at a run that is not over.
LOOK_AGAIN: Final = 5

PICTURES: Final = {
    "booked": "Bars: the share of mentors with room who were booked or met within four weeks, by policy.",
    "relevance": "What an even load costs: mentors booked against the relevance of the lists.",
    "evenness": "How evenly bookings are spread: which share of them the least booked mentors have.",
}


class MarketRunForm(forms.Form):
    """What to compare, and what is assumed."""

    policies = forms.ModelMultipleChoiceField(
        MatchPolicy.objects.order_by("name", "-version"),
        label=gettext_lazy("Policies"),
        widget=UnfoldAdminSelectMultipleWidget,
        help_text=gettext_lazy(
            "Up to four. Relevance alone, relevance of those with room, and chance are played too."
        ),
    )
    scenario = forms.CharField(
        label=gettext_lazy("Assumptions"),
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 34, "spellcheck": "false"}),
        help_text=gettext_lazy(
            "Behind each stands what it means. What is left out is as written here."
        ),
    )


@admin.register(MarketRun)
class MarketRunAdmin(Console):
    """What policies would do to the market, before anybody is served by them."""

    list_display = ("__str__", "shown_state", "compared", "progress", "created_by", "ended_at")
    list_filter = ("state",)
    list_select_related = ("created_by",)
    ordering = ("-created_at", "id")

    @display(  # type: ignore[untyped-decorator]
        description=gettext_lazy("State"),
        ordering="state",
        label=Colours(
            {"Done": "success", "Running": "info", "Waiting": "info", "Failed": "danger"}
        ),
    )
    def shown_state(self, run: MarketRun) -> str:
        return str(run.get_state_display())

    @display(description=gettext_lazy("Policies"))  # type: ignore[untyped-decorator]
    def compared(self, run: MarketRun) -> str:
        return ", ".join(run.policies)

    def has_change_permission(self, request: HttpRequest, obj: MarketRun | None = None) -> bool:
        return False

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                "<uuid:run_id>/stop/",
                self.admin_site.admin_view(require_POST(self.stop)),
                name="matching_marketrun_stop",
            ),
            path(
                "<uuid:run_id>/<slug:name>.png",
                self.admin_site.admin_view(self.picture),
                name="matching_marketrun_picture",
            ),
        ]
        return [*own, *super().get_urls()]

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = MarketRunForm(request.POST or None, initial=_first_choice())
        if form.is_valid():
            try:
                run = runs.order(**form.cleaned_data, by=person(request))
            except Refusal as refusal:
                for name, sentences in refusal.extra.get("fields", {}).items():
                    form.add_error(name, sentences)
            else:
                self.log_addition(request, run, "Ordered.")
                return redirect(reverse("admin:matching_marketrun_change", args=[run.pk]))
        return self._page(request, "admin/market_order.html", title=_("Simulate"), form=form)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        run = self.get_object(request, object_id)
        if run is None:
            raise Http404
        if not self.has_view_permission(request, run):
            raise PermissionDenied
        is_open = run.state in MarketRun.OPEN
        pictures = run.pictures.values_list("name", flat=True)
        answer = self._page(
            request,
            "admin/market_run.html",
            title=run,
            run=run,
            is_open=is_open,
            may_stop=is_open and may(request, "matching.add_marketrun"),
            tables=_tables(run.result["results"]) if run.result else [],
            pictures=[(name, text) for name, text in PICTURES.items() if name in set(pictures)],
        )
        if is_open:
            answer["Refresh"] = str(LOOK_AGAIN)
        return answer

    def stop(self, request: HttpRequest, run_id: UUID) -> HttpResponse:
        """End a run where it is."""
        if not may(request, "matching.add_marketrun"):
            raise PermissionDenied
        run = self.get_object(request, str(run_id))
        if run is None:
            raise Http404
        if runs.stop(run_id=run.pk, now=timezone.now()):
            self.log_change(request, run, "Stopped.")
            self.message_user(request, _("Stopped."), messages.SUCCESS)
        return redirect(reverse("admin:matching_marketrun_change", args=[run.pk]))

    def picture(self, request: HttpRequest, run_id: UUID, name: str) -> HttpResponse:
        if not may(request, "matching.view_marketrun"):
            raise PermissionDenied
        picture = MarketPicture.objects.filter(run_id=run_id, name=name).first()
        if picture is None:
            raise Http404
        return HttpResponse(bytes(picture.png), content_type="image/png")

    def _page(self, request: HttpRequest, template: str, **context: Any) -> HttpResponse:
        whole = {**self.admin_site.each_context(request), "opts": self.opts, **context}
        return TemplateResponse(request, template, whole)


def _first_choice() -> dict[str, Any]:
    """The published policy, and the drafts that might take its place."""
    rows = MatchPolicy.objects.exclude(state=MatchPolicy.State.RETIRED).order_by("-created_at")
    in_use = [row for row in rows if row.state == MatchPolicy.State.PUBLISHED]
    drafts = [row for row in rows if row.state == MatchPolicy.State.DRAFT]
    return {
        "policies": [row.pk for row in [*in_use, *drafts][: runs.MOST_POLICIES]],
        "scenario": FIRST_LOOK.as_toml(),
    }


def _tables(
    results: Sequence[Mapping[str, Any]],
) -> list[tuple[str, list[str], list[tuple[str, list[str]]]]]:
    """For each level of demand the policies, and a line for each figure with a value for each policy."""
    tables = []
    for demand in dict.fromkeys(row["demand_to_capacity"] for row in results):
        rows = [row for row in results if row["demand_to_capacity"] == demand]
        lines = [
            (meaning, [shown(row[name]) for row in rows])
            for name, meaning in MEANINGS.items()
            if all(name in row for row in rows)  # of a run before there was this figure
        ]
        tables.append((f"{demand:g}", [row["policy"] for row in rows], lines))
    return tables
