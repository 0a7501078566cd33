"""Airtable at a glance, what happened to a record, and what an operator can do about both."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _, gettext_lazy
from django.views.decorators.http import require_POST
from unfold.decorators import display

from accounts.admin_parts import Colours, may, person
from sync import health, meter, remedies, selectors, services, stories
from sync.admin.parts import WithTitles
from sync.mappings import BY_SUBJECT, BY_TABLE
from sync.models import OutboxRow, SyncEvent
from sync.stories import Story

# Seconds between two looks at the figures.
LOOK_AGAIN = 10
LATEST = 12


@admin.register(SyncEvent)
class SyncEventAdmin(WithTitles):
    """What happened, to every record."""

    list_display = ("at", "shown_kind", "direction", "record", "what", "detail", "run")
    list_display_links = ("at",)
    list_filter = ("kind", "direction", "subject", "at")
    search_fields = ("object_id", "record_id", "detail", "run")
    search_help_text = gettext_lazy("Our id, a record id, words of the reason, or a run")
    ordering = ("-at", "-id")

    @display(  # type: ignore[untyped-decorator]
        description=gettext_lazy("What"),
        ordering="kind",
        label=Colours({
            "Conflict": "warning", "Refused": "warning", "Put off": "warning", "Given up": "danger",
            "Created": "success", "Sent": "success", "Applied": "success", "Restored": "success",
        }),
    )  # fmt: skip
    def shown_kind(self, event: SyncEvent) -> str:
        return event.get_kind_display()

    @display(description=gettext_lazy("Fields"))  # type: ignore[untyped-decorator]
    def what(self, event: SyncEvent) -> str:
        return ", ".join(event.fields)

    def get_urls(self) -> list[URLPattern]:
        def page(where: str, view: Callable[..., HttpResponse], name: str) -> Any:
            return path(where, self.admin_site.admin_view(view), name=f"sync_syncevent_{name}")

        own = [
            page("glance/", self.glance, "glance"),
            page("find/", self.find, "find"),
            page("record/<slug:subject>/<uuid:object_id>/", self.record_page, "record"),
            page(
                "record/<slug:subject>/<uuid:object_id>/<slug:remedy>/",
                require_POST(self.mend),
                "mend",
            ),
            page("tables/<str:table>/<slug:switch>/", require_POST(self.switch_table), "table"),
        ]
        return [*own, *super().get_urls()]

    # -- At a glance ---------------------------------------------------------------------------

    def glance(self, request: HttpRequest) -> HttpResponse:
        """Is it healthy, what is stuck, and where is it mended."""
        self._must(request, "sync.view_syncevent")
        figures = selectors.figures(now=timezone.now())
        latest = list(SyncEvent.objects.order_by("-pk")[:LATEST])
        _name(latest)
        found = health.judge(figures)
        return self._page(
            request,
            "admin/sync_glance.html",
            title=_("Airtable at a glance"),
            figures=figures,
            health=found,
            problems=[(one, _console_path(one.page)) for one in found.problems],
            lags=_lags(figures),
            arrived=f"{figures.success_rate:.1%}",
            read_seconds=_age(figures),
            month_ends=_month_ends(figures.month),
            webhook_well=health.webhook_is_well(figures),
            latest=latest,
            look_again=LOOK_AGAIN,
            may_pause=may(request, "sync.change_basebinding"),
        )

    def switch_table(self, request: HttpRequest, table: str, switch: str) -> HttpResponse:
        """Pause or resume one table."""
        self._must(request, "sync.change_basebinding")
        if table not in BY_TABLE or switch not in {"pause", "resume"}:
            raise Http404
        if switch == "pause":
            services.pause_table(
                table=table,
                by=person(request).name,
                note=request.POST.get("note", "").strip(),
                now=timezone.now(),
            )
            said = _("%(table)s is paused. What changes meanwhile waits on both sides.")
        else:
            services.resume_table(table=table)
            said = _("%(table)s goes on.")
        self.message_user(request, said % {"table": table}, messages.SUCCESS)
        return redirect(reverse("admin:sync_syncevent_glance") + "#tables")

    # -- One record ----------------------------------------------------------------------------

    def find(self, request: HttpRequest) -> HttpResponse:
        """Objects by name, address or id; the only one at once."""
        self._must(request, "sync.view_syncevent")
        sought = request.GET.get("q", "")
        hits = stories.find(sought)
        if len(hits) == 1:
            return redirect(_record_url(hits[0].subject, hits[0].object_id))
        return self._page(
            request,
            "admin/sync_find.html",
            title=_("What happened to …"),
            sought=sought,
            hits=hits,
            is_cut=len(hits) >= stories.MOST_FOUND,
        )

    def record_page(self, request: HttpRequest, subject: str, object_id: UUID) -> HttpResponse:
        """Everything about one record."""
        self._must(request, "sync.view_syncevent")
        story = _story(request, subject, object_id)
        level, sentence = story.state
        return self._page(
            request,
            "admin/sync_record.html",
            title=story.title,
            story=story,
            level=level,
            sentence=sentence,
            object_url=_object_url(story),
            may_mend=may(request, "sync.change_outboxrow"),
            older=story.events[-1].pk if story.has_older else None,
        )

    def mend(
        self, request: HttpRequest, subject: str, object_id: UUID, remedy: str
    ) -> HttpResponse:
        """Try again, leave as it is, or compare with Airtable."""
        self._must(request, "sync.change_outboxrow")
        _story(request, subject, object_id)
        by, now = person(request).name, timezone.now()
        rows = OutboxRow.objects.filter(subject=subject, object_id=object_id)
        if remedy == "retry":
            done = remedies.retry(rows=rows, by=by, now=now)
            said = _("It is due now.") if done else _("It is due within a minute anyway.")
        elif remedy == "leave":
            remedies.leave(rows=rows, by=by, now=now)
            said = _("Settled without sending. Its next change is sent again.")
        elif remedy == "compare":
            remedies.compare(subject=subject, object_ids=[object_id], by=by, now=now)
            said = _(
                "The record is read again, and what differs is merged and sent. Look again in a moment."
            )
        else:
            raise Http404
        self.message_user(request, said, messages.SUCCESS)
        return redirect(_record_url(subject, object_id))

    # -- What they share -----------------------------------------------------------------------

    def _must(self, request: HttpRequest, permission: str) -> None:
        if not may(request, permission):
            raise PermissionDenied

    def _page(self, request: HttpRequest, template: str, **context: Any) -> HttpResponse:
        # Without the model, so that the header says what the page is about.
        whole = {
            **self.admin_site.each_context(request),
            "content_title": context["title"],
            **context,
        }
        return TemplateResponse(request, template, whole)


def _story(request: HttpRequest, subject: str, object_id: UUID) -> Story:
    if subject not in BY_SUBJECT:
        raise Http404
    before = request.GET.get("before", "")
    story = stories.of(
        subject=subject,
        object_id=object_id,
        before=int(before) if before.isdecimal() and len(before) < 19 else None,
    )
    if story is None:
        raise Http404
    return story


def _name(events: list[SyncEvent]) -> None:
    named = stories.titles((event.subject, event.object_id) for event in events)
    for event in events:
        event.shown_title = named.get((event.subject, event.object_id), "")  # type: ignore[attr-defined, arg-type]


def _lags(figures: selectors.Figures) -> list[tuple[str, selectors.Lag, selectors.Lag]]:
    return [
        (label, figures.lag_lately[direction], figures.lag_last_day[direction])
        for label, direction in ((_("To Airtable"), "out"), (_("From Airtable"), "in"))
    ]


def _month_ends(month: meter.Month) -> str:
    if month.forecast is None:
        return ""
    if month.budget is None:
        return _("by its end about %(forecast)s") % {"forecast": f"{month.forecast:,}"}
    said = _("by its end about %(forecast)s of %(budget)s")
    return said % {"forecast": f"{month.forecast:,}", "budget": f"{month.budget:,}"}


def _age(figures: selectors.Figures) -> float | None:
    read_at = figures.last_read_at
    return max(0.0, (figures.at - read_at).total_seconds()) if read_at else None


def _record_url(subject: str, object_id: UUID) -> str:
    return reverse("admin:sync_syncevent_record", args=[subject, object_id])


def _console_path(page: str) -> str:
    return reverse("admin:app_list", args=["sync"]) + page


def _object_url(story: Story) -> str:
    """The object's own page in the console, where it has one."""
    if story.found is None:
        return ""
    meta = story.mapping.model._meta
    try:
        return reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[story.object_id])
    except NoReverseMatch:
        return ""
