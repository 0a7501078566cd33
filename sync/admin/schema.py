from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from accounts.admin_parts import Colours, ShownOnly
from sync.models import BaseField


@admin.register(BaseField)
class BaseFieldAdmin(ShownOnly):
    """The base's tables and fields as they were last seen, those with a problem first."""

    list_display = ("__str__", "name_there", "address", "shown_state", "problem", "since")
    list_filter = ("is_blocked", "table")
    search_fields = ("table", "field", "name_there", "address", "problem")
    ordering = ("-is_blocked", "-problem", "table", "field")

    @display(  # type: ignore[untyped-decorator]
        description=_("State"),
        ordering="-is_blocked",
        label=Colours({"Rests": "danger", "Renamed": "warning", "In step": "success"}),
    )
    def shown_state(self, row: BaseField) -> str:
        if row.is_blocked:
            return "Rests"
        return "Renamed" if row.problem else "In step"

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
