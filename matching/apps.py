from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class MatchingConfig(AppConfig):
    name = "matching"
    verbose_name = _("Matching")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.db.models.signals import post_migrate

        # The one registers its checks, the other's proxies carry triggers.
        from matching import changes, checks  # noqa: F401
        from matching.services import policies

        # A sender, so that it runs once and not after each app.
        post_migrate.connect(policies.ship, sender=self, dispatch_uid="matching.policies")
