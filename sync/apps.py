from __future__ import annotations

from django.apps import AppConfig


class SyncConfig(AppConfig):
    name = "sync"
    verbose_name = "Airtable"
    default_auto_field = "django.db.models.BigAutoField"

    def import_models(self) -> None:
        super().import_models()
        from sync import capture  # noqa: F401  its proxies carry the triggers
        from sync.reconcile import models  # noqa: F401
