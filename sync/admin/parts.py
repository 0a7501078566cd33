"""What the pages about Airtable share."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _

from accounts.admin_parts import ShownOnly
from sync import stories
from sync.mappings import BY_SUBJECT
from sync.wording import in_words


class WithTitles(ShownOnly):
    """A list of rows about objects, each called by its name and leading to its record's history.

    The names are read for the rows of the page, one query for each kind among them.
    """

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changes = super().get_changelist_instance(request)
        rows = list(changes.result_list)
        named = stories.titles((row.subject, row.object_id) for row in rows)
        for row in rows:
            row.shown_title = named.get((row.subject, row.object_id), "")
        changes.result_list = rows
        return changes

    def get_object(self, *args: Any, **kwargs: Any) -> Any:
        row = super().get_object(*args, **kwargs)
        if row is not None:
            key = (row.subject, row.object_id)
            row.shown_title = stories.titles([key]).get(key, "")
        return row

    @admin.display(description=_("Record"))
    def record(self, row: Any) -> str:
        return record_link(row.subject, row.object_id, getattr(row, "shown_title", ""))


def record_link(subject: str, object_id: UUID | None, title: str) -> str:
    """The name of an object as a link to its record's history."""
    mapping = BY_SUBJECT.get(subject)
    if mapping is None or object_id is None:
        return title or subject
    url = reverse("admin:sync_syncevent_record", args=[subject, object_id])
    return format_html(
        '<a href="{}" class="underline whitespace-nowrap">{}</a>',
        url,
        title or f"{mapping.table}: {object_id}",
    )


def short(value: Any) -> str:
    """A canonical value for a cell of a list."""
    return Truncator(in_words(value)).chars(80)
