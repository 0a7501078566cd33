"""The rows of the console's lists.

Unfold's own tag works every heading out anew for every row, and draws each control and each label by templates:
that was two thirds of the time that a list took, and most of its half megabyte was the same class names in
every cell. Its sections, row actions and sorting by hand are not drawn here, because no list of ours has them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from typing import Any, Final

from django import forms, template
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.templatetags.admin_urls import add_preserved_filters
from django.contrib.admin.utils import lookup_field
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ObjectDoesNotExist
from django.db import models
from django.template.loader import render_to_string
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from unfold.admin import checkbox
from unfold.templatetags.unfold_list import result_headers
from unfold.utils import display_for_field, display_for_label, display_for_value

register = template.Library()

TICK: Final = "action_checkbox"
# Stands for what differs from row to row in a control that is drawn once.
_HERE: Final = "__here__"


@register.inclusion_tag("admin/rows.html", takes_context=True)
def console_rows(context: dict[str, Any], cl: ChangeList) -> dict[str, Any]:
    """The headings and rows of a list, or that there are none."""
    headers = list(result_headers(cl))
    return {
        "cl": cl,
        "result_headers": headers,
        "num_sorted_fields": sum(bool(header.get("sorted")) for header in headers),
        "hidden": [_key(form, cl) for form in cl.formset.forms] if cl.formset else [],
        "rows": list(_Rows(cl, [str(header["text"]) for header in headers])),
        "has_add_permission": cl.model_admin.has_add_permission(context["request"]),
    }


class _Rows:
    """The rows of one page."""

    def __init__(self, cl: ChangeList, headings: list[str]) -> None:
        self.cl = cl
        self.admin = cl.model_admin
        self.empty = self.admin.get_empty_value_display()
        # A column is a name or a function.
        self.columns: list[tuple[Any, str]] = [
            (name, _("Select record") if name == TICK else capfirst(heading))
            for name, heading in zip(cl.list_display, headings, strict=True)
        ]
        self.links = cl.list_display_links or ()
        # Of several columns that lead to the row the first is its heading.
        self.row_heading = next((name for name in cl.list_display if name in self.links), None)
        self.query: str | None = None
        self.drawn: dict[Hashable, str] = {}

    def __iter__(self) -> Iterator[SafeString]:
        # A list in which nothing can be edited has no forms.
        edited = self.cl.formset.forms if self.cl.formset else [None] * len(self.cl.result_list)
        for row, form in zip(self.cl.result_list, edited, strict=False):
            yield format_html(
                '{}<tr class="data-row">{}</tr>',
                self._errors(form),
                mark_safe("".join(self._cells(row, form))),  # noqa: S308  each is escaped
            )

    def _cells(self, row: models.Model, form: forms.ModelForm[Any] | None) -> Iterator[SafeString]:
        for name, heading in self.columns:
            tag, kind = "td", f"field-{_named(name)}"
            if name == TICK:
                kind, shown = "action-checkbox", self._tick(row)
            elif name in self.links:
                shown = self._link(row, self._value(name, row))
                tag = "th" if name == self.row_heading else "td"
            elif form is not None and name in form.fields:
                shown = self._control(form[name])
                kind += " errors group" if form[name].errors else ""
            else:
                shown = self._value(name, row)
            scope = mark_safe(' scope="row"') if tag == "th" else ""
            yield format_html(
                '<{}{} class="{}" data-label="{}">{}</{}>', tag, scope, kind, heading, shown, tag
            )

    # -- What a cell shows ---------------------------------------------------------------------
    def _value(self, name: Any, row: models.Model) -> Any:
        try:
            field, attribute, value = lookup_field(name, row, self.admin)
        except ObjectDoesNotExist:
            return self.empty
        empty = getattr(attribute, "empty_value_display", self.empty)
        if field is None or field.auto_created:
            return self._computed(name, attribute, value, empty)
        if isinstance(field.remote_field, models.ManyToOneRel):
            related = getattr(row, field.name)
            return empty if related is None else related
        if isinstance(field, models.BooleanField):
            return self._once((name, value), lambda: display_for_field(value, field, empty))
        return display_for_field(value, field, empty)

    def _computed(self, name: Any, attribute: Any, value: Any, empty: str) -> Any:
        """What a method of the list's gives."""
        colours = getattr(attribute, "label", False)
        if colours and isinstance(value, list):
            return display_for_label(value, empty, colours)
        if colours:
            return self._once((name, value), lambda: display_for_label(value, empty, colours))
        if getattr(attribute, "boolean", False):
            return self._once((name, value), lambda: display_for_value(value, empty, boolean=True))
        return display_for_value(value, empty)

    def _once(self, key: Hashable, draw: Callable[[], str]) -> str:
        """Few states for many rows: each is drawn by its template once."""
        if key not in self.drawn:
            self.drawn[key] = draw()
        return self.drawn[key]

    def _link(self, row: models.Model, shown: Any) -> SafeString:
        url = self.cl.url_for_result(row)
        if self.query is None:  # of every row the same
            context: Any = {"preserved_filters": self.cl.preserved_filters, "opts": self.cl.opts}
            self.query = add_preserved_filters(context, url)[len(url) :]
        key = row.serializable_value(self.cl.to_field or self.cl.lookup_opts.pk.attname)
        opener = format_html(' data-popup-opener="{}"', key) if self.cl.is_popup else ""
        return format_html('<a href="{}{}"{}>{}</a>', url, self.query, opener, shown)

    # -- Controls ------------------------------------------------------------------------------
    def _tick(self, row: models.Model) -> SafeString:
        drawn = self._once(TICK, lambda: str(checkbox.render(ACTION_CHECKBOX_NAME, _HERE)))
        return mark_safe(drawn.replace(_HERE, escape(row.pk)))  # noqa: S308

    def _control(self, bound: forms.BoundField) -> SafeString:
        if bound.errors:
            errors = render_to_string("unfold/helpers/form_errors.html", {"errors": bound.errors})
            return mark_safe(f"{bound}{errors}")  # noqa: S308  both are drawn by templates
        if not isinstance(bound.field.widget, forms.Select | forms.CheckboxInput):
            return mark_safe(str(bound))  # noqa: S308
        drawn = self._once(
            (bound.name, repr(bound.value())), lambda: str(bound).replace(bound.html_name, _HERE)
        )
        return mark_safe(drawn.replace(_HERE, bound.html_name))  # noqa: S308

    def _errors(self, form: forms.ModelForm[Any] | None) -> str:
        """What is wrong with the row as a whole."""
        wrong = form.non_field_errors() if form is not None and form.is_bound else None
        if not wrong:
            return ""
        return format_html('<tr><td colspan="{}">{}</td></tr>', len(self.columns), wrong)


def _key(form: forms.ModelForm[Any], cl: ChangeList) -> SafeString:
    """Which row the form is about."""
    bound = form[cl.model._meta.pk.name]
    return format_html('<input type="hidden" name="{}" value="{}">', bound.html_name, bound.value())


def _named(column: Any) -> str:
    """A column may be a function."""
    return str(getattr(column, "__name__", column))
