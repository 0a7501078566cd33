"""The program's figures in the console: measures with their targets, charts, mentors, exports."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.html import format_html
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.http import require_GET, require_POST
from unfold.decorators import display

from accounts.admin_parts import Colours, ShownOnly, may, person
from accounts.refusals import NotAllowed
from analytics import pictures, selectors, services
from analytics.api import file_of
from analytics.charts import shown, spark
from analytics.exports import DATASETS
from analytics.measures import PERCENT
from analytics.models import MentorFigures, Refresh
from analytics.selectors import Standing
from sync.nudges import send

# Seconds between two looks at a refresh that is not over.
LOOK_AGAIN: Final = 5


@admin.register(Refresh)
class RefreshAdmin(ShownOnly):
    """When the figures were computed; and, at `figures/`, the figures."""

    list_display = ("asked_at", "asked_for", "shown_state", "as_of", "took", "error")
    list_select_related = ("asked_by",)
    ordering = ("-asked_at", "-id")

    @display(description=gettext_lazy("Asked for by"))  # type: ignore[untyped-decorator]
    def asked_for(self, refresh: Refresh) -> str:
        return str(refresh.asked_by or _("the night"))

    @display(  # type: ignore[untyped-decorator]
        description=gettext_lazy("State"),
        label=Colours({"Done": "success", "Failed": "danger", "Waiting": "info"}),
    )
    def shown_state(self, refresh: Refresh) -> str:
        if refresh.ended_at is None:
            return _("Waiting")
        return _("Failed") if refresh.error else _("Done")

    @display(description=gettext_lazy("Took"))  # type: ignore[untyped-decorator]
    def took(self, refresh: Refresh) -> str:
        if refresh.started_at is None or refresh.ended_at is None:
            return "-"
        return f"{(refresh.ended_at - refresh.started_at).total_seconds():.1f} s"

    def get_urls(self) -> list[URLPattern]:
        def page(where: str, view: Any, name: str) -> URLPattern:
            inside: URLPattern = path(
                where, self.admin_site.admin_view(view), name=f"analytics_refresh_{name}"
            )
            return inside

        own = [
            page("figures/", self.figures, "figures"),
            page("figures/compute/", require_POST(self.compute), "compute"),
            page("figures/export/", require_GET(self.export), "export"),
        ]
        return [*own, *super().get_urls()]

    def figures(self, request: HttpRequest) -> HttpResponse:
        """Are we where we want to be, and which way does it go?"""
        self._must(request, "analytics.view_refresh")
        refresh, open_one = selectors.latest(), selectors.underway()
        standings = selectors.standings(refresh) if refresh else ()
        answer = TemplateResponse(
            request,
            "admin/figures.html",
            {
                # Without the model's own words, which are about the list of refreshes.
                **self.admin_site.each_context(request),
                "title": _("Measures of success"),
                "refresh": refresh,
                "underway": open_one,
                "cards": [_card(one) for one in standings],
                "charts": pictures.charts(refresh, standings) if refresh else [],
                "areas": list(selectors.areas(refresh)) if refresh else [],
                "datasets": [one for one in DATASETS.values() if may(request, one.permission)],
                "may_compute": open_one is None and may(request, "analytics.add_refresh"),
            },
        )
        if open_one is not None:
            answer["Refresh"] = str(LOOK_AGAIN)
        return answer

    def compute(self, request: HttpRequest) -> HttpResponse:
        """Ask for the figures of now; a worker computes them."""
        self._must(request, "analytics.add_refresh")
        services.order(by=person(request), now=timezone.now())
        send("analytics.tasks.refresh")
        self.message_user(
            request, _("The figures are being computed. This page looks again by itself.")
        )
        return redirect("admin:analytics_refresh_figures")

    def export(self, request: HttpRequest) -> HttpResponseBase:
        """A table as CSV; days are those of whoever asks."""
        dataset = DATASETS.get(request.GET.get("dataset", ""))
        if dataset is None:
            raise Http404
        try:
            period = (_start(request, "from", 0), _start(request, "to", 1))
            return file_of(dataset, period, by=person(request))
        except NotAllowed as refusal:
            raise PermissionDenied(str(refusal)) from refusal
        except ValueError:
            self.message_user(request, _("Write a day like 2026-03-01."), messages.ERROR)
            return redirect(reverse("admin:analytics_refresh_figures") + "#export")

    def _must(self, request: HttpRequest, permission: str) -> None:
        if not may(request, permission):
            raise PermissionDenied


def _start(request: HttpRequest, name: str, later: int) -> datetime | None:
    """The midnight that a day begins with, or with `later` 1 the one that it ends with."""
    text = request.GET.get(name, "").strip()
    if not text:
        return None
    day: date | None = parse_date(text)
    if day is None or not 1970 < day.year < 9000:
        raise ValueError(text)
    return timezone.make_aware(datetime.combine(day + timedelta(days=later), time.min))


def _card(standing: Standing) -> dict[str, Any]:
    """A measure as the page shows it."""
    measure = standing.measure
    aim = "" if measure.target is None else shown(measure.target, measure.unit)
    return {
        "measure": measure,
        "value": shown(standing.value, measure.unit) if standing.now else "",
        "aim": (_("at least %s") if measure.at_least else _("at most %s")) % aim if aim else "",
        "meets": standing.meets,
        "sample": standing.now.sample if standing.now else 0,
        "counted": measure.counted,
        "change": _change(standing),
        "spark": spark([point.value for point in standing.points]),
    }


def _change(standing: Standing) -> str:
    """In words, because an arrow up is not good news for every measure."""
    change = standing.change
    if change is None:
        return ""
    if shown(change, standing.measure.unit) == shown(0.0, standing.measure.unit):
        return _("As four weeks before")
    if standing.measure.unit == PERCENT:
        said = _("%s points") % f"{change * 100:+.0f}"
    else:
        said = f"{'+' if change >= 0 else '-'}{shown(abs(change), standing.measure.unit)}"
    return _("%s in four weeks") % said


class InUseFilter(admin.SimpleListFilter):
    title = gettext_lazy("use")
    parameter_name = "use"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("none", _("hours offered, nobody booked")),
            ("full", _("booked to nine tenths or more")),
            ("away", _("no hours offered")),
        ]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[MentorFigures]
    ) -> QuerySet[MentorFigures]:
        return {
            "none": queryset.filter(offered__gt=0, booked=0),
            "full": queryset.filter(utilization__gte=0.9),
            "away": queryset.filter(offered=0),
        }.get(self.value() or "", queryset)


@admin.register(MentorFigures)
class MentorFiguresAdmin(ShownOnly):
    """How booked each mentor was in 28 days, as of the last refresh."""

    list_display = (
        "mentor_name", "mentor__company", "shown_utilization", "booked", "room", "offered", "completed", "no_shows",
        "shown_rating", "ratings",
    )  # fmt: skip
    list_display_links = None
    list_filter = (InUseFilter, "mentor__is_active")
    list_select_related = ("mentor__user",)
    search_fields = ("mentor__user__name", "mentor__user__email", "mentor__company")
    ordering = ("utilization", "id")

    def get_queryset(self, request: HttpRequest) -> QuerySet[MentorFigures]:
        rows: QuerySet[MentorFigures] = super().get_queryset(request)
        return rows.filter(refresh=selectors.latest())

    @display(description=gettext_lazy("Mentor"), ordering="mentor__user__name")  # type: ignore[untyped-decorator]
    def mentor_name(self, row: MentorFigures) -> str:
        url = reverse("admin:mentors_mentor_change", args=[row.mentor_id])
        return format_html('<a href="{}" class="underline">{}</a>', url, row.mentor.user)

    @display(description=gettext_lazy("Utilization"), ordering="utilization")  # type: ignore[untyped-decorator]
    def shown_utilization(self, row: MentorFigures) -> str:
        return shown(row.utilization, PERCENT)

    @display(description=gettext_lazy("Rating"), ordering="rating")  # type: ignore[untyped-decorator]
    def shown_rating(self, row: MentorFigures) -> str:
        return "-" if row.rating is None else f"{row.rating:.1f}"
