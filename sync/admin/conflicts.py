"""What the two sides disagreed about, and undoing a wrong winner."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext, gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.decorators import display

from accounts.admin_parts import Colours, may, person
from accounts.refusals import Refusal
from sync import conflicts
from sync.admin.parts import WithTitles, short
from sync.mappings import BY_SUBJECT
from sync.merging import sentence_of
from sync.models import SyncConflict
from sync.wording import in_words


@admin.register(SyncConflict)
class SyncConflictAdmin(WithTitles):
    """Both values, who won and why; the other one can be taken after all."""

    list_display = ("at", "record", "what", "shown_local", "shown_remote", "shown_state", "reason")
    list_display_links = ("at", "what")
    list_filter = ("winner", "subject", "field", "at", ("taken_at", admin.EmptyFieldListFilter))
    search_fields = ("object_id", "field", "reason", "taken_by")
    ordering = ("-at", "id")
    actions = ("take_other",)
    change_form_outer_before_template = "admin/conflict.html"
    fields = ("record", "field", "reason", "at", "taken_by", "taken_at")
    readonly_fields = ("record",)

    @display(description=_("What"), ordering="field")  # type: ignore[untyped-decorator]
    def what(self, conflict: SyncConflict) -> str:
        mapping = BY_SUBJECT.get(conflict.subject)
        return f"{mapping.table if mapping else conflict.subject}: {conflict.field}"

    @display(description=_("Office Hours"))  # type: ignore[untyped-decorator]
    def shown_local(self, conflict: SyncConflict) -> str:
        return short(conflict.local)

    @display(description=_("Airtable"))  # type: ignore[untyped-decorator]
    def shown_remote(self, conflict: SyncConflict) -> str:
        return short(conflict.remote)

    @display(  # type: ignore[untyped-decorator]
        description=_("Winner"),
        ordering="winner",
        label=Colours({"Office Hours": "info", "Airtable": "warning", "Undone": "success"}),
    )
    def shown_state(self, conflict: SyncConflict) -> str:
        return str(_("Undone")) if conflict.taken_at else conflict.get_winner_display()

    def has_take_permission(self, request: HttpRequest) -> bool:
        return may(request, "sync.change_syncconflict")

    @admin.action(description=_("Take the other value"), permissions=["take"])
    def take_other(self, request: HttpRequest, queryset: QuerySet[SyncConflict]) -> None:
        settled: set[int] = set()
        wanted = list(queryset.order_by("at", "pk").values_list("pk", flat=True))
        for pk in wanted:
            if pk not in settled:
                settled |= self._take(request, pk)
        self.tell_done(request, len(settled & set(wanted)), len(wanted), gettext("undone"))

    def _take(self, request: HttpRequest, pk: int) -> set[int]:
        try:
            done = conflicts.take_other(conflict_id=pk, by=str(person(request)))
        except Refusal as refusal:
            self.message_user(request, sentence_of(refusal), messages.ERROR)
            return set()
        return {conflict.pk for conflict in done}

    # -- One conflict --------------------------------------------------------------------------
    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        conflict = self.get_object(request, object_id) if object_id else None
        context: dict[str, Any] = {}
        if conflict is not None:
            context = {
                "conflict": conflict,
                "rows": _rows(conflict),
                "may_take": self.has_take_permission(request) and conflict.taken_at is None,
                "loser": "Airtable"
                if conflict.winner == SyncConflict.Winner.LOCAL
                else "Office Hours",
            }
        return super().changeform_view(
            request, object_id, form_url, {**(extra_context or {}), **context}
        )

    def get_urls(self) -> list[URLPattern]:
        own = path(
            "<int:pk>/take/",
            self.admin_site.admin_view(require_POST(self.take_one)),
            name="sync_syncconflict_take",
        )
        return [own, *super().get_urls()]

    def take_one(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The button of the conflict's own page."""
        if not self.has_take_permission(request):
            raise PermissionDenied
        if self._take(request, pk):
            said = gettext("Taken. Both sides follow within seconds.")
            self.message_user(request, said, messages.SUCCESS)
        return redirect(reverse("admin:sync_syncconflict_change", args=[pk]))


def _rows(conflict: SyncConflict) -> list[tuple[str, str, str, str]]:
    """Field, agreed before, here, there; one row for each field that is at stake."""
    values = (conflict.ancestor, conflict.local, conflict.remote)
    names = dict.fromkeys(name for value in values if isinstance(value, dict) for name in value)
    if not names:
        agreed, local, remote = map(in_words, values)
        return [(conflict.field, agreed, local, remote)]
    return [(name, *(_part(value, name) for value in values)) for name in names]


def _part(value: Any, name: str) -> str:
    return in_words(value[name]) if isinstance(value, dict) and name in value else "—"
