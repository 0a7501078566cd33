from __future__ import annotations

from django.apps import AppConfig


class ContentConfig(AppConfig):
    name = "content"
    verbose_name = "Words PMs write"
    default_auto_field = "django.db.models.BigAutoField"
