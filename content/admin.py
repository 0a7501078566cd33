from __future__ import annotations

from django.contrib import admin

from accounts.admin_parts import Console
from content.models import HelpPrompt


@admin.register(HelpPrompt)
class HelpPromptAdmin(Console):
    list_display = ("topic", "category", "is_active", "updated_at")
    list_editable = ("is_active",)
    list_filter = ("category", "is_active")
    search_fields = ("category", "topic", "response")
    ordering = ("category", "topic")
    readonly_fields = ("updated_at",)
