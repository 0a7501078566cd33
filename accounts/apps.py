from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = _("Accounts")
    default_auto_field = "django.db.models.BigAutoField"

    def import_models(self) -> None:
        super().import_models()
        from accounts import audited_others  # noqa: F401  the proxies carry the triggers

    def ready(self) -> None:
        from allauth.mfa.signals import authenticator_added
        from django.db.backends.signals import connection_created
        from django.db.models.signals import post_migrate

        from accounts import acting, second_factor
        from accounts.roles import create_groups

        authenticator_added.connect(
            second_factor.note_set_up, dispatch_uid="accounts.second_factor"
        )
        connection_created.connect(acting.install, dispatch_uid="accounts.acting")
        post_migrate.connect(create_groups, dispatch_uid="accounts.roles")
