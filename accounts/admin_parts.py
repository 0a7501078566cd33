"""What the console's pages share: refusals as form errors, and pages that only show."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import models
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from unfold.admin import ModelAdmin, TabularInline

from accounts import changes
from accounts.models import User
from accounts.refusals import Refusal


def person(request: HttpRequest) -> User:
    """Who asks. The console admits nobody but people who are signed in."""
    assert isinstance(request.user, User)
    return request.user


def may(request: HttpRequest, permission: str) -> bool:
    return person(request).has_perm(permission)


class Named:
    """Every control says what it is, also in a table, where its label is only the column's heading."""

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_dbfield(db_field, request, **kwargs)  # type: ignore[misc]
        if field is not None and field.label:
            field.widget.attrs.setdefault("aria-label", capfirst(str(field.label)))
        return field


class WithHistory:
    """A page whose history is the database's own: every change by whatever path, not only those made here."""

    changes_per_page = 50

    def also_changed(self, row: Any) -> Iterable[changes.Key]:
        """Rows that belong to this one, whose changes are shown with its own."""
        return ()

    def history_view(
        self,
        request: HttpRequest,
        object_id: str,
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        row = self.get_object(request, object_id)  # type: ignore[attr-defined]
        if row is None:
            raise Http404
        if not self.has_view_or_change_permission(request, row):  # type: ignore[attr-defined]
            raise PermissionDenied
        entries = changes.entries_of(row, self.also_changed(row))
        page = Paginator(entries, self.changes_per_page).get_page(request.GET.get("p"))
        context = {
            **self.admin_site.each_context(request),  # type: ignore[attr-defined]
            "opts": self.opts,  # type: ignore[attr-defined]
            "title": _("History: %s") % row,
            "original": row,
            "page": page,
            "changes": changes.as_read(list(page.object_list)),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/history.html", context)


class Console(Named, WithHistory, ModelAdmin):  # type: ignore[misc]
    """A page of the console. A `Refusal` raised while saving is shown as an error of the form."""

    compressed_fields = True
    list_fullwidth = True
    list_filter_submit = True
    warn_unsaved_form = True
    # Counting a large table twice for a number nobody needs.
    show_full_result_count = False
    list_per_page = 50
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        try:
            answer = super().changeform_view(request, object_id, form_url, extra_context)
        except Refusal as refusal:
            # What was written is rolled back by now; the second pass shows the form with the reason.
            request.refusal = refusal  # type: ignore[attr-defined]
            answer = super().changeform_view(request, object_id, form_url, extra_context)
        return answer  # type: ignore[no-any-return]

    def get_form(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> type[Form]:
        form: type[Form] = super().get_form(request, obj, **kwargs)
        refusal: Refusal | None = getattr(request, "refusal", None)
        return form if refusal is None else _refused(form, refusal)

    def attempt(self, request: HttpRequest, service: Callable[[], object]) -> bool:
        """Call a service; a refusal becomes a message. Returns whether it was done."""
        try:
            service()
        except Refusal as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
            return False
        return True

    def tell_done(self, request: HttpRequest, done: int, of: int, what: str) -> None:
        self.message_user(
            request,
            f"{done} of {of} {what}." if done != of else f"{done} {what}.",
            messages.SUCCESS if done == of else messages.WARNING,
        )


class ShownOnly(Console):
    """Rows that people read here and change elsewhere, or nowhere."""

    actions_on_top = True

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ShownInline(TabularInline):  # type: ignore[misc]
    """Rows of another table beside the one that is open, to read."""

    extra = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _refused(form: type[Form], refusal: Refusal) -> type[Form]:
    """The form, never valid, saying why."""

    def clean(self: Form) -> dict[str, Any] | None:
        cleaned = form.clean(self)
        self.add_error(None, str(refusal))
        for name, sentences in refusal.extra.get("fields", {}).items():
            for sentence in sentences:
                self.add_error(name if name in self.fields else None, sentence)
        for conflict in refusal.extra.get("conflicts", ()):
            when = f"{conflict['starts_at']:%Y-%m-%d %H:%M} UTC"
            self.add_error(None, f"{when}: {conflict['mentee']['name']}")
        return cleaned

    return type(form.__name__, (form,), {"clean": clean})
