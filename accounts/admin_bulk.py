"""Changes to many rows at once: a page says what would happen to how many before anything does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Final
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from accounts.admin_parts import Console, may

# Rows are changed one by one, each by its service; more would keep a page waiting for minutes.
MOST: Final = 500
# Rows that are named on the page for each effect.
_NAMED: Final = 12


@dataclass(frozen=True)
class Effect:
    """What would happen to some of the chosen rows, or that nothing would.

    Args:
        sentence: said after their number.
        detail: what goes with it, where there is more to say.
        call: a row's name, where its own says little.
    """

    sentence: str
    rows: Sequence[Any]
    detail: str = ""
    is_change: bool = True
    call: Callable[[Any], str] = str

    @property
    def named(self) -> Sequence[str]:
        return [self.call(row) for row in self.rows[:_NAMED]]

    @property
    def unnamed(self) -> int:
        return max(0, len(self.rows) - _NAMED)


@dataclass(frozen=True)
class Bulk:
    """A change to many rows.

    Args:
        name: for addresses.
        label: in the list of actions.
        title: of the page that asks.
        button: what is pressed there.
        permission: what it takes.
        effects: what would happen, from the rows and the values of the form.
        carry_out: do it; may answer with another page, which asks more. The rows are those that change.
        form: what has to be known first, if anything.
        is_heavy: people lose something by it.
    """

    name: str
    label: str
    title: str
    button: str
    permission: str
    effects: Callable[[Sequence[Any], Mapping[str, Any]], Sequence[Effect]]
    carry_out: Callable[[HttpRequest, Sequence[Any], Mapping[str, Any]], HttpResponse | None]
    form: type[Form] | None = None
    is_heavy: bool = False


class InBulk(Console):
    """A list with changes to many rows. `bulks` names them; each becomes an action of the list."""

    bulks: ClassVar[tuple[str, ...]] = ()

    def bulk(self, name: str) -> Bulk | None:
        """The change of that name."""
        return None

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        actions: dict[str, Any] = super().get_actions(request)
        for name in self.bulks:
            change = self.bulk(name)
            if change is not None and may(request, change.permission):
                actions[name] = (_chosen(name), name, change.label)
        return actions

    def get_urls(self) -> list[URLPattern]:
        own = path(
            "bulk/<slug:name>/",
            self.admin_site.admin_view(require_POST(self.bulk_page)),
            name=f"{self.opts.app_label}_{self.opts.model_name}_bulk",
        )
        return [own, *super().get_urls()]

    def rows_for_bulk(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """With what the effects read."""
        return queryset

    def ask_first(
        self, request: HttpRequest, name: str, queryset: QuerySet[Any]
    ) -> HttpResponse | None:
        """The first look: nothing is changed."""
        ids = list(queryset.values_list("pk", flat=True)[: MOST + 1])
        if len(ids) > MOST:
            self.message_user(
                request,
                _("At most %(n)s at once. Narrow the list by its filters first.") % {"n": MOST},
                messages.ERROR,
            )
            return None
        change = self.bulk(name)
        assert change is not None  # it is an action of this list
        back = request.GET.urlencode()
        return self._preview(
            request, change, self._rows(ids), change.form() if change.form else None, back
        )

    def bulk_page(self, request: HttpRequest, name: str) -> HttpResponse:
        """Look again with other values, or do it."""
        change = self.bulk(name) if name in self.bulks else None
        if change is None:
            raise Http404
        if not may(request, change.permission):
            raise PermissionDenied
        rows = self._rows(_ids(request.POST.get("chosen", "")))
        back = request.POST.get("back", "")
        form = change.form(request.POST) if change.form else None
        if (form and not form.is_valid()) or request.POST.get("step") != "do":
            return self._preview(request, change, rows, form, back)
        values = form.cleaned_data if form else {}
        concerned = [
            row
            for effect in change.effects(rows, values)
            if effect.is_change
            for row in effect.rows
        ]
        answer = change.carry_out(request, concerned, values)
        if answer is not None:
            return answer
        url = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
        return redirect(f"{url}?{back}" if back else url)

    def _rows(self, ids: Sequence[Any]) -> Sequence[Any]:
        return list(self.rows_for_bulk(self.model._default_manager.filter(pk__in=ids)))

    def _preview(
        self,
        request: HttpRequest,
        change: Bulk,
        rows: Sequence[Any],
        form: Form | None,
        back: str,
    ) -> HttpResponse:
        is_known = form is None or (form.is_bound and form.is_valid())
        values = form.cleaned_data if form and is_known else {}
        effects = [one for one in change.effects(rows, values) if one.rows] if is_known else []
        context = {
            **self.admin_site.each_context(request),
            "title": change.title,
            "opts": self.opts,
            "change": change,
            "rows": rows,
            "chosen": ",".join(str(row.pk) for row in rows),
            "form": form,
            "effects": effects,
            "is_known": is_known,
            "changes": sum(len(one.rows) for one in effects if one.is_change),
            "back": back,
            "bulk_url": reverse(
                f"admin:{self.opts.app_label}_{self.opts.model_name}_bulk", args=[change.name]
            ),
            "list_url": reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist"),
        }
        return TemplateResponse(request, "admin/bulk.html", context)


def _chosen(name: str) -> Callable[..., HttpResponse | None]:
    def action(page: InBulk, request: HttpRequest, queryset: QuerySet[Any]) -> HttpResponse | None:
        return page.ask_first(request, name, queryset)

    return action


def _ids(text: str) -> list[UUID]:
    """What of the text are ids, at most MOST of them."""
    found = []
    for part in text.split(",")[:MOST]:
        try:
            found.append(UUID(part))
        except ValueError:
            continue
    return found
