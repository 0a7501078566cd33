from __future__ import annotations

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps
from django.contrib.staticfiles import apps as staticfiles_apps

OURS = ("accounts", "content", "mentors", "sessions_app", "matching", "sync", "analytics")


class OperationsAdminConfig(admin_apps.AdminConfig):
    default = False  # named in INSTALLED_APPS; this module's own app is the one below
    default_site = "config.admin_site.OperationsSite"


class StaticFilesConfig(staticfiles_apps.StaticFilesConfig):
    """The style sheet's source is not served, and imports what collectstatic would look for in vain."""

    default = False
    ignore_patterns = [*staticfiles_apps.StaticFilesConfig.ignore_patterns, "src"]


class ConfigConfig(AppConfig):
    default = True
    name = "config"

    def ready(self) -> None:
        from django.apps import apps
        from django.db.models.signals import post_migrate

        from config import celery
        from config.console.words import let_names_be_translated, name_lists_as_the_menu_does

        let_names_be_translated(OURS)
        name_lists_as_the_menu_does()
        # The signal comes only for apps with models, and the tables must be there.
        beat = apps.get_app_config("django_celery_beat")
        post_migrate.connect(
            celery.upsert_schedule, sender=beat, dispatch_uid="config.celery.schedule"
        )
