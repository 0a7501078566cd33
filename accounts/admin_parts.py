"""What the console's pages share: refusals as form errors, and pages that only show."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Final

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import models
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from unfold.admin import ModelAdmin, TabularInline

from accounts import changes, saved_views
from accounts.models import User
from accounts.refusals import NotFound, Refusal

SAVED_VIEWS: Final = "admin/saved_views.html"


def person(request: HttpRequest) -> User:
    """Who asks. The console admits nobody but people who are signed in."""
    assert isinstance(request.user, User)
    return request.user


def may(request: HttpRequest, permission: str) -> bool:
    return person(request).has_perm(permission)


class Colours(dict[str, str]):
    """Which colour a state is shown in, by its English words; found by what the reader sees.

    Unfold looks the shown words up, which are the reader's language by then.
    """

    def __contains__(self, shown: object) -> bool:
        return any(_(words) == shown for words in self)

    def __getitem__(self, shown: str) -> str:
        return next(colour for words, colour in self.items() if _(words) == shown)


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
    list_before_template: str | None = SAVED_VIEWS
    # Views that everybody has: (label, query string).
    standing_views: ClassVar[tuple[tuple[Any, str], ...]] = ()

    # -- Views that people keep ----------------------------------------------------------------
    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        own = [
            path(
                "views/keep/",
                self.admin_site.admin_view(require_POST(self.keep_view)),
                name=f"{name}_keep_view",
            ),
            path(
                "views/<int:view_id>/drop/",
                self.admin_site.admin_view(require_POST(self.drop_view)),
                name=f"{name}_drop_view",
            ),
        ]
        return [*own, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        # Django's "Select … to change" says nothing in a tab of the browser.
        context: dict[str, Any] = {"title": capfirst(str(self.opts.verbose_name_plural))}
        if "_popup" not in request.GET and self.list_before_template == SAVED_VIEWS:
            context |= self._views(request)
        answer: HttpResponse = super().changelist_view(request, context | (extra_context or {}))
        return answer

    def _views(self, request: HttpRequest) -> dict[str, Any]:
        shown = saved_views.essence(request.GET.urlencode())
        views = list(saved_views.views_of(person(request), self.opts.label_lower))
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}"
        standing = [(label, query, query == shown) for label, query in self.standing_views]
        return {
            "standing_views": standing,
            "views": [
                (view, view.query == shown, reverse(f"{name}_drop_view", args=[view.pk]))
                for view in views
            ],
            "own_views": any(view.owner_id == request.user.pk for view in views),
            "shown_view": shown,
            "is_kept": any(is_shown for *_rest, is_shown in standing)
            or any(view.query == shown for view in views),
            "keep_view_url": reverse(f"{name}_keep_view"),
            "list_url": reverse(f"{name}_changelist"),
        }

    def keep_view(self, request: HttpRequest) -> HttpResponse:
        """Keep the list as it is shown."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        query = request.POST.get("query", "")
        done = self.attempt(
            request,
            lambda: saved_views.keep(
                by=person(request),
                page=self.opts.label_lower,
                name=request.POST.get("name", ""),
                query=query,
                is_shared="is_shared" in request.POST,
            ),
        )
        if done:
            self.message_user(request, _("The view is kept."), messages.SUCCESS)
        return self._to_list(saved_views.essence(query))

    def drop_view(self, request: HttpRequest, view_id: int) -> HttpResponse:
        """Remove one's own view."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        try:
            saved_views.drop(by=person(request), page=self.opts.label_lower, view_id=view_id)
        except NotFound as error:
            raise Http404 from error
        self.message_user(request, _("The view is removed."), messages.SUCCESS)
        return self._to_list(saved_views.essence(request.POST.get("query", "")))

    def _to_list(self, query: str) -> HttpResponse:
        url = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
        return redirect(f"{url}?{query}" if query else url)

    # -- Refusals ------------------------------------------------------------------------------
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
        """Says how many it was done to; `what` is what they are now, in the reader's language."""
        said = _("%(done)s %(what)s.") if done == of else _("%(done)s of %(of)s %(what)s.")
        self.message_user(
            request,
            said % {"done": done, "of": of, "what": what},
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
    # The columns say it; a title above each row would name it by its key.
    hide_title = True

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
